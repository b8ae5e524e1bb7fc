"""Qt without a display, for the tests of panels."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import Any

from helpers.support import needs

#: What must succeed before a panel can be shown.
_OPEN = """
from donki_client.panel.opening import check_qt
check_qt()
from donki_client.panel.app import an_application
an_application()
"""


@cache
def offscreen_application() -> Any:
    """Return Qt's application, drawn to memory; the test is left out where Qt does not start.

    A process has one, whichever file of tests asks for it first.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # In a process of its own: Qt ends the process in which it finds no platform.
    opened = subprocess.run([sys.executable, "-c", _OPEN], capture_output=True, text=True, check=False)
    words = (opened.stderr.splitlines() or [f"exit status {opened.returncode}"])[-1]
    needs("Qt for the panel", opened.returncode == 0, words)
    from donki_client.panel.app import an_application

    return an_application()
