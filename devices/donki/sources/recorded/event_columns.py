"""The times of flight and the pixels of an NXevent_data, a block at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError
from donki.sources.damage import Damage
from donki.sources.events import MAX_TIME_OF_FLIGHT, MONITOR_PIXEL, Events
from donki.sources.recorded.event_group import EventGroup
from donki.sources.recorded.replay import joined
from donki.sources.recorded.whole_numbers import whole_numbers

_BLOCK = 1 << 20  # events read from the file at once, at least
_DAMAGED = -1  # the pixel of an event that is skipped


class _Column(NamedTuple):
    values: NDArray[np.int32]
    damaged: NDArray[np.bool_]
    error: SourceError | None


class EventColumns:
    """Events by their number, from 0.

    Parameters
    ----------
    group : EventGroup
    damage : Damage
        of the source

    Attributes
    ----------
    size : int
        how many events there are

    Raises
    ------
    SourceError
        when a field is missing, without units, or has another length
    """

    def __init__(self, group: EventGroup, damage: Damage) -> None:
        self._group, self._damage = group, damage
        self._ns = group.nanoseconds("event_time_offset")
        self.size = group.size("event_time_offset")
        self._has_pixels = "event_id" in group
        if self._has_pixels and (pixels := group.size("event_id")) != self.size:
            error = group.error("event_id", f"{self.size} values, as in event_time_offset", f"{pixels}")
            damage.found(error, events=abs(pixels - self.size))
            self.size = min(self.size, pixels)
        self._block_begin = 0
        self._block = Events.empty(0)
        self._is_damaged = False

    def check(self, begin: int, end: int) -> None:
        """Look at all events of a range, and note those that are damaged.

        Raises
        ------
        SourceError
            when one is, unless damage is skipped
        """
        for first in range(begin, end, _BLOCK):
            stop = min(first + _BLOCK, end)
            columns = self._columns(first, stop)
            damaged = np.logical_or.reduce([column.damaged for column in columns])
            if count := int(np.count_nonzero(damaged)):
                self._is_damaged = True
                error = next(column.error for column in columns if column.error)
                self._damage.found(error, events=count)

    def whole(self, parts: list[tuple[int, int]]) -> Events:
        """Return the events of several ranges one after the other; none can be written to.

        Parameters
        ----------
        parts : list of (int, int)
            begin and end of each

        Raises
        ------
        SourceError
            when one cannot be read or does not fit into int32, unless damage is skipped
        """
        events = joined([self._slice(begin, end) for begin, end in parts])
        if not self._is_damaged:
            return events
        kept = events.pixel_id != _DAMAGED
        return joined([Events(*(column[kept] for column in events))])

    def _slice(self, begin: int, end: int) -> Events:
        held = range(self._block_begin, self._block_begin + len(self._block.pixel_id))
        if begin < held.start or end > held.stop:
            # Blocks end where those of the file writer's chunks do, which are read and unpacked whole.
            stop = min(-(-end // _BLOCK) * _BLOCK, self.size)
            if begin in held:
                kept = Events(*(column[begin - held.start :] for column in self._block))
                self._block = joined([kept, self._load(held.stop, stop)])
            else:
                self._block = joined([self._load(begin, stop)])
            self._block_begin = begin
        inside = slice(begin - self._block_begin, end - self._block_begin)
        return Events(*(column[inside] for column in self._block))

    def _load(self, begin: int, end: int) -> Events:
        times, *pixels = self._columns(begin, end)
        pixel = pixels[0].values if pixels else np.full(end - begin, MONITOR_PIXEL, np.int32)
        for column in (times, *pixels):
            if column.error:
                pixel = np.where(column.damaged, np.int32(_DAMAGED), pixel)
        return Events(times.values, pixel)

    def _columns(self, begin: int, end: int) -> list[_Column]:
        columns = [self._column("event_time_offset", begin, end, self._ns, -MAX_TIME_OF_FLIGHT)]
        if self._has_pixels:
            columns.append(self._column("event_id", begin, end, 1, 0))
        return columns

    def _column(self, name: str, begin: int, end: int, factor: float, low: int) -> _Column:
        try:
            values = self._group.read(name, slice(begin, end))
        except SourceError as unreadable:
            if not self._damage.may_skip:
                raise
            return self._readable(name, begin, end, factor, low, unreadable)
        if values.dtype == np.int32 and factor == 1 and values.min(initial=0) >= low:
            return _Column(values, np.zeros(len(values), bool), None)
        whole, damaged = whole_numbers(values, factor, low, MAX_TIME_OF_FLIGHT, exact=name == "event_id")
        error = None
        if damaged.any():
            first = int(np.argmax(damaged))
            expected = f"values from {low} to {MAX_TIME_OF_FLIGHT}" + (" ns" if low else "")
            found = f"{values[first]:.15g}" if values.dtype.kind == "f" else f"{values[first]}"
            times = f" times {factor:g}" if factor != 1 else ""
            error = self._group.error(name, expected, f"{found}{times} at event {begin + first + 1}")
            if not self._damage.may_skip:
                raise error
        return _Column(whole.astype(np.int32), damaged, error)

    def _readable(
        self, name: str, begin: int, end: int, factor: float, low: int, error: SourceError
    ) -> _Column:
        """Return a column of which some chunk cannot be read: whatever is in the others."""
        chunk = self._group.chunk(name)
        middle = (begin + end) // 2 // chunk * chunk
        if not begin < middle < end:
            return _Column(np.zeros(end - begin, np.int32), np.ones(end - begin, bool), error)
        halves = (self._column(name, *half, factor, low) for half in ((begin, middle), (middle, end)))
        values, damaged, _ = zip(*halves, strict=True)
        return _Column(np.concatenate(values), np.concatenate(damaged), error)
