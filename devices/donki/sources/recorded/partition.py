"""The recorded messages of one partition of a topic, read a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from donki.errors import SourceError
from donki.hdf5 import check_size, reading
from donki.sources.recorded.replay_clock import Clock, without_strays

_TEXTS = ("payload", "key", "header_name", "header_value")
_PER_MESSAGE = ("timestamp", "offset", "header_count", "payload_size", "key_size")
_STAMPS = 1 << 16  # most time stamps read at once
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


class RecordedPartition:
    """The messages of one partition.

    Attributes
    ----------
    rows : int
        how many there are
    """

    def __init__(self, path: Path, topic: str, number: int, group: h5py.Group, *, has_arrivals: bool) -> None:
        self._has_arrivals = has_arrivals
        per_message = (*_PER_MESSAGE, "arrival") if has_arrivals else _PER_MESSAGE
        self.name = f"{path}, {group.name}"
        self._topic, self._number, self._group = topic, number, group
        for name in (*per_message, *_TEXTS):
            if name not in group:
                raise SourceError(f"{self.name}: expected the data set {name}, found none; record again")
            column = group[name]
            if not isinstance(column, h5py.Dataset) or column.dtype.kind not in "iu" or column.ndim != 1:
                raise SourceError(f"{self.name}/{name}: expected integers, one-dimensional, found {column!r}")
            check_size(column, path)
        # A recorder that was killed may have left the last ones in some columns alone.
        self.rows = min(len(group[name]) for name in per_message)

    def came(self, clock: Clock) -> Iterator[float]:
        """Yield when each message came, ms since 1970 UTC, never falling."""
        first = next((stamp for stamp, _ in self.stamps() if clock.is_believed(stamp)), None)
        return clock.came(self.stamps(), clock.began if first is None else first - clock.ahead)

    def stamps(self) -> Iterator[tuple[int, int]]:
        """Yield the time stamp of each message, ms, and its arrival, ns since the recording began, or -1.

        One that says nothing of when the message came, because it lies alone far ahead, is -1 too.
        """
        return without_strays(self._stamps())

    def _stamps(self) -> Iterator[tuple[int, int]]:
        for begin in range(0, self.rows, _STAMPS):
            part = slice(begin, min(begin + _STAMPS, self.rows))
            with reading(self.name, "time stamps"):
                stamps = self._group["timestamp"][part].tolist()
                arrivals = self._group["arrival"][part].tolist() if self._has_arrivals else [-1] * len(stamps)
            yield from zip(stamps, arrivals, strict=True)

    def messages(self) -> Iterator[Message]:
        """Yield each message, reading a few at a time."""
        with reading(self.name, "messages"):
            cursors = [_Cursor(self._group, name, self.name) for name in _TEXTS]
        begin = 0
        while begin < self.rows:
            with reading(self.name, f"message {begin + 1} and those after it"):
                block = self._block(begin, *cursors)
            yield from block
            begin += len(block)

    def _block(
        self, begin: int, payloads: _Cursor, keys: _Cursor, names: _Cursor, values: _Cursor
    ) -> list[Message]:
        end = begin + payloads.fitting(min(_ROWS, self.rows - begin))
        part = slice(begin, end)
        headers = self._group["header_count"][part]
        if headers.min() < 0:
            raise SourceError(f"{self.name}/header_count: expected 0 or more, found {headers.min()}")
        labels, texts = names.read(int(headers.sum())), values.read(int(headers.sum()))
        pairs = iter(zip(((label or b"").decode() for label in labels), texts, strict=True))
        return [
            Message(
                self._topic,
                self._number,
                offset,
                timestamp,
                key,
                payload,
                tuple(next(pairs) for _ in range(count)),
            )
            for offset, timestamp, key, payload, count in zip(
                self._group["offset"][part].tolist(),
                self._group["timestamp"][part].tolist(),
                keys.read(end - begin),
                payloads.read(end - begin),
                headers.tolist(),
                strict=True,
            )
        ]

    def payload(self, begin: int, end: int) -> bytes:
        """Return the bytes of payload from one position to another."""
        with reading(self.name, f"payload from byte {begin} on"):
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
        if min(sizes, default=0) < -1:
            raise SourceError(f"{self._name}_size: expected -1 or more, found {min(sizes)}")
        total = sum(size for size in sizes if size > 0)
        block = self._bytes[self._byte : self._byte + total].tobytes()
        if len(block) != total or len(sizes) != rows:
            raise SourceError(
                f"{self._name}: expected {total} bytes from byte {self._byte} on, found {len(block)};"
                " the file was cut off: record again"
            )
        self._row += rows
        self._byte += total
        texts: list[bytes | None] = []
        begin = 0
        for size in sizes:
            texts.append(None if size < 0 else block[begin : begin + size])
            begin += max(size, 0)
        return texts
