"""What the NXentry of a file says of its run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import h5py

from donki.run import Run
from donki.streams.nexus.column import Plot


def describe_run(root: h5py.File, path: Path, run: Run) -> None:
    """Make ``/entry`` with the run's identity, and ``/entry/instrument`` without anything in it.

    Its ``end_time`` is empty until the file is finished.

    Parameters
    ----------
    root
        of the file
    path
        of the file
    run
        which the file is of

    References
    ----------
    https://manual.nexusformat.org/classes/base_classes/NXentry.html
    """
    root.attrs.update(NX_class="NXroot", default="entry", file_name=path.name, file_time=now())
    entry = root.create_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    entry["entry_identifier"] = run.id
    entry["title"] = run.title
    entry["start_time"] = now()
    # Its room is taken now, so that a file can be finished on a full disk.
    entry.create_dataset("end_time", data=b"", dtype=h5py.string_dtype(length=len(now())))
    entry["program_name"] = "DonkiOrchestra"
    entry["program_name"].attrs["version"] = version("donkiorchestra")
    entry["run_metadata"] = json.dumps(dict(run.metadata))
    entry["run_seed"] = run.seed
    entry.create_group("instrument").attrs["NX_class"] = "NXinstrument"


def lead_to(root: h5py.File, plot: Plot) -> None:
    """Lead viewers to a plot, from the file's ``default`` on.

    What is in no NXdata, or in one where an axis has no data set of its own, is linked into ``/entry/data``:
    an axis without a data set is ``.`` there.

    References
    ----------
    https://manual.nexusformat.org/datarules.html, "Find the plottable data"
    """
    entry, group = root["entry"], plot.signal.parent
    if plot.axis is None:
        axes = [group.get(name) for name in group.attrs["axes"]]
    else:
        axes = [plot.axis, *[None] * (plot.signal.ndim - 1)]
    if plot.axis is not None or any(axis is None for axis in axes):
        group = entry.create_group("data")
        for dataset in (plot.signal, *axes):
            if dataset is not None:
                group[_last_name(dataset)] = h5py.SoftLink(dataset.name)
        names = ["." if axis is None else _last_name(axis) for axis in axes]
        group.attrs.update(NX_class="NXdata", signal=_last_name(plot.signal), axes=names)
    while group != entry:
        group.parent.attrs["default"] = _last_name(group)
        group = group.parent


def _last_name(item: h5py.Dataset | h5py.Group) -> str:
    return str(item.name.rpartition("/")[2])


def now() -> str:
    """Return the time as NeXus writes it, in UTC with ms."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
