"""Whether a Kafka broker answers."""

from __future__ import annotations

import time

from kafka import KafkaAdminClient

from donki.host_port import format_host_port
from donki.streams.kafka.brokers import parse_brokers, probe
from donki.streams.kafka.client import open_client

CONNECT_LIMIT = 3.0  # s


def check_broker(broker: str) -> None:
    """Make sure that a Kafka broker answers.

    Parameters
    ----------
    broker
        as `parse_brokers` takes it

    Raises
    ------
    InputError
        when `broker` names none
    BrokerError
        when no Kafka broker answers there within 3 s
    """
    limit = time.monotonic() + CONNECT_LIMIT
    addresses = parse_brokers(broker)
    first = probe(addresses, CONNECT_LIMIT / 2)
    settings = {
        "bootstrap_servers": [format_host_port(*first)],
        "bootstrap_timeout_ms": int(1000 * (limit - time.monotonic())),
    }
    open_client(KafkaAdminClient, broker, settings).close()
