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

    What is in no NXdata is linked into one, ``/entry/data``.

    References
    ----------
    https://manual.nexusformat.org/datarules.html, "Find the plottable data"
    """
    entry, group = root["entry"], plot.signal.parent
    if plot.axis is not None:
        group = entry.create_group("data")
        names = [dataset.name.rpartition("/")[2] for dataset in (plot.signal, plot.axis)]
        for name, dataset in zip(names, (plot.signal, plot.axis), strict=True):
            group[name] = h5py.SoftLink(dataset.name)
        axes = [names[1], *["."] * (plot.signal.ndim - 1)]
        group.attrs.update(NX_class="NXdata", signal=names[0], axes=axes)
    while group != entry:
        group.parent.attrs["default"] = group.name.rpartition("/")[2]
        group = group.parent


def now() -> str:
    """Return the time as NeXus writes it, in UTC with ms."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
