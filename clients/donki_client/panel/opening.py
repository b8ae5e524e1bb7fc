"""Opening the panel: what it needs is looked for first, and named where it is missing."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from donki.errors import DonkiError
from donki_client.console.named_director import named_director

#: PySide6 first: the others take the Qt that is there already.
NEEDED = ("PySide6.QtWidgets", "pyqtgraph", "taurus", "lxml")

#: Debian's packages of the libraries that the wheels of Qt leave to the system.
LIBRARIES = (
    "libdbus-1-3",
    "libegl1",
    "libfontconfig1",
    "libgl1",
    "libglib2.0-0",
    "libx11-xcb1",
    "libxkbcommon0",
)


def open_panel(device: str, database: str | None) -> None:
    """Show the panel of a Director until its window is closed.

    Parameters
    ----------
    device, database
        as for `named_director`

    Raises
    ------
    DonkiError
        where Qt, a display or the Director is missing; says which, and the remedy
    """
    check_qt()
    director = named_director(device, database)
    from donki_client.panel.app import run_panel  # noqa: PLC0415

    run_panel(director)


def check_qt() -> None:
    """Make sure that a window can be shown.

    Raises
    ------
    DonkiError
        where a Python package, a library of the system or a display is missing
    """
    try:
        for module in NEEDED:
            import_module(module)
    except ModuleNotFoundError as error:
        raise DonkiError(
            f"the panel needs {error.name}, which is not installed: pip install 'donkiorchestra[panel]'"
        ) from None
    except ImportError as error:
        raise DonkiError(
            f"Qt cannot be loaded: {error}; on Debian: apt-get install {' '.join(LIBRARIES)}"
        ) from None
    windows = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in windows):
        raise DonkiError(
            "there is no display to show the panel on: set DISPLAY, or log in to that machine with ssh -X"
        )
