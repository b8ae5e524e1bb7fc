"""Which partition a source has: all its messages go there, so that they keep their order."""

from __future__ import annotations

from kafka.partitioner.default import murmur2


class SourcePartitions:
    """Chooses the partition of each source by its name, as Java's clients do, whichever client sends.

    It stays the same as long as this lives, also where partitions are added to a topic. To hash the key of
    each message would take a tenth of kafka-python's time.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._chosen: dict[tuple[str, bytes], int] = {}

    def learn(self, topic: str, partitions: int) -> None:
        """Take that a topic has so many partitions."""
        self._counts.setdefault(topic, partitions)

    def of(self, topic: str, key: bytes) -> int:
        """Return the partition for messages of a key, in a topic that was learned."""
        chosen = self._chosen.get((topic, key))
        if chosen is None:
            chosen = self._chosen[topic, key] = (murmur2(key) & 0x7FFF_FFFF) % self._counts[topic]
        return chosen
