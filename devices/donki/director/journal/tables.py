"""The statements that fill the tables of the runs.

What the journal keeps of the data stands in `deliveries`, the tables themselves in `migrations`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from importlib import metadata

from donki.director.journal import deliveries
from donki.director.rules.effects import Attempt
from donki.run import Run

ADD_RUN = """
INSERT INTO run (id, director, title, metadata, seed, triggers, period, versions, began)
VALUES (:id, :director, :title, :metadata, :seed, :triggers, :period, :versions, :began)
"""
TAKE_UP_RUN = "UPDATE run SET ended = NULL, outcome = NULL, error = NULL WHERE id = ? AND director = ?"
ADD_PLAYER = """
INSERT INTO player (run, name, device, priority, timeout, on_error, retries, script, script_hash, parameters,
    faults)
VALUES (:run, :name, :device, :priority, :timeout, :on_error, :retries, :script, :script_hash, :parameters,
    :faults)
ON CONFLICT (run, name) DO UPDATE SET device = excluded.device, priority = excluded.priority,
    timeout = excluded.timeout, on_error = excluded.on_error, retries = excluded.retries,
    script = excluded.script, script_hash = excluded.script_hash, parameters = excluded.parameters,
    faults = excluded.faults
"""
# Each time a run begins or is taken up, a Player may be sent one attempt more, and its retries; a section's
# Player as often as the section is sent the same trigger.
RAISE_SENT = """
INSERT INTO sent SELECT key, ? * (1 + CASE on_error WHEN 'RETRY' THEN retries ELSE 0 END) FROM player
WHERE run = ?
ON CONFLICT (player) DO UPDATE SET attempt = attempt + excluded.attempt
"""
ADD_FIRST = "INSERT OR REPLACE INTO first VALUES (?, ?, ?)"
CHANGE_WANTED = "UPDATE run SET triggers = ?, period = ? WHERE key = ?"
# An attempt that was given up may turn out to be done when the run is taken up.
ADD_ATTEMPT = """
INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET outcome = excluded.outcome, done = excluded.done, duration = excluded.duration,
    events = excluded.events, messages = excluded.messages, bytes = excluded.bytes
    WHERE outcome != 'done' AND excluded.outcome = 'done'
"""
ADD_TRIGGER = "INSERT OR IGNORE INTO trigger VALUES (?, ?, ?, ?, ?, ?)"
ADD_REMARK = "INSERT INTO remark SELECT key, ?, ? FROM run WHERE id = ?"
ADD_REMARK_OF = "INSERT INTO remark VALUES (?, ?, ?)"
ADD_FILE = """
INSERT OR IGNORE INTO file (player, path)
SELECT player.key, ? FROM player JOIN run ON run.key = player.run WHERE run.id = ? AND player.name = ?
"""
SET_HOST = "UPDATE player SET host = ? WHERE key = ?"
ADD_JOB = "INSERT INTO job (id, topic, state, file, run) SELECT ?, ?, ?, ?, key FROM run WHERE id = ?"
ANSWER_JOB = "UPDATE job SET state = ?, writer = ?, file = ?, said = ? WHERE id = ?"
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


def attempt_rows(
    noted: Attempt, run_key: int, player_key: int, epoch: int
) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the statements that note an attempt and what was delivered at it, and their values.

    Parameters
    ----------
    noted
        its times are ns, monotonic
    run_key, player_key
        the numbers of its run and its Player in the journal
    epoch
        ns since 1970 UTC at the zero of the monotonic clock
    """
    report = noted.report or {}
    # It may have been done at a later attempt, of which a Director that died took no note.
    attempt = report.get("attempt", noted.attempt)
    yield (
        ADD_ATTEMPT,
        (
            run_key,
            noted.trigger,
            player_key,
            attempt,
            noted.outcome.value,
            noted.sent + epoch,
            noted.done + epoch,
            noted.error,
            report.get("duration"),
            report.get("events", 0),
            report.get("messages", 0),
            report.get("bytes", 0),
        ),
    )
    yield from deliveries.rows(player_key, noted.trigger, attempt, report.get("manifest", {}))


def _versions() -> dict[str, str]:
    names = ("donkiorchestra", "pytango", "kafka-python", "ess-streaming-data-types", "h5py", "numpy")
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in names}
