"""How many events the Players sent at each of the last triggers of a run."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from donki.director.rules.effects import Attempt, Effect, Outcome, TriggerDone

#: Of how many of the last complete triggers the counts are kept.
REMEMBERED = 4096

_NONE = np.zeros((0, 0), np.int64)


class LastCounts(NamedTuple):
    """The events of the last complete triggers, all of one moment.

    Attributes
    ----------
    completed
        the last complete trigger; 0 before the first
    players
        who takes part, by name
    counts
        a row for each Player with its events at each trigger, the newest last; 0 for one that it missed
    """

    completed: int = 0
    players: Sequence[str] = ()
    counts: NDArray[np.int64] = _NONE

    @property
    def total(self) -> NDArray[np.int64]:
        """The events of all Players together at each trigger."""
        return np.asarray(self.counts.sum(axis=0))

    def of(self, players: Sequence[str]) -> NDArray[np.int64]:
        """Return a row for each of these Players; one that does not take part has sent nothing."""
        sent = dict(zip(self.players, self.counts, strict=True))
        rows = np.zeros((len(players), self.counts.shape[1]), np.int64)
        for row, player in zip(rows, players, strict=True):
            row[:] = sent.get(player, 0)
        return rows


class EventCounts:
    """Counts the events of one run, trigger by trigger; read by any thread.

    Parameters
    ----------
    players
        who takes part, by name
    completed
        the last trigger that was complete when the run was taken up; 0 in a new one
    """

    def __init__(self, players: Iterable[str], completed: int) -> None:
        self._players = tuple(players)
        self._rows = {player: row for row, player in enumerate(self._players)}
        self._counts = np.zeros((len(self._players), REMEMBERED), np.int64)
        self._present = [0] * len(self._players)
        self._completed = completed
        self._kept = 0
        self._lock = threading.Lock()

    def note(self, effect: Effect) -> None:
        """Count what a Player sent at a trigger; keep the counts of a trigger that is complete."""
        match effect:
            case Attempt(outcome=Outcome.DONE, report=report) if report is not None:
                self._present[self._rows[effect.player]] = report["events"]
            case TriggerDone():
                with self._lock:
                    self._counts[:, self._kept % REMEMBERED] = self._present
                    self._kept += 1
                    self._completed = effect.trigger
                self._present = [0] * len(self._players)

    def last(self) -> LastCounts:
        """Return the counts of the last triggers."""
        with self._lock:
            newest = self._kept % REMEMBERED
            older = self._counts[:, newest:] if self._kept >= REMEMBERED else self._counts[:, :0]
            return LastCounts(self._completed, self._players, np.hstack([older, self._counts[:, :newest]]))
