"""The messages of one stream as rows of a NeXus group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.streams.nexus.column import MOST_BYTES_PER_CHUNK, Column, ColumnGroup, Plot, rows_in_chunk
from donki.streams.nexus.swmr_file import SharedFile

SINCE_1970: Mapping[str, str] = {"units": "ns", "start": "1970-01-01T00:00:00Z"}
"""The attributes of a time in ns, by which scippnexus makes it a datetime."""

CUES: Mapping[str, Mapping[str, str]] = {"cue_index": {}, "cue_timestamp_zero": SINCE_1970}
"""The columns that say with which row a message began, and its first time, as the ESS file writer sets them.

For a stream whose messages are several rows each.
"""


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
    schema
        of the messages; empty where there are none
    log
        the name of the NXlog in the group that the columns are in; empty where they are in the group itself
    """

    nx_class: str
    columns: Mapping[str, Mapping[str, str]]
    attributes: Mapping[str, str | int | Sequence[str]] = field(default_factory=dict)
    coordinates: Mapping[str, tuple[NDArray[np.generic], str]] = field(default_factory=dict)
    schema: str = ""
    log: str = ""


def note_schema(group: h5py.Group, schema: str) -> None:
    """Note that the messages of a schema are kept in the group of their source, beside those noted before."""
    group.attrs["schemas"] = [*group.attrs.get("schemas", ()), schema]


class RowGroup(ColumnGroup):
    """``SOURCE`` in the instrument: one row a message, or a sample.

    Parameters
    ----------
    file
        to make it in
    source
        the name of the group; several streams of one source share it
    layout
        what stands in it
    """

    def __init__(self, file: SharedFile, source: str, layout: Layout) -> None:
        group = file.root["entry/instrument"].require_group(source)
        # What is more than a log keeps its class when the alarms of the same source join it. A log is one as
        # soon as it has values.
        if layout.nx_class != "NXlog":
            group.attrs["NX_class"] = layout.nx_class
        elif "NX_class" not in group.attrs:
            group.attrs["NX_class"] = "NXcollection"
        group.attrs.update(layout.attributes)
        if layout.schema:
            note_schema(group, layout.schema)
        for name, (values, unit) in layout.coordinates.items():
            group[name] = values
            group[name].attrs["units"] = unit
        self._file = file
        self._group = group
        if layout.log:
            group["depends_on"] = "."
            self._group = group.create_group(layout.log)
            self._group.attrs["NX_class"] = "NXlog"
        self._layout = layout
        self._columns: dict[str, Column] = {}

    @property
    def columns(self) -> tuple[Column, ...]:
        """The data sets that grow; none before the first rows."""
        return tuple(self._columns.values())

    @property
    def plot(self) -> Plot | None:
        """The values of a log, or what the NXdata shows."""
        columns = self._columns
        if columns and self._layout.nx_class == "NXdata":
            return Plot(columns[str(self._layout.attributes["signal"])].dataset)
        return Plot(columns["value"].dataset, columns["time"].dataset) if "value" in columns else None

    def append(self, rows: Mapping[str, NDArray[np.generic]]) -> None:
        """Append rows, shape (n, ...) in each column; the first decide its type and the shape of a row."""
        rows = self._with_cue(rows)
        if not self._columns:
            self._columns = {name: self._new_column(name, values) for name, values in rows.items()}
            if self._layout.nx_class == "NXlog" and "value" in rows:
                self._group.attrs["NX_class"] = "NXlog"
        for name, values in rows.items():
            self._columns[name].append(values)

    def discard(self) -> None:
        """Take back the rows since the last commit."""
        super().discard()
        if not any(column.rows for column in self._columns.values()):
            # What comes first next time may be of another type and shape.
            self._columns.clear()

    def _with_cue(self, rows: Mapping[str, NDArray[np.generic]]) -> Mapping[str, NDArray[np.generic]]:
        if not self._has_cues:
            return rows
        grown = next(name for name in rows if name not in CUES)
        start = self._columns[grown].rows if self._columns else 0
        # The time of the message, where its rows have none each.
        times = rows["time"][:1] if "time" in rows else rows["cue_timestamp_zero"]
        return {"cue_index": np.array([start]), **rows, "cue_timestamp_zero": times}

    @property
    def _has_cues(self) -> bool:
        return CUES.keys() <= self._layout.columns.keys()

    def _rows_in_chunk(self, first: NDArray[np.generic], dtype: np.dtype[np.generic]) -> int:
        """Return how many rows a chunk has; where a message is many of them, those of the first message."""
        usual = rows_in_chunk(dtype, first.shape[1:])
        return (
            max(usual, min(len(first), MOST_BYTES_PER_CHUNK // dtype.itemsize)) if self._has_cues else usual
        )

    def _new_column(self, name: str, values: NDArray[np.generic]) -> Column:
        # An earlier first message may have been taken back.
        self._group.pop(name, None)
        dtype = h5py.string_dtype() if values.dtype.kind == "O" else values.dtype
        return Column(
            self._group,
            name,
            dtype,
            chunk=self._rows_in_chunk(values, dtype),
            shape=values.shape[1:],
            attributes=self._layout.columns[name],
            file=self._file,
        )
