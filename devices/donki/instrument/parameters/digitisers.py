"""What the script digitisers.py is told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from donki.errors import InputError
from donki.instrument.parameters.reading import Section
from donki.instrument.parameters.values import Count, NotNegative, Positive, Source, Topic


class DigitiserParameters(Section):
    """A digitiser, which samples a trace at each trigger."""

    topic: Topic
    """The Kafka topic."""

    source: Source
    """The name that its messages carry; with several channels, followed by the number of each: NAME_0."""

    channels: Count = 1
    """How many."""

    samples: Count = 1000
    """Of a trace."""

    sample_interval_ns: Count = 8
    """From sample to sample, in ns."""

    units: str = "dimensionless"
    """Of the samples; they are steps of the converter."""

    rate: NotNegative = 10_000.0
    """Pulses a second in each channel."""

    rise_ns: Positive = 50.0
    """Time constant in which a pulse rises, in ns."""

    decay_ns: Positive = 500.0
    """Time constant in which it decays, in ns."""

    height: NotNegative = 1000.0
    """Of a pulse on average, in steps."""

    base: NotNegative = 100.0
    """Of the base line, in steps."""

    noise: NotNegative = 3.0
    """Standard deviation of the base line, in steps."""

    bits: Annotated[int, Field(ge=2, le=16)] = 14
    """Of the converter."""

    def check(self) -> None:
        """Refuse what does not fit together; see `Section`."""
        if not self.rise_ns < self.decay_ns:
            raise InputError(f"rise_ns={self.rise_ns:g} must be below decay_ns={self.decay_ns:g}")


class DigitisersParameters(Section):
    """The Parameters of digitisers.py."""

    digitisers: dict[str, DigitiserParameters]
    """The digitisers, by name."""
