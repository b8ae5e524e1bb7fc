"""Messages to Kafka: acknowledged by the broker, once and in order, with a bound on what is under way."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from donki.errors import BrokerError, InputError, NotAllowedError
from donki.streams.client import check_options, knock, open_client, parse_address
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

MOST_BYTES = 16_000_000
"""Most bytes in one message."""


class KafkaSink:
    """Where messages leave for Kafka.

    Every message is acknowledged by all in-sync replicas (``acks=all``), once and in order (an idempotent
    producer). `send` blocks while `WINDOW` bytes are under way, so that memory stays bounded. After a failure
    everything is refused until `discard`, which begins anew with a fresh producer: kafka-python 3.0's
    idempotent producer never recovers from a delivery that timed out.

    Parameters
    ----------
    brokers
        ``host:port`` of one or more brokers of the cluster
    options
        security settings of kafka-python: ``security_protocol``, ``ssl_*``, ``sasl_*``
    client
        the name under which the brokers know this client

    Attributes
    ----------
    events, messages, bytes
        what the broker has acknowledged so far

    Raises
    ------
    InputError
        when a broker's address or an option is not what it should be
    """

    def __init__(self, brokers: Sequence[str], options: Mapping[str, Any] | None, client: str) -> None:
        self.events = 0
        self.messages = 0
        self.bytes = 0
        if not brokers:
            raise InputError("no Kafka broker is given; expected host:port of one or more")
        self._addresses = [parse_address(broker) for broker in brokers]
        self._broker = ", ".join(brokers)
        self._settings = {
            "bootstrap_servers": list(brokers),
            "client_id": client,
            **check_options(options or {}),
        }
        self._topics: list[str] = []
        self._producer: _Producer | None = None
        self._window = self._new_window()
        self._counting = threading.Lock()
        self._closed = False

    def open_topic(self, topic: str) -> None:
        """Make sure that a topic exists and that messages can leave for it; connect if that was not done yet.

        Raises
        ------
        BrokerError
            when no broker answers within `CONNECT_TIMEOUT`, or the topic does not exist and cannot be made
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
        """
        self._refuse_if_closed(topic)
        window, size = self._window, len(message)
        window.enter(topic, size)
        try:
            producer = self._producer or self._connect(self._topics, time.monotonic() + CONNECT_TIMEOUT)
            future = producer.send(topic, message, key=key.encode(), timestamp_ms=timestamp // 1_000_000)
        except BrokerError as error:
            window.fail(str(error))
            raise
        except KafkaError as error:
            self._lose(window, topic, size, error)
            raise BrokerError(window.failure) from error
        future.add_callback(self._acknowledge, window, topic, size, events)
        future.add_errback(lambda error: self._lose(window, topic, size, error))

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
        return Window(WINDOW, DELIVERY_TIMEOUT + 1, self._broker)

    def _acknowledge(self, window: Window, topic: str, size: int, events: int, _record: object) -> None:
        with self._counting:
            self.messages += 1
            self.bytes += size
            self.events += events
        window.leave(topic, size)

    def _lose(self, window: Window, topic: str, size: int, error: Exception) -> None:
        if isinstance(error, KafkaTimeoutError):
            what = f"did not acknowledge messages to topic {topic} within {DELIVERY_TIMEOUT:g} s"
        elif isinstance(error, MessageSizeTooLargeError):
            what = (
                f"takes no message of {size} bytes to topic {topic}:"
                f" send less, or raise the topic's max.message.bytes; the most is {MOST_BYTES}"
            )
        else:
            what = f"did not take a message to topic {topic}: {error}"
        window.fail(f"Kafka broker {self._broker} {what}")

    def _connect(self, topics: Sequence[str], deadline: float) -> _Producer:
        knock(self._addresses, _left(deadline))
        settings = {
            **self._settings,
            "acks": "all",
            "enable_idempotence": True,
            "batch_size": 1_000_000,
            "linger_ms": 0,
            "max_request_size": MOST_BYTES,
            "allow_auto_create_topics": False,
            "metrics_enabled": False,
            "bootstrap_timeout_ms": _milliseconds(_left(deadline)),
            "max_block_ms": _milliseconds(CONNECT_TIMEOUT),
            "delivery_timeout_ms": _milliseconds(DELIVERY_TIMEOUT),
            "request_timeout_ms": _milliseconds(DELIVERY_TIMEOUT * 0.9),
            "reconnect_backoff_max_ms": 500,
        }
        producer = open_client(_Producer, self._broker, settings)
        try:
            self._meet(topics, producer, deadline)
        except BrokerError:
            producer.give_up()
            raise
        self._producer = producer
        return producer

    def _meet(self, topics: Sequence[str], producer: _Producer, deadline: float) -> None:
        """Make sure that the topics exist and that the producer knows them before it sends."""
        admin = {
            **self._settings,
            "bootstrap_timeout_ms": _milliseconds(_left(deadline)),
            "request_timeout_ms": _milliseconds(_left(deadline)),
        }
        ensure_topics(topics, self._broker, admin, _left(deadline))
        for topic in topics:
            try:
                producer.partitions_for(topic)
            except KafkaError as error:
                raise BrokerError(
                    f"Kafka broker {self._broker} names no leader for topic {topic}: {error}"
                ) from error

    def _give_up(self) -> None:
        if self._producer is not None:
            self._producer.give_up()
            self._producer = None


class _Producer(KafkaProducer):  # type: ignore[misc]
    """A producer that can be given up: its own close waits for what can no longer be delivered."""

    given_up = False

    def flush(self, timeout: float | None = None) -> None:
        if not self.given_up:
            super().flush(timeout)

    def give_up(self) -> None:
        self.given_up = True
        self.close(timeout=0)


def _left(deadline: float) -> float:
    """Return the seconds until a deadline, at least a tenth: a timeout of zero would mean none."""
    return max(0.1, deadline - time.monotonic())


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
