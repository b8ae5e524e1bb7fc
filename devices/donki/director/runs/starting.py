"""The start of a run, from the request until it is conducted: one at a time, and it can be withdrawn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from donki.director.rules.states import Command
from donki.errors import NotAllowedError

#: How long Start waits for the Players' set-up, so that it can say itself what is wrong; a client waits 3 s.
START_PATIENCE = 2.4


class Starting:
    """Lets one start through at a time, and keeps what is asked while it is under way.

    What comes while the Players are looked for and checked is meant for the run that is about to begin.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._changed = threading.Condition()
        self._is_under_way = False
        self._withdrawn = ""
        self._closed = ""

    @contextmanager
    def turn(self, command: Command) -> Iterator[float]:
        """Have the turn, or raise NotAllowedError; give the time by which the request should be answered."""
        limit = time.monotonic() + START_PATIENCE
        if not self._turn.acquire(blocking=False):
            raise NotAllowedError(f"{command.value} is not allowed: the Director is already starting")
        try:
            yield limit
        finally:
            self._set_under_way(False)
            self._turn.release()

    def begin(self, check: Callable[[], None]) -> None:
        """Go on with the start if a check raises nothing; from now on it can be withdrawn."""
        with self._changed:
            check()
            self._withdrawn = ""
            self._is_under_way = True

    def withdraw(self, reason: str) -> bool:
        """Withdraw the start that is under way; return False where there is none."""
        with self._changed:
            if self._is_under_way:
                self._withdrawn = reason
            return self._is_under_way

    def wait(self) -> None:
        """Wait until the start that is under way has begun its run or failed, for START_PATIENCE at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_under_way, START_PATIENCE)

    def check_wanted(self) -> None:
        """Raise NotAllowedError where the start was withdrawn."""
        if reason := self._closed or self._withdrawn:
            raise NotAllowedError(f"the start was withdrawn: {reason}")

    @contextmanager
    def conducting(self) -> Iterator[None]:
        """Begin to conduct in this block, unless the start was withdrawn; it cannot be withdrawn after it."""
        with self._changed:
            self.check_wanted()
            yield
            self._set_under_way(False)

    def close(self, reason: str) -> None:
        """Withdraw the start that is under way, and all that follow."""
        with self._changed:
            self._closed = reason

    def wait_over(self, seconds: float) -> bool:
        """Wait until no start is under way, and let none through then; False where it takes longer."""
        return self._turn.acquire(timeout=seconds)

    def _set_under_way(self, is_under_way: bool) -> None:
        with self._changed:
            self._is_under_way = is_under_way
            self._changed.notify_all()
