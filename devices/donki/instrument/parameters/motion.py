"""What the script motion.py is told."""

from __future__ import annotations

import math

from pydantic import Field

from donki.errors import InputError
from donki.instrument.parameters.reading import Section
from donki.instrument.parameters.values import (
    Count,
    NotNegative,
    Period,
    Positive,
    Rate,
    Source,
    Topic,
    TriggerNumber,
    check_rising,
)


class ScanParameters(Section):
    """A scan: a move to each point, one after the other."""

    begin: float = Field(alias="from")
    """The first point."""

    end: float = Field(alias="to")
    """The last point."""

    points: Count
    """How many, evenly spaced."""

    every: Count = 1
    """Triggers from a point to the next."""

    first: TriggerNumber = 1
    """The trigger at which it goes to the first point."""

    def moves(self) -> list[tuple[int, float]]:
        """Return at which trigger it goes where."""
        return [(self.first + number * self.every, self._point(number)) for number in range(self.points)]

    def _point(self, number: int) -> float:
        return self.begin + (self.end - self.begin) * number / max(1, self.points - 1)


class MotorParameters(Section):
    """A motor."""

    topic: Topic
    """The Kafka topic."""

    read_back: Source | None = None
    """The source of the read-back, in EPICS the PV with .RBV."""

    set_point: Source | None = None
    """The source of the set point, .VAL."""

    moving: Source | None = None
    """The source of a flag, 1 while it moves, .MOVN."""

    done_moving: Source | None = None
    """The source of a flag, 0 while it moves, .DMOV."""

    units: str = "dimensionless"
    """Of the position."""

    position: float = 0.0
    """Where it is at the beginning."""

    velocity: Positive = 1.0
    """Units of the position a second."""

    acceleration: Positive = 1.0
    """Units of the position a second, each second."""

    tolerance: NotNegative = 0.0
    """How far from the set point it may come to rest."""

    noise: NotNegative = 0.0
    """Standard deviation of the read-back."""

    low: float | None = None
    """It never goes below this."""

    high: float | None = None
    """It never goes above this."""

    moves: tuple[tuple[TriggerNumber, float], ...] = ()
    """Where it goes at which trigger, as ``[[10, 5.0], [20, 0.0]]``."""

    scan: ScanParameters | None = None
    """A scan in place of moves, as ``{from: 0, to: 10, points: 11, every: 14}``."""

    update: Rate = 10.0
    """How often the read-back is told while it moves, in Hz."""

    period: Period = 10.0
    """How often all is told while it rests, in s."""

    def check(self) -> None:
        """Refuse what does not fit together; see `Section`."""
        if self.moves and self.scan:
            raise InputError("moves or scan, not both")
        if not (self.read_back or self.set_point or self.moving or self.done_moving):
            raise InputError("it tells nothing; give read_back, set_point, moving or done_moving, a source")
        check_rising("moves", (trigger for trigger, _ in self.moves))
        low, high = self.limits
        for place in (self.position, *(target for _, target in self.commands())):
            if not low <= place <= high:
                raise InputError(f"{place:g} lies beyond the limits, low={low:g} and high={high:g}")

    @property
    def limits(self) -> tuple[float, float]:
        """The limits, infinite where there are none."""
        return (
            -math.inf if self.low is None else self.low,
            math.inf if self.high is None else self.high,
        )

    def commands(self) -> list[tuple[int, float]]:
        """Return at which trigger it goes where."""
        return self.scan.moves() if self.scan else list(self.moves)


class MotionParameters(Section):
    """The Parameters of motion.py."""

    motors: dict[str, MotorParameters]
    """The motors, by name."""
