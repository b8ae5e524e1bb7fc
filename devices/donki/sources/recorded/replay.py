"""Recorded pulses, one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from donki.sources.damage import Damage
from donki.sources.events import Events
from donki.sources.recorded.pulse import Pulse
from donki.sources.recorded.timeline import Timeline


class Replay(ABC):
    """What was recorded, pulse by pulse in the order of the reference times. Not for several threads.

    Attributes
    ----------
    name : str
        where it comes from, for messages
    start : int
        the reference time of the first pulse, ns since 1970 UTC
    skipped : dict of str to int
        what was damaged and skipped, by what it is: messages, pulses, events
    """

    def __init__(self, name: str, timeline: Timeline, damage: Damage) -> None:
        self.name = name
        self.start = timeline.start
        self.skipped = {what: count for what, count in damage.skipped.items() if count}
        self._timeline = timeline
        damage.tell()

    def __len__(self) -> int:
        """How many pulses were recorded."""
        return len(self._timeline)

    def pulse(self, trigger: int) -> Pulse:
        """Return the pulse that belongs to a trigger: the first one to trigger 1, and so on.

        After the last pulse comes the first one again, or, without `loop`, empty pulses at the usual step.

        Returns
        -------
        Pulse
            arrays that cannot be written to

        Raises
        ------
        InputError
            when the trigger is not at least 1
        SourceError
            when events cannot be read, or do not fit into int32
        """
        index, offset = self._timeline.at(trigger)
        return Pulse(*(Events.empty(0) if index is None else self._events(index)), offset)

    def between(self, begin: int, end: int) -> Iterator[Pulse]:
        """Yield the pulses from `begin` to before `end`: the recorded pace, or a multiple of it.

        For a trigger every `period` ns and a speed s, trigger k takes those between (k - 1) s period and
        k s period.

        Parameters
        ----------
        begin, end : int
            ns since the first pulse

        Raises
        ------
        SourceError
            as for `pulse`
        """
        for index, offset in self._timeline.between(begin, end):
            yield Pulse(*self._events(index), offset)

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    @abstractmethod
    def _events(self, index: int) -> Events:
        """Return the events of a pulse, counted from 0."""


def joined(parts: Sequence[Events]) -> Events:
    """Return the events of a pulse that was recorded in several parts; none can be written to."""
    whole = parts[0] if len(parts) == 1 else Events(*map(np.concatenate, zip(*parts, strict=True)))
    for column in whole:
        column.flags.writeable = False
    return whole
