"""A stream of neutron events from one source, pulse by pulse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from donki.errors import InputError
from donki.streams.ev44 import EVENTS_PER_MESSAGE, Ev44Encoder, int32_column
from donki.streams.nexus import NexusFile
from donki.streams.producer import MOST_BYTES
from donki.streams.reference_time import Timed, as_reference_time
from donki.streams.sink import Sink

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


MOST_EVENTS = MOST_BYTES // 8 - 1000
"""Most events in a message that Kafka is given."""


class EventStream:
    """Sends the pulses of one source to Kafka as ev44, and to the Player's file if there is one.

    Attributes
    ----------
    topic
        the Kafka topic
    source
        the name of the detector or monitor that the events come from

    Parameters
    ----------
    topic, source
        as above
    sink
        takes the messages
    file
        the Player's file, if there is one
    events_per_message
        most events in a message; a pulse that has more is split
    empty_pulses
        whether a pulse without events is sent, or left out
    detector_number
        the pixels of the detector, integers of any shape; without it the file's detector reaches from the
        smallest pixel id that was sent to the largest

    Raises
    ------
    InputError
        when one of these is not what it should be, or the file cannot have a group of that name
    FileError
        when the file cannot be written
    """

    schema = "ev44"

    def __init__(
        self,
        topic: str,
        source: str,
        sink: Sink,
        file: NexusFile | None,
        *,
        events_per_message: int = EVENTS_PER_MESSAGE,
        empty_pulses: bool = True,
        detector_number: ArrayLike | None = None,
    ) -> None:
        self.topic = topic
        self.source = source
        self._sink = sink
        self._file = file
        if type(events_per_message) is not int or not 0 < events_per_message <= MOST_EVENTS:
            raise InputError(
                f"{self}: events_per_message is an integer from 1 to {MOST_EVENTS};"
                f" got {events_per_message!r}"
            )
        self._events_per_message = events_per_message
        self._empty_pulses = empty_pulses
        pixels = None if detector_number is None else _as_pixels(detector_number, self)
        self._range = None if pixels is None else (int(pixels.min()), int(pixels.max()))
        self._tof_name, self._pixel_name = f"{self}: time of flight", f"{self}: pixel ids"
        self._encoder = Ev44Encoder(source, events_per_message)
        if file is not None:
            file.open_events(source, pixels)
        self._message_id = 0
        self._first_undelivered = 0

    def send(
        self,
        trigger: Timed,
        time_of_flight: ArrayLike,
        pixel_id: ArrayLike,
        *,
        reference_time: int | None = None,
    ) -> None:
        """Send one pulse; it has arrived when the Player's trigger is done.

        A pulse of more than `events_per_message` (12,400) events is split over messages, as the ESS event
        formation unit does; one without events is a message without events that has its reference time, or
        nothing where `empty_pulses` is false. Message ids count up by source. It waits while too much is
        under way to the broker.

        Parameters
        ----------
        trigger
            whose reference time is the pulse's
        time_of_flight
            integers, ns since the reference time, shape (n,)
        pixel_id
            integers, shape (n,)
        reference_time
            of the pulse, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when the arrays differ in length, are not integers, do not fit into 32 bits, or a pixel id lies
            outside the range of `detector_number`; nothing is sent
        BrokerError
            when this pulse or an earlier one could not be delivered
        FileError
            when the file cannot be written
        """
        time = as_reference_time(trigger, reference_time, self)
        tof = int32_column(time_of_flight, self._tof_name)
        pixel = int32_column(pixel_id, self._pixel_name)
        if len(tof) != len(pixel):
            raise InputError(
                f"{self}: {len(tof)} times of flight, but {len(pixel)} pixel ids; each event has both"
            )
        if not len(tof) and not self._empty_pulses:
            return
        if self._range and len(pixel):
            self._check_pixels(pixel, *self._range)
        most = self._events_per_message
        if len(tof) <= most:
            self._send_part(time, tof, pixel)
        else:
            for first in range(0, len(tof), most):
                self._send_part(time, tof[first : first + most], pixel[first : first + most])
        if self._file is not None:
            self._file.append_events(self.source, time, tof, pixel)

    @property
    def layout(self) -> None:
        """Nothing: a file writer knows what events are like."""

    def commit(self) -> None:
        """Note that what was sent so far is delivered."""
        self._first_undelivered = self._message_id

    def rollback(self) -> None:
        """Count on from the first message that was not delivered, so that a repeated pulse is the same."""
        self._message_id = self._first_undelivered

    def _send_part(self, time: int, tof: NDArray[np.int32], pixel: NDArray[np.int32]) -> None:
        message = self._encoder.encode(self._message_id, time, tof, pixel)
        self._sink.send(self.topic, self.source, message, time, len(tof))
        self._message_id += 1

    def _check_pixels(self, pixel: NDArray[np.int32], low: int, high: int) -> None:
        """Refuse what readers of the file would drop without a word."""
        if pixel.min() < low or pixel.max() > high:
            raise InputError(
                f"{self}: pixel ids from {pixel.min()} to {pixel.max()}, but detector_number is from {low}"
                f" to {high}"
            )

    def __str__(self) -> str:
        return f"events of {self.source} to {self.topic}"


def _as_pixels(numbers: ArrayLike, stream: EventStream) -> NDArray[np.int32]:
    array = np.asarray(numbers)
    pixels = int32_column(array.ravel(), f"{stream}: detector_number").reshape(array.shape)
    if pixels.size == 0 or np.unique(pixels).size != pixels.size:
        raise InputError(f"{stream}: detector_number names each pixel once, and at least one pixel")
    return pixels
