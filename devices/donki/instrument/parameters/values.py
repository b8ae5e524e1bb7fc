"""The kinds of values that Parameters have."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from donki.errors import InputError

Topic = Annotated[str, Field(min_length=1)]
"""A Kafka topic."""

Source = Annotated[str, Field(min_length=1)]
"""The name of what messages come from, often that of an EPICS PV."""

Positive = Annotated[float, Field(gt=0)]
"""A number above 0."""

NotNegative = Annotated[float, Field(ge=0)]
"""A number from 0."""

Period = Annotated[float, Field(ge=1e-6, le=1e6)]
"""From one to the next, in s."""

Rate = Annotated[float, Field(ge=1e-6, le=1e6)]
"""How many in a second."""

Count = Annotated[int, Field(ge=1)]
"""A whole number above 0."""

TriggerNumber = Annotated[int, Field(ge=1)]
"""The number of a trigger."""

DType = Literal[
    "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"
]  # fmt: skip
"""A type of numbers, as numpy calls it."""


def in_ns(seconds: float) -> int:
    """Return a time in s as whole ns, at least one."""
    return max(1, round(seconds * 1e9))


def check_rising(name: str, triggers: Iterable[int]) -> None:
    """Refuse a program whose triggers do not rise.

    Raises
    ------
    InputError
        naming the key
    """
    given = list(triggers)
    if any(later <= earlier for earlier, later in pairwise(given)):
        raise InputError(f"{name}: each trigger is later than the one before; got {given}")
