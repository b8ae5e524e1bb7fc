"""Kafka messages as ``donki record`` stores them.

An HDF5 file with the attribute ``donki_record``, its version, and a group ``TOPIC/PARTITION`` for each
partition. In it, by message: ``timestamp`` (ms since 1970 UTC), ``offset`` and ``header_count``; and, one
after the other as bytes, ``payload``, ``key``, ``header_name`` and ``header_value``, each with its lengths
in ``…_size``, -1 for none.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from donki.errors import SourceError

VERSION = 1
"""Of the layout."""

_ROWS = 256  # most messages read at once
_BYTES = 1 << 22  # most bytes of payload read at once, but one message at least


class Message(NamedTuple):
    """A recorded Kafka message.

    Attributes
    ----------
    timestamp : int
        ms since 1970 UTC; -1 for none
    headers : tuple of (str, bytes or None)
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    payload: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Recording:
    """A file of recorded topics, read message by message.

    Parameters
    ----------
    path
        a file that ``donki record`` wrote; what a recorder that was killed left behind will do

    Attributes
    ----------
    partitions : dict of str to int
        how many partitions each topic has

    Raises
    ------
    SourceError
        when the file cannot be read or is no such file
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = Path(path)
        try:
            self._file = h5py.File(self._path, "r")
        except OSError as error:
            raise SourceError(
                f"{path}: cannot read a recording of Kafka topics: {error};"
                " is the path right, is the file whole, is it still being written?"
            ) from None
        version = self._file.attrs.get("donki_record")
        if version != VERSION:
            self._file.close()
            raise SourceError(
                f"{path}: expected a file that donki record wrote, of version {VERSION}; found "
                + ("another HDF5 file" if version is None else f"version {version}")
            )
        self.partitions = {
            topic: 1 + max(int(number) for number in group) for topic, group in self._file.items()
        }

    def __len__(self) -> int:
        """How many messages there are."""
        return sum(partition.rows for topic in self.partitions for partition in self.of(topic))

    @property
    def span(self) -> tuple[int, int]:
        """The first time stamp of a partition that is due, and the latest of all, in ms since 1970 UTC.

        Both are 0 where nothing was recorded.
        """
        spans = [part.span() for topic in self.partitions for part in self.of(topic) if part.rows] or [(0, 0)]
        return min(first for first, _ in spans), max(last for _, last in spans)

    def of(self, topic: str) -> list[RecordedPartition]:
        """Return what was recorded of a topic, by partition.

        Raises
        ------
        SourceError
            when the topic is not in the file, or data sets are missing
        """
        if topic not in self.partitions:
            known = ", ".join(self.partitions) or "none"
            raise SourceError(f"{self._path}: topic {topic!r} is not in it; recorded were {known}")
        return [
            RecordedPartition(self._path, topic, int(number), group)
            for number, group in sorted(self._file[topic].items(), key=lambda item: int(item[0]))
        ]

    def messages(self) -> Iterator[tuple[int, Message]]:
        """Yield every message and when it is due: by time stamps, those of a partition in its order.

        Yields
        ------
        due : int
            ms since 1970 UTC, never falling: the latest time stamp of the partition so far
        message : Message

        Raises
        ------
        SourceError
            when the file is damaged
        """
        parts = [part.due() for topic in self.partitions for part in self.of(topic)]
        return heapq.merge(*parts, key=lambda item: item[0])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class RecordedPartition:
    """The messages of one partition.

    Attributes
    ----------
    rows : int
        how many there are
    """

    def __init__(self, path: Path, topic: str, number: int, group: h5py.Group) -> None:
        self.name = f"{path}, {group.name}"
        self._topic, self._number, self._group = topic, number, group
        per_message = ("timestamp", "offset", "header_count", "payload_size", "key_size")
        missing = [name for name in (*per_message, "payload", "key") if name not in group]
        if missing:
            raise SourceError(f"{self.name}: expected the data set {missing[0]}, found none; record anew")
        # A recorder that was killed may have left the last ones in some columns alone.
        self.rows = min(len(group[name]) for name in per_message)

    def span(self) -> tuple[int, int]:
        """Return the first time stamp and the latest."""
        timestamps = self._group["timestamp"]
        blocks = range(0, self.rows, 1 << 20)
        return int(timestamps[0]), max(
            int(timestamps[begin : min(begin + (1 << 20), self.rows)].max()) for begin in blocks
        )

    def due(self) -> Iterator[tuple[int, Message]]:
        """Yield each message, after the latest time stamp so far."""
        latest = -1
        for message in self.messages():
            latest = max(latest, message.timestamp)
            yield latest, message

    def messages(self) -> Iterator[Message]:
        """Yield each message, reading a few at a time."""
        payloads, keys, names, values = (
            _Cursor(self._group, name, self.name)
            for name in ("payload", "key", "header_name", "header_value")
        )
        begin = 0
        while begin < self.rows:
            end = begin + payloads.fitting(min(_ROWS, self.rows - begin))
            part = slice(begin, end)
            headers = self._group["header_count"][part]
            labels, texts = names.read(int(headers.sum())), values.read(int(headers.sum()))
            pairs = iter(zip(((label or b"").decode() for label in labels), texts, strict=True))
            for offset, timestamp, key, payload, count in zip(
                self._group["offset"][part].tolist(),
                self._group["timestamp"][part].tolist(),
                keys.read(end - begin),
                payloads.read(end - begin),
                headers.tolist(),
                strict=True,
            ):
                own = tuple(next(pairs) for _ in range(count))
                yield Message(self._topic, self._number, offset, timestamp, key, payload, own)
            begin = end

    def payload(self, begin: int, end: int) -> bytes:
        """Return the bytes of payload from one position to another."""
        found: bytes = self._group["payload"][begin:end].tobytes()
        return found


class _Cursor:
    """Reads a column of texts of bytes from its beginning on."""

    def __init__(self, group: h5py.Group, name: str, where: str) -> None:
        self._sizes, self._bytes = group[f"{name}_size"], group[name]
        self._name = f"{where}/{name}"
        self._row = self._byte = 0

    def fitting(self, rows: int) -> int:
        """Return how many of the next rows have at most `_BYTES` in all, at least 1."""
        sizes = self._sizes[self._row : self._row + rows]
        return max(1, int(np.searchsorted(np.cumsum(np.maximum(sizes, 0)), _BYTES, side="right")))

    def read(self, rows: int) -> list[bytes | None]:
        sizes = self._sizes[self._row : self._row + rows].tolist()
        total = sum(size for size in sizes if size > 0)
        try:
            block = self._bytes[self._byte : self._byte + total].tobytes()
        except OSError as error:
            raise SourceError(f"{self._name}: cannot be read: {error}") from None
        if len(block) != total or len(sizes) != rows:
            raise SourceError(
                f"{self._name}: expected {total} bytes from byte {self._byte} on, found {len(block)};"
                " the file was cut off: record anew"
            )
        self._row += rows
        self._byte += total
        texts: list[bytes | None] = []
        begin = 0
        for size in sizes:
            texts.append(None if size < 0 else block[begin : begin + size])
            begin += max(size, 0)
        return texts
