"""Where the data of one Player go during one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from donki.run import Run
from donki.streams.events import EventStream
from donki.streams.kafka import KafkaSink
from donki.streams.values import as_value, encode_value


@dataclass(frozen=True)
class Counts:
    """What the broker has acknowledged in a run."""

    events: int = 0
    messages: int = 0
    bytes: int = 0


class Outlet:
    """The ways out of one Player in one run: Kafka, and a NeXus file where a directory is given.

    Parameters
    ----------
    player
        the Player's name
    run
        the run whose data these are
    brokers
        ``host:port`` of the Kafka brokers; they are first spoken to when a stream is opened
    kafka_options
        security settings for the Kafka client
    values_topic
        the Kafka topic of the values that actions return; empty for none
    file_directory
        where the NeXus file goes; None for no file

    Raises
    ------
    InputError
        when a broker's address or an option is not what it should be
    """

    def __init__(
        self,
        player: str,
        run: Run,
        *,
        brokers: Sequence[str],
        kafka_options: Mapping[str, Any] | None = None,
        values_topic: str = "",
        file_directory: Path | None = None,
    ) -> None:
        self._player = player
        self._values_topic = values_topic
        self._sink = KafkaSink(brokers, kafka_options, f"donki-{player}")
        self._streams: dict[tuple[str, str], EventStream] = {}

    @property
    def counts(self) -> Counts:
        """What the broker has acknowledged in this run."""
        return Counts(self._sink.events, self._sink.messages, self._sink.bytes)

    def events(self, topic: str, source: str) -> EventStream:
        """Open a stream of neutron events, or return the one that is open.

        Parameters
        ----------
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of the detector or monitor that the events come from

        Raises
        ------
        BrokerError
            when no broker answers, or the topic cannot be made
        """
        key = topic, source
        if key not in self._streams:
            self._sink.open_topic(topic)
            self._streams[key] = EventStream(topic, source, self._sink)
        return self._streams[key]

    def values(self, trigger: int, reference_time: int, values: Mapping[str, object]) -> None:
        """Send what an action returned.

        To Kafka, where a topic for values is set, numbers go as f144, arrays and texts as da00; the source name
        is ``player/name``.

        Parameters
        ----------
        trigger
            the number of the trigger
        reference_time
            its time, ns since 1970 UTC
        values
            by name

        Raises
        ------
        InputError
            when a value is of a type that cannot be kept; nothing is sent then
        BrokerError
            when a message could not be sent
        """
        taken = {
            f"{self._player}/{name}": as_value(value, f"{self._player}/{name}")
            for name, value in values.items()
        }
        if self._values_topic:
            self._sink.open_topic(self._values_topic)
            for source, value in taken.items():
                self._sink.send(
                    self._values_topic, source, encode_value(source, value, reference_time), reference_time
                )

    def deliver(self, timeout: float) -> None:
        """Return when everything sent so far is acknowledged by the broker.

        Raises
        ------
        BrokerError
            when that takes longer than `timeout` seconds, or something was lost; `discard` mends the outlet
        """
        self._sink.deliver(timeout)

    def discard(self) -> None:
        """Forget what was not delivered, after an action or a delivery that failed."""
        self._sink.discard()

    def abandon(self, reason: str) -> None:
        """End a wait for the broker in another thread, with a BrokerError that gives the reason."""
        self._sink.abandon(reason)

    def close(self, timeout: float = 5.0) -> None:
        """End the run's data; what the broker does not acknowledge within `timeout` seconds is given up."""
        self._sink.close(timeout)
