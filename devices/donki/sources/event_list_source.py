"""Events from a list of simulated neutrons: replayed in order, or drawn by their weights."""

from __future__ import annotations

import numpy as np

from donki.errors import InputError, SourceError
from donki.sources.alias import AliasTable
from donki.sources.event_list import EventList
from donki.sources.events import MAX_PIXEL_ID, MAX_TIME_OF_FLIGHT, Events, pulse_size
from donki.sources.panel import Panel


class EventListSource:
    """Pulses made of the rays of a list that hit a panel.

    The time of flight is the ray's t, in s since the simulated pulse. Rays that miss the panel are left out;
    ``len(source)`` are left.

    Parameters
    ----------
    events : EventList
        with the columns p, t, and x and y or id
    panel : Panel, optional
        says which pixel is at x, y; without it the pixel is the column id, as Monitor_nD writes it for the
        option *pixel* (negative: no pixel)

    Raises
    ------
    SourceError
        when a column is missing, no ray hits the panel, or one that does has a time of flight below 0 or over
        2.147 s (what int32 ns can hold), or the weights p are negative, not finite or all zero
    InputError
        when `events` is no EventList
    """

    def __init__(self, events: EventList, panel: Panel | None = None) -> None:
        if not isinstance(events, EventList):
            raise InputError(
                f"an EventListSource takes an EventList, not the {type(events).__name__} "
                f"{getattr(events, 'name', events)}; a histogram goes into a HistogramSource"
            )
        pixel = events["id"] if panel is None else panel.pixel_ids(events["x"], events["y"])
        hit = np.flatnonzero((pixel >= 0) & (pixel <= MAX_PIXEL_ID))
        if not len(hit):
            raise SourceError(
                f"{events.name}: none of its {len(events)} rays hits {panel or 'a pixel of column id'}"
            )
        time = np.rint(events["t"][hit] * 1e9)
        refused = ~((time >= 0) & (time <= MAX_TIME_OF_FLIGHT))
        if refused.any():
            first = np.flatnonzero(refused)[0]
            raise SourceError(
                f"{events.name}: event {hit[first] + 1} has a time of flight of {time[first] * 1e-9:g} s, "
                f"{np.count_nonzero(refused)} are below 0 or above 2.147 s, which is what an event can hold"
            )
        self._columns = Events(time.astype(np.int32), pixel[hit].astype(np.int32))
        for column in self._columns:
            column.flags.writeable = False
        self._table = AliasTable(events["p"][hit], f"{events.name}: weights p")
        self._by_slot = Events(*(self._table.by_slot(column) for column in self._columns))

    def __len__(self) -> int:
        return len(self._columns.pixel_id)

    def sample(
        self, rng: np.random.Generator, *, events: int | None = None, rate: float | None = None
    ) -> Events:
        """Draw one pulse with replacement, each ray with a probability proportional to its weight p.

        Parameters
        ----------
        rng : numpy.random.Generator
        events : int
            exactly so many events
        rate : float
            a Poisson number of events of this mean

        Returns
        -------
        Events
            time_of_flight in ns and pixel_id, int32, shape (n,); decided by `rng` alone

        Raises
        ------
        InputError
            unless exactly one of `events` and `rate` is given, not negative
        """
        pulse = Events.empty(pulse_size(rng, events, rate))
        for block in pulse.blocks():
            slot = self._table.draw(rng, len(block.pixel_id))
            for column, by_slot in zip(block, self._by_slot, strict=True):
                column[:] = by_slot.take(slot)
        return pulse

    def replay(self, trigger: int, events: int) -> Events:
        """Return the slice of the list that belongs to a trigger: rays in order, whatever their weights.

        Trigger 1 takes the first `events` rays, trigger 2 the next, and so on; after the last ray comes the
        first one again.

        Returns
        -------
        Events
            time_of_flight in ns and pixel_id, int32, shape (events,), not writeable

        Raises
        ------
        InputError
            when the trigger is not at least 1, or `events` is negative
        """
        if trigger < 1 or events < 0:
            raise InputError(
                f"replay(trigger={trigger}, events={events}): triggers count from 1, events from 0"
            )
        start = (int(trigger) - 1) * events % len(self)
        if start + events <= len(self):
            return Events(*(column[start : start + events] for column in self._columns))
        around = np.arange(start, start + events) % len(self)
        return Events(*(column[around] for column in self._columns))
