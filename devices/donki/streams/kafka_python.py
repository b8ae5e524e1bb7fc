"""The Kafka client kafka-python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from donki.errors import BrokerError
from donki.streams.client import format_address, open_client
from donki.streams.producer import BATCH, MOST_BYTES, Delivery
from donki.streams.under_way import UnderWay, lose


class KafkaPythonProducer:
    """A `Producer` that is one of kafka-python; see there."""

    def __init__(
        self,
        brokers: Sequence[tuple[str, int]],
        client: str,
        security: Mapping[str, Any],
        *,
        connect_timeout: float,
        delivery_timeout: float,
    ) -> None:
        self._broker = ", ".join(map(format_address, brokers))
        self._under_way = UnderWay()
        self._only_partition: dict[str, int | None] = {}
        self._client = open_producer(
            brokers,
            client,
            security,
            most_bytes=MOST_BYTES,
            connect_timeout=connect_timeout,
            delivery_timeout=delivery_timeout,
        )

    @staticmethod
    def security(options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options as they are."""
        return dict(options)

    def meet(self, topic: str, timeout: float) -> None:  # noqa: ARG002 - it has its own limit, max_block_ms
        """Learn which broker leads a topic."""
        try:
            found = self._client.partitions_for(topic)
        except KafkaError as error:
            raise BrokerError(
                f"Kafka broker {self._broker} names no leader for topic {topic}: {error}"
            ) from error
        # To hash the key of each message takes a tenth of the client's time.
        self._only_partition[topic] = 0 if found == {0} else None

    def send(
        self, topic: str, key: bytes, message: bytes | memoryview, timestamp: int, delivery: Delivery
    ) -> None:
        """Take a message."""
        try:
            partition = self._only_partition[topic]
            self._under_way.add(self._client.send(topic, message, key, None, partition, timestamp), delivery)
        except KafkaError as error:
            lose(delivery, error)
        self._under_way.tell()

    def poll(self, seconds: float, *, hurry: bool) -> None:  # noqa: ARG002 - nothing lingers
        """Tell of what was delivered."""
        self._under_way.wait(seconds)

    def give_up(self) -> None:
        """Leave the cluster at once."""
        self._client.close(timeout=0)


class _Client(KafkaProducer):  # type: ignore[misc]
    """A producer whose close gives up what was not delivered, instead of waiting for it."""

    def flush(self, timeout: float | None = None) -> None:
        pass


def open_producer(
    brokers: Sequence[tuple[str, int]],
    client: str,
    security: Mapping[str, Any],
    *,
    most_bytes: int,
    connect_timeout: float,
    delivery_timeout: float,
) -> KafkaProducer:
    """Return a producer of kafka-python that sends at once; its close gives up what was not delivered.

    Parameters
    ----------
    brokers, client, security, connect_timeout, delivery_timeout
        as for a `Producer`
    most_bytes
        in one message

    Raises
    ------
    BrokerError
        when no broker answers in time, or the client cannot be made with these settings
    """
    addresses = [format_address(broker) for broker in brokers]
    settings = {
        "bootstrap_servers": addresses,
        "client_id": client,
        "acks": "all",
        "enable_idempotence": True,
        "batch_size": BATCH,
        "linger_ms": 0,
        "max_request_size": most_bytes,
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
        "bootstrap_timeout_ms": int(1000 * connect_timeout),
        "max_block_ms": int(1000 * connect_timeout),
        "delivery_timeout_ms": int(1000 * delivery_timeout),
        "request_timeout_ms": int(900 * delivery_timeout),
        "reconnect_backoff_max_ms": 500,
        **security,
    }
    return open_client(_Client, ", ".join(addresses), settings)
