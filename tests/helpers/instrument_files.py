"""Descriptions of instruments: HDF5 as file writers leave them, and the JSON that they are given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np


@dataclass
class Group:
    name: str
    nx_class: str = ""
    children: Sequence[Any] = ()


@dataclass
class Data:
    name: str
    values: Any
    units: str | None = None
    dtype: str = "double"


@dataclass
class Link:
    name: str
    target: str


@dataclass
class Stream:
    module: str
    topic: str
    source: str
    config: dict[str, Any] = field(default_factory=dict)


def log(name: str, topic: str, source: str, units: str = "", **config: Any) -> Group:
    return Group(
        name, "NXlog", [Stream("f144", topic, source, {"value_units": units, "dtype": "double", **config})]
    )


def write(path: Path, tree: Sequence[Group], form: str) -> Path:
    """Write a tree in one of `FORMS` and return its file."""
    language, _, manner = form.partition(" ")
    path = path / f"made.{'json' if language == 'json' else 'nxs'}"
    if language == "json":
        path.write_text(json.dumps(_structure(tree, ugly=bool(manner))), encoding="utf-8")
    else:
        with h5py.File(path, "w") as file:
            _fill(file, tree, ugly=bool(manner))
    return path


FORMS = ("json", "json ugly", "nexus", "nexus ugly")


def _structure(tree: Sequence[Group], *, ugly: bool) -> dict[str, Any]:
    root = {"children": [_node(child, ugly=ugly) for child in tree]}
    # The message that starts a file has the structure as a text.
    return {"nexus_structure": json.dumps(root), "job_id": "1"} if ugly else root


def _node(child: Any, *, ugly: bool) -> dict[str, Any]:
    match child:
        case Group(name, nx_class, children):
            node: dict[str, Any] = {"type": "group", "name": name}
            if nx_class:
                node["attributes"] = _attributes({"NX_class": nx_class}, ugly=ugly)
            return node | {"children": [_node(part, ugly=ugly) for part in children]}
        case Data(name, values, units, dtype):
            config = {"name": name, "type" if ugly else "dtype": dtype, "values": np.asarray(values).tolist()}
            if ugly and isinstance(values, str):
                config["values"] = [values]
            node = {"module": "dataset", "config": config}
            return node if units is None else node | {"attributes": _attributes({"units": units}, ugly=ugly)}
        case Link(name, target):
            return {"module": "link", "config": {"name": name, "source": target}}
        case Stream(module, topic, source, config):
            return {"module": module, "config": {"topic": topic, "source": source, **config}}
    raise TypeError(child)


def _attributes(said: dict[str, str], *, ugly: bool) -> Any:
    return [{"name": n, "dtype": "string", "values": [v]} for n, v in said.items()] if ugly else said


def _fill(parent: h5py.Group, children: Sequence[Any], *, ugly: bool) -> None:
    for child in children:
        match child:
            case Group(name, nx_class, inner):
                group = parent.create_group(name)
                if nx_class:
                    group.attrs["NX_class"] = _text(nx_class, ugly=ugly)
                _fill(group, inner, ugly=ugly)
            case Data(name, values, units, dtype):
                if isinstance(values, str):
                    parent[name] = _text(values, ugly=ugly)
                else:
                    parent[name] = np.asarray(values, {"double": "f8", "int": "i4"}.get(dtype, dtype))
                if units is not None:
                    parent[name].attrs["units"] = _text(units, ugly=ugly)
            case Link(name, target):
                parent[name] = h5py.SoftLink(target)
            case Stream(module, topic, source, config):
                said = {"writer_module": module, "topic": topic, "source": source}
                if "topic" in parent.attrs:  # alarms beside values
                    beside = {"al00": "alarm_severity", "ep01": "connection_status"}
                    parent[beside[module]] = np.int16([0])
                    continue
                parent.attrs.update({key: _text(text, ugly=ugly) for key, text in said.items()})
                if module == "f144" and "value" not in parent:
                    parent["value"] = np.asarray([], config.get("dtype", "f8"))
                    parent["value"].attrs["units"] = config.get("value_units", "")


def _text(text: str, *, ugly: bool) -> Any:
    """Return a text as h5py writes it: of variable length, or an array of one, fixed, padded, in Latin-1."""
    return np.array([text.encode("latin-1")], f"S{len(text) + 5}") if ugly else text
