"""The tables of the journal, version by version; `migrate` brings a journal to the present one.

To change the tables, append a migration. A Director of an earlier version may be noting a run in the file
meanwhile, and goes on: what it writes to must stay, and each column that is added has a default. The
statements that fill the tables are in `tables`, `deliveries` and `lines`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from donki.director.journal.notes import transaction
from donki.errors import FileError
from donki.versions import check_version

#: What brings a journal from each version to the next, in SQL. Development versions wrote the tables of
#: versions 1 and 2 without a number, so that some may be there.
MIGRATIONS = (
    """
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
CREATE TABLE IF NOT EXISTS stream (
    key INTEGER PRIMARY KEY,
    player INTEGER NOT NULL REFERENCES player,
    topic TEXT NOT NULL,
    source TEXT NOT NULL,              -- the key of its messages
    brokers TEXT NOT NULL,
    UNIQUE (player, topic, source)
);
CREATE TABLE IF NOT EXISTS extent (    -- offsets of the first and the last message of a Player in its run
    player INTEGER NOT NULL REFERENCES player,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (player, topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delivery (
    key INTEGER PRIMARY KEY,           -- in the order in which they were made
    stream INTEGER NOT NULL REFERENCES stream,
    trigger INTEGER NOT NULL,          -- 0: outside of triggers, as by the script's stop
    attempt INTEGER NOT NULL,          -- outside of triggers: ns since 1970 UTC
    measured INTEGER NOT NULL,         -- 0: as it went to Kafka; 1: before faults, where that differs;
                                       -- 2: what an attempt sent that failed; 3: rows of returned values
    events INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    largest INTEGER NOT NULL,          -- most events in a message
    checksums BLOB NOT NULL,           -- CRC-32C of each message, uint32, little endian
    UNIQUE (stream, measured, trigger, attempt)
);
CREATE INDEX IF NOT EXISTS delivery_in_order ON delivery (stream, measured);
CREATE TABLE IF NOT EXISTS fault (     -- put into the data on purpose
    key INTEGER PRIMARY KEY,
    player INTEGER NOT NULL REFERENCES player,
    trigger INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    kind TEXT NOT NULL,
    topic TEXT NOT NULL,
    source TEXT NOT NULL,
    message INTEGER NOT NULL,          -- its number in the stream at the trigger, from 1
    detail TEXT NOT NULL,
    checksum INTEGER NOT NULL,         -- of what is at Kafka in its place; where nothing is, of what is not
    UNIQUE (player, trigger, attempt, topic, source, message, kind, detail)
);
""",
    """
CREATE TABLE IF NOT EXISTS place (     -- of the messages of a delivery in Kafka
    stream INTEGER NOT NULL REFERENCES stream,
    measured INTEGER NOT NULL,
    trigger INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    offsets BLOB NOT NULL,             -- int64, little endian; one alone: of the first of a series
    stamps BLOB NOT NULL,              -- ms since 1970 UTC, int64, little endian; one alone: of all
    PRIMARY KEY (stream, measured, trigger, attempt)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS discarded ( -- attempts that failed, of which the Player told all that it had sent
    player INTEGER NOT NULL REFERENCES player,
    trigger INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (player, trigger, attempt)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parted (    -- Players that told, when they had stopped, what they delivered last
    player INTEGER PRIMARY KEY REFERENCES player
);
CREATE TABLE IF NOT EXISTS written (   -- files that are finished
    player INTEGER NOT NULL REFERENCES player,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,             -- bytes
    checksum INTEGER NOT NULL,         -- CRC-32C of the whole file
    PRIMARY KEY (player, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sealed (    -- runs of which the master file has a checksum of each line
    run INTEGER PRIMARY KEY REFERENCES run
);
CREATE TABLE IF NOT EXISTS finished (  -- whether the master file of a run is written
    run INTEGER PRIMARY KEY REFERENCES run,
    ended INTEGER NOT NULL             -- the end of the run that it knows of; 0: it is yet to be written
);
""",
    """
ALTER TABLE player ADD COLUMN faults TEXT NOT NULL DEFAULT '[]';    -- JSON list of rules
""",
    """
ALTER TABLE step RENAME TO attempt;
CREATE TABLE step (                    -- Directors of earlier versions write here; attempt gets it
    run, trigger, player, attempt, outcome, sent, done, error, duration, events, messages, bytes,
    PRIMARY KEY (run, trigger, player, attempt)
);
CREATE TRIGGER step_to_attempt AFTER INSERT ON step BEGIN
    INSERT INTO attempt VALUES (new.run, new.trigger, new.player, new.attempt, new.outcome, new.sent,
        new.done, new.error, new.duration, new.events, new.messages, new.bytes)
    ON CONFLICT DO UPDATE SET outcome = excluded.outcome, done = excluded.done,
        duration = excluded.duration, events = excluded.events, messages = excluded.messages,
        bytes = excluded.bytes WHERE outcome != 'done' AND excluded.outcome = 'done';
    DELETE FROM step;
END;
""",
    # What file writers answered: where the job stands, a word of `JobState`, and its file.
    """
ALTER TABLE job ADD COLUMN state TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN writer TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN file TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN said TEXT NOT NULL DEFAULT '';
""",
    # On which host the files of a Player are; empty where that is not known.
    """
ALTER TABLE player ADD COLUMN host TEXT NOT NULL DEFAULT '';
""",
)

#: The version of the journals that are written, SQLite's ``user_version`` in the file.
VERSION = len(MIGRATIONS)


def find_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the journal at a path; 0 where it is new, or of a time without numbers.

    Raises
    ------
    FileError
        if it is of a later version
    sqlite3.Error
        if it cannot be read
    """
    ((found,),) = connection.execute("PRAGMA user_version")
    return check_version(f"the journal {path}", found, VERSION, FileError) if found else 0


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a journal to the present version, or leave it as it was where that fails.

    Raises
    ------
    FileError
        if it is of a later version
    sqlite3.Error
        if it cannot be read or written
    """
    if find_version(connection, path) == VERSION:
        return
    with transaction(connection):
        # Another Director may have done it since.
        for migration in MIGRATIONS[find_version(connection, path) :]:
            for statement in _statements(migration):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; ``executescript`` would commit before it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
