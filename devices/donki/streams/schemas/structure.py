"""The parts of what a file writer is told to write: nexus_structure of its start message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def group(
    name: str, nexus_class: str, children: list[dict[str, Any]], attributes: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a group, its attributes beside the class, and what is in it."""
    texts = {"NX_class": nexus_class, **(attributes or {})}
    told = [{"name": key, "dtype": "string", "values": value} for key, value in texts.items()]
    return {"type": "group", "name": name, "attributes": told, "children": children}


def text(name: str, said: str) -> dict[str, Any]:
    """Return a data set that is a text."""
    return {"module": "dataset", "config": {"name": name, "dtype": "string", "values": said}}
