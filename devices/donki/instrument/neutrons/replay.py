"""The events that a description holds, replayed at a rate."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from donki.errors import InputError, SourceError
from donki.instrument.nodes import Group
from donki.instrument.parameters.physics import Replay
from donki.sources import Events, NexusReplay
from donki.sources.events import MAX_EVENTS


class ScaledReplay:
    """The pulses of a recording one after the other, over and over, with as many events as are asked for.

    Parameters
    ----------
    replay : NexusReplay
        that loops

    Raises
    ------
    SourceError
        when there is nothing to replay
    """

    def __init__(self, replay: NexusReplay) -> None:
        if not replay.events:
            replay.close()
            raise SourceError(f"{replay.name}: holds no events to replay; state other physics: kind")
        self._replay = replay

    def pulse(self, rng: np.random.Generator, trigger: int, mean: float | None) -> Events:
        """Return the pulse of a trigger.

        Parameters
        ----------
        rng
            decides which of its events come once more
        trigger
            from 1, the first pulse
        mean
            events in a pulse, on average of all; each event comes so many times, in their order, and where
            that is no whole number, the rest is the chance of one time more. None: as they were recorded

        Raises
        ------
        InputError
            when that is more than a pulse can have
        SourceError
            when they cannot be read
        """
        time, pixel, _ = self._replay.pulse(trigger)
        times = 1.0 if mean is None else mean * len(self._replay) / self._replay.events
        if times == 1:
            return Events(time, pixel)
        if times * len(time) > MAX_EVENTS:
            raise InputError(
                f"{self._replay.name}: {times * len(time):.3g} events in a pulse are too many, it has"
                f" {MAX_EVENTS} at most: state a lower rate"
            )
        whole = int(times)
        repeats = whole + (rng.random(len(time)) < times - whole)
        return Events(np.repeat(time, repeats), np.repeat(pixel, repeats))

    def close(self) -> None:
        """Close the file."""
        self._replay.close()


def open_replay(asked: Replay, path: Path, detector: Group, log: logging.Logger | None) -> NexusReplay:
    """Open the events of a detector.

    Parameters
    ----------
    asked
        the Parameter ``physics``
    path
        of the description, which must be HDF5
    detector
        in which they are
    log
        is told what is damaged and skipped

    Raises
    ------
    SourceError
        when they cannot be read
    InputError
        when the detector has none, or several to choose from
    """
    group = asked.group or _recorded(detector)
    return NexusReplay(path, group, loop=True, units=asked.units, on_damage=asked.on_damage, log=log)


def _recorded(detector: Group) -> str:
    found = [
        group.path
        for group in detector.walk()
        if (events := group.datasets.get("event_id")) is not None and 0 not in events.shape
    ]
    if len(found) != 1:
        raise InputError(
            f"{detector.path}: has {len(found) or 'no'} groups with events to replay{': ' if found else ''}"
            f"{', '.join(found)}; "
            + ("name one by physics.group" if found else "state other physics: kind, or another file")
        )
    return found[0]
