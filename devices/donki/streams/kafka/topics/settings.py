"""How Kafka topics are made: their partitions and replicas, and which partition a source has."""

from __future__ import annotations

from dataclasses import dataclass

from donki.errors import InputError

MOST_PARTITIONS = 1000
"""The most partitions of a topic that is made here."""

MOST_REPLICAS = 100
"""The most replicas; a cluster has as many brokers, or more."""

BROKERS_OWN = 0
"""The replication of topics whose number of replicas is left to the brokers."""


def check_partitions(number: int) -> None:
    """Refuse a number of partitions that no topic is made with.

    Raises
    ------
    InputError
        when it is not from 1 to `MOST_PARTITIONS`
    """
    if not 1 <= number <= MOST_PARTITIONS:
        raise InputError(f"a topic has 1 to {MOST_PARTITIONS} partitions; got {number}")


def check_replication(number: int) -> None:
    """Refuse a number of replicas that no topic is made with.

    Raises
    ------
    InputError
        when it is not from 0 to `MOST_REPLICAS`
    """
    if not BROKERS_OWN <= number <= MOST_REPLICAS:
        raise InputError(
            f"a topic has 1 to {MOST_REPLICAS} replicas, or {BROKERS_OWN} for as many as the brokers make by"
            f" themselves; got {number}"
        )


@dataclass(frozen=True)
class TopicSettings:
    """How topics are made that do not exist.

    Attributes
    ----------
    partitions
        how many; all messages of a source are in one
    replication
        how many brokers keep a copy; `BROKERS_OWN`: as many as they make by themselves
    """

    partitions: int = 1
    replication: int = BROKERS_OWN

    def differences(self, topic: str, partitions: int, replicas: int) -> str:
        """Return how a topic that exists differs, as one line; empty where it does not."""
        has = []
        if self.partitions > partitions:
            has.append(f"{_count(partitions, 'partition')}, not {self.partitions}")
        if self.replication not in (BROKERS_OWN, replicas):
            has.append(f"{_count(replicas, 'replica')}, not {self.replication}")
        if not has:
            return ""
        return (
            f"topic {topic} is there and has {' and '.join(has)}; it is used as it is: delete it to have it"
            " made again, or change it with Kafka's own tools"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
