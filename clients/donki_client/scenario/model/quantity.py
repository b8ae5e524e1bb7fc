"""Times and rates as people write them: ``71.4 ms``, ``14 Hz``, or a plain number of s or Hz."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from donki.errors import InputError

_NUMBER_AND_UNIT = re.compile(r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>\S*)\s*")


@dataclass(frozen=True)
class Kind:
    """A physical quantity.

    Attributes
    ----------
    name
        what it is called
    units
        its units, by the factor to the unit that plain numbers are in
    example
        how one is written
    """

    name: str
    units: dict[str, float]
    example: str


TIME = Kind(
    "time",
    {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0},
    "71.4 ms",
)
RATE = Kind("rate", {"mHz": 1e-3, "Hz": 1.0, "kHz": 1e3, "MHz": 1e6}, "14 Hz")


def read_quantity(kind: Kind, value: object) -> float:
    """Return a quantity in s or Hz.

    Parameters
    ----------
    kind
        `TIME` or `RATE`
    value
        a number, or a text of a number and a unit

    Raises
    ------
    InputError
        when it is neither, is not finite, or the unit is not one of that kind
    """
    units = "".join(unit for unit in kind.units if kind.units[unit] == 1)
    expected = f"a {kind.name} is a number of {units}, or has a unit, as {kind.example}"
    match = _NUMBER_AND_UNIT.fullmatch(value) if isinstance(value, str) else None
    if match:
        number, unit = float(match["number"]), match["unit"] or units
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number, unit = float(value), units
    else:
        raise InputError(f"{expected}; got {value!r}")
    if unit not in kind.units:
        known = ", ".join(dict.fromkeys(unit for unit in kind.units if unit != "μs"))
        other = RATE if kind is TIME else TIME
        meant = f" (that is a {other.name})" if unit in other.units else ""
        raise InputError(f"{unit!r} is no unit of {kind.name}{meant}; the units are {known}; got {value!r}")
    if not math.isfinite(number * kind.units[unit]):
        raise InputError(f"{expected}; got {value!r}")
    return number * kind.units[unit]
