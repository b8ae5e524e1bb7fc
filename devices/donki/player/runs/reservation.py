"""A Player kept for a run that is about to begin, so that of several Directors one gets all its Players."""

from __future__ import annotations

import time

from donki.errors import NotAllowedError
from donki.run import Run, name_for

#: How long a Player is kept for a run that does not begin, because its Director has died, in s.
LIFE = 10.0


class Reservation:
    """For which run a Player is kept, if for any; its methods are called under one lock.

    Parameters
    ----------
    player
        its name, for the messages
    """

    def __init__(self, player: str) -> None:
        self._player = player
        self._run: Run | None = None
        self._until = 0.0

    def check(self, run: Run) -> None:
        """Raise NotAllowedError where the Player is kept for a run of another Director."""
        kept = self._run
        if kept and time.monotonic() < self._until and kept.director != run.director:
            raise _plays(
                self._player, kept, run, ", which is about to begin; Start again when that has ended"
            )

    def keep(self, run: Run, seconds: float = LIFE) -> None:
        """Keep the Player for a run so long, in s, or raise NotAllowedError."""
        self.check(run)
        self._run, self._until = run, time.monotonic() + seconds

    def release(self, run_id: str) -> None:
        """Keep the Player for that run no more."""
        if self._run and self._run.id == run_id:
            self._run = None


def check_director(player: str, present: Run, run: Run) -> None:
    """Raise NotAllowedError where the run that a Player plays is another Director's."""
    if present.director and run.director != present.director:
        raise _plays(player, present, run, "; Stop it there, or Stop this Player where that Director is gone")


def _plays(player: str, present: Run, run: Run, remedy: str) -> NotAllowedError:
    director = name_for(present.director, run.director)
    return NotAllowedError(f"Player {player} plays run {present.id} of {director}{remedy}")
