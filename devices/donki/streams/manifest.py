"""What was delivered at a trigger, stream by stream: enough to find it again and to check every byte."""

from __future__ import annotations

import struct
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from donki.streams.faults.fault import Fault


class StreamTotals(NamedTuple):
    """What one stream sent.

    Attributes
    ----------
    topic, source
        the stream
    events, size
        of all its messages; the size in bytes
    largest
        most events in one message
    checksums
        CRC-32C of each message in the order they were sent, as little-endian uint32
    partition
        where they are in Kafka; -1 where that is not known
    offsets
        of each message there, as `pack_offsets` packs them; empty where they are not known
    stamps
        their time stamps, ms since 1970 UTC, as `pack_stamps` packs them; empty where they are not known
    """

    topic: str
    source: str
    events: int
    size: int
    largest: int
    checksums: bytes
    partition: int = -1
    offsets: bytes = b""
    stamps: bytes = b""

    @property
    def messages(self) -> int:
        """How many there were."""
        return len(self.checksums) // 4


def pack_checksums(checksums: Sequence[int]) -> bytes:
    """Return checksums as little-endian uint32."""
    return struct.pack(f"<{len(checksums)}I", *checksums)


def pack_offsets(offsets: Sequence[int]) -> bytes:
    """Return offsets as little-endian int64: the first alone where each is one more than the one before.

    An offset of -1 is that of a message of which the broker said nothing.
    """
    # For the one message of most triggers a fifth of what numpy takes.
    follow = not offsets or list(offsets) == [*range(offsets[0], offsets[0] + len(offsets))]
    return _pack(offsets[:1] if follow else offsets)


def unpack_offsets(packed: bytes, count: int) -> NDArray[np.int64]:
    """Return the offsets of so many messages; -1 where they are not known."""
    given: NDArray[np.int64] = np.frombuffer(packed, "<i8")
    if len(given) == 1:
        first = int(given[0])
        return np.arange(first, first + count, dtype=np.int64)
    return given if len(given) == count else np.full(count, -1, np.int64)


def pack_stamps(stamps: Sequence[int]) -> bytes:
    """Return time stamps as little-endian int64: one alone where all are the same."""
    return _pack(stamps if len(set(stamps)) > 1 else stamps[:1])


def unpack_stamps(packed: bytes, count: int) -> NDArray[np.int64]:
    """Return the time stamps of so many messages; -1 where they are not known."""
    given: NDArray[np.int64] = np.frombuffer(packed, "<i8")
    return given if len(given) == count else np.full(count, given[0] if len(given) == 1 else -1, np.int64)


