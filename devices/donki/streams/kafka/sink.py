"""Messages to Kafka: acknowledged by the broker, once and in order, with a bound on what is under way."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from donki.errors import BrokerError, InputError, NotAllowedError
from donki.streams.client import check_options, format_address, knock, parse_address
from donki.streams.kafka_python import KafkaPythonProducer
from donki.streams.producer import MOST_BYTES, Producer
from donki.streams.topic import check_topic, ensure_topics
from donki.streams.window import Window

CONNECT_TIMEOUT = 2.0
"""Seconds in which a broker must answer when it is first spoken to."""

DELIVERY_TIMEOUT = 10.0
"""Seconds after which a message that the broker has not acknowledged is given up."""

SETTLE = 0.5
"""Seconds in which the messages of an action that failed must be acknowledged."""

WINDOW = 8_000_000
"""Most bytes under way to the broker."""

CLIENTS = ("kafka-python", "confluent-kafka")
"""The Kafka clients that can be chosen; the first is the one by default."""


def find_client(name: str) -> type[Producer]:
    """Return the producer of the Kafka client that is called so.

    Raises
    ------
    InputError
        when there is none of that name, or it is not installed
    """
    if name == CLIENTS[0]:
        return KafkaPythonProducer
    if name != CLIENTS[1]:
        raise InputError(f"a Kafka client is {' or '.join(CLIENTS)}; got {name!r}")
    try:
        from donki.streams.confluent import ConfluentProducer  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError(
            f"the Kafka client {name} is not installed ({error}): pip install 'donkiorchestra[fast]'"
        ) from None
    return ConfluentProducer


class KafkaSink:
    """Where messages leave for Kafka.

    Every message is acknowledged by all in-sync replicas (``acks=all``), once and in order (an idempotent
    producer). `send` blocks while `WINDOW` bytes are under way, so that memory stays bounded. After a failure
    everything is refused until `discard`, which begins anew with a fresh producer: kafka-python 3.0's
    idempotent producer never recovers from a delivery that timed out. Topics are made by kafka-python,
    whichever client sends the messages.

    Parameters
    ----------
    brokers
        ``host:port`` of one or more brokers of the cluster
    options
        security settings of kafka-python: ``security_protocol``, ``ssl_*``, ``sasl_*``
    name
        under which the brokers know this client
    client
        one of `CLIENTS`

    Attributes
    ----------
    events, messages, bytes
        what the broker has acknowledged so far
    extents
        by topic and partition: the offsets of the first and of the last message that it has acknowledged

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
        client: str = CLIENTS[0],
    ) -> None:
        self.events = 0
        self.messages = 0
        self.bytes = 0
        self.extents: dict[tuple[str, int], tuple[int, int]] = {}
        if not brokers:
            raise InputError("no Kafka broker is given; expected host:port of one or more")
        self._addresses = [parse_address(broker) for broker in brokers]
        self._broker = ", ".join(brokers)
        self._name = name
        self._options = check_options(options or {})
        self._kind = find_client(client)
        self._security = self._kind.security(self._options)
        self._topics: list[str] = []
        self._producer: Producer | None = None
        self._window = self._new_window()
        self._counting = threading.Lock()
        self._closed = False

    def open_topic(self, topic: str) -> None:
        """Make sure that a topic exists and that messages can leave for it; connect if that was not done yet.

        Raises
        ------
        BrokerError
            when no broker answers within `CONNECT_TIMEOUT`, or the topic does not exist and cannot be made
        NotAllowedError
            after `close`
        """
        self._refuse_if_closed(topic)
        if topic in self._topics:
            return
        check_topic(topic)
        deadline = time.monotonic() + CONNECT_TIMEOUT
        if self._producer is None:
            self._connect([*self._topics, topic], deadline)
        else:
            self._meet([topic], self._producer, deadline)
        self._topics.append(topic)

    def send(
        self, topic: str, key: str, message: bytes | memoryview, timestamp: int, events: int = 0
    ) -> None:
        """Send a message to a topic that was opened; it is copied, so that its buffer can be used again.

        Parameters
        ----------
        topic
            where it goes
        key
            messages of one key stay in order, also where a topic has several partitions
        message
            the payload
        timestamp
            of the message, ns since 1970 UTC
        events
            number of neutron events in it

        Raises
        ------
        BrokerError
            when this message or an earlier one could not be sent or was not acknowledged in time
        NotAllowedError
            after `close`
        """
        self._refuse_if_closed(topic)
        window, size = self._window, len(message)
        window.enter(topic, size)
        try:
            producer = self._producer or self._connect(self._topics, time.monotonic() + CONNECT_TIMEOUT)
        except BrokerError as error:
            window.fail(str(error))
            raise
        delivery = _Delivery(self, self._broker, window, topic, size, events)
        producer.send(topic, key.encode(), message, timestamp // 1_000_000, delivery)
        if window.failure:
            raise BrokerError(window.failure)

    def note(self, topic: str, partition: int, offset: int, size: int, events: int) -> None:
        """Count a message that was acknowledged."""
        with self._counting:
            self.messages += 1
            self.bytes += size
            self.events += events
            first, _ = self.extents.get((topic, partition), (offset, offset))
            self.extents[topic, partition] = first, offset

    def deliver(self, timeout: float) -> None:
        """Return when the broker has acknowledged everything that was sent.

        Raises
        ------
        BrokerError
            when it has not within `timeout` seconds, or a message was lost
        """
        self._window.drain(timeout)

    def discard(self) -> None:
        """Begin anew after a failure: what was under way is given up, a fresh producer takes what comes.

        Where only the action failed, its messages are waited for: none is to count with the next action's.
        """
        with contextlib.suppress(BrokerError):
            self._window.drain(SETTLE)
        if self._window.failure:
            self._give_up()
            self._window = self._new_window()

    def abandon(self, reason: str) -> None:
        """End a `send` or `deliver` that waits in another thread with a BrokerError that gives the reason."""
        self._window.fail(reason)

    def close(self) -> None:
        """Leave the broker; what it has not acknowledged is given up."""
        self._closed = True
        self._give_up()

    def _refuse_if_closed(self, topic: str) -> None:
        if self._closed:
            raise NotAllowedError(
                f"topic {topic} takes no more data: the run is over; open a stream in the next run"
            )

    def _new_window(self) -> Window:
        # The producer's own clock comes first; the window's catches a producer that is stuck.
        return Window(WINDOW, DELIVERY_TIMEOUT + 1, self._broker, self._poll)

    def _poll(self, seconds: float, hurry: bool) -> None:
        producer = self._producer
        if producer is None:
            time.sleep(seconds)
        else:
            producer.poll(seconds, hurry=hurry)

    def _connect(self, topics: Sequence[str], deadline: float) -> Producer:
        knock(self._addresses, _left(deadline))
        producer = self._kind(
            self._addresses,
            self._name,
            self._security,
            connect_timeout=_left(deadline),
            delivery_timeout=DELIVERY_TIMEOUT,
        )
        try:
            self._meet(topics, producer, deadline)
        except BrokerError:
            producer.give_up()
            raise
        self._producer = producer
        return producer

    def _meet(self, topics: Sequence[str], producer: Producer, deadline: float) -> None:
        """Make sure that the topics exist and that the producer knows them before it sends."""
        admin = {
            **self._options,
            "bootstrap_servers": [format_address(address) for address in self._addresses],
            "client_id": self._name,
            "bootstrap_timeout_ms": int(1000 * _left(deadline)),
            "request_timeout_ms": int(1000 * _left(deadline)),
        }
        ensure_topics(topics, self._broker, admin, _left(deadline))
        for topic in topics:
            producer.meet(topic, _left(deadline))

    def _give_up(self) -> None:
        if self._producer is not None:
            self._producer.give_up()
            self._producer = None


class _Delivery:
    """Counts a message of a sink in when it is acknowledged; when it is lost, says so to its window."""

    __slots__ = ("_broker", "_events", "_sink", "_size", "_topic", "_window")

    def __init__(
        self, sink: KafkaSink, broker: str, window: Window, topic: str, size: int, events: int
    ) -> None:
        self._sink = sink
        self._broker = broker
        self._window = window
        self._topic = topic
        self._size = size
        self._events = events

    def acknowledged(self, partition: int, offset: int) -> None:
        self._sink.note(self._topic, partition, offset, self._size, self._events)
        self._window.leave(self._topic, self._size)

    def timed_out(self) -> None:
        self._lose(f"did not acknowledge messages to topic {self._topic} within {DELIVERY_TIMEOUT:g} s")

    def too_large(self) -> None:
        self._lose(
            f"takes no message of {self._size} bytes to topic {self._topic}:"
            f" send less, or raise the topic's max.message.bytes; the most is {MOST_BYTES}"
        )

    def refused(self, reason: str) -> None:
        self._lose(f"did not take a message to topic {self._topic}: {reason}")

    def _lose(self, what: str) -> None:
        self._window.fail(f"Kafka broker {self._broker} {what}")


def _left(deadline: float) -> float:
    """Return the seconds until a deadline, at least a tenth: a timeout of zero would mean none."""
    return max(0.1, deadline - time.monotonic())
