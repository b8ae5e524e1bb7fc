"""``donki check-data``: what a run delivered, read back and compared with its journal, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from donki.director.journal.reading.reader import JournalReader
from donki_client.console.output import printable
from donki_client.recorded_sections import recorded_sections
from donki_client.verify.run_check import check_run
from donki_client.verify.run_data import RunData, StreamData
from donki_client.verify.section_check import check_section

#: How many problems are printed.
MOST_PROBLEMS = 20


def check_data(
    prefix: str,
    directory: Path,
    console: Console,
    *,
    broker: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> bool:
    """Check the data of a run and print the result.

    Parameters
    ----------
    prefix
        how the run's id begins; empty for the newest run
    directory
        where the journal is
    console
        to print to
    broker
        ``host:port`` to read from, where it is not the one that the Players sent to
    options
        security settings for Kafka, as kafka-python names them

    Returns
    -------
    bool
        whether everything is where it belongs

    Raises
    ------
    InputError
        when there is no such run
    FileError
        when there is no journal
    BrokerError
        when no broker answers, or it falls silent
    """
    columns = TextColumn("reading back"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with JournalReader(directory) as reader:
        run = reader.run(prefix)
        with Progress(*columns, console=console, transient=True) as shown:
            task = shown.add_task("")

            def progress(done: int, total: int) -> None:
                shown.update(task, completed=done, total=total)

            found = [check_run(reader, run, broker=broker, options=options, progress=progress)]
            elsewhere = []
            with recorded_sections(reader, run) as sections:
                for section in sections:
                    if section.reader is None or section.run is None:
                        elsewhere.append(f"section {section.name} is not checked: {section.elsewhere}")
                        continue
                    data = check_run(
                        section.reader, section.run, broker=broker, options=options, progress=progress
                    )
                    data.problems_of_places += check_section(section)
                    found.append(data)
    are_whole = [_say_run(data, console) for data in found]
    for line in elsewhere:
        console.print(f"[yellow]{printable(line)}[/]", soft_wrap=True)
    return all(are_whole)


def _say_run(data: RunData, console: Console) -> bool:
    """Print what was found of a run; return whether everything is where it belongs."""
    run = data.run
    console.print(f"[bold]Run {printable(run.id)}  {printable(run.title)}[/]", soft_wrap=True)
    if not data.streams:
        console.print("it sent nothing that was noted")
    else:
        _show(console, data_table(data))
        if any(stream.faults for stream in data.streams):
            console.print()
            _show(console, fault_table(data))
    left = sum(stream.findings.left_over for stream in data.streams)
    if left:
        console.print(f"{left:,} messages are left of actions that failed or were repeated", soft_wrap=True)
    for (topic, source), count in sorted(data.others.items()):
        named = f"of source {source}" if source else "that name no source"
        line = f"{count:,} messages {named} in topic {topic} are of no Player of the run"
        console.print(printable(line), soft_wrap=True)
    problems = data.problems
    for problem in problems[:MOST_PROBLEMS]:
        console.print(f"[bold red]{printable(problem)}[/]", soft_wrap=True)
    if len(problems) > MOST_PROBLEMS:
        console.print(f"[bold red]and {len(problems) - MOST_PROBLEMS:,} more problems[/]")
    if not problems and run.ended is None:
        console.print(
            "[yellow]all that the journal lists is there; it does not have the end of the run, which is in"
            " progress or was interrupted: what else was delivered cannot be told[/]",
            soft_wrap=True,
        )
    elif not problems and data.untold:
        named = f"Player{'' if len(data.untold) == 1 else 's'} {', '.join(data.untold)}"
        console.print(
            f"[yellow]all that the journal lists is there; it does not have what {printable(named)} delivered"
            " last: what else is there of them cannot be told[/]",
            soft_wrap=True,
        )
    elif not problems and data.unread_files:
        hosts = ", ".join(f"{name} on host {data.players[name].host}" for name in data.unread_files)
        console.print(
            f"[yellow]all that is seen here is there; not seen are the files of {printable(hosts)}[/]",
            soft_wrap=True,
        )
    elif not problems:
        console.print("[bold green]all that the journal lists is there, and nothing else[/]", soft_wrap=True)
    return not problems


def data_table(data: RunData) -> Table:
    """Return what was noted and what was found, by stream."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    with_files = any(stream.stored for stream in data.streams)
    for column in ("\nPlayer", "\nsource", "\ntopic"):
        table.add_column(column)
    numbers = ["messages\nnoted", "\nfound", "events\nnoted", "\nfound", "\npulses"]
    for column in [*numbers, *(["in files\nevents, rows"] if with_files else []), "\nMB"]:
        table.add_column(column, justify="right")
    for stream in data.streams:
        row = [stream.noted.messages, stream.messages, stream.noted.events, stream.events, stream.pulses]
        stored = [_stored(stream)] if with_files else []
        table.add_row(
            printable(stream.player),
            printable(stream.source),
            printable(stream.topic),
            *(f"{count:,}" for count in row),
            *stored,
            f"{stream.size / 1e6:,.1f}",
            style="red" if stream.problems else "",
        )
    return table


def fault_table(data: RunData) -> Table:
    """Return the faults that were put in on purpose, and how many of them were found."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("Player", "source", "fault on purpose"):
        table.add_column(column)
    for column in ("expected", "found"):
        table.add_column(column, justify="right")
    for stream in data.streams:
        for kind, expected in stream.faults.items():
            found = stream.faults_found[kind]
            table.add_row(
                printable(stream.player),
                printable(stream.source),
                kind,
                f"{expected:,}",
                f"{found:,}",
                style="red" if found != expected else "",
            )
    return table


def _stored(stream: StreamData) -> str:
    if stream.stored is None:
        return "-"
    return f"{stream.stored.events if stream.stored.has_events else stream.stored.rows:,}"


def _show(console: Console, table: Table) -> None:
    """Print a table in its full width: figures are never cut."""
    width = console.width
    console.width = 10_000
    console.width = max(width, console.measure(table).maximum)
    console.print(table)
    console.width = width
