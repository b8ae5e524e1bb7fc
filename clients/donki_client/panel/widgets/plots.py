"""Live plots: how long triggers take, and how many events a second there are, by Player."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pyqtgraph
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from donki_client.panel.model.history import EventRate, History
from donki_client.panel.widgets.colours import player_colour

#: How often the curves are drawn, in ms.
INTERVAL = 500

#: How much of the past is in view, in s.
VIEW = 60.0


class Plots(QWidget):
    """Two plots over the same time, a curve for each Player.

    Attributes
    ----------
    durations, rates
        by device what the curves show: times of triggers in s, events a second
    """

    def __init__(self) -> None:
        super().__init__()
        self.durations: dict[str, History] = {}
        self.rates: dict[str, History] = {}
        self._counts: dict[str, EventRate] = {}
        self._curves: dict[str, list[pyqtgraph.PlotDataItem]] = {}
        self._chosen: set[str] = set()
        self._plots = [
            _plot("Time of a trigger in ms", _Milliseconds("left")),
            _plot("Neutron events a second", _Thousands("left")),
        ]
        self._plots[1].setLimits(minYRange=10)  # events are whole
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for plot in self._plots:
            layout.addWidget(plot)
        self._timer = QTimer(self, interval=INTERVAL)
        self._timer.timeout.connect(self._go_on)
        self._timer.start()

    def show_players(self, devices: Sequence[str]) -> None:
        """Have curves for these Players, each in the colour of its row in the table."""
        if list(self._curves) == list(devices):
            return
        for curves in self._curves.values():
            for plot, curve in zip(self._plots, curves, strict=True):
                plot.removeItem(curve)
        self._curves = {}
        for row, device in enumerate(devices):
            self.durations.setdefault(device, History())
            self.rates.setdefault(device, History())
            self._counts.setdefault(device, EventRate())
            colour = player_colour(row)
            dots = {"symbol": "o", "symbolSize": 4, "symbolBrush": colour, "symbolPen": None}
            pen = pyqtgraph.mkPen(colour, width=2)
            self._curves[device] = [
                plot.plot(pen=pen, **dots) for plot, dots in zip(self._plots, (dots, {}), strict=True)
            ]

    def choose(self, devices: Sequence[str]) -> None:
        """Show the curves of these Players alone; of all where there are none."""
        self._chosen = set(devices)
        self._draw()

    def hear(self, device: str, attribute: str, value: float, when: float) -> None:
        """Take a Player's news: the device as in `show_players`, the time in s since 1970 UTC."""
        if attribute == "LastDuration" and device in self.durations:
            self.durations[device].add(when, value)
        elif attribute == "EventsSent" and device in self._counts:
            self._counts[device].note(when, int(value))

    def _go_on(self) -> None:
        now = time.time()
        for device, rates in self.rates.items():
            rates.add(now, self._counts[device].at(now))
        for plot in self._plots:
            plot.setXRange(now - VIEW, now, padding=0)
        self._draw()

    def _draw(self) -> None:
        for device, curves in self._curves.items():
            is_shown = not self._chosen or device in self._chosen
            for curve, history in zip(curves, (self.durations[device], self.rates[device]), strict=True):
                curve.setVisible(is_shown)
                if is_shown:
                    curve.setData(list(history.times), list(history.values))


class _Milliseconds(pyqtgraph.AxisItem):  # type: ignore[misc]
    """Writes times in s as ms."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002
        return [f"{value * 1000:g}" for value in values]


class _Thousands(pyqtgraph.AxisItem):  # type: ignore[misc]
    """Writes 1200000 as 1.2 M."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002
        return [str(pyqtgraph.siFormat(value, precision=3)).strip() for value in values]


def _plot(title: str, axis: pyqtgraph.AxisItem) -> pyqtgraph.PlotWidget:
    plot = pyqtgraph.PlotWidget(
        background="w", axisItems={"left": axis, "bottom": pyqtgraph.DateAxisItem("bottom")}
    )
    plot.setTitle(title, color="k", size="10pt")
    for side in ("left", "bottom"):
        plot.getAxis(side).setPen("k")
        plot.getAxis(side).setTextPen("k")
    axis.setWidth(48)
    plot.showGrid(x=True, y=True, alpha=0.2)
    plot.setMouseEnabled(x=False, y=False)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.setLimits(yMin=0)
    plot.enableAutoRange(axis="y")
    plot.setAutoVisible(y=True)
    return plot
