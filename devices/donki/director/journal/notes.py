"""How notes are written into the journal: all in one transaction, and none keeps the others out."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from donki.director.journal.tables import ADD_ATTEMPT, ADD_REMARK_OF, attempt_rows
from donki.threads import Threads

Note = tuple[str, tuple[object, ...]]

#: What SQLite and Python raise of a value that cannot be kept, whatever the state of the disk.
UNFIT = (
    *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError),
    *(ValueError, TypeError, OverflowError),
)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is written in it; on any error, nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        # Where the disk is full, SQLite may have rolled back itself, or left the COMMIT undone.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def write_notes(
    connection: sqlite3.Connection, notes: Iterable[Note], run_key: int, now: int, threads: Threads
) -> None:
    """Commit notes; one that SQLite cannot take is remarked in its place.

    Parameters
    ----------
    connection
        of the journal
    notes
        statements with their values; of `ADD_ATTEMPT`, the arguments of `attempt_rows`
    run_key
        the number of the run in progress
    now
        the present time in that run, ns since 1970 UTC
    threads
        where what cannot be kept is said

    Raises
    ------
    sqlite3.Error
        where nothing can be written at present
    """
    groups: list[tuple[str, list[tuple[object, ...]]]] = []
    additions: dict[str, list[tuple[object, ...]]] = {}
    for note in notes:
        rows: Iterable[Note] = (note,)
        if note[0] is ADD_ATTEMPT:
            rows = ()
            with threads.guard("journal"):
                rows = [*attempt_rows(*note[1])]  # type: ignore[arg-type]
        for statement, row in rows:
            if statement in additions:
                additions[statement].append(row)
            elif _only_adds(statement):
                additions[statement] = [row]
            else:
                # What changes others' lines or deletes them stays behind these, and before what follows.
                groups += [*additions.items(), (statement, [row])]
                additions = {}
    groups += additions.items()
    try:
        with transaction(connection):
            for statement, group in groups:
                connection.executemany(statement, group)
    except UNFIT:
        single = ((statement, row) for statement, group in groups for row in group)
        _write_what_fits(connection, single, run_key, now, threads)


@functools.cache
def _only_adds(statement: str) -> bool:
    return statement.lstrip().startswith("INSERT")


def _write_what_fits(
    connection: sqlite3.Connection, rows: Iterable[Note], run_key: int, now: int, threads: Threads
) -> None:
    with transaction(connection):
        for statement, row in rows:
            try:
                connection.execute(statement, row)
            except UNFIT as error:
                why = threads.caught("journal", error)
                remark = (run_key, now, f"a note could not be kept: {why}")
                connection.execute(ADD_REMARK_OF, remark)
