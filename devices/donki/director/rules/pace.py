"""When triggers are due, and what their times say; times are ns of a monotonic clock."""

from __future__ import annotations

import math
from collections import deque

from donki.errors import InputError
from donki.limits import MOST_PERIOD

SECOND = 1_000_000_000

#: A trigger that starts later than this part of the period is counted as an overrun.
OVERRUN = 0.1

#: How many of the last triggers the rate and the remaining time are learned from.
REMEMBERED = 1_000


def check_period(period: float) -> int:
    """Return the period in ns for one in s, or raise InputError."""
    if not 0 <= period <= MOST_PERIOD:
        raise InputError(
            f"Period: seconds from 0 (as fast as the Players answer) to {MOST_PERIOD}; got {period}"
        )
    return round(period * SECOND)


class Pace:
    """The pace of a sequence.

    Trigger follows trigger at the period on a grid that does not drift: what is late is counted, nothing is
    skipped, and the grid stays. A pause begins a new grid.

    Parameters
    ----------
    period
        from trigger to trigger; 0 is as fast as the Players answer
    epoch
        ns since 1970 UTC at the zero of the monotonic clock

    Attributes
    ----------
    period
        as given, or as `change` was told last
    due
        when the next trigger is due
    overruns
        how many triggers started late by more than 10 % of the period
    epoch
        as given
    """

    def __init__(self, period: int, epoch: int) -> None:
        self.period = period
        self.due = 0
        self.overruns = 0
        self.epoch = epoch
        self._reference = 0
        self._starts: deque[int] = deque(maxlen=REMEMBERED)

    def begin(self, now: int) -> None:
        """Begin a grid: the next trigger is due now."""
        self.due = now
        self._starts.clear()

    def is_due(self, now: int) -> bool:
        """Return whether the next trigger is due."""
        return self.period == 0 or now >= self.due

    def start(self, now: int) -> int:
        """Note that the trigger that is due starts now, and return its reference time: ns since 1970 UTC.

        With a period it is the time when the trigger was due, so that pulses are equally spaced.
        """
        if self.period:
            self.overruns += now - self.due > self.period * OVERRUN
        else:
            self.due = now
        self._starts.append(now)
        self._reference = max(self.epoch + self.due, self._reference + 1)
        self.due += self.period
        return self._reference

    def change(self, period: int) -> None:
        """Take another period, from the trigger in progress on."""
        if self._starts:
            self.due += period - self.period
        self.period = period

    def rate(self, now: int) -> float:
        """Return how many triggers started in the second before now, in Hz."""
        return float(sum(1 for start in self._starts.copy() if now - start <= SECOND))

    def interval(self) -> float:
        """Return the mean time from trigger to trigger in s, of the last ones; NaN until there are two."""
        starts = self._starts.copy()
        if len(starts) < 2:
            return math.nan
        return (starts[-1] - starts[0]) / (len(starts) - 1) / SECOND
