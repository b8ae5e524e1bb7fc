"""A data set that grows row by row, written in blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.streams.nexus.swmr_file import SharedFile, address_of

MOST_ROWS_PER_CHUNK = 1 << 10
"""Most rows in a chunk, where a row is a message or a trigger."""

MOST_BYTES_PER_CHUNK = 1 << 20
"""Most bytes of a chunk, unless a row alone has more."""


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
    file
        whose data set it is: most rows are written without HDF5, which takes several times as long

    Attributes
    ----------
    dataset
        that it appends to
    address
        of the data set in the file
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
        file: SharedFile | None = None,
    ) -> None:
        # HDF5 alone writes texts.
        self._file = None if dtype.hasobject else file
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if self._file:
            # A chunk has its place as soon as the data set reaches it, and nothing is written there before.
            properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        self.dataset = parent.create_dataset(
            name,
            (0, *shape),
            dtype,
            maxshape=(None, *shape),
            chunks=(chunk, *shape),
            dcpl=properties,
        )
        self.dataset.attrs.update(attributes or {})
        self.address = address_of(self.dataset)
        self.rows = 0
        self._buffer = np.empty((chunk, *shape), dtype)
        self._chunk = self._place = -1
        self._was_cut = False
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
        self._was_cut = False

    def discard(self) -> None:
        """Take back the rows since the last commit."""
        if self._written > self._committed:
            # HDF5 clears the rest of the last chunk, in what will be published next, and forgets later ones.
            self.dataset.resize(self._committed, axis=0)
            self._was_cut = True
            self._chunk = -1
            self._written = self._committed
        self.rows = self._committed

    def _write(self) -> None:
        if self.rows > self._written:
            block = self._buffer[: self.rows - self._written]
            # The low-level calls take a fifth of the time of resize() and indexing.
            target = self.dataset.id
            target.set_extent((self.rows, *block.shape[1:]))
            chunk = self._written - self._written % len(self._buffer)
            if self._file and not (self._was_cut and chunk < self._committed):
                self._put(self._file, chunk, block)
            else:
                where = target.get_space()
                where.select_hyperslab((self._written, *(0 for _ in block.shape[1:])), block.shape)
                target.write(h5py.h5s.create_simple(block.shape), where, block)
            self._written = self.rows

    def _put(self, file: SharedFile, chunk: int, block: NDArray[np.generic]) -> None:
        """Write rows to a chunk past HDF5; to one that was published, beyond those that readers know."""
        if chunk != self._chunk:
            self._chunk = chunk
            corner = (chunk, *(0 for _ in block.shape[1:]))
            self._place = self.dataset.id.get_chunk_info_by_coord(corner).byte_offset
        content = block.reshape(-1).view(np.uint8).data
        write = file.put if chunk < self._committed else file.stage
        write(self._place + (self._written - chunk) * (len(content) // len(block)), content)


class Plot(NamedTuple):
    """What a viewer is led to.

    Attributes
    ----------
    signal
        a data set of numbers, in the NXdata that is to be shown, or to be put into one
    axis
        its first axis; None where the signal is in an NXdata
    """

    signal: h5py.Dataset
    axis: h5py.Dataset | None = None


class ColumnGroup:
    """Columns that grow together."""

    @property
    def plot(self) -> Plot | None:
        """What there is to be plotted, as soon as there is."""
        return None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The data sets that grow, in the order in which readers are to see them grow."""
        raise NotImplementedError

    def commit(self) -> None:
        """Write what is buffered; these rows stay."""
        for column in self.columns:
            column.commit()

    def discard(self) -> None:
        """Take back the rows since the last commit."""
        for column in self.columns:
            column.discard()


def rows_in_chunk(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> int:
    """Return how many rows of that type and shape a chunk of the file has: those of about 1 MiB, or fewer."""
    row_bytes = max(1, dtype.itemsize * math.prod(shape))
    return min(max(1, MOST_BYTES_PER_CHUNK // row_bytes), MOST_ROWS_PER_CHUNK)


def check_name(name: str, what: str) -> None:
    """Refuse a name that no group or data set can have; InputError says what it is of."""
    if not name or "/" in name or name in {".", ".."}:
        raise InputError(f"a {what} cannot be called {name!r} in a NeXus file: empty, a dot or with a slash")
