"""A recording back to Kafka: what ``donki replay`` does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from donki.errors import BrokerError, InputError
from donki.sources import Message, Recording
from donki.streams.client import knock, open_client, parse_address
from donki.streams.kafka_python import open_producer
from donki.streams.topic import check_topic
from donki.streams.under_way import UnderWay
from donki.streams.window import Window
from donki_client.interruption import interruption

CONNECT_LIMIT = 3.0  # s
DELIVERY_LIMIT = 10.0  # s
WINDOW = 8_000_000  # most bytes under way
MOST_BYTES = 300 << 20  # in one message: what the ESS file writer accepts


@dataclass(frozen=True)
class Replayed:
    """What came of a replay.

    Attributes
    ----------
    recorded
        messages in the file
    sent
        of them, those that were handed to the Kafka client
    acknowledged
        of them, those that the broker has
    bytes
        of their payload
    failure
        why the rest was not sent, or not acknowledged; empty where nothing failed
    interrupted
        whether Ctrl-C ended it
    """

    recorded: int
    sent: int
    acknowledged: int
    bytes: int
    failure: str
    interrupted: bool

    @property
    def is_whole(self) -> bool:
        """Whether every message arrived."""
        return self.acknowledged == self.recorded


def replay(
    path: Path,
    console: Console,
    *,
    broker: str,
    options: Mapping[str, Any] | None = None,
    speed: float = 1.0,
    topic_map: Mapping[str, str],
) -> Replayed:
    """Send every message of a recording, at the pace of its time stamps.

    Payload, key, headers and, where the topic has it, partition are those that were recorded. Time stamps
    keep their distances, divided by the speed, from the start of the replay on; at speed 0 they end there.

    Parameters
    ----------
    path
        a file that ``donki record`` wrote
    console
        where progress is shown, if it is a terminal
    broker
        ``host:port``
    options
        security settings for the Kafka client
    speed
        2 = twice as fast as recorded, 0 = as fast as possible
    topic_map
        new names of recorded topics; the others keep theirs

    Raises
    ------
    InputError
        when `broker` is no ``host:port``, or a topic to map was not recorded
    SourceError
        when the file cannot be read
    BrokerError
        when no broker answers, or a topic cannot be made
    """
    recording = Recording(path)
    try:
        unknown = topic_map.keys() - recording.partitions.keys()
        if unknown:
            known = ", ".join(recording.partitions)
            raise InputError(f"topic {', '.join(sorted(unknown))} is not in {path}; in it are {known}")
        topics = {topic: topic_map.get(topic, topic) for topic in recording.partitions}
        knock([parse_address(broker)], CONNECT_LIMIT / 2)
        wanted: dict[str, int] = {}
        for old, new in topics.items():
            wanted[new] = max(recording.partitions[old], wanted.get(new, 1))
        _make_topics(broker, options or {}, wanted)
        with interruption() as interrupted:
            return _Sender(broker, options or {}, topics).run(recording, speed, console, interrupted)
    finally:
        recording.close()


class _Sender:
    """Sends a recording.

    Attributes
    ----------
    acknowledged, bytes
        messages that the broker has, and the size of their payload
    window
        of what is under way
    """

    def __init__(self, broker: str, options: Mapping[str, Any], topics: Mapping[str, str]) -> None:
        self._broker = broker
        self._options = options
        self._topics = topics
        self._under_way = UnderWay()
        self.window = Window(
            WINDOW, DELIVERY_LIMIT + 1, broker, lambda seconds, _: self._under_way.wait(seconds)
        )
        self._sent = self.acknowledged = self.bytes = 0

    def run(
        self, recording: Recording, speed: float, console: Console, interrupted: threading.Event
    ) -> Replayed:
        producer = open_producer(
            [parse_address(self._broker)],
            "donki-replay",
            self._options,
            most_bytes=MOST_BYTES,
            connect_timeout=CONNECT_LIMIT,
            delivery_timeout=DELIVERY_LIMIT,
        )
        failure = ""
        total = len(recording)
        columns = (
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
            BarColumn(bar_width=None),
            TimeRemainingColumn(),
        )
        try:
            counts = {topic: len(producer.partitions_for(topic)) for topic in self._topics.values()}
            with Progress(
                *columns,
                console=console,
                transient=True,
                disable=not console.is_terminal,
            ) as progress:
                task = progress.add_task("", total=total)
                for message, timestamp in _paced(recording, speed, interrupted):
                    self._send(producer, message, timestamp, counts)
                    progress.update(task, completed=self._sent)
                self.window.drain(DELIVERY_LIMIT)
        except (BrokerError, KafkaError) as error:
            failure = str(error)
        finally:
            producer.close(timeout=0)
        return Replayed(
            total, self._sent, self.acknowledged, self.bytes, failure, interrupted=interrupted.is_set()
        )

    def _send(
        self, producer: KafkaProducer, message: Message, timestamp: int, counts: Mapping[str, int]
    ) -> None:
        topic, size = self._topics[message.topic], len(message.payload or b"")
        self.window.enter(topic, size)
        future = producer.send(
            topic,
            message.payload,
            message.key,
            list(message.headers),
            message.partition % counts[topic],
            timestamp,
        )
        self._sent += 1
        self._under_way.add(future, _Delivery(self, topic, size))
        self._under_way.tell()

    def lost(self, topic: str, why: str) -> None:
        """Take that a message was lost: nothing more is sent."""
        self.window.fail(f"Kafka broker {self._broker} did not take a message to topic {topic}{why}")


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Tells the sender what came of one message."""

    sender: _Sender
    topic: str
    size: int

    def acknowledged(self, _partition: int, _offset: int) -> None:
        self.sender.acknowledged += 1
        self.sender.bytes += self.size
        self.sender.window.leave(self.topic, self.size)

    def timed_out(self) -> None:
        self.sender.lost(self.topic, f" within {DELIVERY_LIMIT:g} s")

    def too_large(self) -> None:
        self.sender.lost(self.topic, f": {self.size} bytes are too many; raise the topic's max.message.bytes")

    def refused(self, reason: str) -> None:
        self.sender.lost(self.topic, f": {reason}")


