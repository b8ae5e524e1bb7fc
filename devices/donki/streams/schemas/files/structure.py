"""The parts of what a file writer is told to write: nexus_structure of its start message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Attribute = str | list[str] | list[int] | list[float]


def group(
    name: str,
    nexus_class: str,
    children: Sequence[dict[str, Any]],
    attributes: Mapping[str, Attribute] | None = None,
) -> dict[str, Any]:
    """Return a group, its attributes beside the class, and what is in it."""
    told = _attributes({"NX_class": nexus_class, **(attributes or {})})
    return {"type": "group", "name": name, "attributes": told, "children": list(children)}


def dataset(
    name: str, dtype: str, values: Any, attributes: Mapping[str, Attribute] | None = None
) -> dict[str, Any]:
    """Return a data set and its attributes."""
    made = {"module": "dataset", "config": {"name": name, "dtype": dtype, "values": values}}
    return {**made, "attributes": _attributes(attributes)} if attributes else made


def text(name: str, said: str) -> dict[str, Any]:
    """Return a data set that is a text."""
    return dataset(name, "string", said)


def _attributes(given: Mapping[str, Attribute]) -> list[dict[str, Any]]:
    return [{"name": name, "dtype": _dtype(value), "values": value} for name, value in given.items()]


def _dtype(value: Attribute) -> str:
    kinds = set(map(type, [value] if isinstance(value, str) else value))
    return "string" if str in kinds else "int32" if kinds == {int} else "double"
