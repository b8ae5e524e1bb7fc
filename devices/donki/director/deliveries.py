"""What the journal keeps of the data: where they went, and enough to check every message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from donki.streams.manifest import Manifest, Tally

SCHEMA = """
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
    measured INTEGER NOT NULL,         -- 0: as it went to Kafka; 1: before faults, where that differs
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
"""

_STREAM = "INSERT OR IGNORE INTO stream (player, topic, source, brokers) VALUES (?, ?, ?, ?)"
_EXTENT = """
INSERT INTO extent VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET first = MIN(first, excluded.first), last = MAX(last, excluded.last)
"""
_DELIVERY = """
INSERT OR IGNORE INTO delivery (stream, trigger, attempt, measured, events, bytes, largest, checksums)
SELECT key, ?, ?, ?, ?, ?, ?, ? FROM stream WHERE player = ? AND topic = ? AND source = ?
"""
_FAULT = """
INSERT OR IGNORE INTO fault (player, attempt, trigger, kind, topic, source, message, detail, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def rows(
    player: int, trigger: int, attempt: int, said: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the statements and values that keep a manifest.

    Parameters
    ----------
    player
        its key in the journal
    trigger, attempt
        at which it was delivered
    said
        the manifest as a JSON object; empty for none
    """
    if not said:
        return
    manifest = Manifest.from_dict(said)
    for tally in {(tally.topic, tally.source): tally for tally in manifest.all_tallies}.values():
        yield _STREAM, (player, tally.topic, tally.source, manifest.brokers)
    for extent in manifest.extents:
        yield _EXTENT, (player, extent.topic, extent.partition, extent.first, extent.last)
    for tally in manifest.sent:
        yield _DELIVERY, _delivery(player, trigger, attempt, tally, measured=False)
    if manifest.measured is not None:
        measured = {(tally.topic, tally.source) for tally in manifest.measured}
        nothing = [
            Tally(tally.topic, tally.source, 0, 0, 0, b"")
            for tally in manifest.sent
            if (tally.topic, tally.source) not in measured
        ]
        for tally in (*manifest.measured, *nothing):
            yield _DELIVERY, _delivery(player, trigger, attempt, tally, measured=True)
    for fault in manifest.faults:
        yield _FAULT, (player, attempt, *vars(fault).values())


def _delivery(player: int, trigger: int, attempt: int, tally: Tally, *, measured: bool) -> tuple[object, ...]:
    counts = tally.events, tally.size, tally.largest, tally.checksums
    return (trigger, attempt, measured, *counts, player, tally.topic, tally.source)
