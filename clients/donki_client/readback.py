"""What has arrived: on Kafka topics, read with a consumer of its own, and in NeXus files."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from streaming_data_types import deserialise_ev44

from donki.errors import BrokerError
from donki.streams.client import knock, parse_address

CONNECT_LIMIT = 3.0  # s
SILENCE_LIMIT = 10.0  # s without a record before the reading is given up


@dataclass
class Arrived:
    """What arrived of one source: events in ev44 messages, all messages, their bytes, and those of values."""

    events: int = 0
    messages: int = 0
    bytes: int = 0
    values: int = 0


class TopicReader:
    """Reads topics from where they end when this is made; older records are not looked at.

    A topic that is not there yet is read from its beginning.

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

    def __init__(self, broker: str) -> None:
        self.broker = broker
        end = time.monotonic() + CONNECT_LIMIT
        knock([parse_address(broker)], CONNECT_LIMIT / 2)
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=[broker],
                bootstrap_timeout_ms=1000 * (end - time.monotonic()),
                request_timeout_ms=1000 * SILENCE_LIMIT,
                allow_auto_create_topics=False,
                enable_auto_commit=False,
                metrics_enabled=False,
                fetch_max_wait_ms=50,
                max_partition_fetch_bytes=16_000_000,
            )
            self._begin = self._ends(self._consumer.topics())
        except KafkaError as error:
            raise BrokerError(
                f"what listens at {broker} does not answer as a Kafka broker: {error}"
            ) from None

    def read(self, topics: Iterable[str]) -> dict[tuple[str, str], Arrived]:
        """Read everything that has arrived up to now, by topic and source.

        Raises
        ------
        BrokerError
            when the broker has sent nothing for 10 s though there is more
        """
        try:
            return self._read(topics)
        except KafkaError as error:
            raise BrokerError(f"Kafka broker {self.broker}: reading back failed: {error}") from None

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ends(self, topics: Iterable[str]) -> dict[TopicPartition, int]:
        present = set(topics) & set(self._consumer.topics())
        partitions = [
            TopicPartition(topic, number)
            for topic in present
            for number in self._consumer.partitions_for_topic(topic) or ()
        ]
        ends: dict[TopicPartition, int] = self._consumer.end_offsets(partitions) if partitions else {}
        return ends

    def _read(self, topics: Iterable[str]) -> dict[tuple[str, str], Arrived]:
        ends = self._ends(topics)
        arrived: dict[tuple[str, str], Arrived] = {}
        self._consumer.assign(list(ends))
        for partition in ends:
            self._consumer.seek(partition, self._begin.get(partition, 0))
        last = time.monotonic()
        while behind := [part for part, end in ends.items() if self._consumer.position(part) < end]:
            batches = self._consumer.poll(timeout_ms=200)
            if batches:
                last = time.monotonic()
            elif time.monotonic() - last > SILENCE_LIMIT:
                names = ", ".join(sorted({part.topic for part in behind}))
                raise BrokerError(
                    f"Kafka broker {self.broker} sent nothing of {names} for {SILENCE_LIMIT:g} s"
                )
            for partition, records in batches.items():
                for record in records:
                    if record.offset < ends[partition]:
                        # A Player's messages have the name of their source as key.
                        source = (record.key or b"").decode(errors="replace")
                        _count(arrived.setdefault((partition.topic, source), Arrived()), record.value)
        self._begin |= ends
        return arrived


def _count(arrived: Arrived, message: bytes) -> None:
    if message[4:8] == b"ev44":  # a flatbuffer says its schema in its second word
        arrived.events += len(deserialise_ev44(message).time_of_flight)
    else:
        arrived.values += 1
    arrived.messages += 1
    arrived.bytes += len(message)


def stored_events(files: Iterable[Path]) -> int:
    """Return how many events NeXus files hold; 0 for one that is not there."""
    events = 0

    def count(_name: str, item: h5py.Group | h5py.Dataset) -> None:
        nonlocal events
        if item.attrs.get("NX_class") == "NXevent_data":
            events += len(item["event_id"])

    for path in files:
        if path.exists():
            with h5py.File(path, "r") as file:
                file.visititems(count)
    return events
