"""How many events the Players of a run sent at each trigger, as bluesky's documents tell it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from event_model import DataKey

from donki_client.api.errors import SequenceError
from donki_client.api.trigger_events import TriggerEvents


class TriggerCounts(NamedTuple):
    """The events of one trigger, or of several: all Players together, and one by one those of the run."""

    trigger: int
    events: int
    by_player: tuple[int, ...]


class CountedRun:
    """Tells the events of each trigger of a run once.

    Parameters
    ----------
    run_id
        of the run
    players
        those that take part, by name
    completed
        the last trigger before the first that is told
    """

    def __init__(self, run_id: str = "", players: Iterable[str] = (), completed: int = 0) -> None:
        self.players = tuple(players)
        self.completed = completed
        self._run_id = run_id

    def new(self, told: TriggerEvents) -> list[TriggerCounts]:
        """Return the triggers since the last call.

        Raises
        ------
        SequenceError
            when the Director has another run
        DonkiError
            when it no longer knows some of them
        """
        if told.run_id != self._run_id:
            raise SequenceError(f"the Director has run {told.run_id or 'none'}, no longer {self._run_id}")
        fresh = told.after(self.completed)
        self.completed = told.completed
        return [
            TriggerCounts(trigger, sum(events.values()), tuple(events.get(each, 0) for each in self.players))
            for trigger, events in fresh.items()
        ]

    def together(self, counts: Sequence[TriggerCounts]) -> TriggerCounts:
        """Return the sum over triggers."""
        sums = zip(*(count.by_player for count in counts), strict=True)
        by_player = tuple(map(sum, sums)) if counts else (0,) * len(self.players)
        return TriggerCounts(self.completed, sum(count.events for count in counts), by_player)

    def keys(self, prefix: str) -> list[str]:
        """Return the data key of each Player's events."""
        return [data_key(prefix, f"{player}_events") for player in self.players]


def data_key(*parts: str) -> str:
    """Name a data key by its parts; there a dot is not allowed, in the names of Players it is."""
    return "-".join(parts).replace(".", "_")


def integer_key(source: str) -> DataKey:
    """Describe a data key of whole numbers."""
    return DataKey(source=source, dtype="integer", shape=[], dtype_numpy="<i8")
