"""The window of the panel: controls above, the table and the log on the left, the plots on the right."""

from __future__ import annotations

import html
import textwrap

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMainWindow, QSplitter, QVBoxLayout, QWidget

from donki.errors import InputError
from donki.texts import visible
from donki_client.panel.model.attribute_event import AttributeEvent
from donki_client.panel.model.log_lines import LogLines
from donki_client.panel.model.orchestra import Orchestra
from donki_client.panel.model.panel_state import PlayerRow
from donki_client.panel.widgets.colours import state_colours
from donki_client.panel.widgets.controls import Controls, whole_number
from donki_client.panel.widgets.forms import Forms
from donki_client.panel.widgets.log import Log
from donki_client.panel.widgets.players_table import PlayersTable
from donki_client.panel.widgets.plots import Plots


class Window(QMainWindow):
    """Shows an orchestra."""

    def __init__(self, orchestra: Orchestra) -> None:
        super().__init__()
        self._orchestra = orchestra
        name = orchestra.director.name
        self.setWindowTitle(f"{name} – DonkiOrchestra")
        self.state = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.status = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.run = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.file_writers = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.answer = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.controls = Controls(orchestra)
        self.table = PlayersTable()
        self.plots = Plots()
        self.log = Log()
        self._remarks = LogLines("Director")
        self._forms = Forms(self.menuBar().addMenu("&Attributes"))
        self._rows: dict[str, PlayerRow] = {}
        self._lay_out(name)
        orchestra.changed.connect(self._show_picture)
        orchestra.heard.connect(self._hear)
        orchestra.requests.answered.connect(self._answered)
        self.controls.rejected.connect(self._answered)
        self.table.players.priority_entered.connect(self._set_priority)
        self.table.chosen.connect(self.plots.choose)
        self._show_picture()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Follow the devices no more; the sequence goes on without the panel."""
        self._forms.close()
        self._orchestra.end()
        super().closeEvent(event)

    def _show_picture(self) -> None:
        picture = self._orchestra.picture
        back, text = state_colours(picture.state)
        self.state.setText(picture.state)
        self.state.setStyleSheet(_chip(back.name(), text.name()))
        self.status.setText(_short(picture.status) if picture.state == "RUNNING" else picture.status)
        self.status.setToolTip(html.escape(visible(picture.status, lines=True)))
        run = picture.snapshot.run_id
        self.run.setText(f"run {run}" if run else "no run yet")
        self.file_writers.setText(picture.file_writers)
        self.file_writers.setVisible(bool(picture.file_writers))
        self.controls.show_picture(picture)
        rows = picture.rows
        self._rows = {self._orchestra.full_name(row.device): row for row in rows}
        self.table.players.show_rows(rows)
        self.plots.show_players([row.device for row in rows])
        devices = [self._orchestra.director.device, *map(self._orchestra.full_name, picture.devices)]
        self._forms.offer(devices)

    def _hear(self, news: AttributeEvent) -> None:
        if news.device == self._orchestra.director.device:
            remarks = self._remarks.of_director(news.time, news.attribute, news.value, news.problem)
        else:
            remarks = []
            if row := self._rows.get(news.device):
                remarks = self._remarks.of_player(
                    row.name, news.time, news.attribute, news.value, news.problem
                )
                if news.value is not None and news.attribute in ("LastDuration", "EventsSent"):
                    self.plots.hear(row.device, news.attribute, news.value, news.time)
        for remark in remarks:
            self.log.add(remark)

    def _answered(self, what: str, why: str) -> None:
        self.answer.setText(f"{what}: {why}" if why else "")
        self.answer.setVisible(bool(why))

    def _set_priority(self, device: str, text: str) -> None:
        try:
            priority = whole_number("Priority", text)
        except InputError as error:
            self._answered(device, str(error))
        else:
            self._orchestra.ask(f"Priority of {device}", "set_priority", device, priority)

    def _lay_out(self, name: str) -> None:
        title = QLabel(name, textFormat=Qt.TextFormat.PlainText)
        font = title.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.3)
        title.setFont(font)
        self.state.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.state.setMinimumWidth(100)
        self.run.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.answer.setStyleSheet("background: #fde7e9; color: #b00020; padding: 6px; border-radius: 4px;")
        self.answer.hide()
        head = QHBoxLayout()
        head.setSpacing(12)
        for label in (title, self.state):
            head.addWidget(label)
        head.addWidget(self.status, 1)
        head.addWidget(self.run)
        left = QSplitter(Qt.Orientation.Vertical)
        left.addWidget(self.table)
        left.addWidget(self.log)
        left.setSizes([260, 400])
        both = QSplitter(Qt.Orientation.Horizontal)
        both.addWidget(left)
        both.addWidget(self.plots)
        both.setSizes([680, 520])
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setSpacing(10)
        layout.addLayout(head)
        layout.addWidget(self.file_writers)
        layout.addWidget(self.controls)
        layout.addWidget(self.answer)
        layout.addWidget(both, 1)
        self.setCentralWidget(middle)
        self.resize(1200, 760)


def _short(status: str) -> str:
    """Return a status that lists everybody who acts without the most of them: a line stays a line."""
    return "\n".join(textwrap.shorten(line, 110, placeholder=" …") for line in status.splitlines())


def _chip(back: str, text: str) -> str:
    return f"background: {back}; color: {text}; font-weight: bold; padding: 5px 10px; border-radius: 4px;"
