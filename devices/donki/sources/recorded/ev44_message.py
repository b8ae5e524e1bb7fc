"""ev44 messages as a topic may hold them: whole, or damaged."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from streaming_data_types import deserialise_ev44
from streaming_data_types.exceptions import ShortBufferException

from donki.errors import SourceError
from donki.sources.events import MONITOR_PIXEL, Events
from donki.sources.recorded.timeline import MAX_TIME

# What the package raises for bytes that are not a flatbuffer; it checks none of the places that they give.
_UNDECODABLE = (
    ShortBufferException,
    struct.error,
    ValueError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
)
_NONE: NDArray[Any] = np.empty(0, np.int32)


class Ev44Message(NamedTuple):
    """A message that is sound.

    Attributes
    ----------
    source_name : str
    reference_time : ndarray of int64, shape (pulses,)
        ns since 1970 UTC
    bounds : ndarray of int64, shape (pulses + 1,)
        where the events of each pulse begin and those of the last one end
    events : Events
        of all pulses; on pixel 1 where the message has none, as that of a monitor
    """

    source_name: str
    reference_time: NDArray[np.int64]
    bounds: NDArray[np.int64]
    events: Events


def read_ev44(payload: bytes) -> Ev44Message:
    """Take an ev44 message apart.

    Raises
    ------
    SourceError
        when it is damaged, saying by what: it cannot be decoded, its columns differ in length, or its index
        does not say of every event to which reference time it belongs
    """
    try:
        source_name, _, *columns = deserialise_ev44(payload)
    except _UNDECODABLE as error:
        raise SourceError(f"it cannot be decoded ({type(error).__name__}: {error!s:.200})") from None
    # A column that is absent comes as the number 0.
    time, index, time_of_flight, pixel_id = (column if np.ndim(column) else _NONE for column in columns)
    events = len(time_of_flight)
    if not len(time):
        raise SourceError("it has no reference time")
    if len(index) != len(time):
        raise SourceError(f"it has {len(time)} reference times, but {len(index)} in reference_time_index")
    late = (time < -MAX_TIME) | (time > MAX_TIME)
    if late.any():
        raise SourceError(f"its reference time {time[np.argmax(late)]} ns is not before the year 2116")
    if len(pixel_id) not in (0, events):
        raise SourceError(f"it has {events} times of flight, but {len(pixel_id)} pixel ids")
    bounds = np.append(index.astype(np.int64), events)
    if bounds[0] != 0 or np.any(np.diff(bounds) < 0):
        found = index[:5].tolist()
        raise SourceError(f"its reference_time_index, {found}, does not rise from 0 to at most {events}")
    pixel = pixel_id if len(pixel_id) else np.full(events, MONITOR_PIXEL, np.int32)
    return Ev44Message(source_name, time, bounds, Events(time_of_flight, pixel))
