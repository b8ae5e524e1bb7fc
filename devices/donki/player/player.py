"""The player as an action script sees it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from donki.errors import NotAllowedError
from donki.run import Run
from donki.streams.alarm import AlarmStream
from donki.streams.array import ArrayStream
from donki.streams.connection import ConnectionStream
from donki.streams.ev44 import EVENTS_PER_MESSAGE
from donki.streams.events import EventStream
from donki.streams.image import ImageStream
from donki.streams.message_stream import MessageStream
from donki.streams.outlet import Outlet
from donki.streams.samples import SampleStream
from donki.streams.series import SeriesStream
from donki.streams.timestamps import TimestampStream

S = TypeVar("S", bound=EventStream | MessageStream)


class Player:
    """What an action script gets as its last argument.

    Attributes
    ----------
    name
        the Player's name, the last part of its device name
    parameters
        the Player's Parameters, a JSON object
    log
        a logger; its lines go to the device's log streams and to LastLog
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.parameters: Mapping[str, Any] = {}
        self.log = logging.Logger(f"donki.player.{name}")
        self._run = Run.new()
        self._outlet: Outlet | None = None
        self._aborted = threading.Event()

    @property
    def run(self) -> Run:
        """The run in progress, or the last one: its id, title, metadata and seed."""
        return self._run

    @property
    def aborted(self) -> bool:
        """True once Abort came: give up and return."""
        return self._aborted.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, but no longer than until Abort comes; return True if it came."""
        return self._aborted.wait(seconds)

    def rng(self, trigger: int) -> np.random.Generator:
        """Return the random numbers of this trigger.

        They depend on the run's seed, the Player's name and the trigger alone, so that a run can be repeated
        byte for byte; each call starts them anew.
        """
        entropy = [self._run.seed, int(trigger), *self.name.encode()]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))

    def events(
        self,
        topic: str,
        source: str,
        *,
        events_per_message: int = EVENTS_PER_MESSAGE,
        empty_pulses: bool = True,
        detector_number: ArrayLike | None = None,
    ) -> EventStream:
        """Open a stream of neutron events (ev44), or return the one that is open.

        Parameters
        ----------
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of the detector or monitor that the events come from
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
            when the source has a stream of another kind or to another topic in this run, or a setting is not
            what it should be
        BrokerError
            if no broker answers or the topic cannot be made
        FileError
            when the file cannot be written
        """
        return self._open(
            EventStream,
            topic,
            source,
            events_per_message=events_per_message,
            empty_pulses=empty_pulses,
            detector_number=detector_number,
        )

    def series(self, topic: str, source: str, *, unit: str = "dimensionless") -> SeriesStream:
        """Open the log of a scalar over time (f144, NXlog), or return the one that is open.

        Parameters
        ----------
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of what is logged: a temperature, a position
        unit
            of the values

        Raises
        ------
        InputError
            when the source has a stream of another kind or to another topic in this run, or a setting is not
            what it should be
        BrokerError
            if no broker answers or the topic cannot be made
        FileError
            when the file cannot be written
        """
        return self._open(SeriesStream, topic, source, unit=unit)

    def image(
        self,
        topic: str,
        source: str,
        *,
        unit: str = "counts",
        shape: Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
    ) -> ImageStream:
        """Open a stream of frames of an area detector (ad00), or return the one that is open.

        Parameters
        ----------
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of the detector or camera
        unit
            of the pixels
        shape, dtype
            (rows, columns) and the type of the frames, where they are known before the first: an ESS file
            writer that is told of the run stores frames as 64-bit floats otherwise

        Raises
        ------
        InputError
            when the source has a stream of another kind or to another topic in this run, or a setting is not
            what it should be
        BrokerError
            if no broker answers or the topic cannot be made
        FileError
            when the file cannot be written
        """
        return self._open(ImageStream, topic, source, unit=unit, shape=shape, dtype=dtype)

    def array(
        self,
        topic: str,
        source: str,
        *,
        axes: Sequence[str],
        unit: str = "counts",
        coordinates: Mapping[str, tuple[ArrayLike, str]] | None = None,
        shape: Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
    ) -> ArrayStream:
        """Open a stream of arrays with named axes (da00), or return the one that is open.

        Parameters
        ----------
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of what the arrays come from
        axes
            the names of the axes, one a dimension
        unit
            of the values
        coordinates
            the positions along an axis and their unit, by the axis' name; one more than values are edges
        shape, dtype
            of the arrays, where they are known before the first: an ESS file writer that is told of the run
            stores no others

        Raises
        ------
        InputError
            when the source has a stream of another kind or to another topic in this run, or a setting is not
            what it should be
        BrokerError
            if no broker answers or the topic cannot be made
        FileError
            when the file cannot be written
        """
        return self._open(
            ArrayStream,
            topic,
            source,
            axes=axes,
            unit=unit,
            coordinates=coordinates,
            shape=shape,
            dtype=dtype,
        )

    def alarm(self, topic: str, source: str) -> AlarmStream:
        """Open the alarms of a source (al00), or return the stream that is open.

        Parameters
        ----------
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of what the alarms are about

        Raises
        ------
        InputError
            when the source has a stream of another kind or to another topic in this run, or a setting is not
            what it should be
        BrokerError
            if no broker answers or the topic cannot be made
        FileError
            when the file cannot be written
        """
        return self._open(AlarmStream, topic, source)

    def connection(self, topic: str, source: str) -> ConnectionStream:
        """Open the status of a source's connection (ep01), or return the stream that is open.

        Parameters
        ----------
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of what is connected or not

        Raises
        ------
        InputError
            when the source has a stream of another kind or to another topic in this run, or a setting is not
            what it should be
        BrokerError
            if no broker answers or the topic cannot be made
        FileError
            when the file cannot be written
        """
        return self._open(ConnectionStream, topic, source)

    def timestamps(self, topic: str, source: str) -> TimestampStream:
        """Open a stream of times, as a chopper's top dead centre (tdct), or return the one that is open.

        Parameters
        ----------
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of what gives the times

        Raises
        ------
        InputError
            when the source has a stream of another kind or to another topic in this run, or a setting is not
            what it should be
        BrokerError
            if no broker answers or the topic cannot be made
        FileError
            when the file cannot be written
        """
        return self._open(TimestampStream, topic, source)

    def samples(
        self, topic: str, source: str, *, interval: int, unit: str = "dimensionless", channel: int = 0
    ) -> SampleStream:
        """Open a stream of fast samples of a digitiser (se00), or return the one that is open.

        Parameters
        ----------
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of the digitiser's signal
        interval
            from sample to sample, whole ns
        unit
            of the values
        channel
            of the digitiser

        Raises
        ------
        InputError
            when the source has a stream of another kind or to another topic in this run, or a setting is not
            what it should be
        BrokerError
            if no broker answers or the topic cannot be made
        FileError
            when the file cannot be written
        """
        return self._open(SampleStream, topic, source, interval=interval, unit=unit, channel=channel)

    def begin(self, run: Run, outlet: Outlet) -> None:
        """Take up a run, before the script's setup."""
        self._run = run
        self._outlet = outlet
        self._aborted.clear()

    def abort(self) -> None:
        """Tell the script to give up."""
        self._aborted.set()

    def end(self) -> None:
        """Leave the run: its streams are no longer there."""
        self._outlet = None

    def _open(self, kind: type[S], topic: str, source: str, **settings: Any) -> S:
        if self._outlet is None:
            raise NotAllowedError(f"Player {self.name} has no streams before Start or after Stop")
        return self._outlet.open(kind, topic, source, **settings)
