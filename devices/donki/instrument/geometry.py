"""Where the pixels of a detector are, and how far neutrons fly to it, as a description has it.

All places are in m, seen from the sample: the beam is along z, y is up. The beam comes straight from the
source if the description says where that is, as scippneutron takes it; else along its own z.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError, SourceError
from donki.instrument.nodes import Dataset, Group
from donki.instrument.offsets import areas_of, has_offsets, offsets_of
from donki.instrument.shapes import faces_numbers, middles_of, shape_of
from donki.instrument.transformations import is_placed, pose
from donki.sources import Pixels

_NUMBERS = ("detector_number", "pixel_id", "spectrum_index")
_HOLDS_PARTS = ("NXdetector", "NXdetector_group", "")
_PARTS = ("NXdetector", "NXdetector_module", "")
_HIGHEST = np.iinfo(np.int32).max

_STRAIGHT = 1e-9
"""How many rad a beam may be off z, by what rounding leaves of a chain of transformations."""


@dataclass(frozen=True)
class DetectorGeometry:
    """The pixels of a detector, and what was taken for granted of them.

    Attributes
    ----------
    pixels : Pixels
        numbers and places, seen from the sample; solid angles as if all faced it, by their sizes, or as if
        all were alike
    assumed : tuple of str
        what the description leaves open and how it was taken, a line each
    """

    pixels: Pixels
    assumed: tuple[str, ...]


def detector_geometry(detector: Group) -> DetectorGeometry:
    """Return the pixels of a detector and their places.

    Numbers are those of ``detector_number``, in the detector or in groups in it; negative ones are gaps.
    Places are those of ``x_pixel_offset`` and so on, else those of an NXoff_geometry with ``detector_faces``
    or of an NXcylindrical_geometry with a cylinder for each pixel, else that of the detector; moved by the
    chain of ``depends_on``. Solid angles go by ``x_pixel_size`` and ``y_pixel_size`` where both are told.

    Parameters
    ----------
    detector
        an NXdetector

    Raises
    ------
    SourceError
        when it has no pixels, or what it tells of them is not sound; names the data set and what was expected
    """
    assumed: list[str] = []
    parts = [_placed(part, assumed) for part in _parts(detector)]
    if len(parts) == 1:
        numbers, places, areas = parts[0]
    else:
        numbers = np.concatenate([part.ravel() for part, _, _ in parts])
        places = np.concatenate([place.reshape(-1, 3) for _, place, _ in parts])
        told = [area.ravel() for _, _, area in parts if area is not None]
        areas = np.concatenate(told) if len(told) == len(parts) else None
    is_pixel = numbers >= 0
    if not is_pixel.all():
        numbers, places = numbers[is_pixel], places[is_pixel]
        areas = None if areas is None else areas[is_pixel]
    places = (places - sample_position(detector, assumed)) @ _along_beam(detector, assumed).T
    _check(detector, numbers, places)
    pixels = Pixels.alike(numbers.astype(np.int32), places)
    if areas is not None:
        solid_angle = np.minimum(areas / (places**2).sum(axis=-1), 2 * np.pi)
        pixels = Pixels(pixels.detector_number, places, solid_angle)
    return DetectorGeometry(pixels, tuple(dict.fromkeys(assumed)))


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
    place: NDArray[np.float64] = _along_beam(component, told) @ _from_sample(component, told)
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
        when it does not say where the component or the source is
    """
    told = assumed if assumed is not None else []
    place = _from_sample(component, told)
    return float(np.linalg.norm(place - _from_sample(_source(component), told)))


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
        when the description does not say where the source is, or has it where the sample is
    """
    source = _source(component)
    length = float(np.linalg.norm(_from_sample(source, assumed if assumed is not None else [])))
    if length == 0:
        raise SourceError(f"{source.path}: the source is where the sample is; state the flight path instead")
    return length


def pixel_numbers_of(component: Group) -> NDArray[np.int64] | None:
    """Return the numbers of the pixels of a component, of any shape; None where it has none of its own.

    Raises
    ------
    SourceError
        when they are no numbers of pixels
    """
    field = _number_field(component)
    return None if field is None else _whole(field)


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


def _along_beam(component: Group, assumed: list[str]) -> NDArray[np.float64]:
    """Return the rotation of the description's directions after which the beam is along z, y still up."""
    try:
        source = _from_sample(_source(component), [])
    except SourceError:
        return np.eye(3)
    length = np.linalg.norm(source)
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


def _parts(detector: Group) -> list[Group]:
    """Return the groups that have the pixels of a detector: itself, or else those in it."""
    shape = shape_of(detector)
    if _number_field(detector) is not None or (shape is not None and "detector_faces" in shape.datasets):
        return [detector]
    groups = detector.groups.values() if detector.nx_class in _HOLDS_PARTS else ()
    parts = [group for group in groups if group.nx_class in _PARTS and _number_field(group) is not None]
    if not parts:
        raise SourceError(
            f"{detector.path}: has no {' or '.join(_NUMBERS)}, so that it has no pixels to send"
        )
    return parts


def _number_field(group: Group) -> Dataset | None:
    return next((group.datasets[name] for name in _NUMBERS if name in group.datasets), None)


def _placed(
    part: Group, assumed: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the numbers of a group's pixels, of any shape, their places in the description, their areas."""
    shape = shape_of(part)
    field = _number_field(part)
    numbers = faces_numbers(shape) if field is None and shape is not None else _whole(field)
    if has_offsets(part):
        offsets = offsets_of(part, numbers.shape, assumed)
    elif shape is not None:
        offsets = middles_of(shape, numbers.ravel(), assumed).reshape(*numbers.shape, 3)
    else:
        offsets = np.zeros((*numbers.shape, 3))
        if numbers.size > 1:
            assumed.append(f"{part.path} has neither offsets nor a shape of its pixels: all are where it is")
    if not is_placed(part):
        assumed.append(f"{part.path} has no depends_on: its pixels are seen from the origin")
    moved = pose(part, assumed)
    places = offsets @ moved[:3, :3].T + moved[:3, 3]
    return numbers, places, areas_of(part, numbers.shape, assumed)


def _whole(field: Dataset | None) -> NDArray[np.int64]:
    values: Any = np.asarray(None if field is None else field.read())
    if field is None or values.dtype.kind not in "iu" or not values.size:
        where = "a detector" if field is None else field.path
        raise SourceError(f"{where}: expected the numbers of pixels, integers; found {values!s:.80}")
    if values.max() > _HIGHEST:
        raise SourceError(
            f"{field.path}: pixel {values.max()} is above {_HIGHEST}, the highest that an event holds"
        )
    return np.atleast_1d(values.astype(np.int64))


def _check(detector: Group, numbers: NDArray[np.int64], places: NDArray[np.float64]) -> None:
    if not numbers.size:
        raise SourceError(f"{detector.path}: all its pixels have negative numbers, which are gaps")
    found, times = np.unique(numbers, return_counts=True)
    if times.max() > 1:
        raise SourceError(
            f"{detector.path}: names pixel {found[times.argmax()]} {times.max()} times; expected once"
        )
    at_sample = ~places.any(axis=-1)
    if at_sample.any():
        raise SourceError(
            f"{detector.path}: {np.count_nonzero(at_sample)} of its {numbers.size} pixels are where the"
            " sample is; expected offsets, or a depends_on that leads away from it"
        )


def group_at(root: Group, path: str) -> Group:
    """Return the group at a path.

    Raises
    ------
    InputError
        when there is none
    """
    found = root.find(path)
    if not isinstance(found, Group):
        raise InputError(f"{path!r:.200}: there is no such group in the description; give the path of one")
    return found
