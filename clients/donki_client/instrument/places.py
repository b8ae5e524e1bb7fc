"""Where things are: what a scenario states where the description of an instrument does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from donki.instrument.nodes import Group

#: Metres from the source to the sample, and from the source to a monitor, where nobody knows.
FLIGHT_PATH, MONITOR_DISTANCE = 25.0, 20.0

_SOURCES = ("NXsource", "NXmoderator")
_PLACES = ("depends_on", "distance")


def is_placed(group: Group) -> bool:
    """Return whether the description says where something is."""
    return any(name in group.datasets for name in _PLACES)


def stated_beam(root: Group) -> dict[str, Any]:
    """Return the Parameter ``beam``: empty where the description says how far the source is."""
    if any(group.nx_class in _SOURCES and is_placed(group) for group in root.walk()):
        return {}
    return {"flight_path": FLIGHT_PATH}


def assumed_of(beam: Mapping[str, Any]) -> list[str]:
    """Return what of a beam is not from the description, in a line."""
    if not beam:
        return []
    return [f"the description does not say where the source is: flight_path {FLIGHT_PATH:g} m is made up"]
