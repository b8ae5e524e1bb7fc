"""The detector that a script describes: taken from the settings of its stream, and told to file writers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import TypedDict

from donki.errors import InputError, shown
from donki.streams.inputs import as_array
from donki.streams.nexus.detector import Detector, translation
from donki.streams.schemas.encoding.ev44 import int32_column
from donki.streams.schemas.files.structure import dataset, group

UNITS = ("m", "cm", "mm", "um", "nm")
"""Of lengths."""

LONGEST = 1e12
"""The largest length, in its unit, that is one."""

MOST_TOLD = 500_000
"""How many characters a file writer is told of a detector at most: Kafka's messages have 1 MB."""


class OffsetLayout(TypedDict):
    """Offsets of pixels, and the axes of detector_number along which they differ."""

    axes: list[int]
    values: list[float]


class DetectorLayout(TypedDict):
    """The pixels of a detector: shape, numbers and offsets by name; its position, empty where it has none."""

    shape: list[int]
    detector_number: list[int]
    offsets: dict[str, OffsetLayout]
    unit: str
    position: list[float]


def as_detector(
    name: str,
    detector_number: ArrayLike | None,
    offsets: Mapping[str, ArrayLike | None],
    unit: object,
    position: ArrayLike | None,
) -> Detector:
    """Return the detector that the settings of a stream tell of.

    Parameters
    ----------
    name
        what to call the stream in an error
    detector_number
        of its pixels, integers from 0 of any shape
    offsets
        by their names in NeXus, each of the shape of `detector_number`, or of one that numpy broadcasts to it
    unit
        of the offsets and of the position
    position
        x, y and z

    Raises
    ------
    InputError
        when one of these is not what it should be
    """
    if not isinstance(unit, str) or unit not in UNITS:
        raise InputError(f"{name}: unit is one of {', '.join(UNITS)}; got {shown(unit)}")
    pixels = None if detector_number is None else _as_pixels(detector_number, f"{name}: detector_number")
    places = {}
    for key, values in offsets.items():
        if values is None:
            continue
        if pixels is None:
            raise InputError(f"{name}: {key} is of pixels; give their detector_number too")
        lengths = _as_lengths(values, f"{name}: {key}")
        try:
            places[key] = np.broadcast_to(lengths, pixels.shape)
        except ValueError:
            raise InputError(
                f"{name}: {key} has the shape {pixels.shape} of detector_number; got {lengths.shape}"
            ) from None
    if position is None:
        return Detector(pixels, places, unit)
    at = _as_lengths(position, f"{name}: position")
    if at.shape != (3,):
        raise InputError(f"{name}: a position is x, y and z; got {shown(position)}")
    x, y, z = at.tolist()
    return Detector(pixels, places, unit, (x, y, z))


def layout_of(detector: Detector) -> dict[str, Any] | None:
    """Return what a file writer must know of a detector, as a `DetectorLayout`; None for nothing or too much.

    Offsets are told along the axes alone along which they differ: of a panel, those of a row and of a column.
    """
    numbers = detector.detector_number
    if numbers is None and detector.position is None:
        return None
    layout = {
        "shape": [] if numbers is None else list(numbers.shape),
        "detector_number": [] if numbers is None else numbers.ravel().tolist(),
        "offsets": {name: _offset_layout(values) for name, values in detector.offsets.items()},
        "unit": detector.unit,
        "position": list(detector.position or ()),
    }
    return layout if len(json.dumps(layout)) <= MOST_TOLD else None


def structure_of(
    layout: Mapping[str, Any] | None,
) -> tuple[list[dict[str, Any]], dict[str, list[int] | list[str]]]:
    """Return the data sets of a detector for a file writer, and the attributes of its group.

    What does not fit together, as only a Player that is not sound tells it, is left out.
    """
    parts: list[dict[str, Any]] = []
    attributes: dict[str, list[int] | list[str]] = {}
    depends_on = "."
    if layout is not None:
        shape, units = layout["shape"], {"units": layout["unit"]}
        if shape and math.prod(shape) == len(layout["detector_number"]):
            parts.append(_array("detector_number", "int32", layout["detector_number"], shape, {}))
            # By these names scippnexus knows along which axes of the pixels offsets differ.
            attributes["axes"] = [f"dim_{axis}" for axis in range(len(shape))]
            for name, offset in layout["offsets"].items():
                axes = [axis for axis in offset["axes"] if axis < len(shape)]
                sizes = [shape[axis] for axis in axes]
                if math.prod(sizes) == len(offset["values"]):
                    parts.append(_array(name, "double", offset["values"], sizes, units))
                    attributes[f"{name}_indices"] = axes
        if len(layout["position"]) == 3 and max(map(abs, layout["position"])) <= LONGEST:
            x, y, z = layout["position"]
            length, vector = translation((x, y, z))
            told = {**units, "transformation_type": "translation", "vector": vector, "depends_on": depends_on}
            parts.append(
                group("transformations", "NXtransformations", [dataset("position", "double", length, told)])
            )
            depends_on = "transformations/position"
    return [*parts, dataset("depends_on", "string", depends_on)], attributes


def _array(
    name: str, dtype: str, values: list[Any], shape: list[int], attributes: Mapping[str, Any]
) -> dict[str, Any]:
    return dataset(name, dtype, np.reshape(values, shape).tolist(), attributes)


def _offset_layout(values: NDArray[np.float64]) -> dict[str, Any]:
    axes = [axis for axis in range(values.ndim) if (values != values.take([0], axis)).any()]
    # There is an axis at least, so that the offsets are an array.
    axes = axes or [values.ndim - 1]
    along = tuple(slice(None) if axis in axes else 0 for axis in range(values.ndim))
    return {"axes": axes, "values": values[along].ravel().tolist()}


def _as_lengths(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = as_array(values, name)
    if array.dtype.kind not in "iuf" or not (np.abs(array.astype(np.float64)) <= LONGEST).all():
        raise InputError(f"{name}: numbers are expected, none above {LONGEST:g}; got {shown(values)}")
    return array.astype(np.float64)


def _as_pixels(numbers: ArrayLike, name: str) -> NDArray[np.int32]:
    array = as_array(numbers, name)
    pixels = int32_column(array.ravel(), name).reshape(array.shape)
    if pixels.ndim == 0 or pixels.size == 0 or np.unique(pixels).size != pixels.size:
        raise InputError(f"{name} is an array that names each pixel once, and at least one pixel")
    if pixels.min() < 0:
        raise InputError(f"{name} is of pixels from 0; got {pixels.min()}")
    return pixels
