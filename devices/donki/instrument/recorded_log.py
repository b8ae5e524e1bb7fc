"""A log that a NeXus file holds, as a signal."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from donki.errors import InputError
from donki.instrument.tree import Dataset, Group, open_description
from donki.sources import SECOND, Steps
from donki.sources.recorded.nexus_time import nanoseconds


def recorded_log(file: Path, path: str) -> Steps:
    """Return a log as it was recorded: its first value at 0, after the last one all again.

    Parameters
    ----------
    file
        an HDF5 file (NeXus)
    path
        of the log in it, a group with ``value`` and ``time`` (NXlog)

    Raises
    ------
    InputError
        when there is no such log, or its values are not numbers
    SourceError
        when the file cannot be read
    """
    where = f"{file}, {path}"
    with open_description(file) as root:
        group = root.find(path)
        if not isinstance(group, Group):
            raise InputError(f"{where}: there is no such group; a log is a group with value and time")
        values, times = (_column(where, group, name) for name in ("value", "time"))
        factor = nanoseconds(group.datasets["time"].units or "s")
    if factor is None:
        raise InputError(f"{where}: the units of time are not s, ms, us or ns")
    if len(values) != len(times) or not len(values):
        raise InputError(
            f"{where}: {len(values)} values with {len(times)} times cannot be replayed; choose another signal"
        )
    # Whole ns are exact only as long as they are integers.
    since = np.rint((times - times[0]) * factor).astype(np.int64)
    # Steps rise: what was recorded at the same time as another value, or earlier, has no place.
    rises = np.concatenate([[True], since[1:] > np.maximum.accumulate(since)[:-1]])
    since, values = since[rises], values[rises]
    pause = int(np.median(np.diff(since))) if len(since) > 1 else SECOND
    return Steps(since.tolist(), values.astype(np.float64).tolist(), int(since[-1]) + pause)


def _column(where: str, group: Group, name: str) -> np.ndarray[tuple[int], np.dtype[np.number]]:
    dataset = group.datasets.get(name)
    if not isinstance(dataset, Dataset):
        raise InputError(f"{where}: it has no {name}; a log is a group with value and time")
    column = np.asarray(dataset.read())
    if column.dtype.kind not in "iufb" or column.size != len(np.atleast_1d(column)):
        raise InputError(f"{where}: its {name} is {column.dtype}, shape {column.shape}; numbers are expected")
    column = column.astype(np.float64 if column.dtype.kind in "fb" else np.int64).reshape(-1)
    if name == "time" and not np.isfinite(column).all():
        raise InputError(f"{where}: its time has no numbers, but nan or infinity")
    return column
