"""The messages of a run that is over, read from Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka import TopicPartition
from kafka.errors import KafkaError

from donki.errors import BrokerError
from donki.streams.kafka.consumer import open_consumer
from donki.streams.manifest import OffsetRange
from donki_client.verify.kafka.topic_reader import RESET, PastMessage, TopicReader

SILENCE_LIMIT = 10.0  # s without a record before the reading is given up


class Part(NamedTuple):
    """Where in a partition a run lies: from `first` to `last`, and what was sent later, before `end`."""

    first: int
    last: int
    end: int


class PastMessages:
    """Reads the part of some topics that belongs to a run, and nothing else.

    It begins with the first message of the run and ends with the last that a Player knows of, or where
    messages of a later time begin; if there are such in the run itself, and at the latest, where the topics
    end when this is made.

    Parameters
    ----------
    brokers, options
        as for `open_consumer`
    extents
        where the messages of the run lie
    ended
        when the run ended, ns since 1970 UTC
    deleted
        where the offsets are noted that the broker deleted before they were read
    read
        by partition: the offset to begin with where what is before it was read already

    Attributes
    ----------
    parts
        where the run lies in each partition
    problems
        a line for each topic that is not the one that the run was sent to
    count
        how many messages the run has, at most; those that were read already too

    Raises
    ------
    InputError
        when a broker's address or an option is not what it should be
    BrokerError
        when no Kafka broker answers there within 3 s
    """

    def __init__(
        self,
        brokers: Sequence[str],
        options: Mapping[str, Any],
        extents: Sequence[OffsetRange],
        ended: int,
        *,
        deleted: list[OffsetRange] | None = None,
        read: Mapping[TopicPartition, int] | None = None,
    ) -> None:
        self.problems: list[str] = []
        self._broker = ", ".join(brokers)
        self._consumer = open_consumer(
            brokers, options, request_timeout_ms=int(1000 * SILENCE_LIMIT), fetch_max_wait_ms=50, **RESET
        )
        self._reader = TopicReader(self._consumer, [] if deleted is None else deleted)
        try:
            self.parts = self._find(extents, ended, read or {})
        except KafkaError as error:
            self.close()
            raise BrokerError(f"Kafka broker {self._broker} does not say what it holds: {error}") from None
        self.count = sum(part.end - part.first for part in self.parts.values())

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

    def _find(
        self, extents: Sequence[OffsetRange], ended: int, read: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, Part]:
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
                begin = extent.first  # what it holds now has other offsets
            # A time stamp far ahead, as a fault gives one, says nothing of where a later time begins.
            found = later.get(partition)
            stop = found.offset if found and found.offset > extent.last else end
            due = max(extent.first, read.get(partition, 0))
            self._reader.positions[partition] = due
            self._reader.skip(partition, min(begin, extent.last + 1))
            first = self._reader.positions[partition]
            parts[partition] = Part(
                extent.first, extent.last, max(first, min(end, max(stop, extent.last + 1)))
            )
        return parts

    def _read(self) -> Iterator[PastMessage]:
        positions = self._reader.positions
        left = {partition for partition, part in self.parts.items() if positions[partition] < part.end}
        self._reader.add({partition: positions[partition] for partition in left})
        last = time.monotonic()
        while left:
            is_silent = True
            for message in self._reader.poll(0.2):
                is_silent = False
                part = self.parts[message.topic, message.partition]
                if message.offset < part.end:
                    yield message._replace(after_the_last=message.offset > part.last)
            for partition in list(left):
                if (position := self._consumer.position(partition)) >= self.parts[partition].end:
                    self._reader.skip(partition, position)
                    left.remove(partition)
                    self._consumer.pause(partition)
            if not is_silent:
                last = time.monotonic()
            elif left and time.monotonic() - last > SILENCE_LIMIT:
                names = ", ".join(sorted({partition.topic for partition in left}))
                raise BrokerError(
                    f"Kafka broker {self._broker} sent nothing of {names} for {SILENCE_LIMIT:g} s"
                )


def open_messages(
    broker: str | None,
    brokers: str,
    options: Mapping[str, Any],
    extents: Sequence[OffsetRange],
    ended: int,
    deleted: list[OffsetRange],
    read: Mapping[TopicPartition, int],
) -> PastMessages:
    """Return the messages of a run in one cluster.

    Parameters
    ----------
    broker
        ``host:port, ...`` to read from; None: from where the run was sent to
    brokers
        where that was, ``host:port, ...``
    options, extents, ended, deleted, read
        as `PastMessages` takes them

    Raises
    ------
    InputError, BrokerError
        as of `PastMessages`; names the option that helps
    """
    named = [broker] if broker else brokers.split(", ")
    try:
        return PastMessages(named, options, extents, ended, deleted=deleted, read=read)
    except BrokerError as error:
        if broker:
            raise
        raise BrokerError(
            f"{error} The run went there; --broker names another address of that cluster, and what a broker"
            " had in memory is gone with it"
        ) from None


def deleted_of_run(extents: Iterable[OffsetRange], deleted: Sequence[OffsetRange]) -> Iterator[str]:
    """Yield a line for each part of the run that the broker deleted before it was read."""
    for extent in extents:
        for place in deleted:
            first, last = max(place.first, extent.first), min(place.last, extent.last)
            if place[:2] == extent[:2] and first <= last:
                yield (
                    f"topic {place.topic}: by its retention, the broker deleted the messages {first} to"
                    f" {last} of the run (offsets of partition {place.partition}) before they were read back"
                )
