"""The kinds of faults that can be injected, each a class, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from donki.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from donki.streams.faults.message import StreamMessage

MOST_TRIGGERS = 1000
"""Most triggers that a fault lasts."""


class Stage(IntEnum):
    """The order in which faults are injected into a message."""

    LOSS = 0
    """It does not reach Kafka."""
    CONTENT = 1
    """Something in it is wrong."""
    DAMAGE = 2
    """No schema can read what is left of it, and it counts no events."""
    DELIVERY = 3
    """It comes late, or more than once."""


@dataclass(frozen=True)
class Setting:
    """What a rule of some kind says besides when and where.

    Attributes
    ----------
    expected
        what is accepted, in words
    accepts
        whether a value is
    default
        the value where none is given; None: it has to be given
    meaning
        what it is, for the documentation
    is_time
        whether it is a time in s, which a scenario may give with a unit
    """

    expected: str
    accepts: Callable[[object], bool]
    default: float | None
    meaning: str = ""
    is_time: bool = False


def whole(low: int, high: int, default: int, meaning: str = "") -> Setting:
    """Return a setting that is a whole number."""

    def accepts(value: object) -> bool:
        return type(value) is int and low <= value <= high

    return Setting(f"a whole number from {low} to {high}", accepts, default, meaning)


def is_number(value: object) -> bool:
    """Whether a value from JSON is a finite number."""
    return type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]


class Occasion(NamedTuple):
    """When a fault is injected into a message.

    Attributes
    ----------
    trigger
        the trigger that is acted at
    rng
        random numbers of this fault of this message alone
    last
        of a kind that lasts: the last trigger of the fault that goes on now
    total
        of a kind that adds up: how often it has happened to the stream up to now
    held
        the messages that are held back, of all streams
    """

    trigger: int
    rng: np.random.Generator
    last: int = 0
    total: int = 1
    held: Sequence[StreamMessage] = ()


class FaultKind:
    """One kind of fault, with the settings of a rule.

    Parameters
    ----------
    settings
        of the rule, by name; each is there

    Attributes
    ----------
    name
        how rules call it
    does
        what becomes of a message, for the documentation
    accepted
        its settings
    stage
        when it is injected, and what that means for whoever reads the message
    holds_back
        whether it sends a message later
    of_events
        whether it concerns messages with events alone
    lasts
        whether it goes on for ``length`` triggers; the rate is that of a beginning, by trigger and stream
    adds_up
        whether it goes on for good and each further one adds up; the rate is that of a beginning too
    of_pulse
        whether it concerns the pulse of a trigger: all streams of all Players with such a rule alike; the
        rate is that by trigger
    may_be_constant
        whether a rule needs neither rate nor triggers
    """

    name: ClassVar[str]
    does: ClassVar[str]
    accepted: ClassVar[Mapping[str, Setting]] = {}
    stage: ClassVar[Stage] = Stage.CONTENT
    holds_back: ClassVar[bool] = False
    of_events: ClassVar[bool] = False
    lasts: ClassVar[bool] = False
    adds_up: ClassVar[bool] = False
    of_pulse: ClassVar[bool] = False
    may_be_constant: ClassVar[bool] = False

    def __init__(self, settings: Mapping[str, float]) -> None:
        self.settings = settings

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:
        """Return what becomes of a message, and what that is, in words; empty where it is nothing.

        A message that is lost (`Stage.LOSS`) is not asked for.

        Parameters
        ----------
        message
            as the faults before left it; its payload may be changed in place
        occasion
            when it is
        """
        raise NotImplementedError


KINDS: Registry[type[FaultKind]] = Registry("kind of fault")
"""The kinds by name, in the order in which they are injected into a message of one stage."""


def register(kind: type[FaultKind]) -> None:
    """Make a kind of fault known.

    Raises
    ------
    ValueError
        when another module has one of that name
    """
    KINDS.add(kind.name, kind)
