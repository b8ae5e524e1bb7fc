"""Messages to Kafka: acknowledged by the broker, once and in order, with a bound on what is in flight."""

from __future__ import annotations

import contextlib
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from donki.errors import BrokerError, NotAllowedError
from donki.host_port import format_host_port
from donki.streams.kafka.brokers import format_brokers, parse_brokers, probe
from donki.streams.kafka.client import check_options
from donki.streams.kafka.clients import DEFAULT, find_client
from donki.streams.kafka.producer import MOST_BYTES, Producer, ProducerSettings
from donki.streams.kafka.topic import ensure_topics
from donki.streams.kafka.topic_name import check_topic
from donki.streams.kafka.window import Queue, Window

CONNECT_TIMEOUT = 2.0
"""Seconds in which a broker must answer when it is first spoken to, where somebody waits for an answer."""

DELIVERY_TIMEOUT = 10.0
"""Seconds after which a message that the broker has not acknowledged is given up."""

SETTLE = 0.5
"""Seconds in which the messages of an action that failed must be acknowledged."""

WINDOW = 8_000_000
"""Most bytes in flight to the broker."""

NOWHERE = array("q", (-1, -1))
"""Partition and offset of a message that is not acknowledged."""


class KafkaSink:
    """Where messages leave for Kafka.

    Every message is acknowledged by all in-sync replicas (``acks=all``), once and in order (an idempotent
    producer). `send` blocks while `WINDOW` bytes are in flight, so that memory stays bounded. After a failure
    everything is refused until `discard`, which begins again with a fresh producer: kafka-python 3.0's
    idempotent producer never recovers from a delivery that timed out. Topics are made by kafka-python,
    whichever client sends the messages.

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
    patience
        seconds in which a broker must answer when it is first spoken to, or again after a failure

    Attributes
    ----------
    brokers
        as `format_brokers` writes them
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
        patience: float = CONNECT_TIMEOUT,
    ) -> None:
        self.events = 0
        self.messages = 0
        self.bytes = 0
        self._options = check_options(options or {})
        self._addresses = parse_brokers(brokers, self._options)
        self.brokers = format_brokers(self._addresses)
        self._name = name
        self._patience = patience
        self._kind = find_client(client)
        self._security = self._kind.security(self._options)
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
        deadline = time.monotonic() + self._patience
        if self._producer is None:
            self._connect([*self._topics, topic], deadline)
        else:
            self._wait_for_leaders([topic], self._producer, probe(self._addresses, _left(deadline)), deadline)
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
            producer = self._producer or self._connect(self._topics, time.monotonic() + self._patience)
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

    def _new_window(self) -> Window:
        # The producer's own clock comes first; the window's catches a producer that is stuck.
        return Window(WINDOW, DELIVERY_TIMEOUT + 1, self.brokers, self._poll)

    def _poll(self, seconds: float, flush: bool) -> None:
        producer = self._producer
        if producer is None:
            time.sleep(seconds)
        else:
            producer.poll(seconds, flush=flush)

    def _connect(self, topics: Sequence[str], deadline: float) -> Producer:
        first = probe(self._addresses, _left(deadline))
        producer = self._kind(
            ProducerSettings([first], self._name, self._security, _left(deadline), DELIVERY_TIMEOUT)
        )
        try:
            self._wait_for_leaders(topics, producer, first, deadline)
        except BrokerError:
            producer.give_up()
            raise
        self._producer = producer
        return producer

    def _wait_for_leaders(
        self, topics: Sequence[str], producer: Producer, broker: tuple[str, int], deadline: float
    ) -> None:
        """Make sure that the topics exist and that the producer knows them before it sends."""
        admin = {
            **self._options,
            "bootstrap_servers": [format_host_port(*broker)],
            "client_id": self._name,
            "bootstrap_timeout_ms": int(1000 * _left(deadline)),
            "request_timeout_ms": int(1000 * _left(deadline)),
        }
        ensure_topics(topics, self.brokers, admin, _left(deadline))
        for topic in topics:
            producer.wait_for_leader(topic, _left(deadline))

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
        self._lose(f"did not acknowledge messages to topic {self.topic} within {DELIVERY_TIMEOUT:g} s")

    def too_large(self) -> None:
        self._lose(
            f"takes no message of {self.size} bytes to topic {self.topic}:"
            f" send less, or raise the topic's max.message.bytes; the most is {MOST_BYTES}"
        )

    def refused(self, reason: str) -> None:
        self._lose(f"did not take a message to topic {self.topic}: {reason}")

    def _lose(self, what: str) -> None:
        self.window.fail(f"Kafka broker {self.sink.brokers} {what}")


def _left(deadline: float) -> float:
    """Return the seconds until a deadline, at least a tenth: a timeout of zero would mean none."""
    return max(0.1, deadline - time.monotonic())
