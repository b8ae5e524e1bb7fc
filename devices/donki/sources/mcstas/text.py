"""Reading the files of McStas monitors: text from McStas 1.12 to 3.x here, NeXus in `mcstas_nexus`.

What the text files look like follows from ``mcdetector_out_1D``, ``_2D`` and ``_list`` in McCode's
``mccode-r.c`` (https://github.com/mccode-dev/McCode, common/lib/share). First come lines ``# key: value``,
then

- for ``# type: array_1d(n)``, n rows ``x I I_err N``, where x is the centre of a bin;
- for ``# type: array_2d(m, n)``, n rows of m values, x along the row and y rising from row to row: first of
  I, then, each after a comment, of I_err and of N;
- for ``# type: array_3d(m, n, p)``, n p rows of m values likewise, x along the row, z rising from row to row
  and y after every p of them;
- for a list of events, ``# type: array_2d(m, n)`` too (since 2026 ``list(m, n)``) and n rows of m values,
  whose names are the ylabel. McStas appends more rows than n from further MPI nodes and beyond 10^6 events;
  McStas 1.12 repeats the header before them. A list of one event is an ``array_1d(m)``.

Monitor_nD's option *log* makes decimal logarithms of an axis, whose label ends with ``(log)`` then, or of the
intensities, where the title has ``[log]``; those of empty bins are one below the least.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.sources.mcstas.event_list import EventList
from donki.sources.mcstas.monitor import Axis, Monitor
from donki.sources.mcstas.nexus import read_mcstas_nexus
from donki.sources.mcstas.text_file import TextFile, shortened

_EXPECTED = "a text file of a McStas monitor"
_BLOCKS = ("I", "I_err", "N")
_LIST_LABEL = "List of neutron events"


def read_mcstas(path: str | PathLike[str], monitor: str | None = None) -> Monitor | EventList:
    """Read the file of a McStas monitor, of whichever kind its header says.

    Parameters
    ----------
    path
        a text file of a 1-D monitor (L_monitor, TOF_monitor, E_monitor, …), of a 2-D monitor (PSD_monitor,
        Monitor_nD, …), of a histogram of three axes, or of a list of events (Monitor_nD with the option
        *list*, Virtual_output); or the NeXus file of a whole simulation (``--format=NeXus``)
    monitor
        which monitor of a NeXus file: its component, or the name that its text file would have; not needed
        where there is only one

    Returns
    -------
    Monitor
        1-D: `intensity` of shape (n,); 2-D: of shape (n, m) with the axes (y, x); 3-D: of shape (n, p, m)
        with the axes (y, z, x)
    EventList
        its rows in the order of the file

    Raises
    ------
    SourceError
        when the file cannot be read, is of another kind, was cut short or is damaged; it names the file, the
        line, what was expected there, what was found, and what to do. (In a list, the loss of whole rows at
        the end shows only if fewer are left than the header says.)
    """
    if Path(path).is_file() and h5py.is_hdf5(path):
        return read_mcstas_nexus(Path(path), monitor)
    if monitor is not None:
        raise SourceError(f"{path} is not a NeXus file, so monitor={monitor!r} has no meaning; leave it out")
    file = TextFile(Path(path), _EXPECTED)
    kind, sizes = _type(file)
    is_list = (
        kind == "list"
        or "list" in file.header.get("Format", "") + file.header.get("format", "")
        or _LIST_LABEL in (file.header.get("xlabel"), file.header.get("ylabel"))
    )
    match kind, sizes:
        case "array_1d", (bins,) if not is_list:
            return _read_1d(file, bins)
        case "array_2d", (columns, rows) if not is_list:
            return _read_2d(file, columns, rows)
        case "array_3d", (columns, rows, layers):
            return _read_3d(file, columns, rows, layers)
        case "array_2d" | "list", (columns, _):
            return _read_list(file, columns)
        case "array_1d", (columns,) if columns == len(file.header.get("ylabel", "").split()):
            return _read_list(file, columns)
    remedy = {
        "array_0d": "a single number is not a distribution; take a monitor with an axis",
        "array_1d": "a list of one event is not a distribution; simulate more rays",
        "multiarray_1d": "a scan's summary is not a distribution; take a monitor in its numbered folders",
    }
    raise file.error(
        file.line_of("type"),
        "'# type: array_1d(n)' or '# type: array_2d(m, n)'",
        f"'# type: {file.header['type']}'",
        remedy.get(kind, "name the file of a single monitor"),
    )


def _type(file: TextFile, part: int = 0) -> tuple[str, tuple[int, ...]]:
    """Return what the line ``# type:`` of a part says: the kind and the sizes in brackets."""
    expected = "a header with '# type: array_1d(n)' or '# type: array_2d(m, n)'"
    header = file.parts[part].header
    if "type" not in header:
        if file.blocks and b"begin instrument" in file.blocks[0].text:
            remedy = "it describes the whole simulation; name the file of one of its monitors"
            raise file.error(1, _EXPECTED, "a McStas .sim file", remedy)
        if not file.blocks:
            raise file.error(file.lines, expected, "the end of the file")
        line, text = file.blocks[0]
        raise file.error(line, expected, shortened(text.decode(errors="replace").split("\n")[0]))
    found = re.fullmatch(r"(\w+)\s*(?:\(([\d, ]{1,99})\))?", header["type"], re.ASCII)
    sizes = tuple(int(size) for size in re.findall(r"\d+", found[2] or "")) if found else ()
    if found is None or 0 in sizes:
        raise file.error(file.line_of("type"), expected, f"'# type: {header['type']}'")
    return found[1], sizes


