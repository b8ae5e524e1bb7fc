"""The threads of a device, or of a client: none of them dies silently, nor does a callback of a library."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager

from donki.errors import described

#: How long a thread that failed waits until it goes on, in s.
PAUSE = 0.1

#: How long a problem is shown at least, in s, whatever is begun meanwhile.
SHOWN = 10.0


def describe(error: BaseException) -> str:
    """Return the kind of an exception and what it says, in one line, also where its own text fails."""
    return " ".join(described(error).split())


class Threads:
    """Starts threads, and keeps what went wrong in them: in the log with its traceback, and as a problem.

    A problem stays until `forget` or a later `begin`, so that whoever looks at the Status then finds it; the
    same one again is not logged again.

    Parameters
    ----------
    log
        takes the tracebacks
    """

    def __init__(self, log: logging.Logger | None = None) -> None:
        self._log = log or logging.getLogger("donki")
        self._problems: dict[str, tuple[str, float]] = {}

    @property
    def problems(self) -> list[str]:
        """What went wrong, one line for each thread or callback."""
        return [f"{name}: {text}; see the log" for name, (text, _) in self._problems.items()]

    def forget(self) -> None:
        """Show the problems no more."""
        self._problems = {}

    def begin(self) -> None:
        """Show no more what went wrong before something new is begun, except just before."""
        since = time.monotonic() - SHOWN
        self._problems = {name: said for name, said in self._problems.items() if said[1] > since}

    def start(
        self, name: str, work: Callable[[], object], failed: Callable[[str], object] | None = None
    ) -> threading.Thread:
        """Start a thread.

        Parameters
        ----------
        name
            of the thread
        work
            what it does until it returns. Where it raises, that is a problem, and it is called again
        failed
            is called with the problem instead, and the thread ends: for work that cannot be taken up
        """

        def run() -> None:
            while not self._does(name, work, failed):
                time.sleep(PAUSE)

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def start_after(self, seconds: float, name: str, work: Callable[[], object]) -> threading.Timer:
        """Do something once, so many seconds from now, unless the timer is cancelled before."""

        def run() -> None:
            with self.guard(name):
                work()

        timer = threading.Timer(seconds, run)
        timer.name = name
        timer.daemon = True
        timer.start()
        return timer

    def guard(self, name: str) -> AbstractContextManager[None, bool]:
        """Make whatever is raised a problem: what follows goes on. For callbacks, and steps of a thread."""
        return _Guard(self, name)

    def caught(self, name: str, error: BaseException) -> str:
        """Log an exception with its traceback, keep it as a problem, and return it as text."""
        text = describe(error)
        if self.show(name, text):
            self._log.error("%s: %s", name, "".join(traceback.format_exception(error)).rstrip())
        return text

    def show(self, name: str, text: str) -> bool:
        """Keep a problem that somebody else has logged; return whether it is another one than before."""
        before, _ = self._problems.get(name, ("", 0))
        # Whoever reads them meanwhile reads the ones before.
        self._problems = {**self._problems, name: (text, time.monotonic())}
        return text != before

    def _does(self, name: str, work: Callable[[], object], failed: Callable[[str], object] | None) -> bool:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - else the thread would die silently
            text = self.caught(name, error)
            if failed is None:
                return False
            with self.guard(name):
                failed(text)
        return True


class _Guard:
    """Makes a problem of what is raised; a class, for it is entered at every trigger of every Player."""

    __slots__ = ("_name", "_threads")

    def __init__(self, threads: Threads, name: str) -> None:
        self._threads = threads
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if error is not None:
            self._threads.caught(self._name, error)
        return True
