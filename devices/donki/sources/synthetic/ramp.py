"""A value that is logged: a ramp, and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from donki.errors import InputError

_MOST = 1e300


@dataclass(frozen=True)
class Ramp:
    """A value that goes from one to another in a given time and stays there: a temperature, a field, a motor.

    Parameters
    ----------
    start, end : float
        in the unit of the value
    duration : float
        from start to end, in s
    noise : float
        standard deviation of a reading, in the unit of the value

    Raises
    ------
    InputError
        when the duration is not above 0 or the noise below 0
    """

    start: float
    end: float
    duration: float
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.duration < np.inf and 0 <= self.noise <= _MOST):
            raise InputError(f"{self}: the duration, in s, is above 0, the noise not below 0")
        if not (abs(self.start) <= _MOST and abs(self.end) <= _MOST):
            raise InputError(f"{self}: start and end are numbers up to {_MOST:g} in size")

    def at(self, seconds: ArrayLike) -> NDArray[np.float64]:
        """Return the true value at times in s since the start, shape as `seconds`; before it, `start`.

        Raises
        ------
        InputError
            when a time is not a number
        """
        times = np.asarray(seconds, np.float64)
        if np.isnan(times).any():
            raise InputError("a ramp has no value at a time that is not a number")
        # An overflow is beyond its end.
        with np.errstate(over="ignore"):
            done = np.clip(times / self.duration, 0.0, 1.0)
        value: NDArray[np.float64] = self.start + (self.end - self.start) * done
        return value

    def sample(self, rng: np.random.Generator, seconds: ArrayLike) -> NDArray[np.float64]:
        """Return a reading at each time: the true value and normal noise, decided by `rng` alone."""
        value = self.at(seconds)
        return value + self.noise * rng.standard_normal(value.shape)
