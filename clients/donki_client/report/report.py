"""``donki report``: what the journal tells of a run, printed, and drawn as a picture."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import tango
from rich.console import Console
from rich.table import Table

from donki.director.journal.place import FILE_NAME, default_directory
from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import RecordedRun
from donki.director.output.master_file import master_file_path
from donki.director.rules.writer_jobs import JobState, job_line
from donki.errors import FileError
from donki_client.address import Address
from donki_client.api.errors import translated
from donki_client.console.output import printable
from donki_client.recorded_sections import recorded_sections
from donki_client.report.statistics import PlayerPart, RunStatistics, Spread, milliseconds

#: How many failed attempts are printed.
MOST_FAILED = 10

_COLOURS = {"done": "green", "stopped": "yellow", "aborted": "yellow", "failed": "bold red"}


def print_report(prefix: str, directory: Path, picture: Path | None, console: Console) -> None:
    """Print what the journal tells of a run, and draw it.

    Parameters
    ----------
    prefix
        how the run's id begins; empty for the newest run
    directory
        where the journal is
    picture
        the file to draw to; None for none
    console
        to print to

    Raises
    ------
    InputError
        when there is no such run, or a picture cannot be of that kind
    FileError
        when there is no journal, or the picture cannot be written
    """
    if picture:
        from donki_client.report.picture import check_kind, draw, save  # noqa: PLC0415

        check_kind(picture)
    with JournalReader(directory) as reader:
        run = reader.run(prefix)
        statistics = RunStatistics.read(reader, run)
        elsewhere = _add_sections(statistics, reader)
        failed = reader.failed_attempts(run, MOST_FAILED)
        remarks = reader.remarks(run)
        jobs = reader.jobs(run)
    _print_run(statistics, master_file_path(directory, run.id), console)
    if statistics.parts:
        _title(console, "Triggers and data")
        _show(console, _totals(statistics))
        _title(console, "Time of a trigger in ms: for the Director, from sent to done, and at the Player")
        _show(console, _times(statistics.parts))
    _say_elsewhere(elsewhere, console)
    if faulty := [part.player for part in statistics.parts if part.player.faults != "[]"]:
        _title(console, "Faults to inject into the data")
        for player in faulty:
            _say(console, f"  {printable(player.name)}: {printable(player.faults)}")
    if failed:
        _title(console, "Not done")
        for attempt in failed:
            which = f", attempt {attempt.attempt}" if attempt.attempt > 1 else ""
            where = f"trigger {attempt.trigger}, {attempt.player}{which}"
            _say(console, f"  {where}: {attempt.outcome}{': ' if attempt.error else ''}{attempt.error}")
        more = sum(part.failed + part.skipped for part in statistics.parts) - len(failed)
        if more:
            _say(console, f"  and {more:,} more; the journal has all: {directory / FILE_NAME}")
    if jobs:
        _title(console, "File writers")
        for job in jobs:
            # Earlier versions did not hear what became of it.
            state = job.state or JobState.ASKED.value
            _say(console, f"  {job_line(state, job.file, job.writer, job.id, job.said)}")
    if remarks:
        _title(console, "Remarks")
        for time, text in remarks:
            _say(console, f"  {_moment(time):%H:%M:%S} {text}")
    if picture:
        save(draw(statistics), picture)
        _say(console, f"\nPicture     {picture}")


def _say_elsewhere(elsewhere: list[str], console: Console) -> None:
    if elsewhere:
        _title(console, "Sections")
    for line in elsewhere:
        _say(console, f"  {line}")


def _add_sections(statistics: RunStatistics, reader: JournalReader) -> list[str]:
    """Add what the Players of sections did, after each section; return where that of the others is."""
    elsewhere = []
    with recorded_sections(reader, statistics.run) as sections:
        for section in sections:
            if section.reader is None or section.run is None:
                elsewhere.append(f"{section.name}: {section.elsewhere}")
                continue
            below = RunStatistics.read(section.reader, section.run).parts
            for part in below:
                part.player = replace(part.player, name=f"{section.name}/{part.player.name}")
            names = [part.player.name for part in statistics.parts]
            at = names.index(section.name) + 1
            statistics.parts[at:at] = below
    return elsewhere


def journal_directory(director: str | None) -> Path:
    """Return where the journal is.

    Parameters
    ----------
    director
        whose journal: a device name in the Tango database that ``TANGO_HOST`` names, or a full one, or
        ``HOST:PORT`` of a database in which the Director is ``donki/director/1``; None: where a Director
        keeps its journal on this machine if nobody says otherwise

    Raises
    ------
    UnreachableError
        when the Director does not answer
    FileError
        when its journal is not on this machine
    """
    if director is None:
        return default_directory()
    device = director
    if "/" not in director:
        device = f"tango://{Address.parse(director).tango_host}/donki/director/1"
    with translated(device):
        proxy = tango.DeviceProxy(device)
        journal, host = proxy.JournalFile, proxy.info().server_host
    if not journal:
        raise FileError(f"{director} has no journal; its Status says why")
    if not Path(journal).is_file():
        raise FileError(f"the journal of {director} is {journal} on {host}; run donki report there")
    return Path(journal).parent


def _print_run(statistics: RunStatistics, master_file: Path, console: Console) -> None:
    run = statistics.run
    colour = _COLOURS.get(run.outcome or "", "bold red")
    console.print(f"[bold]Run         {printable(run.id)}  {printable(run.title)}[/]", soft_wrap=True)
    error = f": {printable(run.error)}" if run.error else ""
    outcome = run.outcome or "in progress, or its Director died"
    if run.outcome == "done" and any(part.is_partial for part in statistics.parts):
        colour, outcome = "yellow", "done, but not by every Player at every trigger"
    console.print(f"Outcome     [{colour}]{outcome}[/]{error}", soft_wrap=True)
    _say(console, f"Time        {_when(run)}")
    _say(console, f"Director    {run.director}")
    asked = f"of {run.triggers:,}" if run.triggers > 0 else "until stopped"
    _say(console, f"Triggers    {len(statistics.triggers):,} {asked}")
    _say(console, f"Period      {_periods(statistics)}")
    _say(console, f"Lateness    {statistics.lateness}")
    _say(console, f"Seed        {run.seed}")
    if run.metadata:
        _say(console, f"Metadata    {json.dumps(dict(run.metadata), ensure_ascii=False)}")
    _say(console, f"Versions    {', '.join(f'{name} {version}' for name, version in run.versions.items())}")
    if master_file.is_file():
        _say(console, f"Master file {master_file}")


def _when(run: RecordedRun) -> str:
    began = f"{_moment(run.began):%Y-%m-%d %H:%M:%S} UTC"
    if run.ended is None:
        return f"began {began}"
    return f"{began} to {_moment(run.ended):%H:%M:%S}, {_seconds((run.ended - run.began) / 1e9)}"


def _periods(statistics: RunStatistics) -> str:
    period = statistics.run.period
    asked = f"{period / 1e6:.9g} ms asked" if period else "as fast as the Players answer"
    if math.isnan(statistics.mean_period):
        return asked
    mean, median = 1e3 * statistics.mean_period, 1e3 * statistics.median_period
    return f"{asked}; mean {mean:.6g} ms, median {median:.6g} ms"


def _totals(statistics: RunStatistics) -> Table:
    table = _table("Player", "priority", "done", "failed", "skipped", "repeated", "events", "MB", "events/s")
    for part in statistics.parts:
        rate = part.events / statistics.span if statistics.span else math.nan
        table.add_row(
            printable(part.player.name),
            str(part.player.priority),
            *(f"{count:,}" for count in (part.done, part.failed, part.skipped, part.repeated, part.events)),
            f"{part.bytes / 1e6:,.1f}",
            "-" if math.isnan(rate) else f"{rate:,.0f}",
            style="yellow" if part.failed or part.skipped else "",
        )
    return table


def _times(parts: list[PlayerPart]) -> Table:
    table = _table(
        *("\nPlayer", "Director\nmedian", "\n99 %", "\nlargest"),
        *("Player\nmedian", "\n99 %", "\nlargest"),
    )
    for part in parts:
        table.add_row(printable(part.player.name), *_spread(part.seen), *_spread(part.acted))
    return table


def _spread(times: Spread) -> tuple[str, str, str]:
    return milliseconds(times.median), milliseconds(times.p99), milliseconds(times.largest)


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _show(console: Console, table: Table) -> None:
    """Print a table in its full width: figures are never cut."""
    width = console.width
    console.width = 10_000
    console.width = max(width, console.measure(table).maximum)
    console.print(table)
    console.width = width


def _title(console: Console, text: str) -> None:
    console.print(f"\n{text}", style="bold")


def _seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min {rest} s"


def _moment(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1e9, UTC)


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
