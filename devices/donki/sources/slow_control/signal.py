"""Values that change with time, each a function of it alone; times are ns since the beginning of a run."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from donki.errors import InputError
from donki.sources.synthetic.ramp import Ramp

SECOND = 1_000_000_000
"""In ns."""


class Signal(ABC):
    """A value that changes with time."""

    @abstractmethod
    def value(self, time: int) -> float:
        """Return the value at a time in ns, from 0."""

    def since(self, time: int) -> int:
        """Return when it took the value that it has at a time; that time, where it always changes."""
        return time

    def steps(self, begin: int, end: int) -> Sequence[int]:  # noqa: ARG002 - for those that step
        """Return the times from `begin` to before `end` at which it must be told, in order."""
        return ()


class Steps(Signal):
    """A value that stays until the next one comes: a set point, a flag, what was recorded.

    Parameters
    ----------
    times : sequence of int
        when each value comes, in ns, rising, the first at 0
    values : sequence of float
        as many
    round_time : int
        after so many ns the first value comes again, and so on; 0 for never. Later than the last of `times`

    Raises
    ------
    InputError
        when times and values are not as many, the times do not rise from 0, or `round_time` is too short
    """

    def __init__(self, times: Sequence[int], values: Sequence[float], round_time: int = 0) -> None:
        if not times or len(times) != len(values) or times[0] != 0:
            raise InputError(
                f"a value in steps needs a time for each value, the first at 0; got {len(times)} and"
                f" {len(values)}"
            )
        if any(later <= time for time, later in pairwise(times)):
            raise InputError("the times of a value in steps rise")
        if round_time and round_time <= times[-1]:
            raise InputError(f"a round of {round_time} ns ends before the last step, at {times[-1]} ns")
        self._times, self._values, self._round = times, values, round_time

    def value(self, time: int) -> float:
        """Return the value at a time in ns."""
        return self._values[bisect_right(self._times, time - self._begun(time)) - 1]

    def since(self, time: int) -> int:
        """Return when the value at a time came."""
        begun = self._begun(time)
        return begun + self._times[bisect_right(self._times, time - begun) - 1]

    def steps(self, begin: int, end: int) -> Sequence[int]:
        """Return when new values come."""
        found: list[int] = []
        rounds = range(self._begun(begin), end, self._round) if self._round else (0,)
        for begun in rounds:
            first, last = (bisect_left(self._times, time - begun) for time in (begin, end))
            found += (begun + time for time in self._times[first:last])
        return found

    def _begun(self, time: int) -> int:
        return time // self._round * self._round if self._round else 0


class RampSignal(Signal):
    """A value that goes evenly from one to another, and stays there.

    Parameters
    ----------
    start, end : float
    duration : float
        from one to the other, in s

    Raises
    ------
    InputError
        when the duration is not above 0
    """

    def __init__(self, start: float, end: float, duration: float) -> None:
        self._ramp = Ramp(start, end, duration)
        self._end = round(duration * SECOND)

    def value(self, time: int) -> float:
        """Return the value at a time in ns."""
        return float(self._ramp.at(time / SECOND))

    def since(self, time: int) -> int:
        """Return the time while it changes; after that, when it came to its end."""
        return min(time, self._end)

    def steps(self, begin: int, end: int) -> Sequence[int]:
        """Return when it comes to its end."""
        return (self._end,) if begin <= self._end < end else ()


class Sine(Signal):
    """A value that swings between two, from their middle upwards.

    Parameters
    ----------
    low, high : float
        the turning points
    cycle : float
        from one to the same again, in s

    Raises
    ------
    InputError
        when they do not rise, or the cycle is not above 0
    """

    def __init__(self, low: float, high: float, cycle: float) -> None:
        if not (low <= high and 0 < cycle < math.inf):
            raise InputError(
                f"a sine swings from low={low:g} to a higher value, not high={high:g}, in a cycle above 0 s,"
                f" not {cycle:g} s"
            )
        self._middle, self._amplitude = (low + high) / 2, (high - low) / 2
        self._cycle = max(1, round(cycle * SECOND))

    def value(self, time: int) -> float:
        """Return the value at a time in ns."""
        return self._middle + self._amplitude * math.sin(2 * math.pi * (time % self._cycle) / self._cycle)
