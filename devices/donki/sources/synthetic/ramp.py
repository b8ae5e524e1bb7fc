"""A value that is logged: a ramp, and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from donki.errors import InputError


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
        if not (0 < self.duration < np.inf and 0 <= self.noise < np.inf):
            raise InputError(f"{self}: the duration, in s, is above 0, the noise not below 0")

    def at(self, seconds: ArrayLike) -> NDArray[np.float64]:
        """Return the true value at times in s since the start, shape as `seconds`; before it, `start`."""
        done = np.clip(np.asarray(seconds, np.float64) / self.duration, 0.0, 1.0)
        value: NDArray[np.float64] = self.start + (self.end - self.start) * done
        return value

    def sample(self, rng: np.random.Generator, seconds: ArrayLike) -> NDArray[np.float64]:
        """Return a reading at each time: the true value and normal noise, decided by `rng` alone."""
        value = self.at(seconds)
        return value + self.noise * rng.standard_normal(value.shape)
