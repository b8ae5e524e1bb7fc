"""What the journal keeps of the data: where they went, and enough to check every message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from donki.streams.manifest import Manifest, StreamTotals

#: What a delivery is, in its column ``measured``.
SENT, MEASURED, LEFT, ROWS = range(4)

#: Take that a Player is set up, or has stopped and told what it delivered last.
INTRODUCED = "DELETE FROM parted WHERE player = ?"
PARTED = "INSERT OR IGNORE INTO parted VALUES (?)"

_STREAM = "INSERT OR IGNORE INTO stream (player, topic, source, brokers) VALUES (?, ?, ?, ?)"
_EXTENT = """
INSERT INTO extent VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET first = MIN(first, excluded.first), last = MAX(last, excluded.last)
"""
_DELIVERY = """
INSERT OR IGNORE INTO delivery (stream, trigger, attempt, measured, events, bytes, largest, checksums)
SELECT key, ?, ?, ?, ?, ?, ?, ? FROM stream WHERE player = ? AND topic = ? AND source = ?
"""
_PLACE = """
INSERT OR IGNORE INTO place (measured, trigger, attempt, partition, offsets, stamps, stream)
SELECT ?, ?, ?, ?, ?, ?, key FROM stream WHERE player = ? AND topic = ? AND source = ?
"""
_DISCARDED = "INSERT OR IGNORE INTO discarded VALUES (?, ?, ?)"
_FILE = "INSERT OR IGNORE INTO file (player, path) VALUES (?, ?)"
_GONE = "DELETE FROM file WHERE player = ? AND path = ?"
_WRITTEN = "INSERT OR REPLACE INTO written VALUES (?, ?, ?, ?)"
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
    for tally in {(tally.topic, tally.source): tally for tally in manifest.all_totals}.values():
        # Rows of values are in no topic.
        yield _STREAM, (player, tally.topic, tally.source, manifest.brokers if tally.topic else "")
    for extent in manifest.extents:
        yield _EXTENT, (player, extent.topic, extent.partition, extent.first, extent.last)
    for left in manifest.left:
        yield _DISCARDED, (player, left.trigger, left.attempt)
        yield from _delivered(player, left.trigger, left.attempt, left.sent, LEFT)
    yield from _delivered(player, trigger, attempt, manifest.sent, SENT)
    yield from _delivered(player, trigger, attempt, manifest.values, ROWS)
    if manifest.measured is not None:
        measured = {(tally.topic, tally.source) for tally in manifest.measured}
        nothing = [
            StreamTotals(tally.topic, tally.source, 0, 0, 0, b"")
            for tally in manifest.sent
            if (tally.topic, tally.source) not in measured
        ]
        yield from _delivered(player, trigger, attempt, (*manifest.measured, *nothing), MEASURED)
    for path in manifest.gone:
        yield _GONE, (player, path)
    for file in manifest.files:
        yield _FILE, (player, file.path)
        if file.size >= 0:
            yield _WRITTEN, (player, *file)
    for fault in manifest.faults:
        yield _FAULT, (player, attempt, *vars(fault).values())


def _delivered(
    player: int, trigger: int, attempt: int, tallies: Iterable[StreamTotals], kind: int
) -> Iterator[tuple[str, tuple[object, ...]]]:
    for tally in tallies:
        stream = player, tally.topic, tally.source
        counts = tally.events, tally.size, tally.largest, tally.checksums
        yield _DELIVERY, (trigger, attempt, kind, *counts, *stream)
        if tally.offsets:
            yield _PLACE, (kind, trigger, attempt, tally.partition, tally.offsets, tally.stamps, *stream)
