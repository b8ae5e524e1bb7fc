"""Reading the NeXus file that a McStas simulation writes with ``--format=NeXus``; it holds all its monitors.

What it looks like follows from ``mcdatainfo_out_nexus`` and ``mcdetector_out_data_nexus`` in McCode's
``mccode-r.c`` (https://github.com/mccode-dev/McCode, common/lib/share). A monitor is an NXdata under
``entry1/data``, which since McStas 3.5 is a link to its place under ``entry1/instrument/components``; its
attributes are the lines of the header that the text file would have. In it are

- of a histogram ``data``, ``errors`` and ``ncount`` of shape (x,), (x, y) or (x, y, z), and for each axis the
  centres of its bins, with the attributes ``axis`` (1, 2, 3) and ``long_name``;
- of a list ``events``, one row a neutron; the names of the columns are the attribute ``variables``.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.hdf5 import attribute_number, attribute_text, check_size, open_to_read, reading
from donki.sources.mcstas.event_list import EventList
from donki.sources.mcstas.monitor import Axis, Monitor

_VALUES = ("data", "errors", "ncount")
#: How the axes of a monitor are told, as in the text files: y before x, and z between them.
_ORDER = {1: (0,), 2: (1, 0), 3: (1, 2, 0)}


def read_mcstas_nexus(path: Path, monitor: str | None) -> Monitor | EventList:
    """Read a monitor of a file.

    Parameters
    ----------
    path
        of the file
    monitor
        the monitor's component, the name of its file, or of its group; not needed where there is only one

    Raises
    ------
    SourceError
        when the file cannot be read, or has no such monitor or several to choose from
    """
    with reading(path), open_to_read(path) as file:
        group = _choose(path, _monitors(file), monitor)
        if "events" in group:
            return _read_list(path, group)
        return _read_histogram(path, group)


def _monitors(file: h5py.File) -> list[h5py.Group]:
    """Return the groups of all monitors; one that is linked stands in several places, and is one."""
    found: list[h5py.Group] = []

    def look(_: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Group) and ("events" in item or all(name in item for name in _VALUES)):
            found.append(item)

    file.visititems(look)
    return found


def _choose(path: Path, groups: list[h5py.Group], monitor: str | None) -> h5py.Group:
    names = {group.name: _names(group) for group in groups}
    chosen = [group for group in groups if monitor is None or monitor in names[group.name]]
    if len(chosen) == 1:
        return chosen[0]
    listed = ", ".join(
        attribute_text(group, "component") or name for name, group in zip(names, groups, strict=True)
    )
    if not groups:
        raise SourceError(f"{path}: expected monitors of McStas, as --format=NeXus writes them; found none")
    if monitor is None:
        raise SourceError(f"{path} has several monitors; name one with monitor=: {listed}")
    many = "several monitors" if chosen else "no monitor"
    raise SourceError(f"{path} has {many} called {monitor!r}; there is {listed}, and the path of each group")


def _names(group: h5py.Group) -> set[str]:
    return {
        group.name,
        group.name.rpartition("/")[2],
        attribute_text(group, "component"),
        attribute_text(group, "filename"),
    }


def _read_histogram(path: Path, group: h5py.Group) -> Monitor:
    values = [_numbers(path, group, name) for name in _VALUES]
    shape = values[0].shape
    if any(part.shape != shape for part in values) or len(shape) not in _ORDER:
        raise SourceError(
            f"{path}: data, errors and ncount of {group.name} have one shape of up to three dimensions;"
            f" found {', '.join(str(part.shape) for part in values)}"
        )
    axes = {}
    for name, item in group.items():
        if isinstance(item, h5py.Dataset) and (number := attribute_number(item, "axis")) is not None:
            axes[number] = _axis(path, group, name)
    order = _ORDER[len(shape)]
    for number in order:
        if number + 1 not in axes or len(axes[number + 1].edges) != shape[number] + 1:
            raise SourceError(
                f"{path}: {group.name} has no axis {number + 1} of {shape[number]} bins, 2 at least; take a"
                " monitor that has"
            )
    return Monitor(
        f"{path}, {group.name}",
        attribute_text(group, "title"),
        tuple(axes[number + 1] for number in order),
        *(np.ascontiguousarray(part.transpose(order)) for part in values),
    )


def _axis(path: Path, group: h5py.Group, name: str) -> Axis:
    centre = _numbers(path, group, name)
    step = (centre[-1] - centre[0]) / max(len(centre) - 1, 1) if centre.ndim == 1 and len(centre) else 0
    if not step > 0:
        raise SourceError(
            f"{path}: the axis {group.name}/{name} has 2 bins at least, and rises; found {centre!s:.200}"
        )
    edges = np.linspace(centre[0] - step / 2, centre[-1] + step / 2, len(centre) + 1)
    return Axis(attribute_text(group[name], "long_name"), edges)


def _read_list(path: Path, group: h5py.Group) -> EventList:
    rows = _numbers(path, group, "events", finite=False)
    names = next(
        (text.split() for key in ("variables", "ylabel") if (text := attribute_text(group, key))), []
    )
    if rows.ndim == 1 and len(rows) == len(names):
        rows = rows[None, :]  # so McStas writes a list of one event
    if rows.ndim != 2 or len(names) != rows.shape[1] or len(set(names)) != len(names):
        raise SourceError(
            f"{path}: the attribute variables of {group.name} names each column of events, of shape"
            f" {rows.shape}; found {' '.join(names)!r}"
        )
    return EventList(f"{path}, {group.name}", attribute_text(group, "title"), tuple(names), rows)


def _numbers(path: Path, group: h5py.Group, name: str, *, finite: bool = True) -> NDArray[np.float64]:
    field = group[name]
    if not isinstance(field, h5py.Dataset) or field.shape is None or field.dtype.kind not in "iuf":
        raise SourceError(f"{path}: {group.name}/{name} is a data set of numbers; found {field!r}")
    check_size(field, path)
    values: NDArray[np.float64] = np.asarray(field[()], np.float64)
    refused = ~np.isfinite(values)
    if finite and refused.any():
        place = tuple(int(index) for index in np.argwhere(refused)[0])
        raise SourceError(
            f"{path}: {group.name}/{name} has numbers that are not finite,"
            f" {np.count_nonzero(refused)} of them, the first {values[place]:g} at {place}; simulate it again"
        )
    return values
