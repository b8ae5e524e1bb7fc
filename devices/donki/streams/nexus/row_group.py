"""The messages of one stream as rows of a NeXus group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.streams.column import Column

SINCE_1970: Mapping[str, str] = {"units": "ns", "start": "1970-01-01T00:00:00Z"}
"""The attributes of a time in ns, by which scippnexus makes it a datetime."""

CUES: Mapping[str, Mapping[str, str]] = {"cue_index": {}, "cue_timestamp_zero": SINCE_1970}
"""The columns that say with which row a message began, and its first time, as the ESS file writer sets them.

For a stream whose messages are several rows each.
"""

_BYTES_PER_CHUNK = 1 << 20
_MOST_ROWS_PER_CHUNK = 1 << 10


@dataclass(frozen=True)
class Layout:
    """How a stream stands in the file.

    Attributes
    ----------
    nx_class
        of its group
    columns
        the data sets that grow with each message, and their attributes; with `CUES`, where a message is
        several rows
    attributes
        of the group
    coordinates
        data sets that stay, and their units
    """

    nx_class: str
    columns: Mapping[str, Mapping[str, str]]
    attributes: Mapping[str, str | int | Sequence[str]] = field(default_factory=dict)
    coordinates: Mapping[str, tuple[NDArray[np.generic], str]] = field(default_factory=dict)


class RowGroup:
    """``SOURCE`` in the instrument: one row a message, or a sample.

    Parameters
    ----------
    instrument
        the NXinstrument group
    source
        the name of the group; several streams of one source share it
    layout
        what stands in it
    """

    def __init__(self, instrument: h5py.Group, source: str, layout: Layout) -> None:
        group = instrument.require_group(source)
        # What is more than a log keeps its class when the alarms of the same source join it.
        if layout.nx_class != "NXlog" or "NX_class" not in group.attrs:
            group.attrs["NX_class"] = layout.nx_class
        group.attrs.update(layout.attributes)
        for name, (values, unit) in layout.coordinates.items():
            group[name] = values
            group[name].attrs["units"] = unit
        self._source = source
        self._layout = layout
        self._columns: dict[str, Column] = {}

    @property
    def columns(self) -> tuple[Column, ...]:
        """The data sets that grow; none before the first rows."""
        return tuple(self._columns.values())

    def open_columns(self, instrument: h5py.Group, rows: Mapping[str, NDArray[np.generic]]) -> None:
        """Make the data sets; the first rows decide their type and the shape of a row."""
        for name, values in self._with_cue(rows).items():
            self._columns[name] = self._new_column(instrument[self._source], name, values)

    def append(self, rows: Mapping[str, NDArray[np.generic]]) -> None:
        """Append rows, shape (n, ...) in each column."""
        for name, values in self._with_cue(rows).items():
            self._columns[name].append(values)

    def commit(self) -> None:
        """Write what is buffered; these rows stay."""
        for column in self._columns.values():
            column.commit()

    def rollback(self) -> None:
        """Take back the rows since the last commit."""
        for column in self._columns.values():
            column.rollback()

    def _with_cue(self, rows: Mapping[str, NDArray[np.generic]]) -> Mapping[str, NDArray[np.generic]]:
        if not CUES.keys() <= self._layout.columns.keys():
            return rows
        start = self._columns["time"].rows if self._columns else 0
        return {"cue_index": np.array([start]), "cue_timestamp_zero": rows["time"][:1], **rows}

    def _new_column(self, group: h5py.Group, name: str, values: NDArray[np.generic]) -> Column:
        dtype = h5py.string_dtype() if values.dtype.kind == "O" else values.dtype
        row_bytes = max(1, dtype.itemsize * int(np.prod(values.shape[1:])))
        return Column(
            group,
            name,
            dtype,
            chunk=min(max(1, _BYTES_PER_CHUNK // row_bytes), _MOST_ROWS_PER_CHUNK),
            shape=values.shape[1:],
            attributes=self._layout.columns[name],
        )
