"""Where things are: what a scenario states where the description of an instrument does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from donki.errors import SourceError
from donki.instrument.nodes import Group
from donki.instrument.places import distance_from_source, flight_path

#: Metres from the source to the sample, and from the source to a monitor, where nobody knows.
FLIGHT_PATH, MONITOR_DISTANCE = 25.0, 20.0


def stated_beam(component: Group) -> dict[str, Any]:
    """Return the Parameter ``beam``: empty where the description says where the source is."""
    try:
        flight_path(component)
    except SourceError:
        return {"flight_path": FLIGHT_PATH}
    return {}


def assumed_of(beam: Mapping[str, Any]) -> list[str]:
    """Return what of a beam is not from the description, in a line."""
    if not beam:
        return []
    return [f"the description does not say where the source is: flight_path {FLIGHT_PATH:g} m is made up"]


def stated_distance(monitor: Group) -> float | None:
    """Return the Parameter ``distance`` of a monitor: None where the description says it."""
    try:
        distance_from_source(monitor)
    except SourceError:
        return MONITOR_DISTANCE
    return None