def latest_stamp(said: Mapping[str, Any], until: int) -> int:
    """Return the latest time stamp of what was sent, by `Manifest.as_dict`.

    Parameters
    ----------
    said
        what was delivered
    until
        what is later is far off, and does not count

    Returns
    -------
    ms since 1970 UTC, as `until` is; 0 for none
    """
    packed = b"".join(a2b_base64(stamps) for tally in said.get("sent", ()) for stamps in tally[8:])
    stamps = np.frombuffer(packed, "<i8", len(packed) // 8)
    return int(stamps[stamps <= until].max(initial=0))


def _pack(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


class Leftover(NamedTuple):
    """What an attempt sent that failed then: it may be in Kafka, and nothing of it is in the file."""

    trigger: int
    attempt: int
    sent: tuple[StreamTotals, ...]


class WrittenFile(NamedTuple):
    """A file of the Player; its size and CRC-32C where it is finished, else -1 and 0."""

    path: str
    size: int = -1
    checksum: int = 0


class OffsetRange(NamedTuple):
    """Where the messages of a run lie in one partition: the offsets of the first and of the last."""

    topic: str
    partition: int
    first: int
    last: int


@dataclass(frozen=True)
class Manifest:
    """What one Player delivered at one trigger.

    What setup delivers, and what comes after the last trigger, are in manifests of their own, those of
    `trigger` 0.

    Attributes
    ----------
    brokers
        ``host:port, ...`` of the Kafka cluster
    extents
        in each partition, of the whole run so far
    sent
        what went to Kafka
    measured
        what the streams gave, and the file holds; None where it is the same as `sent`
    faults
        that were put in between, on purpose
    left
        what attempts sent that failed, since the last manifest
    values
        rows of returned values in the file: of no topic, with a checksum for each row
    files
        that were begun or finished since the last manifest
    gone
        paths of files that were told, and are not there any more: nothing was delivered to them
    """

    brokers: str = ""
    extents: tuple[OffsetRange, ...] = ()
    sent: tuple[StreamTotals, ...] = ()
    measured: tuple[StreamTotals, ...] | None = None
    faults: tuple[Fault, ...] = ()
    left: tuple[Leftover, ...] = ()
    values: tuple[StreamTotals, ...] = ()
    files: tuple[WrittenFile, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def all_totals(self) -> tuple[StreamTotals, ...]:
        """Of what went to Kafka or to the file, and of what was measured where that differs."""
        left = [totals for leftover in self.left for totals in leftover.sent]
        return (*self.sent, *(self.measured or ()), *left, *self.values)

    @property
    def is_empty(self) -> bool:
        """Whether it tells of nothing; where the data of the run lie is told along with something."""
        return not (self.sent or self.measured or self.left or self.values or self.files or self.gone)

    @property
    def size(self) -> int:
        """About how many bytes it takes to be kept."""
        if self.is_empty:
            return 0
        streams = self.all_totals
        checks = sum(len(totals.checksums) + len(totals.offsets) + len(totals.stamps) for totals in streams)
        return 150 * len(streams) + checks + 300 * len(self.faults)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object; empty where there is nothing to tell."""
        if self.is_empty:
            return {}
        said: dict[str, object] = {
            "brokers": self.brokers,
            "extents": [list(extent) for extent in self.extents],
            "sent": [_packed(totals) for totals in self.sent],
        }
        if self.measured is not None:
            said["measured"] = [_packed(totals) for totals in self.measured]
        if self.faults:
            said["faults"] = [astuple(fault) for fault in self.faults]
        if self.left:
            said["left"] = [
                [left.trigger, left.attempt, [_packed(totals) for totals in left.sent]] for left in self.left
            ]
        if self.values:
            said["values"] = [_packed(totals) for totals in self.values]
        if self.files:
            said["files"] = [list(file) for file in self.files]
        if self.gone:
            said["gone"] = list(self.gone)
        return said

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Read what `as_dict` wrote."""
        if not said:
            return cls()
        return cls(
            said["brokers"],
            tuple(OffsetRange(*extent) for extent in said["extents"]),
            tuple(map(_unpacked, said["sent"])),
            tuple(map(_unpacked, said["measured"])) if "measured" in said else None,
            tuple(Fault(*fault) for fault in said.get("faults", ())),
            tuple(
                Leftover(trigger, attempt, tuple(map(_unpacked, sent)))
                for trigger, attempt, sent in said.get("left", ())
            ),
            tuple(map(_unpacked, said.get("values", ()))),
            tuple(WrittenFile(*file) for file in said.get("files", ())),
            tuple(said.get("gone", ())),
        )


def _packed(totals: StreamTotals) -> tuple[object, ...]:
    *counts, checksums, partition, offsets, stamps = totals
    place = (partition, _as_text(offsets), _as_text(stamps)) if offsets or stamps else ()
    return (*counts, _as_text(checksums), *place)


def _unpacked(said: list[Any]) -> StreamTotals:
    # Players of earlier versions do not tell the offsets.
    topic, source, events, size, largest, checksums, *place = said
    partition, offsets, stamps = place or (-1, "", "")
    where = partition, a2b_base64(offsets), a2b_base64(stamps)
    return StreamTotals(topic, source, events, size, largest, a2b_base64(checksums), *where)


def _as_text(packed: bytes) -> str:
    return b2a_base64(packed, newline=False).decode()
