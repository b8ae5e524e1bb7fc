"""Every attribute of a device in a plain form of Taurus, one window a device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu

if TYPE_CHECKING:
    from taurus.qt.qtgui.panel import TaurusAttrForm


class Forms:
    """Opens the forms from a menu.

    Parameters
    ----------
    menu
        where the devices are offered
    """

    def __init__(self, menu: QMenu) -> None:
        self._menu = menu
        self._offered: list[str] = []
        self._open: dict[str, TaurusAttrForm] = {}

    def offer(self, devices: Sequence[str]) -> None:
        """Offer these devices, by their full names."""
        if self._offered == list(devices):
            return
        self._offered = list(devices)
        self._menu.clear()
        for device in devices:
            self._menu.addAction(device.split("/", 3)[-1]).triggered.connect(partial(self.show, device))

    def show(self, device: str, *_checked: bool) -> None:
        """Show the form of a device."""
        if device not in self._open:
            self._open[device] = _form(device)
        self._open[device].show()
        self._open[device].raise_()

    def close(self) -> None:
        """Close all of them."""
        for form in self._open.values():
            form.close()
        self._open.clear()


def _form(device: str) -> TaurusAttrForm:
    # Taurus takes half a second to import its forms.
    from taurus.qt.qtgui.panel import TaurusAttrForm  # noqa: PLC0415

    form = TaurusAttrForm()
    form.setWindowTitle(device)
    form.setModel(device)
    form.resize(640, 720)
    return form
