"""The units of a description: lengths and angles in m and rad, and what choppers are told of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.instrument.nodes import Dataset

_METRES = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0),
    "cm": 1e-2,
    **dict.fromkeys(("mm", "millimetre", "millimeter"), 1e-3),
    **dict.fromkeys(("um", "µm", "μm", "micron"), 1e-6),
    "nm": 1e-9,
    **dict.fromkeys(("angstrom", "å"), 1e-10),
}
_RADIANS = {
    **dict.fromkeys(("deg", "degree", "degrees", "°"), float(np.pi / 180)),
    **dict.fromkeys(("rad", "radian", "radians"), 1.0),
}

#: What a chopper's speed, phase and delay are told in, and how many Hz, degrees or ns that is.
CHOPPER_UNITS = {
    "speed": {
        **dict.fromkeys(("Hz", "1/s", "s^-1"), 1.0),
        **dict.fromkeys(("rpm", "1/min"), 1 / 60),
        "kHz": 1e3,
        "rad/s": float(1 / (2 * np.pi)),
        "deg/s": 1 / 360,
    },
    "phase": {
        **dict.fromkeys(("deg", "degree", "degrees", "°"), 1.0),
        **dict.fromkeys(("rad", "radian", "radians"), float(180 / np.pi)),
    },
    "delay": {"ns": 1.0, **dict.fromkeys(("us", "µs"), 1e3), "ms": 1e6, "s": 1e9},
}


def chopper_factor(quantity: str, unit: str) -> float | None:
    """Return how many Hz, degrees or ns a unit of a chopper's speed, phase or delay is; None: it is none."""
    # There are two signs for micro.
    wanted = unit.strip().lower().replace("μ", "µ")
    return next((value for name, value in CHOPPER_UNITS[quantity].items() if name.lower() == wanted), None)


def metres(unit: str, where: str) -> float:
    """Return how many m a unit of length is.

    Parameters
    ----------
    unit
        as NeXus files have it
    where
        what has it, for the message

    Raises
    ------
    SourceError
        when it is none
    """
    return _factor(_METRES, unit, where, "a length: m, cm, mm, um or nm")


def radians(unit: str, where: str) -> float:
    """Return how many rad a unit of angle is, as `metres` does of a length."""
    return _factor(_RADIANS, unit, where, "an angle: deg or rad")


def numbers(dataset: Dataset, where: str) -> NDArray[np.float64]:
    """Return the numbers of a data set, of whatever shape.

    Raises
    ------
    SourceError
        when it holds none, or some that are not finite
    """
    values: Any = dataset.read()
    array = np.asarray(values)
    if array.dtype.kind not in "iuf" or not array.size:
        raise SourceError(f"{where}: expected numbers, found {str(values)!r:.80}")
    found = array.astype(np.float64)
    if not np.isfinite(found).all():
        raise SourceError(f"{where}: {np.count_nonzero(~np.isfinite(found))} of its numbers are not finite")
    return found


def lengths(dataset: Dataset, assumed: list[str]) -> NDArray[np.float64]:
    """Return the lengths that a data set holds, in m.

    Parameters
    ----------
    dataset
        of numbers, with units
    assumed
        is told where there are no units

    Raises
    ------
    SourceError
        when it holds no numbers, or its units are none of lengths
    """
    values = numbers(dataset, dataset.path)
    return values * metres(unit_or(dataset.units, "m", dataset.path, assumed), dataset.path)


def unit_or(unit: str | None, usual: str, where: str, assumed: list[str]) -> str:
    """Return a unit, or the usual one where there is none, which is told."""
    if not unit:
        assumed.append(f"{where} has no units: taken as {usual}")
    return unit or usual


def _factor(known: dict[str, float], unit: str, where: str, expected: str) -> float:
    factor = known.get(unit.strip().lower())
    if factor is None:
        raise SourceError(f"{where}: its units {unit!r:.40} are not those of {expected}")
    return factor
