"""The Kafka client confluent-kafka, which is librdkafka; the extra ``fast`` installs it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Client

from donki.errors import BrokerError, InputError
from donki.streams.kafka.brokers import format_brokers
from donki.streams.kafka.producer import BATCH, MOST_BYTES, Delivery, ProducerSettings
from donki.streams.kafka.topics.source_partitions import SourcePartitions

_SECURITY = {
    "security_protocol": "security.protocol",
    "sasl_mechanism": "sasl.mechanism",
    "sasl_plain_username": "sasl.username",
    "sasl_plain_password": "sasl.password",
    "sasl_kerberos_service_name": "sasl.kerberos.service.name",
    "ssl_cafile": "ssl.ca.location",
    "ssl_certfile": "ssl.certificate.location",
    "ssl_keyfile": "ssl.key.location",
    "ssl_password": "ssl.key.password",
    "ssl_crlfile": "ssl.crl.location",
    "ssl_ciphers": "ssl.cipher.suites",
    "ssl_check_hostname": "ssl.endpoint.identification.algorithm",
}

_POLL = 0.002  # s between looks at what was delivered, which messages linger for longer than
_FAREWELL = 1.0  # s for what is given up
_LOOK = 2.0  # s in which a broker answers; after that another one is asked
_PAUSE = 0.1  # s between two questions


class ConfluentProducer:
    """A `Producer` that is one of confluent-kafka; see there.

    It works in threads of C.
    """

    def __init__(self, settings: ProducerSettings) -> None:
        self._broker = format_brokers(settings.brokers)
        self._protocol = settings.security.get("security.protocol", "PLAINTEXT")
        self._heard = ""
        self._next_poll = 0.0
        self._view = memoryview(b"")
        self._array = np.frombuffer(self._view, np.uint8)
        self._partitions = SourcePartitions()
        options = {
            "bootstrap.servers": self._broker.replace(" ", ""),
            "client.id": settings.client,
            "acks": "all",
            "enable.idempotence": True,
            "batch.size": BATCH,
            # Librdkafka's own; without it each message that is sent alone costs it a request.
            "linger.ms": 5,
            "message.max.bytes": MOST_BYTES,
            # The sink bounds what is in flight.
            "queue.buffering.max.messages": 0,
            "queue.buffering.max.kbytes": 1 << 20,
            "socket.connection.setup.timeout.ms": max(1000, int(1000 * settings.connect_timeout)),
            "message.timeout.ms": int(1000 * settings.delivery_timeout),
            "request.timeout.ms": int(1000 * settings.request_timeout),
            "reconnect.backoff.max.ms": 500,
            "error_cb": self._hear,
            # It would log to stderr; and what goes wrong is raised anyway.
            "log_level": 0,
            **settings.security,
        }
        try:
            self._client = Client(options)
        except KafkaException as error:
            raise self._no_connection(error) from None

    @staticmethod
    def security(options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options as librdkafka names them."""
        given = {name: value for name, value in options.items() if value is not None}
        for name in given:
            if name not in _SECURITY:
                raise InputError(
                    f"{name!r} is not an option for confluent-kafka, which takes {', '.join(_SECURITY)};"
                    " leave it out, or use kafka-python"
                )
        if "ssl_check_hostname" in given:
            given["ssl_check_hostname"] = "https" if given["ssl_check_hostname"] else "none"
        return {_SECURITY[name]: value for name, value in given.items()}

    def wait_for_leader(self, topic: str, timeout: float) -> None:
        """Learn which broker leads a topic."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            try:
                found = self._client.list_topics(topic, min(_LOOK, max(0.1, left))).topics[topic]
            except KafkaException as error:
                self._client.poll(0)
                if left < _LOOK:
                    raise self._no_connection(error) from None
                continue
            if found.error is None:
                self._partitions.learn(topic, len(found.partitions))
                return
            if left < 0 or not found.error.retriable():
                raise BrokerError(
                    f"Kafka broker {self._broker} names no leader for topic {topic}: {found.error.str()}"
                )
            # The broker that was asked does not know of it yet.
            time.sleep(_PAUSE)

    def send(
        self, topic: str, key: bytes, message: bytes | memoryview, timestamp: int, delivery: Delivery
    ) -> None:
        """Take a message."""
        # It takes arrays, which share the buffer, but no memoryview. Mostly it is that of the message before.
        value: Any = message
        if not isinstance(message, bytes):
            if message is not self._view:
                self._view, self._array = message, np.frombuffer(message, np.uint8)
            value = self._array
        try:
            # By place: the names on_delivery and timestamp would take it half as long again.
            partition = self._partitions.of(topic, key)
            self._client.produce(topic, value, key, partition, partial(_report, delivery), None, timestamp)
        except KafkaException as error:
            _lose(delivery, error.args[0])
        except BufferError as error:
            delivery.refused(str(error))
        if (now := time.monotonic()) >= self._next_poll:
            self._next_poll = now + _POLL
            self._client.poll(0)

    def poll(self, seconds: float, *, flush: bool) -> None:
        """Tell of what was delivered."""
        if flush:
            self._client.flush(seconds)
        else:
            self._client.poll(seconds)

    def give_up(self) -> None:
        """Leave the cluster at once."""
        self._client.purge()
        self._client.flush(_FAREWELL)
        self._client.close()

    def _hear(self, error: KafkaError) -> None:
        # That all brokers are down follows the reason.
        if error.name() != "_ALL_BROKERS_DOWN":
            self._heard = error.str()

    def _no_connection(self, error: KafkaException) -> BrokerError:
        return BrokerError(
            f"Kafka broker {self._broker} takes no connection by {self._protocol}:"
            f" {self._heard or error.args[0].str()};"
            " check that it is a broker, that it works, and the security options"
        )


def _report(delivery: Delivery, error: KafkaError | None, message: Message) -> None:
    if error is None:
        delivery.acknowledged(message.partition() or 0, message.offset() or 0)
    else:
        _lose(delivery, error)


def _lose(delivery: Delivery, error: KafkaError) -> None:
    if error.name() == "_MSG_TIMED_OUT":
        delivery.timed_out()
    elif error.name() == "MSG_SIZE_TOO_LARGE":
        delivery.too_large()
    else:
        delivery.refused(error.str())
