"""What Kafka still has of a run: its messages, and what file writers were told of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from streaming_data_types import deserialise_pl72
from streaming_data_types.run_start_pl72 import RunStartInfo

from donki.errors import BrokerError, InputError
from donki.json_text import parse_json
from donki.streams.kafka.brokers import format_brokers, parse_brokers
from donki.streams.kafka.consumer import open_consumer
from donki.streams.kafka.producer import MOST_PAYLOAD
from donki.streams.kafka.sink import KafkaSink
from donki.streams.listing import Stream
from donki.streams.manifest import OffsetRange
from donki.streams.schemas import SCHEMAS
from donki.streams.schemas.encoding.flatbuffer import UNREADABLE, schema
from donki_client.rewrite.past_run import PastRun
from donki_client.verify.kafka.past_messages import PastMessages, deleted_of_run, open_messages

#: How long before a run its start message is looked for, in ms: clocks differ.
MARGIN = 60_000

#: How long a broker may be silent though there is more to read, in s.
SILENCE = 10.0

#: How long it may take for a message to file writers, in s.
PATIENCE = 5.0


class RunInKafka:
    """Reads what a cluster has of a run.

    Parameters
    ----------
    past
        the run
    broker
        ``host:port, ...`` to read from, where it is not the one that the Players sent to
    options
        security settings for Kafka, as kafka-python names them
    """

    def __init__(self, past: PastRun, broker: str | None, options: Mapping[str, Any]) -> None:
        self._past = past
        self._broker = broker
        self._options = options

    def check(self, topic: str) -> None:
        """Make sure that all messages of the run are there, and the topic of the file writers.

        Raises
        ------
        BrokerError
            when some are not, or no broker answers
        InputError
            when the broker is no ``host:port``, or there is no such topic
        """
        deleted: list[OffsetRange] = []
        with self._messages(self._past.extents, deleted) as messages:
            problems = [*messages.problems, *deleted_of_run(self._past.extents, deleted)]
        if problems:
            raise BrokerError(f"run {self._past.run.id} cannot be written again: {'; '.join(problems)}")
        with self.listening(topic):
            pass

    def find_start(self) -> RunStartInfo | None:
        """Return what file writers were told as the run began; None where that is not there any more.

        Raises
        ------
        BrokerError
            when the broker falls silent
        """
        with self._consumer() as consumer:
            if not self._past.job or self._past.topic not in consumer.topics():
                return None
            partitions = _partitions(consumer, self._past.topic)
            consumer.assign(partitions)
            first = max(0, self._past.began // 1_000_000 - MARGIN)
            begins = consumer.offsets_for_times(dict.fromkeys(partitions, first))
            ends = consumer.end_offsets(partitions)
            for partition in partitions:
                begin = begins.get(partition)
                consumer.seek(partition, begin.offset if begin else ends[partition])
            return self._read_start(consumer, ends)

    def find_schemas(
        self, sources: Collection[tuple[str, str]], progress: Callable[[int, int], None]
    ) -> list[Stream]:
        """Return what some sources of the run have sent: a stream for each schema that is known here.

        Parameters
        ----------
        sources
            topic and source
        progress
            called with how many messages are read and how many there are

        Raises
        ------
        BrokerError
            when the broker falls silent
        """
        topics = {topic for topic, _ in sources}
        extents = [extent for extent in self._past.extents if extent.topic in topics]
        found: dict[Stream, Stream] = {}
        with self._messages(extents, []) as messages:
            for done, message in enumerate(messages, start=1):
                if (message.topic, message.source) in sources and not message.after_the_last:
                    stream = Stream(schema(message.payload), message.topic, message.source)
                    if stream not in found:
                        found[stream] = _with_layout(stream, message.payload)
                if done % 100 == 0:
                    progress(done, messages.count)
        return [stream for stream in found.values() if SCHEMAS.find(stream.schema)]

    @contextmanager
    def listening(self, topic: str) -> Iterator[KafkaConsumer]:
        """Give a consumer that reads what comes in a topic from now on.

        Raises
        ------
        InputError
            when there is no such topic
        BrokerError
            when no broker answers
        """
        with self._consumer() as consumer:
            if topic not in consumer.topics():
                raise InputError(
                    f"topic {topic} is not there: name the one on which file writers are told of runs,"
                    " --topic"
                )
            partitions = _partitions(consumer, topic)
            consumer.assign(partitions)
            for partition, end in consumer.end_offsets(partitions).items():
                consumer.seek(partition, end)
            yield consumer

    def send(self, topic: str, message: bytes) -> None:
        """Send a message to file writers; BrokerError where the broker does not take it."""
        sink = KafkaSink(self.brokers, self._options, "donki-rewrite")
        try:
            sink.open_topic(topic)
            sink.send(topic, self._past.run.id, message, time.time_ns())
            sink.deliver(PATIENCE)
        finally:
            sink.close()

    @property
    def brokers(self) -> list[str]:
        """Which brokers are asked, ``host:port`` each."""
        named = [self._broker] if self._broker else self._past.brokers.split(", ")
        return format_brokers(parse_brokers(named, self._options)).split(", ")

    @contextmanager
    def _consumer(self) -> Iterator[KafkaConsumer]:
        settings = {"auto_offset_reset": "earliest", "fetch_max_wait_ms": 50}
        try:
            with closing(open_consumer(self.brokers, self._options, **settings)) as consumer:
                yield consumer
        except KafkaError as error:
            raise BrokerError(f"Kafka broker {', '.join(self.brokers)}: {error}") from None

    def _messages(self, extents: Sequence[OffsetRange], deleted: list[OffsetRange]) -> PastMessages:
        return open_messages(
            self._broker, self._past.brokers, self._options, extents, self._past.ended, deleted, {}
        )

    def _read_start(self, consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> RunStartInfo | None:
        last = time.monotonic()
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            polled = consumer.poll(timeout_ms=200)
            for records in polled.values():
                for record in records:
                    if told := self._as_start(record.value or b""):
                        return told
            if polled:
                last = time.monotonic()
            elif time.monotonic() - last > SILENCE:
                raise BrokerError(f"the Kafka broker sent nothing for {SILENCE:g} s")
        return None

    def _as_start(self, message: bytes) -> RunStartInfo | None:
        if schema(message) != "pl72":
            return None
        try:
            told = deserialise_pl72(message)
            if told.job_id != self._past.job:
                return None
            structure = parse_json(told.nexus_structure, most_bytes=MOST_PAYLOAD)
        except UNREADABLE:
            return None
        return told if isinstance(structure, dict) else None


def _with_layout(stream: Stream, message: bytes) -> Stream:
    kind = SCHEMAS.find(stream.schema)
    try:
        return stream._replace(layout=kind.layout_of(message)) if kind else stream
    except UNREADABLE:
        return stream


def _partitions(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
