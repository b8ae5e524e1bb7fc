"""A source that draws the events of each pulse."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from donki.sources.events import Events, pulse_size


class DrawnSource(ABC):
    """Draws each pulse by itself; its random numbers alone decide it."""

    def sample(
        self, rng: np.random.Generator, *, events: int | None = None, rate: float | None = None
    ) -> Events:
        """Draw one pulse.

        Parameters
        ----------
        rng : numpy.random.Generator
            decides, alone, what is drawn
        events : int
            exactly so many events
        rate : float
            a Poisson number of events of this mean

        Returns
        -------
        Events
            time_of_flight in ns and pixel_id, int32, shape (n,)

        Raises
        ------
        InputError
            unless exactly one of `events` and `rate` is given, not negative
        """
        pulse = Events.empty(pulse_size(rng, events, rate))
        for block in pulse.blocks():
            self._draw(rng, block)
        return pulse

    @abstractmethod
    def _draw(self, rng: np.random.Generator, block: Events) -> None:
        """Set the events of a part of a pulse."""
