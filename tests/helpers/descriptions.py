"""Descriptions of instruments, small, as tests need them."""

from __future__ import annotations

import json
from contextlib import contextmanager

import h5py
import numpy as np

from donki.instrument.tree import open_description

SINCE_1970 = {"units": "ns", "start": "1970-01-01T00:00:00Z"}


def group(parent, name, nx_class, **attributes):
    """Make a group of a class, and return it."""
    made = parent.create_group(name)
    made.attrs.update(NX_class=nx_class, **attributes)
    return made


def field(parent, name, values, units=None, **attributes):
    """Make a data set, and return it."""
    made = parent.create_dataset(name, data=values)
    made.attrs.update(attributes if units is None else {"units": units, **attributes})
    return made


def place(component, *steps, absolute=True):
    """Put a component where a chain of transformations leads.

    Each step is its type, value, unit, vector, and perhaps an offset in m; the first is nearest to the
    origin, so it is applied last. Values that are lists are logs.
    """
    chain = group(component, "transformations", "NXtransformations")
    after = "."
    for number, (kind, value, unit, vector, *offset) in enumerate(steps):
        name = f"step_{number}"
        if isinstance(value, list):
            step = group(chain, name, "NXlog")
            field(step, "value", np.array(value, float), unit)
            field(step, "time", np.arange(len(value)), **SINCE_1970)
        else:
            step = field(chain, name, float(value), unit)
        step.attrs.update(transformation_type=kind, vector=np.array(vector, float), depends_on=after)
        if offset:
            step.attrs.update(offset=np.array(offset[0], float), offset_units="m")
        after = f"{chain.name}/{name}" if absolute else name
    first = after if absolute or after == "." else f"transformations/{after}"
    component["depends_on"] = first


def events(parent, name, pulses=()):
    """Make an NXevent_data of pulses: times of flight in ns and pixel ids of each."""
    made = group(parent, name, "NXevent_data")
    sizes = [len(time) for time, _ in pulses]
    columns = [np.concatenate([[], *column]).astype(np.int32) for column in zip(*pulses, strict=True)] or [
        np.zeros(0, np.int32)
    ] * 2
    field(made, "event_time_offset", columns[0], "ns")
    field(made, "event_id", columns[1])
    field(made, "event_index", np.concatenate([[0], np.cumsum(sizes)])[: len(sizes)].astype(np.int64))
    field(made, "event_time_zero", np.arange(len(sizes), dtype=np.uint64) * 71_428_571, **SINCE_1970)
    return made


@contextmanager
def instrument(path, *, source=-25.0):
    """Open a new file, and yield its NXinstrument; a sample at the origin and a source in m before it."""
    with h5py.File(path, "w") as file:
        entry = group(file, "entry", "NXentry")
        group(entry, "sample", "NXsample")["depends_on"] = "."
        made = group(entry, "instrument", "NXinstrument")
        if source is not None:
            place(group(made, "source", "NXsource"), ("translation", source, "m", (0, 0, 1)))
        yield made


def panel(parent, name, rows=12, columns=16, *, size=(0.8, 0.6), z=5.0, first_pixel=1, pulses=()):
    """Make a flat detector behind the sample, with its offsets as axes, and return it."""
    made = group(parent, name, "NXdetector")
    field(
        made, "detector_number", np.arange(first_pixel, first_pixel + rows * columns).reshape(rows, columns)
    )
    for axis, length, count in (("x", size[0], columns), ("y", size[1], rows)):
        field(made, f"{axis}_pixel_offset", ((np.arange(count) + 0.5) / count - 0.5) * length, "m")
    place(made, ("translation", z, "m", (0, 0, 1)))
    events(made, f"{name}_events", pulses)
    return made


@contextmanager
def opened(path, where):
    """Open a description, and yield a group in it."""
    with open_description(path) as root:
        yield root.find(where)


def as_json(path, children):
    """Write a nexus_structure."""
    path.write_text(json.dumps({"children": children}))
    return path
