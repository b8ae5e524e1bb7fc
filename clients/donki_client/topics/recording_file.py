"""Kafka messages into a file that `donki.sources.Recording` reads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from donki.errors import FileError
from donki.sources.recorded.recording import VERSION
from donki.streams.nexus.column import Column
from donki.streams.nexus.swmr_file import SharedFile

_BYTES_PER_CHUNK = {"payload": 1 << 20, "key": 1 << 14, "header_name": 1 << 14, "header_value": 1 << 14}
_MESSAGES_PER_CHUNK = 1 << 12


class RecordingFile:
    """An HDF5 file of recorded messages, whole up to the last `flush`; memory stays bounded.

    Parameters
    ----------
    path
        of the file; one that exists is never overwritten
    partitions
        the numbers of the partitions of each topic

    Attributes
    ----------
    messages, bytes
        recorded so far; the bytes of payload

    Raises
    ------
    FileError
        when the file exists or cannot be made
    """

    def __init__(self, path: Path, partitions: Mapping[str, Iterable[int]]) -> None:
        self.messages = self.bytes = 0
        self._path = path
        try:
            self._file = SharedFile(path)
        except FileExistsError:
            raise FileError(f"{path} exists and is never overwritten; choose another name") from None
        except OSError as error:
            raise FileError(f"{path} cannot be made: {error}; is its folder there?") from None
        root = self._file.root
        root.attrs["donki_record"] = VERSION
        self._began, self._last = time.monotonic_ns(), -1
        root.attrs["start_time"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._partitions = {
            (topic, number): _Partition(self._file, root.create_group(f"{topic}/{number}"))
            for topic, numbers in partitions.items()
            for number in numbers
        }
        try:
            self._file.publish()
        except OSError as error:
            self._file.close()
            path.unlink(missing_ok=True)
            raise self._error(error) from None

    def append(self, record: Any, *, has_arrived: bool = True) -> None:
        """Append a message as kafka-python's consumer yields it.

        Parameters
        ----------
        record
            the message
        has_arrived
            whether it arrives now; false where it was at the broker before the recording began

        Raises
        ------
        FileError
            when the file cannot be written
        """
        try:
            arrival = -1
            if has_arrived:
                arrival = self._last = max(time.monotonic_ns() - self._began, self._last + 1)
            self._partitions[record.topic, record.partition].append(record, arrival)
            self._file.check()
        except OSError as error:
            raise self._error(error) from None
        self.messages += 1
        self.bytes += len(record.value or b"")

    def flush(self) -> None:
        """Write what is buffered; it is in the file whatever happens to this process.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        try:
            for partition in self._partitions.values():
                partition.commit()
            self._file.publish()
        except OSError as error:
            raise self._error(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush()
        finally:
            self._file.close()

    def _error(self, error: OSError) -> FileError:
        return FileError(f"{self._path} cannot be written: {error}; is the disk full?")


class _Partition:
    def __init__(self, file: SharedFile, group: h5py.Group) -> None:
        def column(name: str, dtype: type[np.generic], chunk: int, **attributes: str) -> Column:
            return Column(group, name, np.dtype(dtype), chunk=chunk, attributes=attributes, file=file)

        self._bytes = {name: column(name, np.uint8, chunk) for name, chunk in _BYTES_PER_CHUNK.items()}
        self._sizes = {
            name: column(f"{name}_size", np.int64, _MESSAGES_PER_CHUNK) for name in _BYTES_PER_CHUNK
        }
        self._header_count = column("header_count", np.int32, _MESSAGES_PER_CHUNK)
        self._offset = column("offset", np.int64, _MESSAGES_PER_CHUNK)
        self._arrival = column("arrival", np.int64, _MESSAGES_PER_CHUNK, units="ns")
        self._timestamp = column(
            "timestamp", np.int64, _MESSAGES_PER_CHUNK, units="ms", start="1970-01-01T00:00:00Z"
        )

    def append(self, record: Any, arrival: int) -> None:
        headers = record.headers or ()
        for name, value in headers:
            self._append("header_name", name.encode())
            self._append("header_value", value)
        self._append("key", record.key)
        self._append("payload", record.value)
        self._header_count.append_one(len(headers))
        self._offset.append_one(record.offset)
        self._arrival.append_one(arrival)
        self._timestamp.append_one(-1 if record.timestamp is None else record.timestamp)

    def commit(self) -> None:
        for column in (*self._bytes.values(), *self._sizes.values()):
            column.commit()
        for column in (self._header_count, self._offset, self._arrival, self._timestamp):
            column.commit()

    def _append(self, name: str, text: bytes | None) -> None:
        if text:
            self._bytes[name].append(np.frombuffer(text, np.uint8))
        self._sizes[name].append_one(-1 if text is None else len(text))