def _read_1d(file: TextFile, bins: int) -> Monitor:
    rows = _rows(file, 0, bins, 4, file.header.get("variables", "x I I_err N"))
    _refuse_more_blocks(file, 1)
    centre = rows[:, 0]
    with np.errstate(over="ignore", invalid="ignore"):
        step = (centre[-1] - centre[0]) / max(bins - 1, 1)
        # McStas 2.1 and older round a centre to six digits.
        astray = ~(np.abs(centre - (centre[0] + step * np.arange(bins))) < step / 2)
    if astray.any():
        row = int(np.flatnonzero(astray)[0])
        line = file.blocks[0].line_of(row)
        raise file.error(
            line, f"{bins} bins, 2 at least, at even and rising steps", f"a bin at {centre[row]:g}"
        )
    axis = Axis(file.header.get("xlabel", ""), centre[0] + step * (np.arange(bins + 1) - 0.5))
    return _monitor(file, (axis,), list(rows[:, 1:].T.copy()), file.header.get("ylabel", ""))


def _read_2d(file: TextFile, columns: int, rows: int) -> Monitor:
    values = _blocks(file, columns, rows)
    axes = tuple(_axis(file, name, bins) for name, bins in (("y", rows), ("x", columns)))
    return _monitor(file, axes, values)


def _read_3d(file: TextFile, columns: int, rows: int, layers: int) -> Monitor:
    sizes = {"y": rows, "z": layers, "x": columns}
    values = [block.reshape(*sizes.values()) for block in _blocks(file, columns, rows * layers)]
    return _monitor(file, tuple(_axis(file, name, bins) for name, bins in sizes.items()), values)


def _monitor(
    file: TextFile, axes: tuple[Axis, ...], values: Sequence[NDArray[np.float64]], label: str = ""
) -> Monitor:
    intensity, error, rays = values
    title = file.header.get("title", "")
    if "[log]" in title or label.endswith("(log)"):
        with np.errstate(over="ignore"):
            intensity = np.where(rays > 0, 10**intensity, 0.0)
        # The errors in the file are of the logarithms; those by the number of rays are near the truth.
        error = intensity / np.sqrt(np.maximum(rays, 1))
    return Monitor(str(file.path), title, axes, intensity, error, rays)


def _axis(file: TextFile, name: str, bins: int) -> Axis:
    place = 2 * "xyz".index(name)
    try:
        low, high = (float(limit) for limit in file.header.get("xylimits", "").split()[place : place + 2])
    except ValueError:
        low = high = np.nan
    if not -np.inf < low < high < np.inf:
        found = f"'# xylimits: {file.header['xylimits']}'" if "xylimits" in file.header else "no such line"
        limits = "xmin xmax ymin ymax" + (" zmin zmax" if name == "z" else "")
        raise file.error(file.line_of("xylimits"), f"'# xylimits: {limits}'", found)
    return Axis(file.header.get(f"{name}label", ""), np.linspace(low, high, bins + 1))


def _blocks(file: TextFile, columns: int, rows: int) -> list[NDArray[np.float64]]:
    values = [_rows(file, block, rows, columns, f"a row of {name}") for block, name in enumerate(_BLOCKS)]
    _refuse_more_blocks(file, len(_BLOCKS))
    return values


def _names(file: TextFile, part: int = 0) -> tuple[str, ...]:
    """Return the names of the columns of a list."""
    header = file.parts[part].header
    labels = (header.get(key, "") for key in ("ylabel", "xlabel", "variables"))
    return next((tuple(label.split()) for label in labels if label and label != _LIST_LABEL), ())


def _read_list(file: TextFile, columns: int) -> EventList:
    names = _names(file)
    if len(names) != columns or len(set(names)) != columns:
        expected = f"the names of {columns} columns, in '# ylabel:'"
        raise file.error(file.line_of("ylabel"), expected, repr(" ".join(names)))
    events = []
    for number, part in enumerate(file.parts):
        line = part.blocks[0].line if part.blocks else file.lines
        if _names(file, number) != names:
            found = repr(" ".join(_names(file, number)))
            raise file.error(line, f"a header of the columns {' '.join(names)}, as that above", found)
        rows = _type(file, number)[1][1:]
        tables = [file.table(block, columns, " ".join(names)) for block in part.blocks]
        expected = f"{(*rows, 1)[0]} lines of {columns} numbers ({' '.join(names)})"
        if not tables:
            raise file.error(line, expected, "the end of the file")
        if sum(map(len, tables)) < (*rows, 1)[0]:
            end = part.blocks[-1].line_of(len(tables[-1]))
            raise file.error(end, expected, str(sum(map(len, tables))))
        events += tables
    return EventList(str(file.path), file.header.get("title", ""), names, np.concatenate(events))


def _rows(file: TextFile, index: int, rows: int, columns: int, meaning: str) -> NDArray[np.float64]:
    """Return a block of numbers, shape (rows, columns)."""
    expected = f"{rows} lines of {columns} numbers ({meaning})"
    if index >= len(file.blocks):
        raise file.error(file.lines, expected, "the end of the file")
    block = file.blocks[index]
    table = file.table(block, columns, meaning)
    if len(table) != rows:
        raise file.error(block.line_of(min(len(table), rows)), expected, str(len(table)))
    refused = ~np.isfinite(table)
    if refused.any():
        row, column = (int(place) for place in np.argwhere(refused)[0])
        raise file.error(block.line_of(row), "numbers that are finite", f"{table[row, column]:g}")
    return table


def _refuse_more_blocks(file: TextFile, blocks: int) -> None:
    more = [block for part in file.parts for block in part.blocks][blocks:]
    if more:
        raise file.error(more[0].line, "the end of the data", "more numbers")
