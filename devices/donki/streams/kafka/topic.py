"""Kafka topics: found, or made with one partition."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import (
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from donki.errors import BrokerError
from donki.streams.kafka.client import open_client


def ensure_topics(topics: Sequence[str], broker: str, settings: Mapping[str, Any], timeout: float) -> None:
    """Make sure that topics exist; make those that do not.

    A topic is made with one partition, so that its messages keep their order, and with the broker's own
    replication.

    Parameters
    ----------
    topics
        their names
    broker
        what to call the broker in an error
    settings
        of kafka-python's admin client
    timeout
        most seconds to wait for the broker

    Raises
    ------
    BrokerError
        when the broker refuses a topic, or does not answer in time
    """
    deadline = time.monotonic() + timeout
    try:
        with open_client(KafkaAdminClient, broker, settings) as admin:
            for found in admin.describe_topics(list(topics)):
                topic, state = found["name"], for_code(found["error_code"])
                if state is UnknownTopicOrPartitionError:
                    _make(admin, topic, broker)
                elif state is not NoError:
                    raise BrokerError(f"Kafka broker {broker} refuses topic {topic}: {state.description}")
            admin.wait_for_topics(list(topics), timeout_ms=max(0.0, deadline - time.monotonic()) * 1000)
    except KafkaError as error:
        raise BrokerError(f"Kafka broker {broker} did not make topic {', '.join(topics)}: {error}") from error


def _make(admin: KafkaAdminClient, topic: str, broker: str) -> None:
    wanted = {topic: {"num_partitions": 1, "replication_factor": -1}}
    (answer,) = admin.create_topics(wanted, raise_errors=False)["topics"]
    outcome = for_code(answer["error_code"])
    if outcome not in {NoError, TopicAlreadyExistsError}:
        detail = answer.get("error_message") or outcome.description
        raise BrokerError(f"Kafka broker {broker} refuses to make topic {topic}: {detail}")
