"""A stream of neutron events from one source, pulse by pulse."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Protocol, SupportsIndex

from donki.errors import InputError
from donki.streams.ev44 import EVENTS_PER_MESSAGE, Ev44Encoder, int32_column
from donki.streams.kafka import KafkaSink
from donki.streams.nexus import NexusFile

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Timed(Protocol):
    """What carries a reference time; a trigger does."""

    @property
    def reference_time(self) -> int:
        """Nanoseconds since 1970 UTC."""


class EventStream:
    """Sends the pulses of one source to Kafka as ev44, and to the Player's file if there is one.

    Attributes
    ----------
    topic
        the Kafka topic
    source
        the name of the detector or monitor that the events come from
    """

    def __init__(self, topic: str, source: str, sink: KafkaSink, file: NexusFile | None) -> None:
        self.topic = topic
        self.source = source
        self._sink = sink
        self._file = file
        self._encoder = Ev44Encoder(source)
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

        A pulse of more than 12,400 events is split over messages, as the ESS event formation unit does; one
        without events is a message without events that has its reference time. Message ids count up by
        source. It waits while too much is under way to the broker.

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
            when the arrays differ in length, are not integers or do not fit into 32 bits; nothing is sent
        BrokerError
            when this pulse or an earlier one could not be delivered
        FileError
            when the file cannot be written
        """
        given = getattr(trigger, "reference_time", None) if reference_time is None else reference_time
        if not isinstance(given, SupportsIndex) or not 0 <= (time := index(given)) < 2**63:
            raise InputError(
                f"{self}: a reference time is an integer, ns since 1970 UTC, below 2**63; got {given!r}"
            )
        tof = int32_column(time_of_flight, f"{self}: time of flight")
        pixel = int32_column(pixel_id, f"{self}: pixel ids")
        if len(tof) != len(pixel):
            raise InputError(
                f"{self}: {len(tof)} times of flight, but {len(pixel)} pixel ids; each event has both"
            )
        for first in range(0, max(len(tof), 1), EVENTS_PER_MESSAGE):
            part = slice(first, first + EVENTS_PER_MESSAGE)
            message = self._encoder.encode(self._message_id, time, tof[part], pixel[part])
            self._sink.send(self.topic, self.source, message, time, events=len(tof[part]))
            self._message_id += 1
        if self._file is not None:
            self._file.append_events(self.source, time, tof, pixel)

    def commit(self) -> None:
        """Note that what was sent so far is delivered."""
        self._first_undelivered = self._message_id

    def rollback(self) -> None:
        """Count on from the first message that was not delivered, so that a repeated pulse is the same."""
        self._message_id = self._first_undelivered

    def __str__(self) -> str:
        return f"events of {self.source} to {self.topic}"
