"""The log of the panel: what the Director and the Players said, and when."""

from __future__ import annotations

import html
from datetime import datetime

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QPlainTextEdit

from donki_client.panel.remarks import Remark

#: The newest lines are kept.
KEPT = 2000


class Log(QPlainTextEdit):
    """Lines with times, the newest at the end; failures in red."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setMaximumBlockCount(KEPT)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))

    def add(self, remark: Remark) -> None:
        """Append a line, or more where the remark has more."""
        when = datetime.fromtimestamp(remark.time).astimezone().strftime("%H:%M:%S.%f")[:-5]
        colour = "#b00020" if remark.is_error else "#202020"
        for line in remark.text.splitlines():
            text = html.escape(f"{when}  {remark.source:<12} {line}").replace(" ", "&nbsp;")
            self.appendHtml(f'<span style="color:{colour}">{text}</span>')
