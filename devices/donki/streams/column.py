"""A data set that grows row by row, written in blocks."""

from __future__ import annotations

from collections.abc import Mapping

import h5py
import numpy as np
from numpy.typing import NDArray


class Column:
    """Appends rows to an HDF5 data set through a buffer, and can take back those that were not committed.

    Parameters
    ----------
    parent
        the group to make it in
    name
        of the data set
    dtype
        of a value; ``h5py.string_dtype()`` for texts
    chunk
        rows in a chunk of the file, and in the buffer
    shape
        of a row
    attributes
        of the data set: units and the like

    Attributes
    ----------
    dataset
        that it appends to
    rows
        number of rows, buffered ones too
    """

    def __init__(
        self,
        parent: h5py.Group,
        name: str,
        dtype: np.dtype[np.generic],
        *,
        chunk: int,
        shape: tuple[int, ...] = (),
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        self.dataset = parent.create_dataset(
            name,
            (0, *shape),
            dtype,
            maxshape=(None, *shape),
            chunks=(chunk, *shape),
        )
        self.dataset.attrs.update(attributes or {})
        self._path = self.dataset.name
        self.rows = 0
        self._buffer = np.empty((chunk, *shape), dtype)
        self._written = 0
        self._committed = 0

    @property
    def has_grown(self) -> bool:
        """Whether there are rows that were not committed."""
        return self.rows > self._committed

    def append(self, values: NDArray[np.generic]) -> None:
        """Append rows, shape (n, ...)."""
        taken = 0
        while taken < len(values):
            start = self.rows - self._written
            # Blocks end where chunks end: a chunk that is written at once costs least.
            room = len(self._buffer) - self._written % len(self._buffer) - start
            part = values[taken : taken + room]
            self._buffer[start : start + len(part)] = part
            self.rows += len(part)
            taken += len(part)
            if len(part) == room:
                self._write()

    def append_one(self, value: object) -> None:
        """Append one row."""
        start = self.rows - self._written
        self._buffer[start] = value
        self.rows += 1
        if self._written % len(self._buffer) + start + 1 == len(self._buffer):
            self._write()

    def commit(self) -> None:
        """Write what is buffered; these rows stay."""
        self._write()
        self._committed = self.rows

    def rollback(self) -> None:
        """Take back the rows since the last commit."""
        if self._written > self._committed:
            self.dataset.resize(self._committed, axis=0)
            self._written = self._committed
        self.rows = self._committed

    def find_in(self, root: h5py.File) -> None:
        """Go on in the file that was opened anew."""
        self.dataset = root[self._path]

    def _write(self) -> None:
        if self.rows > self._written:
            block = self._buffer[: self.rows - self._written]
            # The low-level calls take a fifth of the time of resize() and indexing.
            target = self.dataset.id
            target.set_extent((self.rows, *block.shape[1:]))
            where = target.get_space()
            where.select_hyperslab((self._written, *(0 for _ in block.shape[1:])), block.shape)
            target.write(h5py.h5s.create_simple(block.shape), where, block)
            self._written = self.rows
