"""Where components are, seen from the sample, and how far neutrons fly, as a description has it.

The beam comes straight from the source if the description says where that is, as scippneutron takes it; else
along its own z.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.instrument.nodes import Group
from donki.instrument.transformations import is_placed, pose

SHORTEST, LONGEST = 1e-3, 300.0
"""Of the distances of a component from the sample or the source, in m: no neutrons in use fly further."""

_STRAIGHT = 1e-9
"""How many rad a beam may be off z, by what rounding leaves of a chain of transformations."""


def position_of(component: Group, assumed: list[str] | None = None) -> NDArray[np.float64]:
    """Return where a component is, in m seen from the sample, shape (3,).

    Parameters
    ----------
    component
        a monitor, the source, a chopper, with ``depends_on`` or ``distance``
    assumed
        is told what the description leaves open, and how it was taken

    Raises
    ------
    SourceError
        when the description does not say
    """
    told = assumed if assumed is not None else []
    place: NDArray[np.float64] = along_beam(component, told) @ _from_sample(component, told)
    return place


def distance_from_source(component: Group, assumed: list[str] | None = None) -> float:
    """Return how far a component is from the source, in m.

    Parameters
    ----------
    component
        of which the description says where it is
    assumed
        is told what the description leaves open, and how it was taken

    Raises
    ------
    SourceError
        when it does not say where the component or the source is, or has them at one place or too far apart
    """
    told = assumed if assumed is not None else []
    place = _from_sample(component, told)
    length = math.hypot(*(place - _from_sample(_source(component), told)))
    _check_length(component, length, "its distance from the source")
    return length


def flight_path(component: Group, assumed: list[str] | None = None) -> float:
    """Return how far the sample is from the source, in m.

    Parameters
    ----------
    component
        any group of the entry that both are in
    assumed
        is told what the description leaves open, and how it was taken

    Raises
    ------
    SourceError
        when the description does not say where the source is, or has it where the sample is, or too far away
    """
    source = _source(component)
    length = math.hypot(*_from_sample(source, assumed if assumed is not None else []))
    _check_length(source, length, "its distance from the sample")
    return length


def sample_position(component: Group, assumed: list[str]) -> NDArray[np.float64]:
    """Return where the sample is in the description's coordinates, in m; without one, the origin."""
    sample = _named(component, "NXsample", "sample")
    place: NDArray[np.float64] = np.zeros(3) if sample is None else pose(sample, assumed)[:3, 3]
    return place


def _from_sample(component: Group, assumed: list[str]) -> NDArray[np.float64]:
    """Return where a component is from the sample, in the description's directions."""
    if not is_placed(component):
        raise SourceError(
            f"{component.path}: has no depends_on and no distance, so that nobody knows where it is"
        )
    place: NDArray[np.float64] = pose(component, assumed)[:3, 3] - sample_position(component, assumed)
    return place


def along_beam(component: Group, assumed: list[str]) -> NDArray[np.float64]:
    """Return the rotation of the description's directions after which the beam is along z, y still up."""
    try:
        source = _from_sample(_source(component), [])
    except SourceError:
        return np.eye(3)
    length = math.hypot(*source)
    beam = -source / length if length else np.array([0.0, 0.0, 1.0])
    if beam[2] > 0 and np.hypot(beam[0], beam[1]) < _STRAIGHT:
        return np.eye(3)
    assumed.append(f"the beam comes from the source, {np.degrees(np.arccos(beam[2])):.4g} degrees off z")
    up = np.array([0.0, 1.0, 0.0]) if abs(beam[1]) < 1 - 1e-9 else np.array([0.0, 0.0, -np.sign(beam[1])])
    across = np.cross(up, beam)
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(beam, across), beam])


def _source(component: Group) -> Group:
    source = _named(component, "NXsource", "source") or _named(component, "NXmoderator", "moderator")
    if source is None:
        raise SourceError(
            f"{component.path}: there is no NXsource in its entry, so that nobody knows how far neutrons fly;"
            " state the flight path"
        )
    return source


def _named(component: Group, nx_class: str, name: str) -> Group | None:
    """Return the group of a class in the entry of a component; where none has the class, that of the name."""
    first = component.path.strip("/").partition("/")[0]
    entry = component.root.find(f"/{first}")
    groups = list((entry if isinstance(entry, Group) else component.root).walk())
    return next(
        (group for group in groups if group.nx_class == nx_class),
        next((group for group in groups if group.name == name and not group.nx_class), None),
    )


def _check_length(component: Group, metres: float, what: str) -> None:
    if not SHORTEST <= metres <= LONGEST:
        raise SourceError(
            f"{component.path}: {what} is {metres:g} m; expected {SHORTEST:g} to {LONGEST:g} m, mend its"
            " place, or state the distance instead"
        )
