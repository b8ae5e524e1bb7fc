"""What a description says of the values of a stream: the defaults in a scenario."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from donki.errors import SourceError
from donki.instrument.nodes import Dataset, Group

#: The most values of a log that are looked at for its limits.
MOST_VALUES = 1_000_000

_DIGITS = 6
#: The file writer's names of types that numpy has by another name.
_TYPES = {"float": "float32", "double": "float64", "int": "int32"}
_NUMBER = re.compile("u?int(8|16|32|64)|float(32|64)")


def number_in(group: Group, *names: str) -> int | float | None:
    """Return the number that one of several data sets of a group has, or a group of that name as its value.

    The last one of an array, if it is finite; None where there is none.
    """
    for name in names:
        found = group.find(name)
        if isinstance(found, Group):
            found = found.datasets.get("value")
        numbers = _numbers(found)
        if numbers is not None and math.isfinite(last := numbers.ravel()[-1].item()):
            return rounded(last)
    return None


def limits_in(group: Group, name: str) -> tuple[int | float, int | float] | None:
    """Return the least and the greatest number of a data set; None where there is none, or only one."""
    numbers = _numbers(group.find(name))
    if numbers is None:
        return None
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return None
    low, high = rounded(finite.min().item()), rounded(finite.max().item())
    # As far as a scenario tells them apart, and a walk between them can be told.
    return (low, high) if low < high and math.isfinite(high - low) else None


def units_of(group: Group, config: Mapping[str, Any]) -> str | None:
    """Return the units of a stream: as its module is told, or those of what was written of it."""
    for key in ("value_units", "unit", "units"):
        if isinstance(said := config.get(key), str) and said.strip():
            return said.strip()
    value = group.datasets.get("value")
    return value.units if value is not None else None


def dtype_of(config: Mapping[str, Any]) -> str | None:
    """Return the type of a stream's values as numpy calls it; None where its module is not told one."""
    said = str(config.get("dtype", config.get("type", "")))
    name = _TYPES.get(said, said)
    return name if _NUMBER.fullmatch(name) else None


def rounded(number: float) -> int | float:
    """Return a number with as many digits as one reads in a scenario."""
    if isinstance(number, bool | int):
        return int(number)
    return float(f"{number:.{_DIGITS}g}")


def settings(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return settings without those that are not known: a script has defaults of them."""
    return {key: value for key, value in pairs if value not in (None, {}, "")}


def _numbers(found: Group | Dataset | None) -> np.ndarray[Any, Any] | None:
    if not isinstance(found, Dataset) or not 0 < found.size <= MOST_VALUES:
        return None
    try:
        if found.dtype.kind not in "iuf":
            return None
        return np.asarray(found.read())
    except SourceError:  # what is not to be read has no default; the stream is played all the same
        return None