def _paced(recording: Recording, speed: float, interrupted: threading.Event) -> Iterator[tuple[Message, int]]:
    """Yield each message when it is due, with its new time stamp in ms; end when interrupted."""
    first, last = recording.span
    started, now = time.monotonic(), time.time_ns() // 1_000_000
    for due, message in recording.messages():
        wait = (due - first) / 1000 / speed - (time.monotonic() - started) if speed else 0
        if interrupted.wait(wait) if wait > 0 else interrupted.is_set():
            return
        # Brokers refuse time stamps that lie far in the future.
        timestamp = now + (round((message.timestamp - first) / speed) if speed else message.timestamp - last)
        yield message, max(timestamp, 0)


def _make_topics(broker: str, options: Mapping[str, Any], wanted: Mapping[str, int]) -> None:
    """Make the topics that are not there, with as many partitions as wanted."""
    for topic in wanted:
        check_topic(topic)
    settings = {
        **options,
        "bootstrap_servers": [broker],
        "bootstrap_timeout_ms": int(1000 * CONNECT_LIMIT),
    }
    try:
        with open_client(KafkaAdminClient, broker, settings) as admin:
            absent = wanted.keys() - set(admin.list_topics())
            new = {topic: {"num_partitions": wanted[topic], "replication_factor": -1} for topic in absent}
            if new:
                admin.create_topics(new)
                admin.wait_for_topics(list(new), timeout_ms=int(1000 * CONNECT_LIMIT))
    except KafkaError as error:
        raise BrokerError(f"Kafka broker {broker} did not make {', '.join(wanted)}: {error}") from error


def parse_topic_map(pairs: Iterable[str]) -> dict[str, str]:
    """Read ``OLD=NEW``, one or more.

    Raises
    ------
    InputError
        when a text is something else
    """
    topics = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise InputError(f"--topic-map {pair!r}: OLD=NEW is expected, two names of topics")
        topics[old] = new
    return topics
