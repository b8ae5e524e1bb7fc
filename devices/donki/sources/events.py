"""Neutron events as a detector reports them, and what every source of simulated events offers."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError

MAX_TIME_OF_FLIGHT = int(np.iinfo(np.int32).max)
"""The longest time of flight that an event can carry, in ns: 2.147 s."""
MAX_PIXEL_ID = int(np.iinfo(np.int32).max)
MAX_EVENTS = 1 << 27
"""The most events that a pulse is made with: 1 GiB of them."""
MONITOR_PIXEL = 1
"""The pixel of events that were recorded without."""

# The order of a source's random numbers depends on it: another size draws other events from the same seed.
_BLOCK = 1 << 15


class Events(NamedTuple):
    """The events of one pulse.

    Attributes
    ----------
    time_of_flight : ndarray of int32, shape (n,)
        ns since the reference time of the pulse; may run past the period of the source
    pixel_id : ndarray of int32, shape (n,)
        the pixel that saw the neutron
    """

    time_of_flight: NDArray[np.int32]
    pixel_id: NDArray[np.int32]

    @classmethod
    def empty(cls, n: int) -> Events:
        """Make room for n events, not yet set."""
        return cls(np.empty(n, np.int32), np.empty(n, np.int32))

    def blocks(self) -> Iterator[Events]:
        """Yield views of successive events, small enough to work on in a core's cache."""
        for start in range(0, len(self.pixel_id), _BLOCK):
            end = start + _BLOCK
            yield Events(self.time_of_flight[start:end], self.pixel_id[start:end])


class Source(Protocol):
    """Whatever yields the events of one pulse at a time."""

    def sample(
        self, rng: np.random.Generator, *, events: int | None = None, rate: float | None = None
    ) -> Events:
        """Draw one pulse: exactly `events` events, or a Poisson number of mean `rate`."""
        ...


def pulse_size(rng: np.random.Generator, events: int | None, rate: float | None) -> int:
    """Return how many events a pulse has: `events`, or a Poisson number of mean `rate`; one of them is given.

    Raises
    ------
    InputError
        when both or none are given, or when the one given is negative or no number
    """
    if (events is None) == (rate is None):
        raise InputError("a pulse takes either events=N, exactly N events, or rate=R, R events on average")
    try:
        if rate is None:
            size = operator.index(events)  # type: ignore[arg-type]
        else:
            # So large a mean is refused below, not drawn.
            size = MAX_EVENTS + 1 if rate > MAX_EVENTS else int(rng.poisson(rate))
    except (TypeError, ValueError) as error:
        given = f"events={events!r:.100}" if rate is None else f"rate={rate!r:.100}"
        raise InputError(f"{given} is not a number of events in a pulse ({error})") from None
    if not 0 <= size <= MAX_EVENTS:
        given = f"events={events}" if rate is None else f"rate={rate}"
        raise InputError(f"{given:.100} is out of range: a pulse has 0 to {MAX_EVENTS} events")
    return size
