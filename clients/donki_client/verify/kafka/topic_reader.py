"""Partitions of Kafka read on from where they were left; what the broker deleted before that is noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition

from donki.streams.manifest import OffsetRange

CREATE_TIME = 0  # a record's time stamp is its sender's

#: Where a consumer goes on when what is due was deleted.
RESET = {"auto_offset_reset": "earliest"}


class PastMessage(NamedTuple):
    """A message as it was found.

    Attributes
    ----------
    source
        its key: a Player's messages have the name of their source there
    time
        its time stamp, ms since 1970 UTC
    is_stamped
        whether that is the sender's, and not the broker's
    has_headers
        whether it has any; a Player's messages have none
    partition, offset
        where it is
    after_the_last
        whether it follows the last message of the run that a Player knows of
    """

    topic: str
    source: str
    time: int
    payload: bytes
    after_the_last: bool = False
    partition: int = 0
    offset: int = 0
    is_stamped: bool = True
    has_headers: bool = False


class TopicReader:
    """Reads partitions by a consumer that was made with the settings `RESET`.

    Parameters
    ----------
    consumer
        to read with
    deleted
        where it notes the offsets that the broker deleted before they were read

    Attributes
    ----------
    positions
        by partition: the offset to be read next
    """

    def __init__(self, consumer: KafkaConsumer, deleted: list[OffsetRange]) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self._consumer = consumer
        self._deleted = deleted

    def add(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions too, from these offsets on."""
        self.positions |= positions
        self._consumer.assign(list(self.positions))
        for partition, offset in positions.items():
            self._consumer.seek(partition, offset)

    def poll(self, timeout: float) -> Iterator[PastMessage]:
        """Yield what comes within `timeout` s, those of a partition in order."""
        if not self.positions:
            return
        for partition, records in self._consumer.poll(timeout_ms=int(1000 * timeout)).items():
            # kafka-python may begin a partition again when others are assigned while it is fetched.
            due = self.positions[partition]
            new = [record for record in records if record.offset >= due]
            if not new:
                continue
            self.skip(partition, new[0].offset)
            self.positions[partition] = new[-1].offset + 1
            for record in new:
                yield PastMessage(
                    partition.topic,
                    (record.key or b"").decode(errors="replace"),
                    record.timestamp,
                    record.value or b"",
                    partition=partition.partition,
                    offset=record.offset,
                    is_stamped=record.timestamp_type == CREATE_TIME,
                    has_headers=bool(record.headers),
                )

    def skip(self, partition: TopicPartition, offset: int) -> None:
        """Go on at a later offset, and note what the broker has deleted before that."""
        due = self.positions[partition]
        if offset <= due:
            return
        # Offsets without a message are left by transactions too.
        begin = self._consumer.beginning_offsets([partition])[partition]
        if begin > due:
            self._deleted.append(
                OffsetRange(partition.topic, partition.partition, due, min(begin, offset) - 1)
            )
        self.positions[partition] = offset
