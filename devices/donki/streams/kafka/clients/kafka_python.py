"""The Kafka client kafka-python."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.producer import ProduceRequest, ProduceResponse

from donki.errors import BrokerError
from donki.streams.kafka.brokers import format_brokers
from donki.streams.kafka.client import open_client
from donki.streams.kafka.clients.in_flight import InFlight, lose
from donki.streams.kafka.producer import BATCH, MOST_BYTES, Delivery, ProducerSettings
from donki.streams.kafka.topics.source_partitions import SourcePartitions

_POLL = 0.002  # s
_MOST_VERSION = 9  # of the requests that kafka-python's producer sends


class KafkaPythonProducer:
    """A `Producer` that is one of kafka-python; see there."""

    def __init__(self, settings: ProducerSettings) -> None:
        self._broker = format_brokers(settings.brokers)
        self._in_flight = InFlight()
        self._partitions = SourcePartitions()
        self._client = open_producer(settings, MOST_BYTES)

    @staticmethod
    def security(options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options as they are."""
        return dict(options)

    def wait_for_leader(self, topic: str, timeout: float) -> None:
        """Learn which broker leads a topic."""
        try:
            found = self._client.partitions_for(topic)
        except KafkaError as error:
            raise BrokerError(
                f"Kafka broker {self._broker} names no leader for topic {topic}: {error}"
            ) from error
        self._client.connect_to_leaders(topic, found or (), timeout)
        self._partitions.learn(topic, len(found or {0}))

    def send(
        self, topic: str, key: bytes, message: bytes | memoryview, timestamp: int, delivery: Delivery
    ) -> None:
        """Take a message."""
        try:
            partition = self._partitions.of(topic, key)
            self._in_flight.add(self._client.send(topic, message, key, None, partition, timestamp), delivery)
        except KafkaError as error:
            lose(delivery, error)
        self._in_flight.tell()

    def poll(self, seconds: float, *, flush: bool) -> None:  # noqa: ARG002 - nothing lingers
        """Tell of what was delivered."""
        self._in_flight.wait(seconds)

    def give_up(self) -> None:
        """Leave the cluster at once."""
        self._client.close(timeout=0)


class _Client(KafkaProducer):  # type: ignore[misc]
    """A producer whose close gives up what was not delivered, instead of waiting for it."""

    def flush(self, timeout: float | None = None) -> None:
        pass

    def connect_to_leaders(self, topic: str, partitions: Iterable[int], timeout: float) -> None:
        """Wait for what the first message would wait for, for `timeout` s at most.

        That is connections to leaders, the producer's id, and how to write requests and read answers, which
        the client finds out for each version of Kafka's protocol that it meets.
        """
        sender, metadata = self._sender, self._metadata
        connections, transactions = sender._client, self._transaction_manager  # noqa: SLF001
        leaders = {metadata.leader_for_partition(TopicPartition(topic, each)) for each in partitions}
        leaders -= {None, -1}

        async def connect() -> None:
            for leader in leaders:
                connections.maybe_connect(leader)

        connections._net.call_soon_threadsafe(connect)  # noqa: SLF001
        version = connections.api_version(ProduceRequest, max_version=_MOST_VERSION)
        ProduceRequest(transactional_id=None, acks=-1, timeout_ms=0, topic_data=[]).encode(version=version)
        answer = ProduceResponse(responses=[], throttle_time_ms=0).encode(version=version)
        ProduceResponse.decode(answer, version=version)
        end = time.monotonic() + timeout
        while time.monotonic() < end and not (
            transactions.has_producer_id() and all(map(connections.is_ready, leaders))
        ):
            time.sleep(_POLL)


def open_producer(settings: ProducerSettings, most_bytes: int) -> KafkaProducer:
    """Return a producer of kafka-python that sends at once; its close gives up what was not delivered.

    A message has `most_bytes` bytes at most.

    Raises
    ------
    BrokerError
        when no broker answers in time, or the client cannot be made with these settings
    """
    addresses = format_brokers(settings.brokers)
    connect, deliver = 1000 * settings.connect_timeout, 1000 * settings.delivery_timeout
    options = {
        "bootstrap_servers": addresses.split(", "),
        "client_id": settings.client,
        "acks": "all",
        "enable_idempotence": True,
        "batch_size": BATCH,
        "linger_ms": 0,
        "max_request_size": most_bytes,
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
        "bootstrap_timeout_ms": int(connect),
        "max_block_ms": int(connect),
        "delivery_timeout_ms": int(deliver),
        "request_timeout_ms": int(1000 * settings.request_timeout),
        "reconnect_backoff_max_ms": 500,
        **settings.security,
    }
    return open_client(_Client, addresses, options)
