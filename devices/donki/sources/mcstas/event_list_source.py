"""Events from a list of simulated neutrons: replayed in order, or drawn by their weights."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError, SourceError
from donki.sources.alias import AliasTable
from donki.sources.damage import Damage, OnDamage
from donki.sources.drawn_source import DrawnSource
from donki.sources.events import MAX_EVENTS, MAX_PIXEL_ID, MAX_TIME_OF_FLIGHT, Events
from donki.sources.geometry import Geometry, one_pixel
from donki.sources.mcstas.event_list import EventList
from donki.sources.mcstas.panel import Panel


class EventListSource(DrawnSource):
    """Pulses made of the rays of a list that hit a panel.

    They are drawn with replacement, each with a probability proportional to its weight p. The time of flight
    is the ray's t, in s since the simulated pulse. Rays that miss the panel are left out; ``len(source)`` are
    left.

    Parameters
    ----------
    events : EventList
        with the columns p, t, and x and y or id
    panel : Panel, optional
        says which pixel is at x, y; without it the pixel is the column id, as Monitor_nD writes it for the
        option *pixel* (negative: no pixel)
    pixel : int, optional
        on which all rays are, as in a beam monitor; for lists that have neither x, y nor id
    on_damage : str
        ``"refuse"``, or ``"skip"`` to skip and count rays whose place, pixel, time or weight cannot be
    log : logging.Logger
        is told what was skipped: ``player.log``

    Attributes
    ----------
    geometry : Geometry
        of the panel or the one pixel, for the settings of ``player.events``; of pixels of the column id the
        numbers alone
    skipped : dict of str to int
        how many rays were skipped, as ``events``

    Raises
    ------
    SourceError
        when a column is missing, no ray hits the panel, one has a place or a pixel that is not a number, or
        one that hits has a time of flight below 0 or over 2.147 s (what int32 ns can hold) or a weight p that
        is negative or not finite, or all weights are 0; it names the ray
    InputError
        when `events` is not an EventList, `pixel` is not a pixel or not alone, or `on_damage` is neither
    """

    def __init__(
        self,
        events: EventList,
        panel: Panel | None = None,
        *,
        pixel: int | None = None,
        on_damage: OnDamage = "refuse",
        log: logging.Logger | None = None,
    ) -> None:
        if not isinstance(events, EventList):
            raise InputError(
                f"an EventListSource takes an EventList, not the {type(events).__name__} "
                f"{getattr(events, 'name', events)}; a histogram goes into a HistogramSource"
            )
        damage = Damage(events.name, on_damage, log)
        number, is_hit = _pixels(events, panel, pixel, damage)
        if not is_hit.any():
            where = panel or "a pixel of column id"
            raise SourceError(f"{events.name}: none of its {len(events)} rays hits {where}")
        with np.errstate(over="ignore"):
            time, weight = np.rint(events["t"] * 1e9), events["p"]
        is_late = is_hit & ~((time >= 0) & (time <= MAX_TIME_OF_FLIGHT))
        hint = " (logarithms: take events.from_logarithms('t'))" if np.all(time[is_hit] < 0) else ""
        expected = f"a time of flight from 0 to 2.147 s, which is what an event can hold{hint}"
        is_hit &= ~_refused(events, damage, is_late, "t", expected)
        has_no_weight = is_hit & ~((weight >= 0) & (weight < np.inf))
        is_hit &= ~_refused(events, damage, has_no_weight, "p", "a weight of 0 or more")
        hit = np.flatnonzero(is_hit)
        self.skipped = dict(damage.skipped)
        damage.tell()
        numbers = number[hit].astype(np.int32)
        self.geometry = _geometry(panel, pixel, numbers)
        self._columns = Events(time[hit].astype(np.int32), numbers)
        for column in self._columns:
            column.flags.writeable = False
        self._table = AliasTable(weight[hit], f"{events.name}: weights p")
        self._by_slot = Events(*(self._table.by_slot(column) for column in self._columns))

    def __len__(self) -> int:
        return len(self._columns.pixel_id)

    def _draw(self, rng: np.random.Generator, block: Events) -> None:
        slot = self._table.draw(rng, len(block.pixel_id))
        for column, by_slot in zip(block, self._by_slot, strict=True):
            column[:] = by_slot.take(slot)

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
        if trigger < 1 or not 0 <= events <= MAX_EVENTS:
            raise InputError(
                f"replay(trigger={trigger}, events={events}): triggers count from 1,"
                f" events from 0 to {MAX_EVENTS}"
            )
        start = (int(trigger) - 1) * events % len(self)
        if start + events <= len(self):
            return Events(*(column[start : start + events] for column in self._columns))
        around = np.arange(start, start + events) % len(self)
        return Events(*(column[around] for column in self._columns))


def _geometry(panel: Panel | None, pixel: int | None, numbers: NDArray[np.int32]) -> Geometry:
    if panel is not None:
        return panel.geometry
    return Geometry(detector_number=np.unique(numbers)) if pixel is None else one_pixel(pixel)


def _pixels(
    events: EventList, panel: Panel | None, pixel: int | None, damage: Damage
) -> tuple[NDArray[np.float64] | NDArray[np.int32], NDArray[np.bool_]]:
    """Return the pixel of each ray, and which rays are on one."""
    if pixel is not None:
        if panel is not None or not 0 <= pixel <= MAX_PIXEL_ID:
            raise InputError(f"pixel={pixel!r:.100} is the number of one pixel for all rays, without a panel")
        return np.full(len(events), pixel, np.int32), np.ones(len(events), bool)
    if panel is not None:
        x, y = events["x"], events["y"]
        is_place = ~_refused(events, damage, ~np.isfinite(x), "x", "a place")
        is_place &= ~_refused(events, damage, is_place & ~np.isfinite(y), "y", "a place")
        on_panel = panel.pixel_ids(x, y)
        return on_panel, (on_panel >= 0) & is_place
    if "id" not in events.columns:
        raise SourceError(
            f"{events.name} has no column 'id', it has {' '.join(events.columns)}; say on which panel x and y"
            " are, or one pixel= for all rays"
        )
    number = events["id"]
    with np.errstate(invalid="ignore"):
        is_none = ~((number <= MAX_PIXEL_ID) & (number == np.rint(number)) & (number > -np.inf))
    is_none = _refused(events, damage, is_none, "id", f"a pixel up to {MAX_PIXEL_ID}, or -1 for none")
    return number, (number >= 0) & ~is_none


def _refused(
    events: EventList, damage: Damage, refused: NDArray[np.bool_], column: str, expected: str
) -> NDArray[np.bool_]:
    """Note rays that are damaged, and return them."""
    if count := int(np.count_nonzero(refused)):
        first = int(np.argmax(refused))
        found = f"{column}={events[column][first]:g}; there are {count} such"
        error = SourceError(f"{events.name}: event {first + 1}: expected {expected}, found {found}")
        damage.found(error, events=count)
    return refused
