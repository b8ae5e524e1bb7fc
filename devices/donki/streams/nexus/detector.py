"""A detector as files tell of it: its pixels, and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import h5py
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Detector:
    """The pixels of a detector and their places.

    Attributes
    ----------
    detector_number
        of the pixels, any shape; None where it is not known before the events
    offsets
        ``x_pixel_offset`` and so on, as far as they are known, each of the shape of `detector_number`
    unit
        of lengths
    position
        of the point from which the offsets are counted, seen from the sample; None for the sample itself
    """

    detector_number: NDArray[np.int32] | None = None
    offsets: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    unit: str = "m"
    position: tuple[float, float, float] | None = None


UNKNOWN = Detector()
"""A detector of which nothing is known before its events."""


def translation(position: tuple[float, float, float]) -> tuple[float, list[float]]:
    """Return how far a translation to a position goes, and the unit vector along which."""
    length = float(np.linalg.norm(position))
    return length, [part / length for part in position] if length else [0.0, 0.0, 1.0]


def write_detector(group: h5py.Group, detector: Detector) -> None:
    """Write what is known of a detector into its NXdetector.

    References
    ----------
    https://manual.nexusformat.org/classes/base_classes/NXdetector.html and NXtransformations
    """
    if detector.detector_number is not None:
        group["detector_number"] = detector.detector_number
    for name, values in detector.offsets.items():
        group[name] = values
        group[name].attrs["units"] = detector.unit
    if detector.position is None:
        # No transformation: it is where the sample is, until whoever reads the file says where.
        group["depends_on"] = "."
        return
    length, vector = translation(detector.position)
    transformations = group.create_group("transformations")
    transformations.attrs["NX_class"] = "NXtransformations"
    transformations["position"] = length
    transformations["position"].attrs.update(
        transformation_type="translation", vector=vector, units=detector.unit, depends_on="."
    )
    group["depends_on"] = "transformations/position"
