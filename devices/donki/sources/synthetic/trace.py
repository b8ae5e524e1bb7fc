"""What a digitiser samples: pulses of a detector on a noisy base line."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.numeric import whole_number

_MOST_SAMPLES = 1 << 24
_BITS = (2, 16)
_MOST_PULSES = 1e6
_TAIL = 20
"""So many decay times after a pulse nothing of it is left: e⁻²⁰."""


class PulseTrace:
    """Traces of a charge-sensitive preamplifier: each pulse rises and decays exponentially.

    A pulse at t₀ is exp(−t/τ_decay) − exp(−t/τ_rise), scaled to its height. Pulses come as a Poisson process,
    also before the trace; their heights are spread evenly around the mean, from half of it to one and a half.
    The converter rounds to whole numbers and stops at its limits.

    Parameters
    ----------
    samples : int
        of a trace
    interval : int
        from sample to sample, in ns
    rate : float
        of pulses, in Hz
    rise, decay : float
        time constants, in ns; the decay is the slower one
    height : float
        of a pulse on average, in steps of the converter
    base : float
        of the base line, in steps
    noise : float
        standard deviation of the base line, in steps
    bits : int
        of the converter, 2 to 16, unsigned

    Raises
    ------
    InputError
        when a number is not what it should be
    """

    def __init__(
        self,
        samples: int,
        interval: int,
        *,
        rate: float = 10_000.0,
        rise: float = 50.0,
        decay: float = 500.0,
        height: float = 1000.0,
        base: float = 100.0,
        noise: float = 3.0,
        bits: int = 14,
    ) -> None:
        count, step, width = whole_number(samples) or 0, whole_number(interval) or 0, whole_number(bits) or 0
        if not (0 < count <= _MOST_SAMPLES and 0 < step < 2**40 and _BITS[0] <= width <= _BITS[1]):
            raise InputError(
                f"a trace has samples from 1 to {_MOST_SAMPLES}, an interval in whole ns from 1, bits from"
                f" {_BITS[0]} to {_BITS[1]}; got {samples!r:.80}, {interval!r:.80} and {bits!r:.80}"
            )
        if not 0 < rise < decay < math.inf:
            raise InputError(f"a pulse rises, in rise={rise:g} ns, faster than it decays, in {decay:g} ns")
        if not all(0 <= value < math.inf for value in (rate, height, base, noise)):
            raise InputError(
                f"rate={rate:g}, height={height:g}, base={base:g} and noise={noise:g} are 0 or more"
            )
        self._times = np.arange(count) * float(step)
        self._lead = _TAIL * decay
        self._mean = rate * 1e-9 * (self._lead + count * step)
        if self._mean > _MOST_PULSES:
            raise InputError(
                f"rate={rate:g} Hz is {self._mean:.3g} pulses in a trace; {_MOST_PULSES:g} is the most"
            )
        self._rise, self._decay = rise, decay
        peak = math.log(decay / rise) * rise * decay / (decay - rise)
        self._height = height / (math.exp(-peak / decay) - math.exp(-peak / rise))
        self._base, self._noise, self._most = base, noise, (1 << width) - 1

    def sample(self, rng: np.random.Generator) -> NDArray[np.uint16]:
        """Return a trace, shape (samples,); `rng` decides it, alone."""
        trace = self._base + self._noise * rng.standard_normal(len(self._times))
        end = self._times[-1] + 1
        begins = rng.uniform(-self._lead, end, rng.poisson(self._mean))
        heights = self._height * rng.uniform(0.5, 1.5, len(begins))
        for begin, height in zip(begins.tolist(), heights.tolist(), strict=True):
            part = slice(*np.searchsorted(self._times, [begin, begin + self._lead]))
            since = self._times[part] - begin
            trace[part] += height * (np.exp(-since / self._decay) - np.exp(-since / self._rise))
        return np.clip(np.rint(trace), 0, self._most).astype(np.uint16)
