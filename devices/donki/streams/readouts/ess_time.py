"""Times as the ESS timing system counts them: whole seconds since 1970 UTC, and ticks of its clock.

The clock and the rounding are those of the event formation unit (ess-dmsc/event-formation-unit,
``src/common/time/ESSTime.h``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TICKS = 88_052_500
"""Ticks of the clock in a second; one is about 11.36 ns."""

SOURCE_PERIOD = 71_428_571
"""From one pulse of the ESS source to the next, ns."""

LATEST = 2**32 * 1_000_000_000
"""The first time, ns since 1970 UTC, whose seconds do not fit: in the year 2106."""

_SECOND = 1_000_000_000
# TICKS / _SECOND in lowest terms, for integers that must not overflow.
_NUMERATOR, _DENOMINATOR = 35_221, 400_000


class EssTime(NamedTuple):
    """A time: seconds since 1970 UTC, and the ticks of the second that has begun."""

    high: int
    low: int


def ess_time(time: int) -> EssTime:
    """Return a time in ns since 1970 UTC, rounded to the nearest tick."""
    seconds, rest = divmod(time, _SECOND)
    carry, low = divmod((rest * _NUMERATOR + _DENOMINATOR // 2) // _DENOMINATOR, TICKS)
    return EssTime(seconds + carry, low)


def times_after(pulse: EssTime, delays: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when something happened after a pulse: seconds and ticks, shape (n,) each.

    Parameters
    ----------
    pulse
        the pulse
    delays
        ns after it, shape (n,); each is rounded to the nearest tick by itself, so that it is off by half a
        tick at most, wherever the pulse lies
    """
    ticks = (delays.astype(np.int64) * _NUMERATOR + _DENOMINATOR // 2) // _DENOMINATOR
    seconds, low = np.divmod(ticks + pulse.low, TICKS)
    return seconds + pulse.high, low


def previous_pulse(time: int, period: int) -> int:
    """Return the time of the pulse before, in ns: one period earlier, at most that of the source.

    Parameters
    ----------
    time
        of a pulse, ns since 1970 UTC
    period
        of the triggers, ns; 0 where they have none. The source goes on where they come more slowly
    """
    return max(0, time - min(period or SOURCE_PERIOD, SOURCE_PERIOD))
