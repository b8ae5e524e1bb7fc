"""Messages to Kafka: acknowledged by the broker, once and in order, with a bound on what is in flight."""

from __future__ import annotations

import contextlib
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from donki.errors import BrokerError, NotAllowedError
from donki.streams.kafka.clients import DEFAULT
from donki.streams.kafka.cluster import CONNECT_TIMEOUT, KafkaCluster
from donki.streams.kafka.producer import MOST_BYTES, Producer
from donki.streams.kafka.topics.name import check_topic
from donki.streams.kafka.topics.settings import TopicSettings
from donki.streams.kafka.window import Queue, Window

SETTLE = 0.5
"""Seconds in which the messages of an action that failed must be acknowledged."""

WINDOW = 8_000_000
"""Most bytes in flight to the broker."""

NOWHERE = array("q", (-1, -1))
"""Partition and offset of a message that is not acknowledged."""


class KafkaSink:
    """Where messages leave for Kafka.

    Every message is acknowledged by all in-sync replicas (``acks=all``), once and in order (an idempotent
    producer). Of several brokers, one that dies is replaced by the one that leads then, which has all that
    was acknowledged and tells apart what it gets again. `send` blocks while `WINDOW` bytes are in flight, so
    that memory stays bounded. After a failure everything is refused until `discard`, which begins again with
    a fresh producer: kafka-python 3.0's idempotent producer never recovers from a delivery that timed out.

    Parameters
    ----------
    brokers
        of the cluster, as `parse_brokers` takes them
    options
        security settings of kafka-python: ``security_protocol``, ``ssl_*``, ``sasl_*``
    name
        under which the brokers know this client
    client
        one of `CLIENTS`
    topics
        how topics are made that do not exist
    warn
        is told of topics that exist and are otherwise, a line each
    patience
        seconds in which a broker must answer when it is first spoken to, or again after a failure

    Attributes
    ----------
    brokers
        as `format_brokers` writes them
    cluster
        how they are reached
    events, messages, bytes
        what the broker has acknowledged so far, without what was discarded

    Raises
    ------
    InputError
        when a broker's address or an option is not what it should be, or the client is not installed
    """

    def __init__(
        self,
        brokers: Sequence[str],
        options: Mapping[str, Any] | None,
        name: str,
        client: str = DEFAULT,
        topics: TopicSettings = TopicSettings(),  # noqa: B008 - frozen
        warn: Callable[[str], object] = str,
        patience: float = CONNECT_TIMEOUT,
    ) -> None:
        self.events = 0
        self.messages = 0
        self.bytes = 0
        self.cluster = KafkaCluster(brokers, options, name, client, topics, warn, patience)
        self.brokers = self.cluster.names
        self._topics: list[str] = []
        self._producer: Producer | None = None
        self._window = self._new_window()
        self._at_commit = (0, 0, 0)
        self._closed = False

    @property
    def queue(self) -> Queue:
        """What waits for the broker."""
        return self._window.queue

    @property
    def committed(self) -> tuple[int, int, int]:
        """Events, messages and bytes at the last `commit`."""
        return self._at_commit

    def open_topic(self, topic: str) -> None:
        """Make sure that a topic exists and that messages can leave for it; connect if that was not done yet.

        Raises
        ------
        InputError
            when the topic cannot be called so
        BrokerError
            when no broker answers in time, or the topic does not exist and cannot be made
        NotAllowedError
            after `close`
        """
        if self._closed:
            self._refuse(topic)
        if topic in self._topics:
            return
        check_topic(topic)
        if self._producer is None:
            self._producer = self.cluster.connect([*self._topics, topic])
            self._window.patience = self._patience
        else:
            self.cluster.open_topic(topic, self._producer)
        self._topics.append(topic)

    def send(
        self,
        topic: str,
        key: str,
        message: bytes | memoryview,
        timestamp: int,
        events: int = 0,
        places: array[int] | None = None,
    ) -> None:
        """Send a message to a topic that was opened; see `Sink`.

        It is copied. Messages of one key stay in order, also where a topic has several partitions.

        Where it stands in Kafka is noted in `places`, an array of the type ``q``: two numbers are added, its
        partition and its offset, which are -1 until it is acknowledged.

        Raises
        ------
        BrokerError
            when this message or an earlier one could not be sent or was not acknowledged in time
        NotAllowedError
            after `close`
        """
        if self._closed:
            self._refuse(topic)
        window, size, index = self._window, len(message), 0
        if places is not None:
            index = len(places)
            places.extend(NOWHERE)
        window.enter(topic, size)
        try:
            producer = self._producer = self._producer or self.cluster.connect(self._topics)
        except BrokerError as error:
            window.fail(str(error))
            raise
        delivery = _Delivery(self, window, topic, size, events, places, index)
        producer.send(topic, key.encode(), message, timestamp // 1_000_000, delivery)
        if window.failure:
            raise BrokerError(window.failure)

    def deliver(self, timeout: float) -> None:
        """Return when the broker has acknowledged everything that was sent.

        Raises
        ------
        BrokerError
            when it has not within `timeout` seconds, or a message was lost
        """
        self._window.drain(timeout)

    def commit(self) -> None:
        """Note that what was sent so far is delivered, and counts."""
        self._at_commit = self.events, self.messages, self.bytes

    def discard(self) -> None:
        """Start over after a failure: what was in flight is given up, a fresh producer takes what comes.

        Where only the action failed, its messages are waited for: none is to count with the next action's.
        Those that the broker has stay there, but do not count.
        """
        with contextlib.suppress(BrokerError):
            self._window.drain(SETTLE)
        try:
            if self._window.failure:
                self._window = self._new_window()
                self._give_up()
        finally:
            self.events, self.messages, self.bytes = self._at_commit

    def abandon(self, reason: str) -> None:
        """End a `send` or `deliver` that waits in another thread with a BrokerError that gives the reason."""
        self._window.fail(reason)

    def close(self) -> None:
        """Leave the broker; what it has not acknowledged is given up."""
        self._closed = True
        self._give_up()

    def _refuse(self, topic: str) -> NoReturn:
        raise NotAllowedError(
            f"topic {topic} takes no more data: the run is over; open a stream in the next run"
        )

    @property
    def _patience(self) -> float:
        # The producer's own clock comes first; the window's catches a producer that is stuck.
        return self.cluster.limits.delivery + 1

    def _new_window(self) -> Window:
        return Window(WINDOW, self._patience, self.brokers, self._poll, lambda: self.cluster.reason)

    def _poll(self, seconds: float, flush: bool) -> None:
        producer = self._producer
        if producer is None:
            time.sleep(seconds)
        else:
            producer.poll(seconds, flush=flush)
        self.cluster.watch(self._topics, self._window.silence)

    def _give_up(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.give_up()


@dataclass(slots=True)
class _Delivery:
    """Counts a message of a sink in when it is acknowledged; when it is lost, says so to its window."""

    sink: KafkaSink
    window: Window
    topic: str
    size: int
    events: int
    places: array[int] | None
    index: int
    """Of its place there: its partition, and its offset."""

    def acknowledged(self, partition: int, offset: int) -> None:
        if self.places is not None:
            self.places[self.index] = partition
            self.places[self.index + 1] = offset
        self.sink.messages += 1
        self.sink.bytes += self.size
        self.sink.events += self.events
        self.window.leave(self.topic, self.size)

    def timed_out(self) -> None:
        cluster = self.sink.cluster
        why = f": {cluster.reason}" if cluster.reason else ""
        limit = cluster.limits.delivery
        self._lose(f"did not acknowledge messages to topic {self.topic} within {limit:g} s{why}")

    def too_large(self) -> None:
        self._lose(
            f"takes no message of {self.size} bytes to topic {self.topic}:"
            f" send less, or raise the topic's max.message.bytes; the most is {MOST_BYTES}"
        )

    def refused(self, reason: str) -> None:
        self._lose(f"did not take a message to topic {self.topic}: {reason}")

    def _lose(self, what: str) -> None:
        self.window.fail(f"Kafka broker {self.sink.brokers} {what}")
