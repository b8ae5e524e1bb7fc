"""What came of a run: the table and the problems that the demo ends with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from tango import DevState

from donki.streams.outlet import Stream
from donki_client.player import Sent
from donki_client.readback import Arrived
from donki_client.snapshot import PlayerStatus, Snapshot


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
        what was read back from its topics
    stored
        the events in its files; None where it writes none
    done
        the events of the triggers that it has done, by the journal: a file keeps nothing of a failed action
    """

    player: PlayerStatus
    sent: Sent | None
    arrived: Arrived
    stored: int | None
    done: int

    @property
    def problems(self) -> list[str]:
        """What is not where it belongs, once; a line each."""
        name, sent = self.player.name, self.sent
        if sent is None:
            return [f"Player {name} does not answer; what it sent is not known"]
        compared = [
            (f"{sent.events:,} events sent", sent.events, self.arrived.events, "read back from Kafka"),
            (
                f"{sent.messages:,} messages sent",
                sent.messages,
                self.arrived.messages,
                "read back from Kafka",
            ),
            (f"{self.done:,} events in triggers done", self.done, self.stored, "in the file"),
        ]
        return [
            f"Player {name}: {what}, {count:,} {place}"
            for what, expected, count, place in compared
            if count not in (None, expected)
        ]


def table(results: Sequence[Result]) -> Table:
    """Return what every Player did."""
    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    with_missed = any(result.player.skipped for result in results)
    with_files = any(result.stored is not None for result in results)
    columns = [
        *("\npriority", "\ntriggers", *(["\nmissed"] if with_missed else [])),
        *("events\nsent", "events\nread back", *(["events\nin files"] if with_files else [])),
        *("\nMB", "median\nms", "99 %\nms"),
    ]
    shown.add_column("\nPlayer")
    for column in columns:
        shown.add_column(column, justify="right")
    for result in results:
        missed = [f"{result.player.skipped:,}"] if with_missed else []
        stored = ["-" if result.stored is None else f"{result.stored:,}"] if with_files else []
        shown.add_row(
            result.player.name,
            str(result.player.priority),
            f"{result.sent.last_trigger:,}" if result.sent else "-",
            *missed,
            f"{result.sent.events:,}" if result.sent else "-",
            f"{result.arrived.events:,}",
            *stored,
            f"{result.arrived.bytes / 1e6:.1f}",
            _milliseconds(result.player.median),
            _milliseconds(result.player.p99),
            style="red" if result.problems else "",
        )
    return shown


def notes(results: Sequence[Result]) -> list[str]:
    """Return what the Players' policies made of failures, a line each."""
    players = [result.player for result in results]
    missed = [
        f"Player {player.name} missed {player.skipped} trigger{'' if player.skipped == 1 else 's'}"
        for player in players
        if player.skipped
    ]
    return missed + [
        f"Player {player.name} was left out after it failed" for player in players if player.dropped
    ]


def problems(end: Snapshot, results: Sequence[Result]) -> list[str]:
    """Return what is not as it should be, a line each; empty when all was played and everything arrived."""
    found = []
    if end.state == DevState.FAULT:
        found.append(f"the sequence failed: {end.last_error}")
    elif end.triggers > 0 and end.current_trigger != end.triggers:
        found.append(f"the sequence was stopped at trigger {end.current_trigger} of {end.triggers}")
    for stream, players in _senders(results).items():
        if len(players) > 1:
            found.append(
                f"Players {' and '.join(players)} send as the same source {stream.source} to topic "
                f"{stream.topic}: what arrived of each is not known; name their sources or topics otherwise"
            )
    return found + [problem for result in results for problem in result.problems]


def _senders(results: Sequence[Result]) -> dict[Stream, list[str]]:
    senders: dict[Stream, list[str]] = {}
    for result in results:
        for stream in result.sent.streams if result.sent else ():
            senders.setdefault(stream, []).append(result.player.name)
    return senders


def _milliseconds(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{1e3 * seconds:.1f}"
