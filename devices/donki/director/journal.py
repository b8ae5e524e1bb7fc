"""The journal: every run recorded as it goes, in SQLite under the RunDirectory.

What the conducting thread notes is put on a queue; a thread of the journal's own commits it in groups, ten
times a second. A commit is durable (write-ahead log, synced), so that a Director that dies loses at most the
last tenth of a second of notes, and `Director.Recover` asks the Players for what they hold.
"""

from __future__ import annotations

import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from donki.director import deliveries
from donki.director.effects import Step, TriggerDone
from donki.director.journal_tables import (
    ADD_FILE,
    ADD_FIRST,
    ADD_JOB,
    ADD_PLAYER,
    ADD_REMARK,
    ADD_RUN,
    ADD_STEP,
    ADD_TRIGGER,
    CHANGE_WANTED,
    END_RUN,
    RAISE_SENT,
    SCHEMA,
    STOP_JOB,
    run_row,
    step_rows,
)
from donki.director.last_run import Interrupted, read_durations, read_interrupted
from donki.director.sent_mark import SentMark
from donki.errors import FileError
from donki.run import Run

if TYPE_CHECKING:
    from donki.director.roster import Entry
    from donki.director.sequence import Sequence

FILE_NAME = "journal.sqlite"

#: How often notes are committed, in s.
GROUP = 0.1


