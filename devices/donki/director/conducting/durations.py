"""How long a Player's last triggers took."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

#: Of how many of the last triggers.
REMEMBERED = 1_000


class Durations:
    """The last `REMEMBERED` durations in s, kept in order: what they tell is read at once, by any thread."""

    def __init__(self) -> None:
        self._last: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, duration: float) -> None:
        """Add the newest."""
        self._last.append(duration)
        insort(self._sorted, duration)
        if len(self._last) > REMEMBERED:
            del self._sorted[bisect_left(self._sorted, self._last.popleft())]

    def median_and_p99(self) -> tuple[float, float]:
        """Return their median and 99 % time in s; NaN where there are none."""
        if not self._sorted:
            return (float("nan"), float("nan"))
        # While one is added there may be one too many.
        last = min(len(self._sorted), REMEMBERED) - 1
        return (self._sorted[last // 2] + self._sorted[(last + 1) // 2]) / 2, self._sorted[int(0.99 * last)]
