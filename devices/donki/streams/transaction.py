"""What is sent from one delivery to the next: as a whole or not at all, whichever thread sends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol

from donki.errors import DonkiError, InputError, NotAllowedError, described


class Part(Protocol):
    """Keeps account of what is sent in a transaction, in one place where it goes."""

    def commit(self) -> None:
        """Note that what was sent so far is delivered, and stays."""

    def discard(self) -> None:
        """Take back what was sent since the last `commit`."""


def parts_of(*parts: Part | None) -> list[Part]:
    """Return the places that there are."""
    return [part for part in parts if part]


class Transaction:
    """The turn to send, to deliver or to take back; one thread has it at a time.

    A stream sends in a ``with`` block. What is raised in it, but an `InputError`, which comes before anything
    is sent, leaves the transaction failed: it may hold half of a message, in Kafka and not in the file.

    Threads take turns as they come: one that sends without a pause keeps nobody from a delivery.

    Parameters
    ----------
    run
        what to call the run in an error
    """

    def __init__(self, run: str = "the run") -> None:
        self._run = run
        self._line = threading.RLock()
        self._waiting = 0
        turn = threading.RLock()
        self._acquire, self._release = turn.acquire, turn.release
        self._is_taken = False
        self._is_closed = False
        self._failure: BaseException | None = None

    def __enter__(self) -> None:
        self._wait()
        if self._is_closed or self._is_taken:
            self._release()
            raise NotAllowedError(
                f"{self._run} is over and takes no more data; open a stream in the next run"
                if self._is_closed
                else "a send within another one, as from a finalizer: send from the script's functions"
            )
        self._is_taken = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, InputError):
            self._failure = self._failure or error
        self._is_taken = False
        self._release()

    @property
    def is_closed(self) -> bool:
        """Whether nothing is taken any more."""
        return self._is_closed

    @property
    def has_failed(self) -> bool:
        """Whether a send has failed since all was taken back last."""
        return self._failure is not None

    def take(self, timeout: float | None = None) -> bool:
        """Wait for the turn, at most so many seconds; return whether it came. It is given back by `give`."""
        if taken := self._wait(-1 if timeout is None else timeout):
            self._is_taken = True
        return taken

    def _wait(self, timeout: float = -1) -> bool:
        """Stand in line for the turn, at most so many seconds; return whether it came."""
        # Mostly nobody else sends. To stand in line first would take half as long again.
        if not self._waiting and self._acquire(False):
            return True
        deadline = time.monotonic() + timeout
        if not self._line.acquire(timeout=timeout):
            return False
        try:
            self._waiting += 1
            return self._acquire(timeout=timeout if timeout < 0 else max(0.0, deadline - time.monotonic()))
        finally:
            self._waiting -= 1
            self._line.release()

    def give(self) -> None:
        """Give the turn back."""
        self._is_taken = False
        self._release()

    @contextmanager
    def turn(self, patience: float, give_up: Callable[[], None]) -> Iterator[None]:
        """Have the turn; after so many seconds, have what waits in another thread's turn given up."""
        if not self.take(patience):
            give_up()
            self.take()
        try:
            yield
        finally:
            self.give()

    def check(self) -> None:
        """Raise what a send has failed with, also where the script has caught that."""
        if isinstance(self._failure, DonkiError):
            raise self._failure
        if self._failure is not None:
            raise DonkiError(f"a send failed, and the script caught that: {described(self._failure)}")

    def restart(self) -> None:
        """Take that all was taken back."""
        self._failure = None

    def close(self) -> None:
        """Take nothing any more: every send is refused."""
        self._is_closed = True
