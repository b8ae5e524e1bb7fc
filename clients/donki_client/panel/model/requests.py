"""Requests to the devices, made outside the window's thread: no device can freeze the window."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import tango
from PySide6.QtCore import QObject, Signal

from donki.errors import DonkiError
from donki.threads import Threads

#: Requests that may wait at once; an Abort must get through while a Start waits for the Players.
THREADS = 4


class Requests(QObject):
    """Makes requests and says how they ended.

    Signals
    -------
    answered
        what was asked, and why it was refused; empty where it is done
    """

    answered = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._threads = Threads()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._ended = False

    def make(self, what: str, call: Callable[[], object]) -> None:
        """Make a request; returns at once. After the end it is forgotten.

        Parameters
        ----------
        what
            what is asked, in the words of the panel
        call
            asks it; raises a `DonkiError` where it is refused
        """
        # A field that loses the focus as its window closes asks once more.
        if not self._ended:
            self._pool.submit(self._make, what, call)

    def end(self) -> None:
        """Make no more; those that wait are forgotten."""
        self._ended = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _make(self, what: str, call: Callable[[], object]) -> None:
        with tango.EnsureOmniThread():
            why = ""
            try:
                call()
            except DonkiError as error:
                why = str(error)
            except BaseException as error:  # noqa: BLE001 - the panel waits for an answer
                why = self._threads.caught(what, error)
            self.answered.emit(what, why)
