"""What the journal tells of the runs, read while it is written or after."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from donki.director.journal.lines import CHANGING, LINES
from donki.director.journal.reading.data_reader import DataReader
from donki.director.journal.reading.rows import (
    ATTEMPT,
    OUTCOMES,
    TRIGGER,
    FailedAttempt,
    Job,
    PastAction,
    PastPlayer,
    RecordedPlayer,
    RecordedRun,
)
from donki.director.rules.effects import Outcome
from donki.errors import FileError, InputError
from donki.streams.manifest import WrittenFile

#: How many of the last actions of a Player in a run are looked at, and of all its Players together.
MOST_ACTIONS = 10_000
MOST_ROWS = 200_000

#: How many runs an error names.
NAMED = 10

_RUN = [field.name for field in fields(RecordedRun)]
_PLAYER = [field.name for field in fields(RecordedPlayer) if field.name not in ("files", "written")]
#: What stands for the columns that journals of earlier versions do not have.
_LATER = {"faults": "'[]'", "host": "''"}


class JournalReader(DataReader):
    """Reads a journal; to be closed, or used in a ``with`` block; the rest is as of `ReadOnlyJournal`."""

    def run(self, prefix: str = "") -> RecordedRun:
        """Return the run whose id begins like that; the newest run where nothing is given.

        The part of a section in a run of this journal is returned for its full id alone.

        Raises
        ------
        InputError
            when there is none, or there are several; names runs that there are
        """
        found = self._query(
            f"SELECT {', '.join(_RUN)} FROM run WHERE SUBSTR(id, 1, ?) = ? AND (id = ? OR NOT EXISTS"  # noqa: S608
            " (SELECT 1 FROM run AS above WHERE SUBSTR(run.id, 1, LENGTH(above.id) + 1) = above.id || '-'))"
            " ORDER BY key DESC LIMIT ?",
            *(len(prefix), prefix, prefix, NAMED + 1),
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
        written: dict[int, list[WrittenFile]] = {}
        for key, *file in self._query_new(
            "written",
            "SELECT player, path, size, checksum FROM written JOIN player ON player.key = player"
            " WHERE run = ? ORDER BY path",
            run.key,
        ):
            written.setdefault(key, []).append(WrittenFile(*file))
        there = self.columns("player")
        columns = (name if name in there else _LATER[name] for name in _PLAYER)
        rows = self._query(
            f"SELECT {', '.join(columns)} FROM player WHERE run = ? ORDER BY priority, name",  # noqa: S608
            run.key,
        )
        said = [dict(zip(_PLAYER, row, strict=True)) for row in rows]
        return [
            RecordedPlayer(
                **player,
                files=tuple(files.get(player["key"], ())),
                written=tuple(written.get(player["key"], ())),
            )
            for player in said
        ]

    def counts(self, run: RecordedRun) -> tuple[int, int]:
        """Return how many complete triggers a run has, and how many attempts the Players had at them."""
        counts = (
            self._query(f"SELECT COUNT(*) FROM {table} WHERE run = ?", run.key)[0][0]  # noqa: S608
            for table in ("trigger", "attempt")
        )
        return next(counts), next(counts)

    def triggers(self, run: RecordedRun) -> Iterator[NDArray[np.void]]:
        """Yield the complete triggers of a run in order, as arrays of `TRIGGER`."""
        return self._blocks(
            "SELECT number, reference_time, due, sent, done FROM trigger WHERE run = ? ORDER BY number",
            run,
            TRIGGER,
        )

    def attempts(self, run: RecordedRun) -> Iterator[NDArray[np.void]]:
        """Yield what the Players did in a run, by trigger, Player and attempt, as arrays of `ATTEMPT`."""
        cases = " ".join(f"WHEN '{outcome.value}' THEN {number}" for number, outcome in OUTCOMES.items())
        return self._blocks(
            f"SELECT trigger, player, attempt, CASE outcome {cases} END, sent, done,"  # noqa: S608
            " COALESCE(duration, 'nan'), events, messages, bytes"
            " FROM attempt WHERE run = ? ORDER BY trigger, player, attempt",
            run,
            ATTEMPT,
        )

    def failed_attempts(self, run: RecordedRun, limit: int) -> list[FailedAttempt]:
        """Return the first attempts of a run that were not done."""
        rows = self._query(
            "SELECT trigger, name, attempt, outcome, error FROM attempt JOIN player ON player.key = player"
            " WHERE attempt.run = ? AND outcome != ? ORDER BY trigger, attempt LIMIT ?",
            *(run.key, Outcome.DONE.value, limit),
        )
        return [FailedAttempt(*row) for row in rows]

    def past_players(self, script_hash: str) -> list[PastPlayer]:
        """Return the Players that had a script in a run, the newest first."""
        rows = self._query(
            "SELECT player.key, run.key, run.id, parameters FROM player JOIN run ON run.key = player.run"
            " WHERE script_hash = ? ORDER BY player.key DESC",
            script_hash,
        )
        return [PastPlayer(*row) for row in rows]

    def past_actions(self, run_key: int) -> dict[int, list[PastAction]]:
        """Return the last actions of each Player in a run, in order, by the Player's key."""
        ((last, players),) = self._query(
            "SELECT (SELECT MAX(trigger) FROM attempt WHERE run = ?),"
            " (SELECT COUNT(*) FROM player WHERE run = ?)",
            *(run_key, run_key),
        )
        actions: dict[int, list[PastAction]] = {}
        for player, *action in self._query(
            "SELECT player, done - sent, CAST(COALESCE(1e9 * duration, done - sent) AS INTEGER),"
            " events, bytes"
            " FROM attempt WHERE run = ? AND trigger > ? AND outcome = ? ORDER BY trigger",
            *(run_key, (last or 0) - min(MOST_ACTIONS, MOST_ROWS // max(1, players)), Outcome.DONE.value),
        ):
            actions.setdefault(player, []).append(PastAction(*action))
        return actions

    def repeated(self, run: RecordedRun) -> dict[int, list[int]]:
        """Return by a Player's key, in order, the triggers of which it may have sent data without a note.

        Those are triggers of which an attempt failed, or came after one of which nothing is known, unless the
        Player told of each attempt what it had sent.
        """
        told = set(
            self._query_new(
                "discarded",
                "SELECT player, trigger, attempt FROM discarded JOIN player ON key = player WHERE run = ?",
                run.key,
            )
        )
        attempts: dict[tuple[int, int], int] = {}
        for player, trigger, attempt, outcome in self._query(
            "SELECT player, trigger, attempt, outcome FROM attempt WHERE run = ?"
            " AND (outcome != ? OR attempt > 1) ORDER BY trigger",
            *(run.key, Outcome.DONE.value),
        ):
            attempts[player, trigger] = max(attempt, attempts.get((player, trigger), 0))
            if outcome == Outcome.DONE.value:
                told.add((player, trigger, attempt))
        triggers: dict[int, list[int]] = {}
        for (player, trigger), last in attempts.items():
            if any((player, trigger, attempt) not in told for attempt in range(1, last + 1)):
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

    def parted(self, run: RecordedRun) -> set[int]:
        """Return the keys of the Players that told, when they had stopped, what they delivered last."""
        if not self.is_sealed(run):
            # Earlier versions did not note it.
            return {player.key for player in self.players(run)}
        return {
            key
            for (key,) in self._query_new(
                "parted", "SELECT player FROM parted JOIN player ON key = player WHERE run = ?", run.key
            )
        }

    def is_sealed(self, run: RecordedRun) -> bool:
        """Whether the master file of a run that has ended has a checksum of each of its lines."""
        return bool(self._query_new("sealed", "SELECT 1 FROM sealed WHERE run = ?", run.key))

    def finished(self, run: RecordedRun) -> int | None:
        """Return the end of a run that its master file knows of; 0 where it is yet to be written.

        None where that is not noted: the line is gone, or the run is of an earlier version.
        """
        found = self._query_new("finished", "SELECT ended FROM finished WHERE run = ?", run.key)
        return found[0][0] if found else None

    def columns(self, table: str) -> list[str]:
        """Return the columns of a table that stay as they are when a run has ended; none of no table."""
        rows = self._query("SELECT name FROM pragma_table_info(?) ORDER BY cid", table)
        return [name for (name,) in rows if (table, name) not in CHANGING]

    def lines(self, run: RecordedRun, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield some columns of the lines of a run in one of the tables of `LINES`, in the order of keys."""
        selected = ", ".join(f'{table}."{column}"' for column in columns)
        with self._named():
            yield from self._connection.execute(f"SELECT {selected} {LINES[table]}", (run.key,))

    @property
    def _has_answers(self) -> bool:
        return bool(self._query("SELECT 1 FROM pragma_table_info('job') WHERE name = 'state'"))

    def _jobs(self, which: str, value: object) -> list[Job]:
        # Journals of the versions 1 to 4 do not have them.
        answered = ", state, writer, file, said" if self._has_answers else ""
        rows = self._query(
            "SELECT job.id, topic, run.id, ended,"  # noqa: S608
            " MAX(began, COALESCE((SELECT MAX(done) FROM trigger WHERE trigger.run = run.key), 0))"
            f"{answered}"
            " FROM job JOIN run ON run.key = job.run"
            f" WHERE {which} ORDER BY job.key",
            value,
        )
        return [Job(*row) for row in rows]


def _run(row: tuple[Any, ...]) -> RecordedRun:
    said = dict(zip(_RUN, row, strict=True))
    try:
        said |= {name: json.loads(said[name]) for name in ("metadata", "versions")}
    except (ValueError, TypeError) as error:
        raise FileError(
            f"the line of run {said['id']} in the journal's table run was changed: {error}"
        ) from None
    return RecordedRun(**said | {"error": said["error"] or ""})
