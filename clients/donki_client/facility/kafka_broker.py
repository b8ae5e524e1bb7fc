"""Whether a Kafka broker answers."""

from __future__ import annotations

import time

from kafka import KafkaAdminClient

from donki.streams.client import knock, open_client, parse_address

CONNECT_LIMIT = 3.0  # s


def check_broker(broker: str) -> None:
    """Make sure that a Kafka broker answers.

    Parameters
    ----------
    broker
        ``host:port``

    Raises
    ------
    InputError
        when `broker` is no ``host:port``
    BrokerError
        when no Kafka broker answers there within 3 s
    """
    limit = time.monotonic() + CONNECT_LIMIT
    knock([parse_address(broker)], CONNECT_LIMIT / 2)
    settings = {
        "bootstrap_servers": [broker],
        "bootstrap_timeout_ms": int(1000 * (limit - time.monotonic())),
    }
    open_client(KafkaAdminClient, broker, settings).close()
