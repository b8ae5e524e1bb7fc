"""The parts of what a file writer is told to write: nexus_structure of its start message."""

from __future__ import annotations

from typing import Any


def group(name: str, nexus_class: str, children: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a group and what is in it."""
    attributes = [{"name": "NX_class", "dtype": "string", "values": nexus_class}]
    return {"type": "group", "name": name, "attributes": attributes, "children": children}


def text(name: str, said: str) -> dict[str, Any]:
    """Return a data set that is a text."""
    return {"module": "dataset", "config": {"name": name, "dtype": "string", "values": said}}
