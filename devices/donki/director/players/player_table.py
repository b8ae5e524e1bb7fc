"""The Players as the Director shows them: all that it knows of each at one moment."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import PlayerState


class PlayerRow(NamedTuple):
    """A Player, one row of PlayerTable; the times in s, NaN before the first trigger."""

    name: str
    device: str
    priority: int
    state: str
    median: float
    p99: float
    skipped: int
    dropped: bool


def player_rows(
    entries: Iterable[RosterEntry],
    members: Mapping[str, PlayerState],
    times: Callable[[str], tuple[float, float]],
) -> list[PlayerRow]:
    """Return the Players of the roster with their parts in the run in progress, or in the last one.

    Parameters
    ----------
    entries
        the roster
    members
        by name: the parts in the run
    times
        gives the median and 99 % time of a Player's last triggers, in s
    """
    rows = []
    for entry in entries:
        member = members.get(entry.name)
        skipped, dropped = (member.skipped, member.disabled) if member else (0, False)
        median, p99 = times(entry.name)
        rows.append(
            PlayerRow(entry.name, entry.device, entry.priority, entry.state, median, p99, skipped, dropped)
        )
    return rows


def to_json(rows: Iterable[PlayerRow]) -> str:
    """Return a JSON list with an object for each Player; a time that is not known is null."""
    return json.dumps(
        [
            {
                name: None if isinstance(value, float) and math.isnan(value) else value
                for name, value in row._asdict().items()
            }
            for row in rows
        ]
    )
