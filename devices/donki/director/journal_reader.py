"""What the journal tells of the runs, read while it is written or after."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from donki.director.effects import Outcome
from donki.director.journal import FILE_NAME
from donki.director.recorded import (
    OUTCOMES,
    STEP,
    TRIGGER,
    Delivery,
    Job,
    Mishap,
    RecordedPlayer,
    RecordedRun,
    RecordedStream,
    Totals,
)
from donki.errors import FileError, InputError
from donki.streams.faults.fault import Fault
from donki.streams.manifest import Extent

#: How many rows are held at once.
BLOCK = 8192

#: How many runs an error names.
NAMED = 10

_RUN = [field.name for field in fields(RecordedRun)]
_PLAYER = [field.name for field in fields(RecordedPlayer) if field.name != "files"]


class JournalReader:
    """Reads a journal; to be closed, or used in a ``with`` block.

    Parameters
    ----------
    directory
        where the file ``journal.sqlite`` is

    Attributes
    ----------
    path
        of the journal

    Raises
    ------
    FileError
        if there is no journal, or it cannot be read; every method raises this too
    """

    def __init__(self, directory: Path) -> None:
        self.path = (directory / FILE_NAME).absolute()
        if not self.path.is_file():
            raise FileError(f"there is no journal {self.path}; no run was recorded there")
        # A journal that nobody writes has no write-ahead log, and SQLite reads it without making one only so:
        # that needs no permission to write.
        unused = "" if self.path.with_name(f"{FILE_NAME}-wal").exists() else "&immutable=1"
        with self._named():
            self._connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode=ro{unused}", uri=True, check_same_thread=False
            )
            self._connection.execute("PRAGMA busy_timeout=2000")

    def close(self) -> None:
        """Close the journal."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, prefix: str = "") -> RecordedRun:
        """Return the run whose id begins like that; the newest run where nothing is given.

        Raises
        ------
        InputError
            when there is none, or there are several; names runs that there are
        """
        found = self._query(
            f"SELECT {', '.join(_RUN)} FROM run WHERE SUBSTR(id, 1, ?) = ? ORDER BY key DESC LIMIT ?",  # noqa: S608
            *(len(prefix), prefix, NAMED + 1),
        )
        exact = [row for row in found if row[1] == prefix]
        if found and (exact or len(found) == 1 or not prefix):
            return _run((exact or found)[0])
        several = [row[1] for row in found[:NAMED]]
        newest = [row[0] for row in self._query("SELECT id FROM run ORDER BY key DESC LIMIT ?", NAMED)]
        if several:
            more = ", ..." if len(found) > NAMED else ""
            raise InputError(
                f"run {prefix}: there are several, {', '.join(several)}{more}; give more of the id"
            )
        known = f"the newest there are {', '.join(newest)}" if newest else "no run was recorded there"
        raise InputError(f"run {prefix!r} is not in the journal {self.path}; {known}")

    def players(self, run: RecordedRun) -> list[RecordedPlayer]:
        """Return the Players of a run, by priority and name."""
        files: dict[int, list[str]] = {}
        for key, path in self._query(
            "SELECT player, path FROM file JOIN player ON player.key = player WHERE run = ?"
            " ORDER BY file.key",
            run.key,
        ):
            files.setdefault(key, []).append(path)
        rows = self._query(
            f"SELECT {', '.join(_PLAYER)} FROM player WHERE run = ? ORDER BY priority, name",  # noqa: S608
            run.key,
        )
        said = [dict(zip(_PLAYER, row, strict=True)) for row in rows]
        return [RecordedPlayer(**player, files=tuple(files.get(player["key"], ()))) for player in said]

    def counts(self, run: RecordedRun) -> tuple[int, int]:
        """Return how many complete triggers a run has, and how many steps."""
        counts = (
            self._query(f"SELECT COUNT(*) FROM {table} WHERE run = ?", run.key)[0][0]  # noqa: S608
            for table in ("trigger", "step")
        )
        return next(counts), next(counts)

    def triggers(self, run: RecordedRun) -> Iterator[NDArray[np.void]]:
        """Yield the complete triggers of a run in order, as arrays of `TRIGGER`."""
        return self._blocks(
            "SELECT number, reference_time, due, sent, done FROM trigger WHERE run = ? ORDER BY number",
            run,
            TRIGGER,
        )

    def steps(self, run: RecordedRun) -> Iterator[NDArray[np.void]]:
        """Yield the steps of a run, by trigger, Player and attempt, as arrays of `STEP`."""
        cases = " ".join(f"WHEN '{outcome.value}' THEN {number}" for number, outcome in OUTCOMES.items())
        return self._blocks(
            f"SELECT trigger, player, attempt, CASE outcome {cases} END, sent, done,"  # noqa: S608
            " COALESCE(duration, 'nan'), events, messages, bytes"
            " FROM step WHERE run = ? ORDER BY trigger, player, attempt",
            run,
            STEP,
        )

    def mishaps(self, run: RecordedRun, limit: int) -> list[Mishap]:
        """Return the first steps of a run that were not done."""
        rows = self._query(
            "SELECT trigger, name, attempt, outcome, error FROM step JOIN player ON player.key = player"
            " WHERE step.run = ? AND outcome != ? ORDER BY trigger, attempt LIMIT ?",
            *(run.key, Outcome.DONE.value, limit),
        )
        return [Mishap(*row) for row in rows]

    def streams(self, run: RecordedRun) -> list[RecordedStream]:
        """Return the streams that messages were sent to in a run, by Player, topic and source."""
        rows = self._query(
            "SELECT stream.key, player, topic, source, brokers FROM stream JOIN player ON player.key = player"
            " WHERE run = ? ORDER BY priority, name, topic, source",
            run.key,
        )
        return [RecordedStream(*row) for row in rows]

    def extents(self, run: RecordedRun) -> dict[str, list[Extent]]:
        """Return by cluster where the messages of a run lie; its brokers are ``host:port, ...``."""
        extents: dict[str, list[Extent]] = {}
        for brokers, *extent in self._query(
            "SELECT brokers, topic, partition, MIN(first), MAX(last) FROM extent"
            " JOIN (SELECT DISTINCT player, topic, brokers FROM stream) USING (player, topic)"
            " JOIN player ON player.key = player WHERE run = ? GROUP BY brokers, topic, partition",
            run.key,
        ):
            extents.setdefault(brokers, []).append(Extent(*extent))
        return extents

    def deliveries(self, stream: RecordedStream, *, measured: bool = False) -> Iterator[Delivery]:
        """Yield what a stream delivered, in order: as it went to Kafka, or as it was before faults."""
        before_faults = (
            "(measured = 1 OR NOT EXISTS (SELECT 1 FROM delivery AS other WHERE measured = 1"
            " AND (stream, trigger, attempt) = (given.stream, given.trigger, given.attempt)))"
        )
        with self._named():
            cursor = self._connection.execute(
                "SELECT trigger, events, bytes, largest, checksums FROM delivery AS given"  # noqa: S608
                f" WHERE stream = ? AND {before_faults if measured else 'measured = 0'} ORDER BY key",
                (stream.key,),
            )
            while rows := cursor.fetchmany(BLOCK // 64):
                yield from map(Delivery._make, rows)

    def totals(self, stream: RecordedStream, *, measured: bool = False) -> Totals:
        """Return what a stream delivered in all."""
        events = messages = size = largest = 0
        for delivery in self.deliveries(stream, measured=measured):
            events += delivery.events
            messages += len(delivery.checksums) // 4
            size += delivery.size
            largest = max(largest, delivery.largest)
        return Totals(events, messages, size, largest)

    def faults(self, stream: RecordedStream) -> Iterator[Fault]:
        """Yield the faults that were put into a stream on purpose, in order."""
        with self._named():
            yield from (
                Fault(*row)
                for row in self._connection.execute(
                    "SELECT trigger, kind, topic, source, message, detail, checksum FROM fault"
                    " WHERE player = ? AND topic = ? AND source = ? ORDER BY key",
                    (stream.player, stream.topic, stream.source),
                )
            )

    def repeated(self, run: RecordedRun) -> dict[int, list[int]]:
        """Return by a Player's key, in order, the triggers of which it may have sent data without a note.

        Those are triggers of which an attempt failed, or came after one of which nothing is known.
        """
        triggers: dict[int, list[int]] = {}
        for player, trigger in self._query(
            "SELECT DISTINCT player, trigger FROM step WHERE run = ? AND (outcome != ? OR attempt > 1)"
            " ORDER BY trigger",
            *(run.key, Outcome.DONE.value),
        ):
            triggers.setdefault(player, []).append(trigger)
        return triggers

    def remarks(self, run: RecordedRun) -> list[tuple[int, str]]:
        """Return what happened to a run, each with its time: ns since 1970 UTC."""
        return self._query("SELECT time, text FROM remark WHERE run = ? ORDER BY rowid", run.key)

    def jobs(self, run: RecordedRun) -> list[Job]:
        """Return the jobs of a run, in order."""
        return self._jobs("job.run = ?", run.key)

    def open_jobs(self, director: str) -> list[Job]:
        """Return the jobs of a Director that file writers were never told to stop."""
        return self._jobs("stopped IS NULL AND director = ?", director)

    def _jobs(self, which: str, value: object) -> list[Job]:
        rows = self._query(
            "SELECT job.id, topic, run.id, ended FROM job JOIN run ON run.key = job.run"  # noqa: S608
            f" WHERE {which} ORDER BY job.key",
            value,
        )
        return [Job(*row) for row in rows]

    def _query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._named():
            return self._connection.execute(statement, values).fetchall()

    def _blocks(
        self, statement: str, run: RecordedRun, dtype: np.dtype[np.void]
    ) -> Iterator[NDArray[np.void]]:
        with self._named():
            cursor = self._connection.execute(statement, (run.key,))
            while rows := cursor.fetchmany(BLOCK):
                yield np.array(rows, dtype)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say which journal it was that failed."""
        try:
            yield
        except sqlite3.Error as error:
            raise FileError(f"the journal {self.path} cannot be read: {error}") from error


def _run(row: tuple[Any, ...]) -> RecordedRun:
    said = dict(zip(_RUN, row, strict=True))
    said |= {name: json.loads(said[name]) for name in ("metadata", "versions")}
    return RecordedRun(**said | {"error": said["error"] or ""})
