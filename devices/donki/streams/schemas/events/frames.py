"""The frames in which the events of a pulse arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.numeric import highest, lowest

Frame = Literal["pulse", "wrap"]
"""Where an event goes: into the pulse that it comes from, or into the frame in which it arrives."""

FRAMES: tuple[Frame, ...] = ("pulse", "wrap")


class FramePart(NamedTuple):
    """The events of a pulse that arrive in one frame.

    Attributes
    ----------
    reference_time
        of the pulse with which the frame begins, ns since 1970 UTC
    time_of_flight
        ns since then, shape (n,)
    pixel_id
        shape (n,)
    """

    reference_time: int
    time_of_flight: NDArray[np.int32]
    pixel_id: NDArray[np.int32]


def by_frame(
    reference_time: int, period: int, time_of_flight: NDArray[np.int32], pixel_id: NDArray[np.int32]
) -> Iterator[FramePart]:
    """Yield the events of a pulse frame by frame: its own first, of later ones those with events.

    Pulses follow each other at the period, so an event that arrives n periods or more after its pulse, and
    less than n + 1, is in the frame that begins n periods after. When it arrives stays as it is.

    Parameters
    ----------
    reference_time
        of the pulse, ns since 1970 UTC
    period
        from pulse to pulse, ns; 0 where there are no frames
    time_of_flight
        ns since the reference time, shape (n,); below 0 it stays in its pulse
    pixel_id
        shape (n,)

    Raises
    ------
    InputError
        when a frame begins later than can be said
    """
    begin = 0
    while period and len(time_of_flight) and (latest := highest(time_of_flight)) >= begin + period:
        if reference_time + latest >= 2**63:
            raise InputError(f"an event {latest} ns after {reference_time} is later than 2**63 ns since 1970")
        is_later = time_of_flight >= begin + period
        # Places take two thirds of the time of masks.
        here, later = np.flatnonzero(~is_later), np.flatnonzero(is_later)
        yield FramePart(reference_time + begin, _since(begin, time_of_flight.take(here)), pixel_id.take(here))
        time_of_flight, pixel_id = time_of_flight.take(later), pixel_id.take(later)
        begin = lowest(time_of_flight) // period * period
    yield FramePart(reference_time + begin, _since(begin, time_of_flight), pixel_id)


def _since(begin: int, time_of_flight: NDArray[np.int32]) -> NDArray[np.int32]:
    return time_of_flight - np.int32(begin) if begin else time_of_flight
