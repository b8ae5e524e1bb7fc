"""Where the pixels of a detector are, as a description has it.

All places are in m, seen from the sample: the beam is along z, y is up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError, SourceError
from donki.instrument.nodes import Dataset, Group
from donki.instrument.offsets import areas_of, has_offsets, offsets_of
from donki.instrument.places import LONGEST, SHORTEST, along_beam, sample_position
from donki.instrument.shapes import faces_numbers, middles_of, shape_of
from donki.instrument.transformations import is_placed, pose
from donki.sources import Pixels

_NUMBERS = ("detector_number", "pixel_id", "spectrum_index")
_HOLDS_PARTS = ("NXdetector", "NXdetector_group", "")
_PARTS = ("NXdetector", "NXdetector_module", "")
_HIGHEST = np.iinfo(np.int32).max


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
    places = (places - sample_position(detector, assumed)) @ along_beam(detector, assumed).T
    _check(detector, numbers, places)
    pixels = Pixels.alike(numbers.astype(np.int32), places)
    if areas is not None:
        solid_angle = np.minimum(areas / (places**2).sum(axis=-1), 2 * np.pi)
        pixels = Pixels(pixels.detector_number, places, solid_angle)
    return DetectorGeometry(pixels, tuple(dict.fromkeys(assumed)))


def pixel_numbers_of(component: Group) -> NDArray[np.int64] | None:
    """Return the numbers of the pixels of a component, of any shape; None where it has none of its own.

    Raises
    ------
    SourceError
        when they are no numbers of pixels
    """
    field = _number_field(component)
    return None if field is None else _whole(field)


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
    far = np.abs(places).max(axis=-1)
    if (wrong := far < SHORTEST).any():
        raise SourceError(
            f"{detector.path}: {np.count_nonzero(wrong)} of its {numbers.size} pixels are where the"
            " sample is; expected offsets, or a depends_on that leads away from it"
        )
    # Not a number compares false.
    if not (near := far <= LONGEST).all():
        raise SourceError(
            f"{detector.path}: {np.count_nonzero(~near)} of its {numbers.size} pixels are more than"
            f" {LONGEST:g} m from the sample; mend their offsets or its depends_on"
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
