"""How a control system tells of a value: sampled, and repeated while it does not change."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from donki.errors import InputError
from donki.sources.slow_control.signal import Signal


class Reading(NamedTuple):
    """A value as it is told; times in ns since the beginning of a run.

    Attributes
    ----------
    time
        when it is told
    since
        when the value came about; earlier than `time` where it is told again
    value
        of the signal, with the noise of the reading
    """

    time: int
    since: int
    value: float


@dataclass(frozen=True)
class Log:
    """The readings of a signal.

    It is sampled at the beginning, then at a period, as EPICS scans a record, and whenever it steps. A value
    that has not changed is told again with the time of its change, as the EPICS forwarder does with the last
    message of a PV.

    Parameters
    ----------
    signal : Signal
    period : int
        from sample to sample, in ns
    noise : float
        standard deviation of a reading
    rng : callable
        returns for each time in ns the random numbers of the reading then, always the same; needed for noise
    outages : sequence of (int, int)
        from when to when it is not connected, in ns, rising: what was told last is repeated meanwhile
    phase : int
        when the second sample is taken, in ns from 0 to the period; 0: when the period is over

    Raises
    ------
    InputError
        when the period is not above 0, the noise below 0, or the phase not within the period
    """

    signal: Signal
    period: int
    noise: float = 0.0
    rng: Callable[[int], np.random.Generator] | None = None
    outages: Sequence[tuple[int, int]] = ()
    phase: int = 0

    def __post_init__(self) -> None:
        if self.period <= 0 or not 0 <= self.noise < np.inf or (self.noise and self.rng is None):
            raise InputError(
                f"a log is sampled at a period above 0, not {self.period} ns, with noise from 0 and, for it,"
                f" random numbers, not {self.noise:g}"
            )
        if not 0 <= self.phase < self.period:
            raise InputError(f"the phase of a log is within its period of {self.period} ns, not {self.phase}")

    def readings(self, begin: int, end: int) -> Iterator[Reading]:
        """Yield what is told from `begin` to before `end`, in order."""
        late = (begin - self.phase) % self.period
        grid = range(begin + (self.period - late if late else 0), end, self.period)
        first = {0} if begin <= 0 < end else ()
        for time in sorted({*first, *grid, *self.signal.steps(begin, end)}):
            if (reading := self._reading(time)) is not None:
                yield reading

    def before(self, time: int) -> Reading | None:
        """Return the last reading before a time; None where there is none."""
        return None if time <= 0 else self._reading(self._last_told(time))

    def _reading(self, time: int) -> Reading | None:
        sampled = self._sampled(time)
        if sampled is None:
            return None
        return Reading(time, sampled if self.noise else self.signal.since(sampled), self._read(sampled))

    def _sampled(self, time: int) -> int | None:
        """Return when the value was sampled that is told at a time; None before the first sample."""
        place = bisect_right(self.outages, (time, np.inf)) - 1
        if place < 0 or time >= self.outages[place][1]:
            return time
        lost = self.outages[place][0]
        return None if lost <= 0 else self._last_told(lost)

    def _last_told(self, time: int) -> int:
        """Return when something was told last before a time above 0."""
        before = max(0, (time - 1 - self.phase) // self.period * self.period + self.phase)
        return max([before, *self.signal.steps(before, time)])

    def _read(self, sampled: int) -> float:
        value = self.signal.value(sampled)
        if self.rng is not None and self.noise:
            value += self.noise * self.rng(sampled).standard_normal()
        return value
