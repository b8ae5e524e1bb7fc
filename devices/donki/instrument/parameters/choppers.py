"""What the script choppers.py is told."""

from __future__ import annotations

from donki.errors import InputError
from donki.instrument.parameters.reading import Section
from donki.instrument.parameters.values import (
    NotNegative,
    Period,
    Positive,
    Source,
    Topic,
    TriggerNumber,
    check_rising,
)
from donki.instrument.units import CHOPPER_UNITS, chopper_factor
from donki.sources import Command

MOST_FREQUENCY, MOST_DELAY = 1e4, 1e15
"""Of a chopper, in Hz and ns."""


class ReadBackParameters(Section):
    """A quantity of a chopper that is read back."""

    source: Source | None = None
    """The source of the read-back."""

    set_point_source: Source | None = None
    """The source of the set point."""

    units: str | None = None
    """What both are sent in; by default Hz, degrees, ns."""

    noise: NotNegative | None = None
    """Standard deviation of the read-back, in Hz, degrees or ns; by default that of the jitter, of the speed
    0."""


class TopDeadCentreParameters(Section):
    """The times of top dead centre."""

    topic: Topic | None = None
    """The Kafka topic; by default that of the chopper."""

    source: Source
    """The name that its messages carry."""


class ChopperParameters(Section):
    """A disc chopper."""

    topic: Topic | None = None
    """The Kafka topic of speed, phase and delay."""

    speed: ReadBackParameters = ReadBackParameters()
    """The speed, in Hz."""

    phase: ReadBackParameters = ReadBackParameters()
    """The phase, 360° times frequency times delay, in degrees."""

    delay: ReadBackParameters = ReadBackParameters()
    """From the pulse to top dead centre, in ns."""

    top_dead_centre: TopDeadCentreParameters | None = None
    """When top dead centre passes (tdct)."""

    frequency: float = 14.0
    """In Hz, negative for clockwise, seen from the source. In step with the pulses where it is a multiple or
    a whole part of theirs."""

    delay_ns: float | None = None
    """From the pulse to top dead centre, in ns; or give phase_deg."""

    phase_deg: float | None = None
    """The same as a phase, in degrees; of a negative frequency, a negative one is later."""

    jitter_ns: NotNegative = 100.0
    """Standard deviation of top dead centre, in ns."""

    acceleration: Positive = 0.5
    """Of speeding up and slowing down, in Hz/s."""

    lock_time: Positive = 5.0
    """How long it takes to find its phase at full speed, in s."""

    program: tuple[tuple[TriggerNumber, Command], ...] = ()
    """What it is told at which trigger, as ``[[1, spin], [500, lock], [900, lose_lock], [1000, park]]``.
    Before the first, it stands if that is spin or lock; else it is locked."""

    period: Period = 1.0
    """How often all is told, in s; ten times a second while the speed changes."""

    def check(self) -> None:
        """Refuse what does not fit together; see `Section`."""
        if self.topic is None and any(one.source or one.set_point_source for one in self.quantities.values()):
            raise InputError("speed, phase and delay need topic: where they go")
        if self.top_dead_centre and not (self.topic or self.top_dead_centre.topic):
            raise InputError("top_dead_centre needs topic: where its times go")
        if not 0 < abs(self.frequency) <= MOST_FREQUENCY:
            raise InputError(f"frequency is not 0, and at most {MOST_FREQUENCY:g} Hz; got {self.frequency:g}")
        if self.delay_ns is not None and self.phase_deg is not None:
            raise InputError("delay_ns or phase_deg, not both: they say the same")
        if abs(self.top_dead_centre_delay) >= MOST_DELAY:
            raise InputError(
                f"a delay is less than {MOST_DELAY:g} ns in size; got {self.top_dead_centre_delay:g}"
            )
        check_rising("program", (trigger for trigger, _ in self.program))
        for what, its in self.quantities.items():
            if its.units is not None and chopper_factor(what, its.units) is None:
                raise InputError(
                    f"{what}.units are one of {', '.join(CHOPPER_UNITS[what])}; got {its.units!r:.40}"
                )

    @property
    def quantities(self) -> dict[str, ReadBackParameters]:
        """What is read back, by name."""
        return {"speed": self.speed, "phase": self.phase, "delay": self.delay}

    @property
    def top_dead_centre_delay(self) -> float:
        """From the pulse to top dead centre, in ns."""
        if self.phase_deg is not None:
            return self.phase_deg / 360 / self.frequency * 1e9
        return self.delay_ns or 0.0


class ChoppersParameters(Section):
    """The Parameters of choppers.py."""

    choppers: dict[str, ChopperParameters]
    """The choppers, by name."""
