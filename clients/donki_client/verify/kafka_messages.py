"""The messages of a run that is over, read from Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka import TopicPartition
from kafka.errors import KafkaError

from donki.errors import BrokerError
from donki.streams.manifest import OffsetRange
from donki_client.topics.consumer import open_consumer

CREATE_TIME = 0  # a record's time stamp is its sender's
SILENCE_LIMIT = 10.0  # s without a record before the reading is given up


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


@dataclass(frozen=True)
class _Part:
    """Where in a partition a run lies: from `first` to `last`, and what was sent later, up to `end`."""

    first: int
    last: int
    end: int


class PastMessages:
    """Reads the part of some topics that belongs to a run, and nothing else.

    It begins with the first message of the run and ends with the last that a Player knows of, or where
    messages of a later time begin; never later than where the topics end when this is made.

    Parameters
    ----------
    brokers, options
        as for `open_consumer`
    extents
        where the messages of the run lie
    ended
        when the run ended, ns since 1970 UTC

    Attributes
    ----------
    problems
        a line for each topic that does not hold the run any more, or not all of it
    count
        how many messages there are to be read

    Raises
    ------
    InputError
        when a broker's address or an option is not what it should be
    BrokerError
        when no Kafka broker answers there within 3 s
    """

    def __init__(
        self, brokers: Sequence[str], options: Mapping[str, Any], extents: Sequence[OffsetRange], ended: int
    ) -> None:
        self.problems: list[str] = []
        self._broker = ", ".join(brokers)
        self._consumer = open_consumer(
            brokers, options, request_timeout_ms=int(1000 * SILENCE_LIMIT), fetch_max_wait_ms=50
        )
        try:
            self._parts = self._find(extents, ended)
        except KafkaError as error:
            self.close()
            raise BrokerError(f"Kafka broker {self._broker} does not say what it holds: {error}") from None
        self.count = sum(part.end - part.first for part in self._parts.values())

    def __iter__(self) -> Iterator[PastMessage]:
        """Yield the messages, those of a source in order.

        Raises
        ------
        BrokerError
            when the broker has sent nothing for 10 s though there is more
        """
        try:
            yield from self._read()
        except KafkaError as error:
            raise BrokerError(f"Kafka broker {self._broker}: reading back failed: {error}") from None

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _find(self, extents: Sequence[OffsetRange], ended: int) -> dict[TopicPartition, _Part]:
        present = self._consumer.topics()
        known = {TopicPartition(extent.topic, extent.partition): extent for extent in extents}
        for topic in sorted({partition.topic for partition in known} - set(present)):
            self.problems.append(f"topic {topic} is not at {self._broker}: it was deleted, or is another's")
        partitions = [partition for partition in known if partition.topic in present]
        if not partitions:
            return {}
        begins = self._consumer.beginning_offsets(partitions)
        ends = self._consumer.end_offsets(partitions)
        later = self._consumer.offsets_for_times(dict.fromkeys(partitions, ended // 1_000_000 + 1))
        parts = {}
        for partition in partitions:
            extent, begin, end = known[partition], begins[partition], ends[partition]
            if end <= extent.last:
                self.problems.append(
                    f"topic {partition.topic} ends before the run's last message, at offset {end} and not"
                    f" {extent.last + 1}: it was recreated"
                )
            elif begin > extent.first:
                lost = min(begin - 1, extent.last)
                self.problems.append(
                    f"topic {partition.topic} has lost the messages {extent.first} to {lost} of the run"
                    f" (offsets of partition {partition.partition}): they are older than it retains"
                )
            stop = later[partition].offset if later.get(partition) else end
            begin = max(begin, extent.first)
            parts[partition] = _Part(begin, extent.last, max(begin, min(end, max(stop, extent.last + 1))))
        return parts

    def _read(self) -> Iterator[PastMessage]:
        left = {partition: part for partition, part in self._parts.items() if part.first < part.end}
        self._consumer.assign(list(left))
        for partition, part in left.items():
            self._consumer.seek(partition, part.first)
        last = time.monotonic()
        while left:
            batches = self._consumer.poll(timeout_ms=200)
            for partition, records in batches.items():
                here = self._parts[partition]
                for record in records:
                    if record.offset < here.end:
                        yield PastMessage(
                            partition.topic,
                            (record.key or b"").decode(errors="replace"),
                            record.timestamp,
                            record.value or b"",
                            record.offset > here.last,
                            partition.partition,
                            record.offset,
                            record.timestamp_type == CREATE_TIME,
                            bool(record.headers),
                        )
            for partition, part in list(left.items()):
                if self._consumer.position(partition) >= part.end:
                    del left[partition]
                    self._consumer.pause(partition)
            if batches:
                last = time.monotonic()
            elif left and time.monotonic() - last > SILENCE_LIMIT:
                names = ", ".join(sorted({partition.topic for partition in left}))
                raise BrokerError(
                    f"Kafka broker {self._broker} sent nothing of {names} for {SILENCE_LIMIT:g} s"
                )
