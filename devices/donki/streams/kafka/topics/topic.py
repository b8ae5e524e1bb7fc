"""Kafka topics: found, or made."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.errors import (
    InvalidReplicationFactorError,
    KafkaError,
    NoError,
    RetriableError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from donki.errors import BrokerError
from donki.streams.kafka.client import open_client
from donki.streams.kafka.topics.settings import BROKERS_OWN, TopicSettings

_PAUSE = 0.1  # s between two looks at topics that are not ready


class FoundTopic(NamedTuple):
    """A topic that exists: how many partitions and replicas it has."""

    partitions: int
    replicas: int


class FoundTopics(dict[str, FoundTopic]):
    """Topics by name.

    Attributes
    ----------
    brokers
        how many brokers the cluster has
    """

    brokers: int = 0


def count_brokers(admin: KafkaAdminClient) -> tuple[int, int]:
    """Return how many brokers a cluster has, and how many of them run.

    Raises
    ------
    kafka.errors.KafkaError
        when none answers
    """
    nodes = admin.describe_cluster()["brokers"]
    return len(nodes), sum(not node.get("is_fenced") for node in nodes)


def ensure_topics(
    topics: Sequence[str],
    broker: str,
    settings: Mapping[str, Any],
    timeout: float,
    wanted: TopicSettings = TopicSettings(),  # noqa: B008 - frozen
) -> FoundTopics:
    """Make sure that topics exist; make those that do not.

    One that exists is left as it is. By default a topic is made with one partition and with the brokers' own
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
    wanted
        how those are made that do not exist

    Raises
    ------
    BrokerError
        when the broker refuses a topic, or does not answer in time
    """
    deadline = time.monotonic() + timeout
    found = FoundTopics()
    made: set[str] = set()
    with open_client(KafkaAdminClient, broker, settings) as admin:
        while True:
            try:
                found.brokers = found.brokers or count_brokers(admin)[0]
                new = _look(admin, [topic for topic in topics if topic not in found], broker, found, made)
                missing = ", ".join(topic for topic in topics if topic not in found)
                why = f"{missing} is not ready"
                if new:
                    _make(admin, new, broker, wanted)
                    made |= set(new)
                    continue
            except RetriableError as error:
                # Of several brokers one may be down, and another be asked the next time.
                missing, why = ", ".join(topics), str(error)
            except KafkaError as error:
                raise BrokerError(
                    f"Kafka broker {broker} did not make topic {', '.join(topics)}: {error}"
                ) from error
            if not missing:
                return found
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"Kafka broker {broker} did not make topic {missing} within {timeout:.3g} s: {why}"
                )
            time.sleep(_PAUSE)


def _look(
    admin: KafkaAdminClient, topics: Sequence[str], broker: str, found: FoundTopics, made: Container[str]
) -> list[str]:
    """Note the topics that are ready, and return those that are to be made."""
    new = []
    for said in admin.describe_topics(list(topics)):
        topic, state, partitions = said["name"], for_code(said["error_code"]), said["partitions"]
        if state is UnknownTopicOrPartitionError:
            if topic not in made:
                new.append(topic)
        elif state is NoError and partitions:
            # Where a leader has just died, messages wait for the next one.
            if topic not in made or all(partition["leader_id"] >= 0 for partition in partitions):
                replicas = min(len(partition["replica_nodes"]) for partition in partitions)
                found[topic] = FoundTopic(len(partitions), replicas)
        elif state is not NoError and not issubclass(state, RetriableError):
            raise BrokerError(f"Kafka broker {broker} refuses topic {topic}: {state.description}")
    return new


def _make(admin: KafkaAdminClient, topics: Sequence[str], broker: str, wanted: TopicSettings) -> None:
    replication = -1 if wanted.replication == BROKERS_OWN else wanted.replication
    settings = {"num_partitions": wanted.partitions, "replication_factor": replication}
    for answer in admin.create_topics(dict.fromkeys(topics, settings), raise_errors=False)["topics"]:
        outcome = for_code(answer["error_code"])
        if outcome in {NoError, TopicAlreadyExistsError}:
            continue
        detail = answer.get("error_message") or outcome.description
        if issubclass(outcome, RetriableError):
            raise outcome(detail)
        if outcome is InvalidReplicationFactorError and wanted.replication > (
            running := count_brokers(admin)[1]
        ):
            many = "1 broker runs" if running == 1 else f"{running} brokers run"
            detail = (
                f"{wanted.replication} replicas are wanted, and {many}; start more, or set replication"
                f" (TopicReplication) to {running} or less"
            )
        raise BrokerError(f"Kafka broker {broker} refuses to make topic {answer['name']}: {detail}")
