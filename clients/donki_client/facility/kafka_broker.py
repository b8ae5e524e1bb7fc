"""Whether a Kafka broker answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from donki.errors import BrokerError
from donki.host_port import format_host_port
from donki.streams.kafka.brokers import parse_brokers, probe
from donki.streams.kafka.client import check_options, open_client
from donki.streams.kafka.topics.topic import count_brokers

CONNECT_LIMIT = 3.0  # s


def check_broker(broker: str, options: Mapping[str, Any] | None = None) -> int:
    """Make sure that a Kafka broker answers, and return how many brokers of its cluster run.

    Parameters
    ----------
    broker
        as `parse_brokers` takes it
    options
        security settings, as kafka-python names them

    Raises
    ------
    InputError
        when `broker` names none, or an option is not what it should be
    BrokerError
        when no Kafka broker answers there within 3 s
    """
    limit = time.monotonic() + CONNECT_LIMIT
    security = check_options(options or {})
    addresses = parse_brokers(broker, security)
    first = probe(addresses, CONNECT_LIMIT / 2, security)
    settings = {
        "bootstrap_servers": [format_host_port(*first)],
        "bootstrap_timeout_ms": int(1000 * (limit - time.monotonic())),
        **security,
    }
    try:
        with open_client(KafkaAdminClient, broker, settings) as admin:
            return count_brokers(admin)[1]
    except KafkaError as error:
        raise BrokerError(f"Kafka broker {broker} does not say which brokers run: {error}") from error
