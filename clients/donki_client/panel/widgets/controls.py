"""What an operator asks of the Director: buttons, triggers, period, title; and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QStyle, QWidget

from donki.errors import InputError
from donki_client.console.progress import detail
from donki_client.panel.model.orchestra import Orchestra
from donki_client.panel.model.panel_state import PanelState
from donki_client.panel.widgets.buttons import BUTTONS, Button
from donki_client.panel.widgets.field import Field


def whole_number(what: str, text: str) -> int:
    """Read a whole number that was typed.

    Raises
    ------
    InputError
        naming what was typed
    """
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{what}: a whole number is expected; got {text!r}") from None


def seconds(what: str, text: str) -> float:
    """Read a time in s that was typed.

    Raises
    ------
    InputError
        naming what was typed
    """
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{what}: a number of seconds is expected, as 0.1; got {text!r}") from None


def frequency(period: float) -> str:
    """Return what a period in s means, in a few words."""
    return f"s  = {1 / period:.4g} Hz" if period > 0 else "s  = as fast as the Players answer"


class Controls(QWidget):
    """Buttons, fields and the progress of the sequence.

    Signals
    -------
    rejected
        what was typed that is no value, and why
    """

    rejected = Signal(str, str)

    def __init__(self, orchestra: Orchestra) -> None:
        super().__init__()
        self._orchestra = orchestra
        self._waiting: set[str] = set()
        self.buttons = {button.label: self._button(button) for button in BUTTONS}
        self.triggers = Field("How many triggers a sequence has; -1: until Stop.")
        self.period = Field("From trigger to trigger, in s; 0: as fast as the Players answer.")
        self.title = Field("Title of the next run; it is kept with the data.")
        self.title.setPlaceholderText("title of the next run")
        self._frequency = QLabel("s")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(18)
        self.detail = QLabel()
        self.triggers.entered.connect(self._set_triggers)
        self.period.entered.connect(self._set_period)
        self.title.entered.connect(self._set_title)
        orchestra.requests.answered.connect(self._answered)
        self._lay_out()

    def show_picture(self, picture: PanelState) -> None:
        """Show what the Director is set to, how far it is and what it can be asked for."""
        snapshot = picture.snapshot
        if "Triggers" in picture.director:
            self.triggers.show_value(str(snapshot.triggers))
        if "Period" in picture.director:
            self.period.show_value(f"{picture.director['Period']:.14g}")
            self._frequency.setText(frequency(picture.director["Period"]))
        self.title.show_value(picture.director.get("RunTitle", ""))
        endless = snapshot.triggers < 0 and snapshot.in_progress
        self.progress.setRange(0, 0 if endless else 1000)
        self.progress.setValue(round(snapshot.progress * 10))
        self.detail.setText(detail(snapshot))
        for field in (self.triggers, self.period, self.title):
            field.setEnabled(not picture.problem)
        self._enable(picture.state)

    def _enable(self, state: str) -> None:
        for button in BUTTONS:
            can = button.is_enabled(state) and button.label not in self._waiting
            self.buttons[button.label].setEnabled(can)

    def _button(self, button: Button) -> QPushButton:
        icon = self.style().standardIcon(getattr(QStyle.StandardPixmap, button.icon))
        made = QPushButton(icon, button.label)
        made.setToolTip(button.tip)
        made.setEnabled(False)
        made.clicked.connect(partial(self._click, button))
        return made

    def _click(self, button: Button, *_checked: bool) -> None:
        self._waiting.add(button.label)
        self._enable(self._orchestra.picture.state)
        self._orchestra.ask(button.label, button.method)

    def _answered(self, what: str, _why: str) -> None:
        self._waiting.discard(what)
        self._enable(self._orchestra.picture.state)

    def _set_triggers(self, text: str) -> None:
        self._set("Triggers", "triggers", text, whole_number)

    def _set_period(self, text: str) -> None:
        self._set("Period", "period", text, seconds)

    def _set_title(self, text: str) -> None:
        self._orchestra.write("Title", "run_title", text)

    def _set(self, what: str, name: str, text: str, read: Callable[[str, str], float]) -> None:
        try:
            value = read(what, text)
        except InputError as error:
            self.rejected.emit(what, str(error))
        else:
            self._orchestra.write(what, name, value)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        for number, button in enumerate(BUTTONS):
            if number == 6:
                row.addSpacing(24)
            row.addWidget(self.buttons[button.label])
        row.addStretch()
        fields = QHBoxLayout()
        self.triggers.setMaximumWidth(110)
        self.period.setMaximumWidth(110)
        fields.addWidget(self.triggers)
        fields.addSpacing(18)
        fields.addWidget(QLabel("Period"))
        fields.addWidget(self.period)
        fields.addWidget(self._frequency)
        fields.addSpacing(18)
        fields.addWidget(QLabel("Title"))
        fields.addWidget(self.title, 1)
        state = QHBoxLayout()
        state.addWidget(self.progress, 1)
        state.addSpacing(12)
        state.addWidget(self.detail)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addLayout(row, 0, 0, 1, 2)
        grid.addWidget(QLabel("Triggers"), 1, 0)
        grid.addLayout(fields, 1, 1)
        grid.addWidget(QLabel("Progress"), 2, 0)
        grid.addLayout(state, 2, 1)
        grid.setColumnStretch(1, 1)
