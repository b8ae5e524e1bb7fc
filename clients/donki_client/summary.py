"""What came of a run: the table and the problems that the demo ends with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from tango import DevState

from donki_client.director import PlayerStatus, Snapshot
from donki_client.player import Sent
from donki_client.readback import Arrived


@dataclass(frozen=True)
class Result:
    """What one Player did.

    Attributes
    ----------
    player
        as the Director sees it
    sent
        what the Player says that it sent; None where it does not answer
    arrived
        what was read back from its topic
    stored
        the events in its file; None where it writes none
    """

    player: PlayerStatus
    sent: Sent | None
    arrived: Arrived
    stored: int | None

    @property
    def is_whole(self) -> bool:
        """Whether everything that was sent is where it belongs, once."""
        if self.sent is None:
            return False
        return self.sent.events == self.arrived.events and self.stored in (None, self.sent.events)


def table(results: Sequence[Result]) -> Table:
    """Return what every Player did."""
    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column("\nPlayer")
    columns = ["\npriority", "\ntriggers", "events\nsent", "events\nread back"]
    columns += ["events\nin files"] if any(result.stored is not None for result in results) else []
    for column in [*columns, "\nMB", "median\nms", "99 %\nms"]:
        shown.add_column(column, justify="right")
    for result in results:
        stored = [f"{result.stored:,}"] if result.stored is not None else []
        shown.add_row(
            result.player.name,
            str(result.player.priority),
            f"{result.sent.last_trigger:,}" if result.sent else "-",
            f"{result.sent.events:,}" if result.sent else "-",
            f"{result.arrived.events:,}",
            *stored,
            f"{result.arrived.bytes / 1e6:.1f}",
            _milliseconds(result.player.median),
            _milliseconds(result.player.p99),
            style="" if result.is_whole else "red",
        )
    return shown


def problems(end: Snapshot, results: Sequence[Result]) -> list[str]:
    """Return what is not as it should be, a line each; empty when all was played and every event arrived."""
    found = []
    if end.state == DevState.FAULT:
        found.append(f"the sequence failed: {end.last_error}")
    elif end.current_trigger != end.triggers:
        found.append(f"the sequence was stopped at trigger {end.current_trigger} of {end.triggers}")
    for result in results:
        if result.sent is None:
            found.append(f"Player {result.player.name} does not answer; what it sent is not known")
            continue
        places = {"read back from Kafka": result.arrived.events, "in the file": result.stored}
        found += [
            f"Player {result.player.name}: {result.sent.events:,} events sent, {count:,} {place}"
            for place, count in places.items()
            if count not in (None, result.sent.events)
        ]
    return found


def _milliseconds(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{1e3 * seconds:.1f}"
