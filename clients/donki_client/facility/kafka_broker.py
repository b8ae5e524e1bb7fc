"""Whether a Kafka broker answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from kafka import KafkaAdminClient

from donki.host_port import format_host_port
from donki.streams.kafka.brokers import parse_brokers, probe
from donki.streams.kafka.client import check_options, open_client

CONNECT_LIMIT = 3.0  # s


def check_broker(broker: str, options: Mapping[str, Any] | None = None) -> None:
    """Make sure that a Kafka broker answers.

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
    first = probe(addresses, CONNECT_LIMIT / 2)
    settings = {
        "bootstrap_servers": [format_host_port(*first)],
        "bootstrap_timeout_ms": int(1000 * (limit - time.monotonic())),
        **security,
    }
    open_client(KafkaAdminClient, broker, settings).close()
