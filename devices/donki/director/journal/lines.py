"""The lines of the journal that belong to a run, each with a checksum: one that is changed later is noticed.

The master file keeps the checksums, in the order of the lines.
"""

from __future__ import annotations

from typing import Any

from crc32c import crc32c

ADD_SEALED = "INSERT OR IGNORE INTO sealed VALUES (?)"
ADD_FINISHED = "INSERT OR REPLACE INTO finished VALUES (?, 0)"
FINISH = "UPDATE finished SET ended = ? WHERE run = (SELECT key FROM run WHERE id = ? AND ended = ?)"
REOPEN = "UPDATE finished SET ended = 0 WHERE run = (SELECT key FROM run WHERE id = ?)"
UNFINISHED = (
    "SELECT id FROM finished JOIN run ON run.key = finished.run"
    " WHERE director = ? AND finished.ended = 0 AND run.ended IS NOT NULL ORDER BY run.key"
)

_OF_PLAYER = "FROM {0} JOIN player ON player.key = {0}.player WHERE run = ? ORDER BY {1}"
_OF_STREAM = (
    "FROM {0} JOIN stream ON stream.key = {0}.stream JOIN player ON player.key = stream.player"
    " WHERE run = ? ORDER BY {1}"
)

#: By table: which of its lines are a run's, in the order of their keys.
LINES = {
    "run": "FROM run WHERE key = ?",
    "sealed": "FROM sealed WHERE run = ?",
    "player": "FROM player WHERE run = ? ORDER BY key",
    "trigger": "FROM trigger WHERE run = ? ORDER BY number",
    "attempt": "FROM attempt WHERE run = ? ORDER BY trigger, player, attempt",
    "remark": "FROM remark WHERE run = ? ORDER BY rowid",
    "job": "FROM job WHERE run = ? ORDER BY key",
    "file": _OF_PLAYER.format("file", "file.key"),
    "written": _OF_PLAYER.format("written", "player, path"),
    "sent": _OF_PLAYER.format("sent", "player"),
    "first": _OF_PLAYER.format("first", "player, trigger"),
    "parted": _OF_PLAYER.format("parted", "player"),
    "stream": _OF_PLAYER.format("stream", "stream.key"),
    "extent": _OF_PLAYER.format("extent", "player, topic, partition"),
    "discarded": _OF_PLAYER.format("discarded", "player, trigger, attempt"),
    "fault": _OF_PLAYER.format("fault", "fault.key"),
    "delivery": _OF_STREAM.format("delivery", "delivery.key"),
    "place": _OF_STREAM.format("place", "stream, measured, trigger, attempt"),
}

#: What tables were called in master files of earlier versions.
FORMER_NAMES = {"attempt": "step"}

#: Columns that may change after the end of a run: file writers may be told to stop later, and answer later.
CHANGING = {("job", name) for name in ("stopped", "state", "writer", "file", "said")}


def line_checksum(line: tuple[Any, ...]) -> int:
    """Return the CRC-32C of a line."""
    checksum = 0
    for value in line:
        content = value if isinstance(value, bytes) else repr(value).encode(errors="surrogatepass")
        checksum = crc32c(content, crc32c(b"%d " % len(content), checksum))
    return int(checksum)
