"""A value that an action returns, trigger by trigger, in HDF5."""

from __future__ import annotations

import h5py
import numpy as np

from donki.errors import InputError
from donki.streams.column import Column
from donki.streams.values import Value

_BYTES_PER_CHUNK = 1 << 20
_MOST_ROWS_PER_CHUNK = 1 << 10


def dataset_names(name: str) -> tuple[str, str]:
    """Return the names of the two data sets of a value: the value by trigger, and the triggers' numbers."""
    return name, f"{name}_trigger"


class ValueSeries:
    """``/PLAYER/NAME`` with the trigger as first axis, and ``/PLAYER/NAME_trigger``, the triggers' numbers.

    A trigger that did not return the value has no row. All rows are of the type and shape of the first.

    Parameters
    ----------
    parent
        the Player's group
    name
        of the value
    first
        the first value
    """

    def __init__(self, parent: h5py.Group, name: str, first: Value) -> None:
        self._name = name
        self._path = f"{parent.name[1:]}/{name}"
        self._dtype, self._shape = _kind(first)
        row_bytes = max(1, self._dtype.itemsize * int(np.prod(self._shape)))
        chunk = min(max(1, _BYTES_PER_CHUNK // row_bytes), _MOST_ROWS_PER_CHUNK)
        values, triggers = dataset_names(name)
        self._values = Column(parent, values, self._dtype, chunk=chunk, shape=self._shape)
        self._triggers = Column(parent, triggers, np.dtype(np.int64), chunk=_MOST_ROWS_PER_CHUNK)
        self._triggers.dataset.make_scale("trigger")
        self._values.dataset.dims[0].attach_scale(self._triggers.dataset)
        self._values.dataset.dims[0].label = "trigger"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The data sets that grow."""
        return self._values, self._triggers

    @property
    def rows(self) -> int:
        """Number of triggers that returned the value."""
        return self._triggers.rows

    def check(self, value: Value) -> None:
        """Refuse a value that is not of the series' type and shape.

        Raises
        ------
        InputError
            naming the value, what it was and what it is
        """
        dtype, shape = _kind(value)
        if shape != self._shape or not np.can_cast(dtype, self._dtype, "safe"):
            raise InputError(
                f"the value {self._path} was {_describe(self._dtype, self._shape)}"
                f" at first and is {_describe(dtype, shape)} now; return one type and shape throughout a run"
            )

    def append(self, trigger: int, value: Value) -> None:
        """Append the value of a trigger."""
        self._values.append_one(value)
        self._triggers.append_one(trigger)

    def commit(self) -> None:
        """Write what is buffered; these rows stay."""
        self._values.commit()
        self._triggers.commit()

    def rollback(self) -> None:
        """Take back the rows since the last commit."""
        self._values.rollback()
        self._triggers.rollback()

    def remove(self) -> None:
        """Leave the file as if the value had never been returned."""
        parent = self._values.dataset.parent
        for name in dataset_names(self._name):
            del parent[name]


def _kind(value: Value) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    if isinstance(value, str):
        return h5py.string_dtype(), ()
    return value.dtype, value.shape


def _describe(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> str:
    name = "text" if dtype.kind == "O" else str(dtype)
    return f"{name} of shape {shape}" if shape else name
