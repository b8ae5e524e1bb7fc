"""The readings of a signal as messages."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike

from donki.instrument.playing.run_time import Window
from donki.player.trigger import Trigger
from donki.sources import Log, Reading
from donki.streams.schemas import SeriesStream


class SignalStream:
    """Sends the readings of a log as f144.

    A value that is told again has the time at which it was told first; its Kafka record that of now.

    Parameters
    ----------
    stream
        takes the values
    dtype
        of the values, a type of numpy; they are rounded to whole numbers where it is one of integers
    unit
        in which the values are sent, in that of the readings
    """

    def __init__(self, stream: SeriesStream, dtype: DTypeLike = np.float64, unit: float = 1.0) -> None:
        self._stream = stream
        self._dtype = np.dtype(dtype)
        self._unit = unit
        # By the time since which a value holds: the reference time with which it was told first.
        self._told: dict[int, int] = {}

    def send(self, trigger: Trigger, window: Window, log: Log) -> list[Reading]:
        """Send what a log tells in the time of a trigger, and return it.

        Raises
        ------
        BrokerError, FileError
            when a message could not be delivered or written
        """
        readings = list(log.readings(window.begin, window.end))
        told: dict[int, int] = {}
        for reading in readings:
            since = reading.since
            told[since] = self._told.get(since) or _first_told(since, window)
            self._stream.send(
                trigger,
                self._as_type(reading.value / self._unit),
                reference_time=told[since],
                stamp=window.reference_of(reading.time),
            )
        self._told = told or self._told
        return readings

    def _as_type(self, value: float) -> np.number[Any]:
        if self._dtype.kind in "iu":
            limits = np.iinfo(self._dtype)
            value = min(max(round(value), limits.min), limits.max)
        return cast("np.number[Any]", np.asarray(value).astype(self._dtype)[()])


def _first_told(since: int, window: Window) -> int:
    """Return the reference time of a value that holds since a time, also where its window was not played.

    That is so after a Recover; without a period it is not known then.
    """
    return window.reference_of(since) if since >= window.begin or window.is_paced else window.reference_time
