"""A Kafka consumer that reads and leaves no trace at the broker."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer

from donki.host_port import format_host_port
from donki.streams.kafka.brokers import format_brokers, parse_brokers, probe
from donki.streams.kafka.client import check_options, open_client

CONNECT_LIMIT = 3.0
"""Seconds in which a broker must answer."""


def open_consumer(brokers: Sequence[str], options: Mapping[str, Any], **settings: Any) -> KafkaConsumer:
    """Return a consumer of no group: it makes no topic and keeps no offset.

    Parameters
    ----------
    brokers
        of the cluster, as `parse_brokers` takes them
    options
        security settings, as kafka-python names them
    settings
        others of kafka-python's

    Raises
    ------
    InputError
        when a broker's address or an option is not what it should be
    BrokerError
        when no Kafka broker answers there within `CONNECT_LIMIT`
    """
    limit = time.monotonic() + CONNECT_LIMIT
    security = check_options(options)
    addresses = parse_brokers(brokers, security)
    names = format_brokers(addresses)
    first = probe(addresses, CONNECT_LIMIT / 2, security)
    all_settings = {
        "bootstrap_servers": [format_host_port(*first)],
        "bootstrap_timeout_ms": int(1000 * (limit - time.monotonic())),
        "allow_auto_create_topics": False,
        "enable_auto_commit": False,
        "metrics_enabled": False,
        "max_partition_fetch_bytes": 16_000_000,
        **settings,
        **security,
    }
    return open_client(KafkaConsumer, names, all_settings)
