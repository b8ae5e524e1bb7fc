"""Pulses replayed from the NXevent_data of a NeXus file."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.sources.events import MAX_PIXEL_ID, MAX_TIME_OF_FLIGHT, Events
from donki.sources.nexus_time import nanoseconds, since_1970
from donki.sources.replay import Replay, joined
from donki.sources.timeline import Timeline

_BLOCK = 1 << 20  # events read from the file at once, at least
_MONITOR_PIXEL = 1


class NexusReplay(Replay):
    """The pulses of an NXevent_data group, as the ESS file writer lays it out, in the order of their times.

    Rows of one reference time are one pulse: the file writer adds a row for each message, and a large pulse
    comes in several. The last pulse ends with the last event. Events are read a block at a time, so that the
    file may be larger than the memory; the reference times of all pulses are kept.

    Parameters
    ----------
    path
        an HDF5 file
    group : str, optional
        the path of the NXevent_data in the file; not needed where there is only one
    loop : bool
        whether the first pulse comes again after the last one

    Raises
    ------
    SourceError
        when the file cannot be read, has no such group or several to choose from, or a field is missing,
        without units or does not fit to the others; it names the data set and what was expected

    References
    ----------
    https://manual.nexusformat.org/classes/base_classes/NXevent_data.html
    """

    def __init__(self, path: str | PathLike[str], group: str | None = None, *, loop: bool = False) -> None:
        self._path = Path(path)
        try:
            self._file = h5py.File(self._path, "r")
        except OSError as error:
            raise SourceError(
                f"{path}: cannot read an HDF5 (NeXus) file: {error}; is the path right, is the file whole?"
            ) from None
        try:
            found = self._find(group)
            super().__init__(f"{path}, {found.name}", self._open(found, loop))
        except SourceError:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find(self, asked: str | None) -> h5py.Group:
        found: list[str] = []

        def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if _text(item.attrs.get("NX_class")) == "NXevent_data":
                found.append(name)

        if asked is not None:
            item = self._file.get(asked)
            if isinstance(item, h5py.Group) and "event_index" in item:
                return item
        self._file.visititems(note)
        listed = ", ".join(found) or "none"
        if asked is not None:
            raise SourceError(f"{self._path}: expected an NXevent_data at {asked!r}; the file has {listed}")
        if len(found) != 1:
            raise SourceError(
                f"{self._path}: expected one NXevent_data, found {listed}"
                + (": name one of them by group=" if found else "; take a file of events")
            )
        return self._file[found[0]]

    def _open(self, group: h5py.Group, loop: bool) -> Timeline:
        self.name = f"{self._path}, {group.name}"
        self._offset = self._field(group, "event_time_offset")
        self._id = self._field(group, "event_id") if "event_id" in group else None
        total = len(self._offset)
        if self._id is not None and len(self._id) != total:
            raise self._error("event_id", f"{total} values, as in event_time_offset", f"{len(self._id)}")
        self._unit = self._factor(self._offset)

        zero, index = self._field(group, "event_time_zero"), self._field(group, "event_index")
        begin = self._read(index, slice(None)).astype(np.int64)
        if len(begin) != len(zero):
            raise self._error("event_index", f"{len(zero)} values, as in event_time_zero", f"{len(begin)}")
        begins = np.append(begin, total)
        if np.any(np.diff(begins) < 0) or (begins[0] != 0 and total):
            raise self._error("event_index", f"numbers that rise from 0 to at most {total}", "others")
        factor, start = self._factor(zero), zero.attrs.get("start", zero.attrs.get("offset"))
        try:
            base = since_1970(_text(start)) if start is not None else 0
        except ValueError as error:
            raise self._error(
                "event_time_zero", "a date in ISO 8601 as start or offset", f"{error}"
            ) from None
        times = base + _whole(self._read(zero, slice(None)), factor)

        order = np.argsort(times, kind="stable")
        sorted_times = times[order]
        is_new = np.ones(len(times), bool)
        is_new[1:] = np.diff(sorted_times) != 0
        self._rows = order
        self._first_row = np.append(np.flatnonzero(is_new), len(order))
        self._begins = begins
        self._block_begin = 0
        self._block = Events.empty(0)
        return Timeline(sorted_times[is_new], loop=loop)

    def _events(self, index: int) -> Events:
        rows = self._rows[self._first_row[index] : self._first_row[index + 1]]
        parts = [
            self._slice(int(self._begins[part[0]]), int(self._begins[part[-1] + 1]))
            for part in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
        ]
        return joined(parts)

    def _slice(self, begin: int, end: int) -> Events:
        held = range(self._block_begin, self._block_begin + len(self._block.pixel_id))
        if begin < held.start or end > held.stop:
            # Blocks end where those of the file writer's chunks do, which are read and unpacked whole.
            stop = -(-end // _BLOCK) * _BLOCK
            if begin in held:
                kept = Events(*(column[begin - held.start :] for column in self._block))
                self._block = joined([kept, self._load(held.stop, stop)])
            else:
                self._block = joined([self._load(begin, stop)])
            self._block_begin = begin
        inside = slice(begin - self._block_begin, end - self._block_begin)
        return Events(*(column[inside] for column in self._block))

    def _load(self, begin: int, end: int) -> Events:
        part = slice(begin, end)
        times = self._int32(self._offset, part, self._unit, -MAX_TIME_OF_FLIGHT, MAX_TIME_OF_FLIGHT)
        if self._id is None:
            return Events(times, np.full(len(times), _MONITOR_PIXEL, np.int32))
        return Events(times, self._int32(self._id, part, 1, 0, MAX_PIXEL_ID))

    def _int32(
        self, dataset: h5py.Dataset, part: slice, factor: float, low: int, high: int
    ) -> NDArray[np.int32]:
        values = self._read(dataset, part)
        if values.dtype == np.int32 and factor == 1 and values.min(initial=0) >= low:
            return values
        values = _whole(values, factor)
        refused = np.flatnonzero((values < low) | (values > high))
        if len(refused):
            raise self._error(
                dataset.name.rpartition("/")[2],
                f"values from {low} to {high}" + (" ns" if dataset is self._offset else ""),
                f"{values[refused[0]]} at event {part.start + refused[0] + 1}",
            )
        return values.astype(np.int32)

    def _field(self, group: h5py.Group, name: str) -> h5py.Dataset:
        field = group.get(name)
        if not isinstance(field, h5py.Dataset) or field.ndim != 1 or field.dtype.kind not in "iuf":
            raise self._error(name, "a data set of numbers, one-dimensional", repr(field))
        return field

    def _factor(self, dataset: h5py.Dataset) -> float:
        units = _text(dataset.attrs.get("units"))
        factor = nanoseconds(units)
        if factor is None:
            raise self._error(
                dataset.name.rpartition("/")[2], "the attribute units: s, ms, us or ns", repr(units)
            )
        return factor

    def _read(self, dataset: h5py.Dataset, part: slice) -> NDArray[Any]:
        try:
            values: NDArray[Any] = dataset[part]
        except OSError as error:
            raise SourceError(f"{self._path}, {dataset.name}: cannot be read: {error}") from None
        return values

    def _error(self, field: str, expected: str, found: str) -> SourceError:
        return SourceError(
            f"{self.name}/{field}: expected {expected}, found {found};"
            " the file is damaged, or holds no events as NeXus has them"
        )


def _text(attribute: object) -> str:
    return attribute.decode(errors="replace") if isinstance(attribute, bytes) else str(attribute or "")


def _whole(values: NDArray[Any], factor: float) -> NDArray[np.int64]:
    if values.dtype.kind == "f" or factor != int(factor):
        with np.errstate(invalid="ignore"):
            return np.rint(values.astype(np.float64) * factor).astype(np.int64)
    return values.astype(np.int64) * int(factor)
