"""A line to edit a value of a device in."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit

#: What was typed and not sent yet is blue and bold, as in all forms of Taurus.
UNSENT = "QLineEdit { color: blue; font-weight: bold; }"


class Field(QLineEdit):
    """Shows a value of a device; Enter sends what was typed, Escape or leaving the line takes it back.

    Signals
    -------
    entered
        the text to send
    """

    entered = Signal(str)

    def __init__(self, tip: str) -> None:
        super().__init__()
        self._value = ""
        self.setToolTip(f"{tip}\nEnter sends it, Escape takes it back.")
        self.textEdited.connect(self._mark)
        self.returnPressed.connect(self._send)
        self.editingFinished.connect(self._restore)

    def show_value(self, text: str) -> None:
        """Show the device's value, unless another one is being typed."""
        self._value = text
        if not self.isModified():
            self._restore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take back on Escape what was typed."""
        if event.key() == Qt.Key.Key_Escape:
            self._restore()
        else:
            super().keyPressEvent(event)

    def _mark(self) -> None:
        self.setStyleSheet(UNSENT if self.text() != self._value else "")

    def _send(self) -> None:
        if self.isModified():
            self.entered.emit(self.text().strip())

    def _restore(self) -> None:
        self.setModified(False)
        self.setStyleSheet("")
        if self.text() != self._value:
            self.setText(self._value)
            self.setCursorPosition(0)
