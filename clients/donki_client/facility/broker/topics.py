"""The topics of the broker: their names, settings and partitions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kafka.errors import (
    InvalidConfigurationError,
    InvalidPartitionsError,
    InvalidTopicError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from donki_client.facility.broker.memory import Memory
from donki_client.facility.broker.partition import Partition

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_MAX_PARTITIONS = 1000
MAX_MESSAGE_BYTES = "max.message.bytes"
_DEFAULT_MAX_MESSAGE_BYTES = 1_048_588  # as in Apache Kafka
# Retention is the broker's, for all topics together, and batches stay compressed as they came.
_WITHOUT_EFFECT = frozenset(
    {"retention.ms", "retention.bytes", "segment.ms", "segment.bytes", "compression.type"}
)


@dataclass(frozen=True)
class Topic:
    """A topic: its settings and its partitions, by number."""

    name: str
    max_message_bytes: int
    partitions: tuple[Partition, ...]


class Topics:
    """All topics, by name.

    Errors are those of `kafka.errors` that Apache Kafka answers with for the same fault.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._topics: dict[str, Topic] = {}

    def __iter__(self) -> Iterator[Topic]:
        return iter(self._topics.values())

    def create(
        self,
        name: str,
        partitions: int = -1,
        config: Mapping[str, str | None] | None = None,
        *,
        validate_only: bool = False,
    ) -> Topic:
        """Make a topic, of one partition where `partitions` is -1.

        Raises
        ------
        InvalidTopicError, TopicAlreadyExistsError, InvalidPartitionsError, InvalidConfigurationError
            when the name, the number of partitions or a setting is wrong
        PolicyViolationError
            when there is no memory left
        """
        if not _NAME.fullmatch(name) or name in {".", ".."}:
            raise InvalidTopicError(
                f"topic {name!r}: expected 1 to 249 of a-z A-Z 0-9 . _ -, and neither . nor .."
            )
        if name in self._topics:
            raise TopicAlreadyExistsError(f"topic {name!r} exists")
        number = 1 if partitions == -1 else partitions
        if not 1 <= number <= _MAX_PARTITIONS:
            raise InvalidPartitionsError(
                f"topic {name!r}: expected 1 to {_MAX_PARTITIONS} partitions, got {number}"
            )
        max_message_bytes = _max_message_bytes(config or {})
        if validate_only:
            return Topic(name, max_message_bytes, ())
        self._memory.set_aside(number)
        topic = Topic(name, max_message_bytes, tuple(Partition(self._memory) for _ in range(number)))
        self._topics[name] = topic
        return topic

    def ensure(self, name: str) -> Topic:
        """Return the topic of that name, made with the defaults if there is none; raises as `create` does."""
        return self._topics.get(name) or self.create(name)

    def get(self, name: str) -> Topic:
        """Return the topic of that name, or raise UnknownTopicOrPartitionError."""
        try:
            return self._topics[name]
        except KeyError:
            raise UnknownTopicOrPartitionError(f"no topic {name!r}") from None

    def partition(self, name: str, index: int) -> Partition:
        """Return one partition of a topic, or raise UnknownTopicOrPartitionError."""
        partitions = self.get(name).partitions
        if not 0 <= index < len(partitions):
            raise UnknownTopicOrPartitionError(f"topic {name!r} has no partition {index}")
        return partitions[index]

    def delete(self, name: str) -> None:
        """Drop a topic and all that is in it."""
        partitions = self.get(name).partitions
        del self._topics[name]
        for partition in partitions:
            partition.drop()
        self._memory.give_back(len(partitions))


def _max_message_bytes(config: Mapping[str, str | None]) -> int:
    unknown = config.keys() - _WITHOUT_EFFECT - {MAX_MESSAGE_BYTES}
    if unknown:
        raise InvalidConfigurationError(
            f"the in-memory broker does not know {', '.join(sorted(unknown))}; it knows {MAX_MESSAGE_BYTES}"
        )
    value = config.get(MAX_MESSAGE_BYTES)
    if value is None:
        return _DEFAULT_MAX_MESSAGE_BYTES
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise InvalidConfigurationError(
            f"{MAX_MESSAGE_BYTES}={value!r}: expected a number of bytes up to 999999999"
        )
    return int(value)
