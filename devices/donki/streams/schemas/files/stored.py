"""The messages of a source, made again from what a Player's file holds of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 16_000_000
"""How many bytes of rows are held in memory at once, beyond a single message."""

#: How many events and pulses of a file are held in memory at once, beyond a single pulse.
_EVENTS_AT_ONCE = 2_000_000
_PULSES_AT_ONCE = 4096


class StoredMessage(NamedTuple):
    """A message as a file tells of it.

    Attributes
    ----------
    time
        ns since 1970 UTC
    encode
        returns it with a message id; empty where no message can have made such rows. What it returned is
        overwritten by the next
    is_numbered
        whether it has a message id
    """

    time: int
    encode: Callable[[int], bytes | memoryview]
    is_numbered: bool = False


def no_message(_number: int) -> bytes:
    """Encode rows that no message can have made."""
    return b""


def rows(
    times: h5py.Dataset, *columns: h5py.Dataset
) -> Iterator[tuple[int, tuple[NDArray[np.generic], ...]]]:
    """Yield the rows that all columns have, numbers as arrays and texts as they are."""
    count = min(len(times), *map(len, columns))
    row_bytes = sum(column.dtype.itemsize * int(np.prod(column.shape[1:])) for column in columns)
    block = max(1, MOST_BYTES // max(1, row_bytes, 16))
    readers = [column.asstr() if column.dtype.kind == "O" else column for column in columns]
    for first in range(0, count, block):
        part = slice(first, min(first + block, count))
        given = times[part].tolist()
        parts = [reader[part] for reader in readers]
        for row, time in enumerate(given):
            yield time, tuple(values[row, ...] for values in parts)


def cued(group: h5py.Group, *columns: str) -> Iterator[tuple[int, slice]]:
    """Yield the time and the rows of each message that is several rows of these columns."""
    total = min(len(group[name]) for name in columns)
    starts, begins = group["cue_index"][()].tolist(), group["cue_timestamp_zero"][()].tolist()
    # A Player that was killed as it wrote may have left cues of rows that are not there.
    count = sum(start < total for start in starts[: len(begins)])
    ends = [*starts[1:count], total]
    for start, end, begin in zip(starts[:count], ends, begins[:count], strict=True):
        yield begin, slice(start, end)


def pulses(events: h5py.Group) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.int32]]]:
    """Yield the pulses of an event group: reference time, times of flight, pixel ids."""
    total = min(len(events["event_id"]), len(events["event_time_offset"]))
    zeros, index = events["event_time_zero"], events["event_index"]
    count = min(len(zeros), len(index))
    for first in range(0, count, _PULSES_AT_ONCE):
        reference = zeros[first : first + _PULSES_AT_ONCE]
        starts = index[first : first + _PULSES_AT_ONCE + 1].tolist()
        starts += [total] if len(starts) == len(reference) else []
        begin = 0
        while begin < len(reference):
            end = begin + 1
            while end < len(reference) and starts[end + 1] - starts[begin] <= _EVENTS_AT_ONCE:
                end += 1
            part = slice(starts[begin], starts[end])
            pixels, times = events["event_id"][part], events["event_time_offset"][part]
            for pulse in range(begin, end):
                inside = slice(starts[pulse] - starts[begin], starts[pulse + 1] - starts[begin])
                yield int(reference[pulse]), times[inside], pixels[inside]
            begin = end
