"""Pulses replayed from the NXevent_data of a NeXus file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.errors import DonkiError, SourceError
from donki.hdf5 import attribute_text, open_to_read, reading
from donki.sources.damage import Damage, OnDamage
from donki.sources.events import Events
from donki.sources.recorded.event_columns import EventColumns
from donki.sources.recorded.event_group import EventGroup
from donki.sources.recorded.nexus_time import since_1970, stated_units
from donki.sources.recorded.replay import Replay
from donki.sources.recorded.timeline import MAX_TIME, Timeline
from donki.sources.recorded.whole_numbers import whole_numbers


class NexusReplay(Replay):
    """The pulses of an NXevent_data group, as the ESS file writer lays it out, in the order of their times.

    Rows of one reference time are one pulse: the file writer adds a row for each message, and a large pulse
    comes in several. The last pulse ends with the last event. Events are read a block at a time, so that the
    file may be larger than the memory; the reference times of all pulses are kept.

    Parameters
    ----------
    path
        an HDF5 file
    group : str, optional
        the path of the NXevent_data in the file; not needed where there is only one
    loop : bool
        whether the first pulse comes again after the last one
    units : dict of str to str, or str
        s, ms, us or ns of ``event_time_offset`` and ``event_time_zero``, where the file does not say; or the
        name of a facility whose files do not: ``"ISIS"`` for µs and s
    on_damage : str
        ``"refuse"``, or ``"skip"`` to skip and count pulses whose place in the file is not sound and
        events that are not numbers, do not fit or cannot be read; all events are looked at then when the
        file is opened
    log : logging.Logger
        is told what was skipped: ``player.log``

    Attributes
    ----------
    events : int
        how many events the pulses have in all, damaged ones too

    Raises
    ------
    SourceError
        when the file cannot be read, has no such group or several to choose from, or a field is missing,
        without units or does not fit to the others; it names the data set and what was expected
    InputError
        when `units` or `on_damage` are not accepted, or the file has other units

    References
    ----------
    https://manual.nexusformat.org/classes/base_classes/NXevent_data.html
    """

    def __init__(
        self,
        path: str | PathLike[str],
        group: str | None = None,
        *,
        loop: bool = False,
        units: Mapping[str, str] | str | None = None,
        on_damage: OnDamage = "refuse",
        log: logging.Logger | None = None,
    ) -> None:
        self._path = Path(path)
        damage = Damage(f"{path}", on_damage, log)
        stated = stated_units(units)
        with reading(path):
            self._file = open_to_read(self._path)
        try:
            found = EventGroup(self._path, self._find(group), stated)
            self._columns = EventColumns(found, damage)
            timeline = self._timeline_of(found, damage, loop)
            self.events = sum(end - begin for begin, end in self._ranges(np.sort(self._rows)))
            super().__init__(found.name, timeline, damage)
        except DonkiError:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find(self, asked: str | None) -> h5py.Group:
        found: list[str] = []

        def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if attribute_text(item, "NX_class") == "NXevent_data":
                found.append(name)

        with reading(self._path):
            item = None if asked is None else self._file.get(asked)
            if isinstance(item, h5py.Group) and "event_index" in item:
                return item
            self._file.visititems(note)
            listed = ", ".join(found) or "none"
            if asked is None and len(found) == 1:
                return self._file[found[0]]
        if asked is not None:
            raise SourceError(f"{self._path}: expected an NXevent_data at {asked!r}; the file has {listed}")
        raise SourceError(
            f"{self._path}: expected one NXevent_data, found {listed}"
            + (": name one of them by group=" if found else "; take a file of events")
        )

    def _timeline_of(self, group: EventGroup, damage: Damage, loop: bool) -> Timeline:
        self._bounds, is_sound = _pulses(group, self._columns.size, damage)
        times, is_dated = _reference_times(group, is_sound, damage)
        damage.skipped["events"] += int(np.diff(self._bounds)[is_sound & ~is_dated].sum())
        rows = np.flatnonzero(is_sound & is_dated)
        if damage.may_skip:
            for begin, end in self._ranges(rows):
                self._columns.check(begin, end)

        self._rows = rows[np.argsort(times[rows], kind="stable")]
        pulse_times, first_row = np.unique(times[self._rows], return_index=True)
        self._first_row = np.append(first_row, len(rows))
        return Timeline(pulse_times, loop=loop)

    def _ranges(self, rows: NDArray[np.intp]) -> list[tuple[int, int]]:
        """Return the begin and the end of the events of rows, of those that follow each other together."""
        parts = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1) if len(rows) else []
        return [(int(self._bounds[part[0]]), int(self._bounds[part[-1] + 1])) for part in parts]

    def _events(self, index: int) -> Events:
        rows = self._rows[self._first_row[index] : self._first_row[index + 1]]
        return self._columns.whole(self._ranges(rows))


def _pulses(group: EventGroup, events: int, damage: Damage) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each pulse begins and the last one ends, and which pulses do so soundly.

    A bound is sound if it lies among the events, not before an earlier one nor behind a later one; a pulse if
    both its bounds are.
    """
    zeros, indices = group.size("event_time_zero"), group.size("event_index")
    pulses = min(zeros, indices)
    if zeros != indices:
        error = group.error("event_index", f"{zeros} values, as in event_time_zero", f"{indices}")
        damage.found(error, pulses=abs(zeros - indices))
    read = group.read("event_index")[: pulses + 1]
    bounds, refused = whole_numbers(read, 1, 0, events, exact=True)
    if len(read) == pulses:
        bounds, refused = np.append(bounds, events), np.append(refused, False)
    before = np.maximum.accumulate(np.where(refused, 0, bounds))
    after = np.minimum.accumulate(np.where(refused, events, bounds)[::-1])[::-1]
    is_bound = ~refused & (bounds >= before) & (bounds <= after)
    is_sound = is_bound[:-1] & is_bound[1:]
    lost = events - int(np.diff(bounds)[is_sound].sum())
    if lost or not is_bound.all():
        number = int(np.argmin(is_bound))
        found = f"{read[number]} as number {number + 1}" if number < len(read) else "none"
        error = group.error("event_index", f"numbers that rise from 0 to at most {events}", found)
        damage.found(error, pulses=int(np.count_nonzero(~is_sound)), events=lost)
    return bounds, is_sound


def _reference_times(
    group: EventGroup, is_sound: NDArray[np.bool_], damage: Damage
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the reference time of each pulse, ns since 1970 UTC, and which of them are one."""
    factor, date = group.nanoseconds("event_time_zero"), group.start("event_time_zero")
    try:
        base = since_1970(date) if date else 0
        if not 0 <= base <= MAX_TIME:
            raise ValueError(f"{date!r} is not from 1970 to 2116")  # noqa: TRY301 - for one message of both
    except ValueError as no_date:
        raise group.error("event_time_zero", "a date in ISO 8601 as start or offset", f"{no_date}") from None
    read = group.read("event_time_zero")[: len(is_sound)]
    times, refused = whole_numbers(read, factor, -MAX_TIME, MAX_TIME - base)
    if refused.any():
        first = int(np.argmax(refused))
        found = f"{read[first]} times {factor:g} as number {first + 1}"
        error = group.error("event_time_zero", "ns, up to the year 2116", found)
        damage.found(error, pulses=int(np.count_nonzero(refused & is_sound)))
    return base + times, ~refused
