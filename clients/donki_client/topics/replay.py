"""A recording back to Kafka: what ``donki replay`` does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from donki.errors import BrokerError, InputError
from donki.sources import Message, Recording
from donki.sources.recorded.replay_clock import FAR_OFF, MOST_GAP
from donki.streams.kafka.brokers import format_brokers, parse_brokers, probe
from donki.streams.kafka.clients.in_flight import InFlight
from donki.streams.kafka.clients.kafka_python import open_producer
from donki.streams.kafka.clients.null_headers import with_nulls
from donki.streams.kafka.cluster import Limits, limits_for
from donki.streams.kafka.producer import ProducerSettings
from donki.streams.kafka.topics.name import check_topic
from donki.streams.kafka.topics.settings import TopicSettings
from donki.streams.kafka.topics.topic import ensure_topics
from donki.streams.kafka.window import Window
from donki_client.console.interruption import interruption

CONNECT_LIMIT = 3.0  # s
WINDOW = 8_000_000  # most bytes under way
MOST_BYTES = 300 << 20  # in one message: what the ESS file writer accepts


@dataclass(frozen=True)
class Replayed:
    """The result of a replay.

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
    """Send every message of a recording, at the pace at which it came; see `Recording.messages`.

    Payload, key, headers and, where the topic has it, partition are those that were recorded. Time stamps
    keep their distances, divided by the speed, from the start of the replay on; at speed 0 they end there.
    One that is far off becomes the time at which the message is due.

    Parameters
    ----------
    path
        a file that ``donki record`` wrote
    console
        where progress is shown, if it is a terminal
    broker
        one or more of the cluster, as `parse_brokers` takes them
    options
        security settings for the Kafka client
    speed
        2 = twice as fast as recorded, 0 = as fast as possible
    topic_map
        new names of recorded topics; the others keep theirs

    Raises
    ------
    InputError
        when `broker` names none, or a topic to map was not recorded
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
        brokers = parse_brokers(broker, options)
        first = probe(brokers, CONNECT_LIMIT / 2, options)
        wanted: dict[str, int] = {}
        for old, new in topics.items():
            wanted[new] = max(recording.partitions[old], wanted.get(new, 1))
        limits = limits_for(_make_topics([first], options or {}, wanted))
        with interruption() as interrupted:
            sender = _Sender([first], options or {}, topics, limits)
            return sender.run(recording, speed, console, interrupted)
    finally:
        recording.close()


class _Sender:
    """Sends a recording.

    Attributes
    ----------
    acknowledged, bytes
        messages that the broker has, and the size of their payload
    limits
        how long the broker may take
    window
        of what is under way
    """

    def __init__(
        self,
        brokers: Sequence[tuple[str, int]],
        options: Mapping[str, Any],
        topics: Mapping[str, str],
        limits: Limits,
    ) -> None:
        self._brokers = brokers
        self._broker = broker = format_brokers(brokers)
        self._options = options
        self._topics = topics
        self.limits = limits
        self._under_way = InFlight()
        self.window = Window(
            WINDOW, limits.delivery + 1, broker, lambda seconds, _: self._under_way.wait(seconds)
        )
        self._sent = self.acknowledged = self.bytes = 0

    def run(
        self, recording: Recording, speed: float, console: Console, interrupted: threading.Event
    ) -> Replayed:
        producer = open_producer(
            ProducerSettings(self._brokers, "donki-replay", self._options, *self.limits),
            MOST_BYTES,
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
                for message, timestamp in _paced(recording, speed, console, interrupted):
                    self._send(producer, message, timestamp, counts)
                    progress.update(task, completed=self._sent)
                self.window.drain(self.limits.delivery)
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
            with_nulls(message.headers),
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
    """Tells the sender the result for one message."""

    sender: _Sender
    topic: str
    size: int

    def acknowledged(self, _partition: int, _offset: int) -> None:
        self.sender.acknowledged += 1
        self.sender.bytes += self.size
        self.sender.window.leave(self.topic, self.size)

    def timed_out(self) -> None:
        self.sender.lost(self.topic, f" within {self.sender.limits.delivery:g} s")

    def too_large(self) -> None:
        self.sender.lost(self.topic, f": {self.size} bytes are too many; raise the topic's max.message.bytes")

    def refused(self, reason: str) -> None:
        self.sender.lost(self.topic, f": {reason}")


def _paced(
    recording: Recording, speed: float, console: Console, interrupted: threading.Event
) -> Iterator[tuple[Message, int]]:
    """Yield each message when it is due, with its new time stamp in ms; end when interrupted."""
    ended = 0.0 if speed else recording.duration
    started, now = time.monotonic(), time.time_ns() // 1_000_000
    for number, (due, gap, timestamp, message) in enumerate(recording.messages(), start=1):
        if speed and gap > MOST_GAP:
            lasts = f"lasts {MOST_GAP / 1000 / speed:g} s" if gap <= FAR_OFF else "is left out"
            length = timedelta(seconds=round(gap / 1000))
            line = f"the gap of {length} before message {number:,} {lasts}; --speed 0 waits for none"
            console.print(line, soft_wrap=True)
        wait = due / 1000 / speed - (time.monotonic() - started) if speed else 0
        if interrupted.wait(wait) if wait > 0 else interrupted.is_set():
            return
        # Brokers refuse time stamps that lie far in the future, and delete what is old.
        yield message, now + round(timestamp / speed if speed else timestamp - ended)


def _make_topics(
    brokers: Sequence[tuple[str, int]], options: Mapping[str, Any], wanted: Mapping[str, int]
) -> int:
    """Make the topics that are not there, with as many partitions as wanted; return the number of brokers."""
    broker = format_brokers(brokers)
    for topic in wanted:
        check_topic(topic)
    settings = {
        **options,
        "bootstrap_servers": broker.split(", "),
        "bootstrap_timeout_ms": int(1000 * CONNECT_LIMIT),
    }
    by_number: dict[int, list[str]] = {}
    for topic, partitions in wanted.items():
        by_number.setdefault(partitions, []).append(topic)
    return max(
        ensure_topics(topics, broker, settings, CONNECT_LIMIT, TopicSettings(partitions)).brokers
        for partitions, topics in by_number.items()
    )


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
