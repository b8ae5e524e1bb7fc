"""What the plots show: the recent past, in numbers."""

from __future__ import annotations

import math
from collections import deque

#: How many points of a curve are kept: ten a second for more than a minute.
KEPT = 700

#: The time over which events are counted for a rate, in s.
WINDOW = 2.0

#: The shortest time that a rate is told from, in s: the first pulse alone is none.
SHORTEST = 0.5


class History:
    """The last points of a curve.

    Attributes
    ----------
    times
        in s since 1970 UTC
    values
        as many
    """

    def __init__(self) -> None:
        self.times: deque[float] = deque(maxlen=KEPT)
        self.values: deque[float] = deque(maxlen=KEPT)

    def add(self, time: float, value: float) -> None:
        """Append a point, unless it is not a number: no Player has a time before its first trigger."""
        if math.isfinite(value):
            self.times.append(time)
            self.values.append(value)


class EventRate:
    """How many events a second a growing count of events stands for, over the last `WINDOW`."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def note(self, time: float, count: int) -> None:
        """Take a count at a time in s; one that is lower than the last belongs to another run."""
        if self._counts and count < self._counts[-1][1]:
            self._counts.clear()
        self._counts.append((time, count))

    def at(self, time: float) -> float:
        """Return the events a second at a time in s; NaN before there are two counts."""
        while len(self._counts) > 1 and self._counts[1][0] <= time - WINDOW:
            self._counts.popleft()
        if len(self._counts) < 2:
            return 0.0 if self._counts and time - self._counts[0][0] >= WINDOW else math.nan
        (begin, first), (_, last) = self._counts[0], self._counts[-1]
        return (last - first) / min(max(time - begin, SHORTEST), WINDOW)
