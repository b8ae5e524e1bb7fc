"""The time of a run as devices see it: it goes on with the triggers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from donki.player.trigger import Trigger
from donki.sources.recorded.timeline import ESS_PERIOD

_FIRST = 1 << 64
"""Numbers for which a player has random numbers, and which no trigger has."""


def begin_of(trigger: int, period: int) -> int:
    """Return when a trigger comes, in ns since the first.

    Parameters
    ----------
    trigger
        its number, from 1
    period
        from trigger to trigger, in ns
    """
    return (int(trigger) - 1) * period


@dataclass(frozen=True)
class Window:
    """The time of one trigger, up to the next.

    The time of a run is that of its triggers, one after each period: it stands still while the run pauses, so
    that a motor does not move then. What happens at a trigger depends on its number and the period alone,
    whether it is the first attempt or not.

    Attributes
    ----------
    begin
        ns since the beginning of the run, in its own time
    period
        up to the next trigger, in ns; where the Director has none, the 71,428,571 ns of the ESS
    reference_time
        at `begin`, ns since 1970 UTC
    is_paced
        whether the Director has a period
    """

    begin: int
    period: int
    reference_time: int
    is_paced: bool

    @classmethod
    def of(cls, trigger: Trigger) -> Window:
        """Return the time of a trigger."""
        period = trigger.period or ESS_PERIOD
        return cls(begin_of(trigger, period), period, trigger.reference_time, bool(trigger.period))

    @property
    def end(self) -> int:
        """Where the next one begins, ns since the beginning of the run."""
        return self.begin + self.period

    def times(self, period: int) -> range:
        """Return the multiples of a period, in ns, in this window."""
        return range(-(-self.begin // period) * period, self.end, period)

    def reference_of(self, time: int) -> int:
        """Return ns since 1970 UTC at a time of the run in this window.

        Where there is no period, that of the trigger: the next one may come at once.
        """
        return self.reference_time + (time - self.begin if self.is_paced else 0)


def random_numbers(
    rng: Callable[[int], np.random.Generator], name: str
) -> Callable[[int], np.random.Generator]:
    """Return the random numbers of a device: for each whole number from 0 others, and always the same.

    Those of one device stay as they are, whatever other devices there are.

    Parameters
    ----------
    rng
        of the player
    name
        of the device, among those of the player
    """
    own = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
    return lambda number: rng((number + 1) * _FIRST + own)
