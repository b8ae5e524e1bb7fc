"""The log of the panel: what the Director and the Players said, and when."""

from __future__ import annotations

import html
from collections import deque
from datetime import datetime

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QCheckBox, QPlainTextEdit, QVBoxLayout, QWidget

from donki.texts import visible
from donki_client.panel.model.log_lines import LogLine

#: The newest remarks are kept.
KEPT = 2000


class Log(QWidget):
    """Lines with times, the newest at the end; failures in red.

    Attributes
    ----------
    text
        the lines
    everything
        ticked: also what went well at the Players, which is a line a trigger
    """

    def __init__(self) -> None:
        super().__init__()
        self._remarks: deque[LogLine] = deque(maxlen=KEPT)
        self._important: deque[LogLine] = deque(maxlen=KEPT)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(KEPT)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.everything = QCheckBox("Log: also each line of the Players' scripts")
        self.everything.setChecked(True)
        self.everything.setToolTip("Without them: the Director's states and answers, and every failure")
        self.everything.toggled.connect(self._show_all)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.everything)
        layout.addWidget(self.text, 1)

    def add(self, remark: LogLine) -> None:
        """Append a remark."""
        self._remarks.append(remark)
        if remark.is_important:
            self._important.append(remark)
        if remark.is_important or self.everything.isChecked():
            self._show(remark)

    def _show_all(self, everything: bool) -> None:
        self.text.clear()
        for remark in self._remarks if everything else self._important:
            self._show(remark)

    def _show(self, remark: LogLine) -> None:
        when = datetime.fromtimestamp(remark.time).astimezone().strftime("%H:%M:%S.%f")[:-5]
        colour = "#b00020" if remark.is_error else "#202020"
        source = visible(remark.source)
        for line in remark.text.split("\n"):
            text = html.escape(f"{when}  {source:<12} {visible(line)}").replace(" ", "&nbsp;")
            self.text.appendHtml(f'<span style="color:{colour}">{text}</span>')
