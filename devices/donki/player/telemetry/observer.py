"""Who is told what a script does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from donki.errors import DonkiError
from donki.player.report import Report
from donki.player.trigger import Trigger
from donki.run import Run
from donki.threads import Threads


class ScriptObserver(Protocol):
    """Follows what a script does; is called in the thread that runs it, and returns at once."""

    def acting(self, run: Run, trigger: Trigger) -> None:
        """Take note that the script begins to act at a trigger of a run."""

    def acted(self, report: Report) -> None:
        """Take note that it is done."""

    def failed(self, act: str, failure: DonkiError) -> None:
        """Take note that something failed, or was aborted: setup, action or stop."""


class Observers:
    """Tells several what a script does; none of them can make it fail.

    Parameters
    ----------
    observers
        who is told
    threads
        where it is said what went wrong at one
    """

    def __init__(self, observers: Iterable[ScriptObserver], threads: Threads) -> None:
        self._observers = tuple(observers)
        self._threads = threads

    def acting(self, run: Run, trigger: Trigger) -> None:
        """Tell that the script begins to act."""
        if self._observers:
            self._tell(lambda observer: observer.acting(run, trigger))

    def acted(self, report: Report) -> None:
        """Tell that it is done."""
        if self._observers:
            self._tell(lambda observer: observer.acted(report))

    def failed(self, act: str, failure: DonkiError) -> None:
        """Tell that something failed."""
        self._tell(lambda observer: observer.failed(act, failure))

    def _tell(self, what: Callable[[ScriptObserver], None]) -> None:
        for observer in self._observers:
            with self._threads.guard("telemetry"):
                what(observer)
