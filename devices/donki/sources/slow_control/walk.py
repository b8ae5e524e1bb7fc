"""A value that wanders."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from donki.errors import InputError
from donki.sources.slow_control.signal import Signal

_LEVELS = 40  # 2**40 steps: at 1 kHz more than 30 years
_NODES = 4096  # kept; a step needs one per level, and shares most of them with the step before


class Walk(Signal):
    """A random walk with normal steps, reflected at two bounds.

    The value at a step is a function of the number of the step: a run that goes on after a failure, or is
    asked again for the same time, has the same walk. For this, the walk is built as a Brownian motion by
    Lévy's displacement of midpoints [Levy1948]_: what is in the middle between two known points has their
    mean, and a variance of a quarter of their distance.

    Parameters
    ----------
    value : float
        at the beginning
    low, high : float
        the bounds
    step : float
        standard deviation of a step
    period : int
        from step to step, in ns
    normal : callable
        returns for each whole number a number from the standard normal distribution, always the same
    phase : int
        when the first step is, in ns from 0 to the period; 0: when the period is over

    Raises
    ------
    InputError
        when the bounds do not rise around the value, or the step is not above 0

    References
    ----------
    .. [Levy1948] P. Lévy, Processus stochastiques et mouvement brownien (1948), chapter 1
    """

    def __init__(
        self,
        value: float,
        low: float,
        high: float,
        *,
        step: float,
        period: int,
        normal: Callable[[int], float],
        phase: int = 0,
    ) -> None:
        if not (low <= value <= high and low < high and 0 < step < math.inf):
            raise InputError(
                f"a walk with steps above 0, not {step:g}, goes on between low={low:g} and high={high:g},"
                f" which rise; it begins there, not at value={value:g}"
            )
        self._value, self._low, self._high, self._step = value, low, high, step
        self._period, self._normal = period, lru_cache(_NODES)(normal)
        self._begin = phase - period if phase else 0
        # What all steps have in common takes as long as a hundred of them: not when the first one is due.
        self._walked(1)

    def value(self, time: int) -> float:
        """Return the value at a time in ns."""
        walked = self._value - self._low + self._step * self._walked(self._number(time))
        # Reflections on both sides: to and fro over twice the width.
        width = self._high - self._low
        there = math.fmod(walked, 2 * width)
        there += 2 * width if there < 0 else 0
        return self._low + min(there, 2 * width - there)

    def since(self, time: int) -> int:
        """Return when its last step was."""
        return max(0, self._begin + self._number(time) * self._period)

    def _number(self, time: int) -> int:
        """Return how many steps there were until a time."""
        return (time - self._begin) // self._period

    def _walked(self, number: int) -> float:
        """Return how far it has gone after so many steps, in steps."""
        begin, end = 0, 1 << _LEVELS
        walked_begin, walked_end = 0.0, math.sqrt(end) * self._normal(end)
        while begin < number:
            middle = (begin + end) // 2
            walked = (walked_begin + walked_end) / 2 + math.sqrt((end - begin) / 4) * self._normal(middle)
            if number < middle:
                end, walked_end = middle, walked
            else:
                begin, walked_begin = middle, walked
        return walked_begin
