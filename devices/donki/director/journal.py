"""The journal: every run recorded as it goes, in SQLite under the RunDirectory.

What the conducting thread notes is put on a queue; a thread of the journal's own commits it in groups, ten
times a second. A commit is durable (write-ahead log, synced), so that a Director that dies loses at most the
last tenth of a second of notes, and `Director.Recover` asks the Players for what they hold.
"""

from __future__ import annotations

import json
import os
import platform
import queue
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from donki.director import deliveries
from donki.director.effects import Outcome, Step, TriggerDone
from donki.director.sent_mark import SentMark
from donki.errors import FileError
from donki.run import Run

if TYPE_CHECKING:
    from donki.director.roster import Entry
    from donki.director.sequence import Sequence

FILE_NAME = "journal.sqlite"

#: How often notes are committed, in s.
GROUP = 0.1

SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    director TEXT NOT NULL,
    title TEXT NOT NULL,
    metadata TEXT NOT NULL,            -- JSON object
    seed INTEGER NOT NULL,
    triggers INTEGER NOT NULL,         -- -1: endless
    period INTEGER NOT NULL,           -- ns
    versions TEXT NOT NULL,            -- JSON object: name -> version
    began INTEGER NOT NULL,            -- ns since 1970 UTC, as all times here
    ended INTEGER,
    outcome TEXT,                      -- done, stopped, aborted or failed; NULL while it runs
    error TEXT
);
CREATE TABLE IF NOT EXISTS player (
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run,
    name TEXT NOT NULL,
    device TEXT NOT NULL,
    priority INTEGER NOT NULL,
    timeout REAL NOT NULL,             -- s
    on_error TEXT NOT NULL,
    retries INTEGER NOT NULL,
    script TEXT NOT NULL,
    script_hash TEXT NOT NULL,         -- SHA-256 of the script's file
    parameters TEXT NOT NULL,          -- JSON object
    UNIQUE (run, name)
);
CREATE TABLE IF NOT EXISTS step (
    run INTEGER NOT NULL REFERENCES run,
    trigger INTEGER NOT NULL,
    player INTEGER NOT NULL REFERENCES player,
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,             -- done, failed, skipped, disabled or aborted
    sent INTEGER NOT NULL,
    done INTEGER NOT NULL,
    error TEXT NOT NULL,
    duration REAL,                     -- s, at the Player
    events INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (run, trigger, player, attempt)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trigger (
    run INTEGER NOT NULL REFERENCES run,
    number INTEGER NOT NULL,
    reference_time INTEGER NOT NULL,
    due INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    done INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS remark (
    run INTEGER NOT NULL REFERENCES run,
    time INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS file (
    key INTEGER PRIMARY KEY,
    player INTEGER NOT NULL REFERENCES player,
    path TEXT NOT NULL,
    UNIQUE (player, path)
);
CREATE TABLE IF NOT EXISTS sent (      -- the highest attempt that a Player may have been sent in its run
    player INTEGER PRIMARY KEY REFERENCES player,
    attempt INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS first (     -- at which attempt a Player begins a trigger, where that is not 1
    player INTEGER NOT NULL REFERENCES player,
    trigger INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (player, trigger)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job (       -- of the file writers that were told of the run
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run,
    id TEXT NOT NULL UNIQUE,           -- a UUID
    topic TEXT NOT NULL,
    stopped INTEGER                    -- when they were told to stop; NULL while they write
);
"""


@dataclass(frozen=True)
class Interrupted:
    """A run that can be taken up.

    Attributes
    ----------
    run, triggers, period
        as it was started, or as was wanted last; the period in ns
    completed
        its last complete trigger; 0 if none
    attempts
        by Player: the attempts of the trigger after it that are noted as failed
    first
        by Player and trigger: the attempt at which it began, or would have, where that is not 1
    sent
        by Player: the highest attempt that it may have been sent so far
    unsure
        how many triggers after the last complete one may have been done without a note
    failed
        whether it ended in failure: then everything is noted
    """

    run: Run
    triggers: int
    period: int
    completed: int
    attempts: Mapping[str, int]
    first: Mapping[str, Mapping[int, int]]
    sent: Mapping[str, int]
    unsure: int
    failed: bool = False

    def first_attempts(self, player: str, *, lived: bool) -> dict[int, int]:
        """Return by trigger at which attempt a Player begins, where that is not 1.

        A Player that lived knows what it has done and is sent the same attempt again. One that died may have
        done any of the triggers that are not noted, and one that was told to give up has failed at one: those
        are marked by an attempt that it was never sent.
        """
        first = self.completed + 1
        if not lived:
            return dict.fromkeys(range(first, first + self.unsure), self.sent.get(player, 1) + 1)
        # It may have lived only since the run was taken up before.
        attempts = dict(self.first.get(player, {}))
        if player in self.attempts:
            attempts[first] = max(attempts.get(first, 1), self.attempts[player] + 1)
        return attempts


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
            self._notes.put((_TRIGGER, (self._run_key, *self._dated(effect))))
            return
        self._notes.put((_STEP, (effect, self._run_key, self._player_keys[effect.player], self._epoch)))

    def remark(self, run_id: str, text: str) -> None:
        """Note something that happened to a run."""
        self._notes.put((_REMARK, (time.time_ns(), text, run_id)))

    def file(self, run_id: str, player: str, path: str) -> None:
        """Note a file that a Player writes in a run."""
        self._notes.put((_FILE, (path, run_id, player)))

    def remainder(self, player: str, manifest: str) -> None:
        """Note what a Player delivered after the last trigger: a manifest in JSON."""
        for note in deliveries.rows(self._player_keys[player], 0, time.time_ns(), json.loads(manifest)):
            self._notes.put(note)

    def job(self, run_id: str, job_id: str, topic: str) -> None:
        """Note a job that file writers are told of on a topic."""
        self._notes.put((_JOB, (job_id, topic, run_id)))

    def job_stopped(self, job_id: str) -> None:
        """Note that the file writers were told to stop a job."""
        self._notes.put((_JOB_STOPPED, (time.time_ns(), job_id)))

    def end(self, outcome: str, error: str) -> None:
        """Note that the run has ended."""
        self._notes.put((_END, (time.time_ns(), outcome, error, self._run_key)))

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
            row = self._connection.execute(
                "SELECT key, id, title, metadata, seed, triggers, period, outcome FROM run WHERE director = ?"
                " ORDER BY key DESC LIMIT 1",
                (self.director,),
            ).fetchone()
            if row is None or row[-1] not in (None, "failed"):
                return None
            key, run_id, title, metadata, seed, triggers, period, outcome = row
            completed, last = self._connection.execute(
                "SELECT COALESCE(MAX(number), 0), COALESCE(MAX(done), 0) FROM trigger WHERE run = ?", (key,)
            ).fetchone()
            (recent,) = self._connection.execute(
                "SELECT COUNT(*) FROM trigger WHERE run = ? AND done > ?", (key, last - 1_000_000_000)
            ).fetchone()
            attempts = self._connection.execute(
                "SELECT name, MAX(attempt) FROM step JOIN player ON step.player = player.key"
                " WHERE step.run = ? AND trigger = ? AND outcome != ? GROUP BY name",
                (key, completed + 1, Outcome.DONE.value),
            ).fetchall()
            sent = self._connection.execute(
                "SELECT name, attempt FROM sent JOIN player ON sent.player = player.key WHERE run = ?", (key,)
            ).fetchall()
            begun = self._connection.execute(
                "SELECT name, trigger, attempt FROM first JOIN player ON first.player = player.key"
                " WHERE run = ? AND trigger > ?",
                (key, completed),
            ).fetchall()
        first: dict[str, dict[int, int]] = {}
        for name, trigger, attempt in begun:
            first.setdefault(name, {})[trigger] = attempt
        # A power cut may have taken the last seconds of the mark; of the journal, no more than one commit.
        unsure = max(self._mark.last(key) - completed, recent + 1)
        run = Run(run_id, title, json.loads(metadata), seed, self.director)
        return Interrupted(
            run,
            triggers,
            period,
            completed,
            dict(attempts),
            first,
            dict(sent),
            unsure,
            outcome == "failed",
        )

    def last_durations(self) -> dict[str, float]:
        """Return by Player what 99 % of its triggers took at most in this Director's last run, in s.

        Raises
        ------
        FileError
            if the journal cannot be read
        """
        self.flush()
        with self._reading():
            rows = self._connection.execute(
                "SELECT name, done - sent FROM step JOIN player ON step.player = player.key"
                " WHERE step.run = (SELECT MAX(key) FROM run WHERE director = ?) AND outcome = 'done'"
                " AND trigger > (SELECT MAX(number) - 1000 FROM trigger WHERE run = step.run)",
                (self.director,),
            ).fetchall()
        taken: dict[str, list[int]] = {}
        for name, duration in rows:
            taken.setdefault(name, []).append(duration)
        return {name: sorted(times)[int(0.99 * (len(times) - 1))] / 1e9 for name, times in taken.items()}

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
        now = time.time_ns()
        with self._writing, self._transaction():
            self._connection.execute(
                _RUN,
                {
                    "id": run.id,
                    "director": self.director,
                    "title": run.title,
                    "metadata": json.dumps(dict(run.metadata)),
                    "seed": run.seed,
                    "triggers": sequence.triggers,
                    "period": sequence.pace.period,
                    "versions": json.dumps(_versions()),
                    "began": now,
                },
            )
            (self._run_key,) = self._connection.execute(
                "SELECT key FROM run WHERE id = ?", (run.id,)
            ).fetchone()
            players = [
                {**vars(entry), "run": self._run_key, "on_error": entry.on_error.name} for entry in entries
            ]
            self._connection.executemany(_PLAYER, players)
            self._connection.execute(_SENT, (self._run_key,))
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
            self._connection.executemany("INSERT OR REPLACE INTO first VALUES (?, ?, ?)", first)
            self._mark.begin(self._run_key, sequence.completed)

    def _dated(self, effect: TriggerDone) -> tuple[int, ...]:
        number, reference_time, due, sent, done = effect
        return (number, reference_time, due + self._epoch, sent + self._epoch, done + self._epoch)

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)

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
            self._notes.put((_WANTED, (*wanted, self._run_key)))

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
            notes = _step_rows(*values) if statement is _STEP else [(statement, values)]  # type: ignore[arg-type]
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


def _versions() -> dict[str, str]:
    names = ("donkiorchestra", "pytango", "kafka-python", "ess-streaming-data-types", "h5py", "numpy")
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in names}


class _Transaction:
    """A transaction that is rolled back on any error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            # Where the disk is full, SQLite may have rolled back itself, or left the COMMIT undone.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


_RUN = """
INSERT INTO run (id, director, title, metadata, seed, triggers, period, versions, began)
VALUES (:id, :director, :title, :metadata, :seed, :triggers, :period, :versions, :began)
ON CONFLICT (id) DO UPDATE SET ended = NULL, outcome = NULL, error = NULL
"""
_PLAYER = """
INSERT INTO player (run, name, device, priority, timeout, on_error, retries, script, script_hash, parameters)
VALUES (:run, :name, :device, :priority, :timeout, :on_error, :retries, :script, :script_hash, :parameters)
ON CONFLICT (run, name) DO UPDATE SET device = excluded.device, priority = excluded.priority,
    timeout = excluded.timeout, on_error = excluded.on_error, retries = excluded.retries,
    script = excluded.script, script_hash = excluded.script_hash, parameters = excluded.parameters
"""
# Each time a run begins or is taken up, a Player may be sent one attempt more, and its retries.
_SENT = """
INSERT INTO sent SELECT key, 1 + CASE on_error WHEN 'RETRY' THEN retries ELSE 0 END FROM player WHERE run = ?
ON CONFLICT (player) DO UPDATE SET attempt = attempt + excluded.attempt
"""
_WANTED = "UPDATE run SET triggers = ?, period = ? WHERE key = ?"
# An attempt that was given up may turn out to be done when the run is taken up.
_STEP = """
INSERT INTO step VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET outcome = excluded.outcome, done = excluded.done, duration = excluded.duration,
    events = excluded.events, messages = excluded.messages, bytes = excluded.bytes
    WHERE outcome != 'done' AND excluded.outcome = 'done'
"""
_TRIGGER = "INSERT OR IGNORE INTO trigger VALUES (?, ?, ?, ?, ?, ?)"
_REMARK = "INSERT INTO remark SELECT key, ?, ? FROM run WHERE id = ?"
_FILE = """
INSERT OR IGNORE INTO file (player, path)
SELECT player.key, ? FROM player JOIN run ON run.key = player.run WHERE run.id = ? AND player.name = ?
"""
_JOB = "INSERT INTO job (id, topic, run) SELECT ?, ?, key FROM run WHERE id = ?"
_JOB_STOPPED = "UPDATE job SET stopped = ? WHERE id = ?"
_END = "UPDATE run SET ended = ?, outcome = ?, error = ? WHERE key = ?"


def _step_rows(
    step: Step, run_key: int, player_key: int, epoch: int
) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the statements that note a step and what was delivered at it, and their values."""
    report = json.loads(step.report) if step.report else {}
    # It may have been done at a later attempt, of which a Director that died took no note.
    attempt = report.get("attempt", step.attempt)
    yield (
        _STEP,
        (
            run_key,
            step.trigger,
            player_key,
            attempt,
            step.outcome.value,
            step.sent + epoch,
            step.done + epoch,
            step.error,
            report.get("duration"),
            report.get("events", 0),
            report.get("messages", 0),
            report.get("bytes", 0),
        ),
    )
    yield from deliveries.rows(player_key, step.trigger, attempt, report.get("manifest", {}))
