"""The tables that the journal keeps of the runs, and the statements that fill them.

What it keeps of the data stands in `deliveries`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from importlib import metadata

from donki.director import deliveries
from donki.director.effects import Step
from donki.run import Run

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

ADD_RUN = """
INSERT INTO run (id, director, title, metadata, seed, triggers, period, versions, began)
VALUES (:id, :director, :title, :metadata, :seed, :triggers, :period, :versions, :began)
ON CONFLICT (id) DO UPDATE SET ended = NULL, outcome = NULL, error = NULL
"""
ADD_PLAYER = """
INSERT INTO player (run, name, device, priority, timeout, on_error, retries, script, script_hash, parameters)
VALUES (:run, :name, :device, :priority, :timeout, :on_error, :retries, :script, :script_hash, :parameters)
ON CONFLICT (run, name) DO UPDATE SET device = excluded.device, priority = excluded.priority,
    timeout = excluded.timeout, on_error = excluded.on_error, retries = excluded.retries,
    script = excluded.script, script_hash = excluded.script_hash, parameters = excluded.parameters
"""
# Each time a run begins or is taken up, a Player may be sent one attempt more, and its retries.
RAISE_SENT = """
INSERT INTO sent SELECT key, 1 + CASE on_error WHEN 'RETRY' THEN retries ELSE 0 END FROM player WHERE run = ?
ON CONFLICT (player) DO UPDATE SET attempt = attempt + excluded.attempt
"""
ADD_FIRST = "INSERT OR REPLACE INTO first VALUES (?, ?, ?)"
CHANGE_WANTED = "UPDATE run SET triggers = ?, period = ? WHERE key = ?"
# An attempt that was given up may turn out to be done when the run is taken up.
ADD_STEP = """
INSERT INTO step VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET outcome = excluded.outcome, done = excluded.done, duration = excluded.duration,
    events = excluded.events, messages = excluded.messages, bytes = excluded.bytes
    WHERE outcome != 'done' AND excluded.outcome = 'done'
"""
ADD_TRIGGER = "INSERT OR IGNORE INTO trigger VALUES (?, ?, ?, ?, ?, ?)"
ADD_REMARK = "INSERT INTO remark SELECT key, ?, ? FROM run WHERE id = ?"
ADD_FILE = """
INSERT OR IGNORE INTO file (player, path)
SELECT player.key, ? FROM player JOIN run ON run.key = player.run WHERE run.id = ? AND player.name = ?
"""
ADD_JOB = "INSERT INTO job (id, topic, run) SELECT ?, ?, key FROM run WHERE id = ?"
STOP_JOB = "UPDATE job SET stopped = ? WHERE id = ?"
END_RUN = "UPDATE run SET ended = ?, outcome = ?, error = ? WHERE key = ?"


def run_row(run: Run, director: str, triggers: int, period: int, began: int) -> dict[str, object]:
    """Return the values of `ADD_RUN`; `period` is in ns, `began` in ns since 1970 UTC."""
    return {
        "id": run.id,
        "director": director,
        "title": run.title,
        "metadata": json.dumps(dict(run.metadata)),
        "seed": run.seed,
        "triggers": triggers,
        "period": period,
        "versions": json.dumps(_versions()),
        "began": began,
    }


def step_rows(
    step: Step, run_key: int, player_key: int, epoch: int
) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the statements that note a step and what was delivered at it, and their values.

    Parameters
    ----------
    step
        its times are ns, monotonic
    run_key, player_key
        the numbers of its run and its Player in the journal
    epoch
        ns since 1970 UTC at the zero of the monotonic clock
    """
    report = json.loads(step.report) if step.report else {}
    # It may have been done at a later attempt, of which a Director that died took no note.
    attempt = report.get("attempt", step.attempt)
    yield (
        ADD_STEP,
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


def _versions() -> dict[str, str]:
    names = ("donkiorchestra", "pytango", "kafka-python", "ess-streaming-data-types", "h5py", "numpy")
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in names}
