"""The result of a run: the table and the problems that the demo ends with."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from tango import DevState

from donki_client.api.player import Sent
from donki_client.api.snapshot import PlayerStatus, Snapshot
from donki_client.console.many import AT_A_GLANCE, counted
from donki_client.console.output import printable
from donki_client.verify.run_data import StreamData

#: How many of many Players are shown for being slow.
SLOWEST = 5


@dataclass(frozen=True)
class Result:
    """What one Player did.

    Attributes
    ----------
    player
        as the Director sees it
    sent
        what the Player says that it sent; None where it does not answer
    data
        what was found of its streams, in Kafka and in its files
    with_files
        whether all of that is to be in files too
    """

    player: PlayerStatus
    sent: Sent | None
    data: Sequence[StreamData]
    with_files: bool = False

    @property
    def events(self) -> int:
        """The events that were read back from Kafka."""
        return sum(stream.events for stream in self.data)

    @property
    def size(self) -> int:
        """The bytes that were read back from Kafka."""
        return sum(stream.size for stream in self.data)

    @property
    def stored(self) -> int | None:
        """The events in its files; None where it writes none."""
        stored = [stream.stored.events for stream in self.data if stream.stored]
        return sum(stored) if stored else None

    @property
    def problems(self) -> list[str]:
        """What is not where it belongs, once; a line each."""
        if self.sent is None:
            return [f"Player {self.player.name} does not answer; what it sent is not known"]
        return [problem for stream in self.data for problem in stream.problems]


def table(results: Sequence[Result]) -> Table:
    """Return what every Player did; of many, the ones that are worth a look, and all others in one row."""
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
        shown.add_column(column, justify="right", overflow="fold")
    alone = _worth_a_look(results) if len(results) > AT_A_GLANCE else list(results)
    others = [result for result in results if result not in alone] if len(alone) < len(results) else []
    for group in [*([result] for result in alone), *([others] if others else [])]:
        missed = [f"{sum(result.player.skipped for result in group):,}"] if with_missed else []
        stored = [_total(result.stored for result in group)] if with_files else []
        shown.add_row(
            printable(group[0].player.name) if group is not others else f"{len(others):,} others",
            _range(result.player.priority for result in group),
            _range(result.sent.last_trigger if result.sent else None for result in group),
            *missed,
            _total(result.sent.events if result.sent else None for result in group),
            f"{sum(result.events for result in group):,}",
            *stored,
            f"{sum(result.size for result in group) / 1e6:.1f}",
            _milliseconds(statistics.median(result.player.median for result in group)),
            _milliseconds(max(result.player.p99 for result in group)),
            style="red" if any(result.problems for result in group) else "",
        )
    return shown


def _worth_a_look(results: Sequence[Result]) -> list[Result]:
    """Return the Players with problems, then those that missed triggers, then the slowest; in their order."""
    ranked = sorted(
        results,
        key=lambda result: (not result.problems, -result.player.skipped, -_or_zero(result.player.p99)),
    )
    many = sum(bool(result.problems or result.player.skipped) for result in results)
    taken = {id(result) for result in ranked[: min(AT_A_GLANCE, max(SLOWEST, many))]}
    return [result for result in results if id(result) in taken]


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _range(values: Iterable[int | None]) -> str:
    """Return the least and the largest number, or the one that they all are."""
    numbers = sorted({value for value in values if value is not None})
    if not numbers:
        return "-"
    return f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,}..{numbers[-1]:,}"


def _total(values: Iterable[int | None]) -> str:
    numbers = [value for value in values if value is not None]
    return f"{sum(numbers):,}" if numbers else "-"


def notes(results: Sequence[Result]) -> list[str]:
    """Return what the Players' policies made of failures, a line each."""
    players = [result.player for result in results]
    missed = [
        f"Player {player.name} missed {counted(player.skipped, 'trigger')}"
        for player in players
        if player.skipped
    ]
    return missed + [
        f"Player {player.name} was left out after it failed" for player in players if player.dropped
    ]


def problems(
    end: Snapshot,
    results: Sequence[Result],
    places: Sequence[str] = (),
    *,
    unread: Collection[str] = (),
) -> list[str]:
    """Return what is not as it should be, a line each; empty when all was played and everything arrived.

    Parameters
    ----------
    end
        how the sequence ended
    results
        what each Player did
    places
        what is wrong with topics and files
    unread
        the Players whose files are on other hosts, and cannot be read here
    """
    found = []
    if end.state == DevState.FAULT:
        found.append(f"the sequence failed: {end.last_error}")
    elif end.triggers > 0 and end.current_trigger != end.triggers:
        found.append(f"the sequence was stopped at trigger {end.current_trigger} of {end.triggers}")
    found += [
        f"Player {stream.player}, {stream.source}: the Player wrote no file"
        for result in results
        if result.with_files
        for stream in result.data
        if stream.stored is None and stream.measured.messages and stream.player not in unread
    ]
    return [*found, *places, *(problem for result in results for problem in result.problems)]


def success(results: Sequence[Result], folders: Sequence[Path], unread: Sequence[str] = ()) -> str:
    """Return what is where it belongs, in a run without problems: no more than was compared and found.

    Parameters
    ----------
    results
        what each Player did
    folders
        of the files; empty where there are none
    unread
        the Players whose files are on other hosts, and cannot be read here
    """
    streams = [stream for result in results for stream in result.data]
    events = sum(stream.noted.events for stream in streams)
    values = sum(stream.findings.matched for stream in streams if not stream.has_events)
    said = f"all {events:,} events{_values(values)} arrived at Kafka"
    if folders:
        in_files = [stream for result in results if result.with_files for stream in result.data]
        read = [stream for stream in in_files if stream.player not in unread]
        named = " and ".join(map(str, folders))
        measured = sum(stream.measured.events for stream in read)
        rows = sum(stream.measured.messages for stream in read if not stream.has_events)
        if (measured, rows) == (events, values):
            said += f" and in the files in {named}"
        else:
            said += f", all {measured:,} events{_values(rows)} that were measured in the files in {named}"
    if unread:
        said += f"; the files of {', '.join(unread)} are on other hosts, and were not read"
    if faults := sum(stream.faults.total() for stream in streams):
        said += f", with the {counted(faults, 'fault')} put in on purpose"
    if left := sum(stream.findings.left_over for stream in streams):
        said += f"; {counted(left, 'message')} of attempts that failed came to Kafka before"
    return f"of the triggers that were done, {said}" if notes(results) else said


def _values(count: int) -> str:
    return f" and {count:,} values" if count else ""


def _milliseconds(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{1e3 * seconds:.1f}"
