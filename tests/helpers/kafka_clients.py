"""The Kafka clients that a broker must serve, behind one face: kafka-python, confluent-kafka and kcat."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import confluent_kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic, OffsetSpec
from kafka.errors import KafkaError

from helpers.support import needs, wait_until

LARGE = 8 << 20  # bytes; more than any message here
LIMIT = 20.0  # s, for anything asked of a broker


def new_topic(address: str, *, partitions: int = 1, **config: str) -> str:
    """Make a topic of an unused name and return it; settings with _ for the dots of Kafka's names."""
    name = f"test-{uuid.uuid4().hex}"
    settings = {key.replace("_", "."): value for key, value in config.items()}
    admin = KafkaAdminClient(bootstrap_servers=address)

    def is_led() -> bool:
        ends = {TopicPartition(name, number): OffsetSpec.LATEST for number in range(partitions)}
        with suppress(KafkaError):
            return len(admin.list_partition_offsets(ends)) == partitions
        return False

    try:
        admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
        # The controller of Apache Kafka has made it a moment before the broker knows.
        wait_until("the broker has the topic", is_led, LIMIT)
    finally:
        admin.close()
    return name


def kafka_python_producer(address: str, **config: object) -> KafkaProducer:
    return KafkaProducer(bootstrap_servers=address, max_request_size=LARGE, **config)


def confluent_producer(address: str, **config: object) -> confluent_kafka.Producer:
    return confluent_kafka.Producer({"bootstrap.servers": address, "message.max.bytes": LARGE, **config})


class KafkaPython:
    """kafka-python, as DonkiOrchestra uses it."""

    @staticmethod
    def write(
        address: str, topic: str, values: Iterable[bytes], *, timestamps: Iterable[int] = (), **config: object
    ) -> None:
        """Send the values and wait until all are acknowledged; time stamps in ms."""
        times = iter(timestamps)
        producer = kafka_python_producer(address, **config)
        try:
            sent = [producer.send(topic, value, timestamp_ms=next(times, None)) for value in values]
            for future in sent:
                future.get(LIMIT)
        finally:
            producer.close(LIMIT)

    @staticmethod
    def read(address: str, topic: str, count: int, *, since: int | None = None) -> list[bytes]:
        """Return `count` values from the start, or from the first at or after a time in ms."""
        partition = TopicPartition(topic, 0)
        consumer = KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=LIMIT * 1000)
        try:
            consumer.assign([partition])
            if since is None:
                consumer.seek_to_beginning()
            else:
                consumer.seek(partition, consumer.offsets_for_times({partition: since})[partition].offset)
            return [record.value for record in islice(consumer, count)]
        finally:
            consumer.close()

    @staticmethod
    def read_in_group(address: str, topic: str, group: str, count: int) -> list[bytes]:
        """Return `count` values that the group has not read yet, and commit them."""
        consumer = KafkaConsumer(
            topic,
            bootstrap_servers=address,
            group_id=group,
            auto_offset_reset="earliest",
            consumer_timeout_ms=LIMIT * 1000,
        )
        try:
            return [record.value for record in islice(consumer, count)]
        finally:
            consumer.close()


class Confluent:
    """confluent-kafka, which is librdkafka, as the ESS's own programs use it."""

    @staticmethod
    def write(
        address: str, topic: str, values: Iterable[bytes], *, timestamps: Iterable[int] = (), **config: object
    ) -> None:
        times = iter(timestamps)
        failed: list[object] = []
        producer = confluent_producer(address, **config)
        for value in values:
            producer.produce(
                topic,
                value,
                timestamp=next(times, 0),
                on_delivery=lambda error, _: error and failed.append(error),
            )
        assert producer.flush(LIMIT) == 0
        assert not failed

    @staticmethod
    def read(address: str, topic: str, count: int, *, since: int | None = None) -> list[bytes]:
        consumer = confluent_kafka.Consumer({"bootstrap.servers": address, "group.id": "unused"})
        try:
            start = confluent_kafka.TopicPartition(topic, 0, 0 if since is None else since)
            if since is not None:
                (start,) = consumer.offsets_for_times([start], timeout=LIMIT)
            consumer.assign([start])
            return _values(consumer, count)
        finally:
            consumer.close()

    @staticmethod
    def read_in_group(address: str, topic: str, group: str, count: int) -> list[bytes]:
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": address, "group.id": group, "auto.offset.reset": "earliest"}
        )
        try:
            consumer.subscribe([topic])
            return _values(consumer, count)
        finally:
            consumer.close()


def _values(consumer: confluent_kafka.Consumer, count: int) -> list[bytes]:
    messages = []
    while len(messages) < count:
        message = consumer.poll(LIMIT)
        assert message is not None, f"{len(messages)} of {count} messages within {LIMIT} s"
        assert message.error() is None, message.error()
        messages.append(message.value())
    return messages


class Kcat:
    """kcat, from a shell."""

    @staticmethod
    def run(address: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        program = shutil.which("kcat")
        needs("kcat", program, "install it (Debian: kafkacat) to test with librdkafka's command line too")
        command = [program, "-b", address, "-X", f"message.max.bytes={LARGE}", *arguments]
        return subprocess.run(command, capture_output=True, timeout=LIMIT, check=False)

    @classmethod
    def write(
        cls, address: str, topic: str, values: Iterable[bytes], *, timestamps: Iterable[int] = ()
    ) -> None:
        assert not list(timestamps), "kcat stamps messages with the present time"
        with TemporaryDirectory() as folder:
            files = []
            for number, value in enumerate(values):
                files.append(Path(folder) / str(number))
                files[-1].write_bytes(value)
            done = cls.run(address, "-P", "-t", topic, *map(str, files))
        assert done.returncode == 0, done.stderr.decode()

    @classmethod
    def read(cls, address: str, topic: str, count: int, *, since: int | None = None) -> list[bytes]:
        start = "beginning" if since is None else f"s@{since}"
        return cls._values("-C", "-t", topic, "-o", start, address=address, count=count)

    @classmethod
    def read_in_group(cls, address: str, topic: str, group: str, count: int) -> list[bytes]:
        reset = ("-X", "auto.offset.reset=earliest")
        return cls._values(*reset, "-G", group, topic, address=address, count=count)

    @classmethod
    def _values(cls, *arguments: str, address: str, count: int) -> list[bytes]:
        done = cls.run(address, "-c", str(count), "-q", "-f", "%S %s", *arguments)
        assert done.returncode == 0, done.stderr.decode()
        values, rest = [], done.stdout
        while rest:
            size, _, rest = rest.partition(b" ")
            values.append(rest[: int(size)])
            rest = rest[int(size) :]
        return values


CLIENTS = (KafkaPython, Confluent, Kcat)