class Journal:
    """Writes the journal of one Director.

    Parameters
    ----------
    directory
        where the file ``journal.sqlite`` is kept; made where it is missing
    director
        the Director's device name

    Attributes
    ----------
    path
        of the file
    director
        as given

    Raises
    ------
    FileError
        if the journal cannot be opened or written
    """

    def __init__(self, directory: Path, director: str) -> None:
        self.path = directory / FILE_NAME
        self._why = ""
        self.director = director
        self._notes: queue.SimpleQueue[tuple[str, tuple[object, ...]]] = queue.SimpleQueue()
        self._unwritten: list[tuple[str, tuple[object, ...]]] = []
        self._run_key = 0
        self._player_keys: dict[str, int] = {}
        self._sequence: Sequence | None = None
        self._wanted = (0, 0)
        self._epoch = 0
        self._closing = threading.Event()
        self._writing = threading.Lock()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
            self._connection.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=500;"
                + SCHEMA
                + deliveries.SCHEMA
            )
            # Several Directors may share a journal.
            self._mark = SentMark(directory / f"{director.replace('/', '-')}.sent")
        except (OSError, sqlite3.Error) as error:
            raise self._unwritable(error) from None
        self._thread = threading.Thread(target=self._write_groups, name="journal", daemon=True)
        self._thread.start()

    def begin(self, run: Run, sequence: Sequence, entries: Iterable[Entry]) -> None:
        """Note that a run begins, or is taken up; committed when this returns.

        Raises
        ------
        FileError
            if the journal cannot be written
        """
        if not self.flush():
            raise self._unwritable(self._why or "it is busy")
        self._epoch = sequence.pace.epoch
        try:
            self._begin(run, sequence, entries)
        except sqlite3.Error as error:
            raise self._unwritable(error) from None

    @property
    def problem(self) -> str:
        """Why it cannot be written at present; empty if it can."""
        return f"the journal {self.path} cannot be written: {self._why}" if self._why else ""

    def sending(self, trigger: int) -> None:
        """Mark that a trigger is sent now; that outlives this process before any note is committed."""
        self._mark.move(self._run_key, trigger)

    def note(self, effect: Step | TriggerDone) -> None:
        """Take a step or a complete trigger; returns at once."""
        if isinstance(effect, TriggerDone):
            self._notes.put((ADD_TRIGGER, (self._run_key, *self._dated(effect))))
            return
        self._notes.put((ADD_STEP, (effect, self._run_key, self._player_keys[effect.player], self._epoch)))

    def remark(self, run_id: str, text: str) -> None:
        """Note something that happened to a run."""
        self._notes.put((ADD_REMARK, (time.time_ns(), text, run_id)))

    def file(self, run_id: str, player: str, path: str) -> None:
        """Note a file that a Player writes in a run."""
        self._notes.put((ADD_FILE, (path, run_id, player)))

    def remainder(self, player: str, manifest: str) -> None:
        """Note what a Player delivered after the last trigger: a manifest in JSON."""
        for note in deliveries.rows(self._player_keys[player], 0, time.time_ns(), json.loads(manifest)):
            self._notes.put(note)

    def job(self, run_id: str, job_id: str, topic: str) -> None:
        """Note a job that file writers are told of on a topic."""
        self._notes.put((ADD_JOB, (job_id, topic, run_id)))

    def job_stopped(self, job_id: str) -> None:
        """Note that the file writers were told to stop a job."""
        self._notes.put((STOP_JOB, (time.time_ns(), job_id)))

    def end(self, outcome: str, error: str) -> None:
        """Note that the run has ended."""
        self._notes.put((END_RUN, (time.time_ns(), outcome, error, self._run_key)))

    def flush(self, limit: float = 2.0) -> bool:
        """Commit what is noted; return False where that was not possible within the limit, in s."""
        if not self._writing.acquire(timeout=limit):
            return False
        try:
            return self._commit()
        finally:
            self._writing.release()

    def interrupted(self) -> Interrupted | None:
        """Return this Director's last run if it was interrupted or failed, else None.

        Raises
        ------
        FileError
            if the journal cannot be read
        """
        self.flush()
        with self._reading():
            return read_interrupted(self._connection, self.director, self._mark)

    def last_durations(self) -> dict[str, float]:
        """Return by Player what 99 % of its triggers took at most in this Director's last run, in s.

        Raises
        ------
        FileError
            if the journal cannot be read
        """
        self.flush()
        with self._reading():
            return read_durations(self._connection, self.director)

    def close(self) -> None:
        """Commit what is noted and close the file."""
        self._closing.set()
        self._thread.join(5)
        with self._writing:
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with self._writing:
                yield
        except sqlite3.Error as error:
            raise FileError(f"the journal {self.path} cannot be read ({error}); mend or move it") from None

    def _unwritable(self, error: Exception | str) -> FileError:
        return FileError(
            f"the journal {self.path} cannot be written ({error}); mend the property RunDirectory"
        )

    def _begin(self, run: Run, sequence: Sequence, entries: Iterable[Entry]) -> None:
        with self._writing, self._transaction():
            row = run_row(run, self.director, sequence.triggers, sequence.pace.period, time.time_ns())
            self._connection.execute(ADD_RUN, row)
            (self._run_key,) = self._connection.execute(
                "SELECT key FROM run WHERE id = ?", (run.id,)
            ).fetchone()
            players = [
                {**vars(entry), "run": self._run_key, "on_error": entry.on_error.name} for entry in entries
            ]
            self._connection.executemany(ADD_PLAYER, players)
            self._connection.execute(RAISE_SENT, (self._run_key,))
            self._sequence = sequence
            self._wanted = (sequence.triggers, sequence.pace.period)
            self._player_keys = dict(
                self._connection.execute("SELECT name, key FROM player WHERE run = ?", (self._run_key,))
            )
            first = [
                (self._player_keys[member.name], trigger, attempt)
                for member in sequence.members.values()
                for trigger, attempt in member.attempts.items()
            ]
            self._connection.executemany(ADD_FIRST, first)
            self._mark.begin(self._run_key, sequence.completed)

    def _dated(self, effect: TriggerDone) -> tuple[int, ...]:
        number, reference_time, due, sent, done = effect
        return (number, reference_time, due + self._epoch, sent + self._epoch, done + self._epoch)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit what is written in it; on any error, nothing of it."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            # Where the disk is full, SQLite may have rolled back itself, or left the COMMIT undone.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _write_groups(self) -> None:
        while not self._closing.wait(GROUP):
            self.flush()
        self.flush()

    def _note_what_is_wanted(self) -> None:
        """Note the number of triggers and the period, where they were changed since the run began."""
        if self._sequence is None:
            return
        wanted = (self._sequence.triggers, self._sequence.pace.period)
        if wanted != self._wanted:
            self._wanted = wanted
            self._notes.put((CHANGE_WANTED, (*wanted, self._run_key)))

    def _commit(self) -> bool:
        self._note_what_is_wanted()
        try:
            while True:
                self._unwritten.append(self._notes.get_nowait())
        except queue.Empty:
            pass
        if not self._unwritten:
            return True
        groups: dict[str, list[tuple[object, ...]]] = {}
        for statement, values in self._unwritten:
            notes = step_rows(*values) if statement is ADD_STEP else [(statement, values)]  # type: ignore[arg-type]
            for kind, row in notes:
                groups.setdefault(kind, []).append(row)
        try:
            with self._transaction():
                for statement, rows in groups.items():
                    self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            # The disk may be full for a while: nothing is thrown away, and the Director's Status says so.
            self._why = str(error)
            return False
        self._why = ""
        self._unwritten.clear()
        return True


def default_directory() -> Path:
    """Return the folder of runs where the property RunDirectory does not say."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "donkiorchestra" / "runs"
