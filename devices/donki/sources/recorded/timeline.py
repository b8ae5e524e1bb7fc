"""When the pulses of a recording come: once, or over and over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError

ESS_PERIOD = 71_428_571
"""From pulse to pulse at ESS, in ns: 14 Hz."""
MAX_TIME = (1 << 62) - 1
"""The latest reference time in ns since 1970 UTC, in the year 2116; times differ by what int64 can hold."""


class Timeline:
    """Recorded pulses in the order of their reference times.

    Parameters
    ----------
    reference_times : ndarray of int64, shape (n,)
        ns since 1970 UTC, rising, of at most `MAX_TIME` in size
    loop : bool
        whether the first pulse comes again after the last one, its time going on by the usual step

    Attributes
    ----------
    start : int
        the first reference time, ns since 1970 UTC; 0 where there is none
    step : int
        from a pulse to the next, usually: the median, in ns; that of ESS where fewer than two pulses tell
    """

    def __init__(self, reference_times: NDArray[np.int64], *, loop: bool) -> None:
        self.start = int(reference_times[0]) if len(reference_times) else 0
        self._offsets = reference_times - self.start
        self._loop = loop and len(reference_times) > 0
        steps = np.diff(self._offsets)
        self.step = int(np.median(steps)) if len(steps) else ESS_PERIOD
        self._round = int(self._offsets[-1]) + self.step if len(reference_times) else 0

    def __len__(self) -> int:
        return len(self._offsets)

    def at(self, trigger: int) -> tuple[int | None, int]:
        """Return which pulse belongs to a trigger, and when it comes.

        Parameters
        ----------
        trigger : int
            from 1, the first pulse

        Returns
        -------
        index : int or None
            from 0; None after the last pulse
        offset : int
            ns since the first pulse

        Raises
        ------
        InputError
            when the trigger is not at least 1
        """
        if trigger < 1:
            raise InputError(f"pulse({trigger}): triggers count from 1")
        number = int(trigger) - 1
        if number < len(self):
            return number, int(self._offsets[number])
        if self._loop:
            rounds, index = divmod(number, len(self))
            return index, rounds * self._round + int(self._offsets[index])
        return None, self._round + (number - len(self)) * self.step

    def between(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield index and offset of each pulse that comes at `begin` or later, but before `end`.

        Parameters
        ----------
        begin, end : int
            ns since the first pulse
        """
        rounds = range(max(begin, 0) // self._round, max(end - 1, 0) // self._round + 1) if len(self) else ()
        for number in rounds if self._loop else rounds[:1] and range(1):
            shift = number * self._round
            first, last = np.searchsorted(self._offsets, [begin - shift, end - shift])
            for index in range(first, last):
                yield index, shift + int(self._offsets[index])
