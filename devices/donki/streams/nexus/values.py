"""The values that actions return, trigger by trigger, in HDF5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import h5py
import h5py._hl.dims  # h5py would do so at the first trigger that returns a value
import numpy as np
from crc32c import crc32c

from donki.errors import InputError
from donki.streams.nexus.column import (
    MOST_ROWS_PER_CHUNK,
    Column,
    ColumnGroup,
    Plot,
    check_name,
    rows_in_chunk,
)
from donki.streams.nexus.swmr_file import SharedFile
from donki.streams.values import Value

GROUP = "entry/values"
"""Where the values are."""


def dataset_names(name: str) -> tuple[str, str]:
    """Return the names of the two data sets of a value: the value by trigger, and the triggers' numbers."""
    return name, f"{name}_trigger"


def row_checksum(trigger: int, value: Value, dtype: np.dtype[np.generic]) -> int:
    """Return the CRC-32C of a row: of the trigger's number and of the value, in the type it is kept in."""
    if isinstance(value, str):
        content = value.encode(errors="surrogateescape")
    else:
        content = np.asarray(value, dtype.newbyteorder("<")).tobytes()
    return int(crc32c(content, crc32c(int(trigger).to_bytes(8, "little"))))


class ValueSeries(ColumnGroup):
    """``NAME`` with the trigger as first axis, and ``NAME_trigger``, the triggers' numbers.

    A trigger that did not return the value has no row. All rows are of the type and shape of the first, as
    `ReturnedValues` holds them to.

    Parameters
    ----------
    file
        to make it in
    parent
        the group of values
    name
        of the value
    first
        the first value
    """

    def __init__(self, file: SharedFile, parent: h5py.Group, name: str, first: Value) -> None:
        self._name = name
        dtype, shape = (h5py.string_dtype(), ()) if isinstance(first, str) else (first.dtype, first.shape)
        values, triggers = dataset_names(name)
        # What actions return has no units.
        units = {"units": ""} if dtype.kind in "iuf" else {}
        chunk = rows_in_chunk(dtype, shape)
        self._values = Column(parent, values, dtype, chunk=chunk, shape=shape, attributes=units, file=file)
        self._triggers = Column(parent, triggers, np.dtype(np.int64), chunk=MOST_ROWS_PER_CHUNK, file=file)
        self._triggers.dataset.make_scale("trigger")
        self._values.dataset.dims[0].attach_scale(self._triggers.dataset)
        self._values.dataset.dims[0].label = "trigger"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The data sets that grow."""
        return self._values, self._triggers

    @property
    def plot(self) -> Plot | None:
        """The value by trigger, where it is a number or an array of numbers."""
        values, triggers = (column.dataset for column in self.columns)
        return Plot(values, triggers) if self.rows and values.dtype.kind in "iuf" else None

    @property
    def rows(self) -> int:
        """Number of triggers that returned the value."""
        return self._triggers.rows

    def append(self, trigger: int, value: Value) -> int:
        """Append the value of a trigger; return the `row_checksum`."""
        self._values.append_one(value)
        self._triggers.append_one(trigger)
        return row_checksum(trigger, value, self._values.dataset.dtype)

    def remove(self) -> None:
        """Leave the file as if the value had never been returned."""
        parent = self._values.dataset.parent
        for name in dataset_names(self._name):
            del parent[name]


class ValueGroup(ColumnGroup):
    """``/entry/values``: a `ValueSeries` of each value that was returned so far. ``/PLAYER`` leads there too.

    Parameters
    ----------
    file
        to make it in, with the first value
    player
        the Player's name
    """

    def __init__(self, file: SharedFile, player: str) -> None:
        self._file = file
        self._player = player
        self._series: dict[str, ValueSeries] = {}

    @property
    def plot(self) -> Plot | None:
        """The first value that is one of numbers."""
        return next((plot for series in self._series.values() if (plot := series.plot)), None)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The data sets that grow."""
        return tuple(column for series in self._series.values() for column in series.columns)

    def append(self, trigger: int, values: Mapping[str, Value]) -> dict[str, int]:
        """Append the values of a trigger; return the `row_checksum` of each.

        Raises
        ------
        InputError
            when a name cannot name a data set; nothing is appended then
        """
        if new := sorted(values.keys() - self._series.keys()):
            group = self._group()
            self._check_new(new, group)
            for name in new:
                self._series[name] = ValueSeries(self._file, group, name, values[name])
        return {name: self._series[name].append(trigger, value) for name, value in values.items()}

    def discard(self) -> None:
        """Take back the rows since the last commit, and the values that were returned since then first."""
        super().discard()
        for name, series in list(self._series.items()):
            if not series.rows:
                self._series.pop(name).remove()

    def _group(self) -> h5py.Group:
        root = self._file.root
        if GROUP not in root:
            root.create_group(GROUP).attrs["NX_class"] = "NXcollection"
            if self._player not in root:
                root[self._player] = h5py.SoftLink(f"/{GROUP}")
        return root[GROUP]

    def _check_new(self, names: Iterable[str], group: h5py.Group) -> None:
        taken = set(group)
        for name in names:
            check_name(name, "value")
            if not taken.isdisjoint(dataset_names(name)):
                raise InputError(
                    f"the value {self._player}/{name} needs the names {' and '.join(dataset_names(name))}"
                    " in the NeXus file, where one of them is taken; call it otherwise"
                )
            taken.update(dataset_names(name))
