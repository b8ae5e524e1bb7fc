"""The Kafka topics of a scenario: whether the brokers can make them as it says, and how they are."""

from __future__ import annotations

from collections.abc import Iterable

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, NoError, for_code

from donki.errors import InputError
from donki.streams.kafka.brokers import format_brokers, parse_brokers, probe
from donki.streams.kafka.client import open_client
from donki.streams.kafka.topics.settings import TopicSettings
from donki_client.facility.kafka_broker import CONNECT_LIMIT, check_broker
from donki_client.scenario.model import Scenario, scenarios_of


def check_brokers(scenario: Scenario) -> None:
    """Make sure that the brokers answer, and are enough; a broker that is started for the run is one.

    Those of its sections too: where they name none, theirs are the scenario's.

    Raises
    ------
    InputError
        when there are fewer brokers than replicas
    BrokerError
        when a broker is named, and none answers
    """
    for part in scenarios_of(scenario):
        _check_brokers(part.broker or scenario.broker, part.replication)


def _check_brokers(broker: str | None, wanted: int) -> None:
    if broker is None:
        if wanted > 1:
            raise InputError(
                f"replication: {wanted} brokers are wanted, and the one in memory that is started for the run"
                " is alone; name the brokers of a cluster (broker or DONKI_BROKER), or leave replication out"
            )
        return
    running = check_broker(broker)
    if wanted > running:
        many = "1 broker runs" if running == 1 else f"{running} brokers run"
        raise InputError(
            f"replication: {wanted} brokers are wanted, and {many} at {broker}; start more, or lower"
            " replication"
        )


def differences(broker: str, wanted: TopicSettings, topics: Iterable[str]) -> list[str]:
    """Return a line for each topic that was there before the run, with fewer partitions or other replicas.

    Nothing where no more is wanted than what every topic has, or no broker says it.
    """
    names = sorted(set(topics))
    if wanted == TopicSettings() or not names:
        return []
    addresses = parse_brokers(broker)
    first = probe(addresses, CONNECT_LIMIT)
    settings = {"bootstrap_servers": format_brokers([first]), "request_timeout_ms": int(1000 * CONNECT_LIMIT)}
    try:
        with open_client(KafkaAdminClient, broker, settings) as admin:
            found = [each for each in admin.describe_topics(names) if for_code(each["error_code"]) is NoError]
    except KafkaError:
        return []
    lines = [
        wanted.differences(
            each["name"],
            len(each["partitions"]),
            min(len(partition["replica_nodes"]) for partition in each["partitions"]),
        )
        for each in found
    ]
    return [line for line in lines if line]
