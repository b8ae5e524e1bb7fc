"""The messages of a source, made again from what a Player's file holds of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 16_000_000
"""How many bytes of rows are held in memory at once, beyond a single message."""


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


def cued(group: h5py.Group) -> Iterator[tuple[int, slice]]:
    """Yield the time and the rows of each message that is several rows."""
    total = min(len(group[name]) for name in ("time", "value") if name in group)
    starts, begins = group["cue_index"][()].tolist(), group["cue_timestamp_zero"][()].tolist()
    # A Player that was killed as it wrote may have left cues of rows that are not there.
    count = sum(start < total for start in starts[: len(begins)])
    ends = [*starts[1:count], total]
    for start, end, begin in zip(starts[:count], ends, begins[:count], strict=True):
        yield begin, slice(start, end)
