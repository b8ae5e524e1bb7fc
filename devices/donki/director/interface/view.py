"""What the Director shows at one moment."""

from __future__ import annotations

from functools import cached_property

from donki.director.conducting.event_counts import LastCounts
from donki.director.players.player_table import PlayerRow
from donki.director.runs.runs import Runs
from donki.director.runs.status import Standing


class View:
    """All that one request reads, or one look of the publisher."""

    def __init__(self, standing: Standing, runs: Runs) -> None:
        self.standing = standing
        self._runs = runs

    @cached_property
    def players(self) -> list[PlayerRow]:
        """The Players, from when they were first asked for in this request."""
        return self._runs.player_rows()

    @cached_property
    def last_counts(self) -> LastCounts:
        """The events of the last triggers, from when they were first asked for in this request."""
        return self._runs.last_counts()
