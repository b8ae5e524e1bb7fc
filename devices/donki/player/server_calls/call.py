"""A command for several Players of one server, and what they answer to it. No Tango here."""

from __future__ import annotations

import threading
import time
from contextvars import Context
from typing import NamedTuple

#: How long the first answers wait for the others, so that one reply takes them all, in s.
LINGER = 0.002

#: How long a reply waits for the first answer, in s; who wants the rest asks again.
PATIENCE = 3.0


class PlayerAnswer(NamedTuple):
    """What one Player answered.

    Attributes
    ----------
    player
        its device name, as it was asked for
    reason
        the reason of its error; empty where it did as asked
    text
        what its command returned, or what the error says
    given
        when it was given, ns of the monotonic clock
    """

    player: str
    reason: str
    text: str
    given: int


class Call:
    """A command for some Players, and their answers so far.

    Parameters
    ----------
    players
        how many
    """

    def __init__(self, players: int) -> None:
        self._expected = players
        self._answers: list[PlayerAnswer] = []
        self._more = threading.Condition()
        self._awaited = 0
        self._all = threading.Event()
        if not players:
            self._all.set()

    @property
    def is_over(self) -> bool:
        """Whether all have answered."""
        return self._all.is_set()

    def answered(self, player: str, reason: str, text: str) -> None:
        """Take the answer of a Player."""
        with self._more:
            self._answers.append(PlayerAnswer(player, reason, text, time.monotonic_ns()))
            if self._awaited:
                self._more.notify_all()
            if len(self._answers) == self._expected:
                self._all.set()

    def is_over_within(self, seconds: float) -> bool:
        """Wait until all have answered, but no longer; return whether they have."""
        return self._all.wait(seconds)

    def wait(self, seen: int) -> list[PlayerAnswer]:
        """Return the answers after so many: all, or those there are when some have been there for `LINGER`.

        None after `PATIENCE`.
        """
        # Often all come at once: then who waits is woken once.
        if not self._all.wait(LINGER):
            with self._more:
                self._awaited += 1
                self._more.wait_for(lambda: len(self._answers) > seen, PATIENCE)
                self._awaited -= 1
            self._all.wait(LINGER)
        return self._answers[seen:]


class Job(NamedTuple):
    """A command that a Player is to carry out, in the context of who asked."""

    call: Call
    player: str
    command: str
    argument: str
    context: Context
