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
    """What arrived on one topic: events, the ev44 messages that held them, and their bytes."""

    events: int = 0
    messages: int = 0
    bytes: int = 0


class TopicReader:
    """Reads topics from where they end when this is made; older records are not looked at.

    Parameters
    ----------
    broker
        ``host:port``
    topics
        their names; one that is not there yet is read from its beginning

    Raises
    ------
    InputError
        when `broker` is no ``host:port``
    BrokerError
        when no Kafka broker answers there within 3 s
    """

    def __init__(self, broker: str, topics: Iterable[str]) -> None:
        self.broker = broker
        self._topics = tuple(topics)
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
            self._begin = self._ends()
        except KafkaError as error:
            raise BrokerError(
                f"what listens at {broker} does not answer as a Kafka broker: {error}"
            ) from None

    def read(self) -> dict[str, Arrived]:
        """Read everything that has arrived up to now, by topic.

        Raises
        ------
        BrokerError
            when the broker has sent nothing for 10 s though there is more
        """
        try:
            return self._read()
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

    def _ends(self) -> dict[TopicPartition, int]:
        present = set(self._topics) & set(self._consumer.topics())
        partitions = [
            TopicPartition(topic, number)
            for topic in present
            for number in self._consumer.partitions_for_topic(topic) or ()
        ]
        ends: dict[TopicPartition, int] = self._consumer.end_offsets(partitions) if partitions else {}
        return ends

    def _read(self) -> dict[str, Arrived]:
        ends = self._ends()
        arrived = {topic: Arrived() for topic in self._topics}
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
                        _count(arrived[partition.topic], record.value)
        self._begin = ends
        return arrived


def _count(arrived: Arrived, message: bytes) -> None:
    if message[4:8] != b"ev44":
        return
    arrived.events += len(deserialise_ev44(message).time_of_flight)
    arrived.messages += 1
    arrived.bytes += len(message)


def stored_events(folder: Path, run_id: str, player: str) -> int:
    """Return how many events the NeXus file of one Player in one run holds, 0 where there is none."""
    events = 0

    def count(_name: str, item: h5py.Group | h5py.Dataset) -> None:
        nonlocal events
        if item.attrs.get("NX_class") == "NXevent_data":
            events += len(item["event_id"])

    path = folder / f"{run_id}_{player}.nxs"
    if path.exists():
        with h5py.File(path, "r") as file:
            file.visititems(count)
    return events
