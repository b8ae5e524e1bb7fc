"""The program ``donki panel``."""

from __future__ import annotations

import signal
import sys

import taurus
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from donki_client.api.director import Director
from donki_client.panel.model.orchestra import Orchestra
from donki_client.panel.window import Window


def an_application() -> QApplication:
    """Return Qt's application, which must be there before the first window."""
    # Taurus tells every lost subscription on the terminal; the window shows it.
    taurus.setLogLevel(taurus.Critical)
    # On import it says which Qt it found.
    from taurus.qt.qtgui.application import TaurusApplication  # noqa: PLC0415

    app: QApplication = TaurusApplication(sys.argv[:1], cmd_line_parser=None, app_name="donki panel")
    return app


def run_panel(director: Director) -> None:
    """Show the panel of a Director until its window is closed, or Ctrl-C or SIGTERM closes it."""
    app = an_application()
    window = Window(Orchestra(director))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: window.close())
    # Python runs its signal handlers only when Qt gives it a turn.
    turns = QTimer(interval=200)
    turns.timeout.connect(lambda: None)
    turns.start()
    window.show()
    app.exec()
