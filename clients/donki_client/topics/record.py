"""Kafka topics into a file: what ``donki record`` does."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from donki.errors import BrokerError
from donki.streams.kafka.brokers import parse_brokers, probe
from donki.streams.kafka.consumer import CONNECT_LIMIT, open_consumer
from donki_client.console.interruption import interruption
from donki_client.console.output import printable
from donki_client.topics.recording_file import RecordingFile

SILENCE_LIMIT = 10.0  # s without a message after which the broker is asked whether it is still there
POLL = 0.1  # s
FLUSH = 1.0  # s


@dataclass(frozen=True)
class Recorded:
    """What was recorded: messages, bytes of payload, and whether Ctrl-C ended it before a limit did."""

    messages: int
    bytes: int
    interrupted: bool


def record(
    topics: Sequence[str],
    path: Path,
    console: Console,
    *,
    broker: str,
    options: Mapping[str, Any] | None = None,
    from_beginning: bool = False,
    count: int | None = None,
    seconds: float | None = None,
) -> Recorded:
    """Record what arrives on topics, all partitions, until a limit is reached or Ctrl-C.

    Parameters
    ----------
    topics
        their names
    path
        of the file; one that exists is never overwritten
    console
        where progress is shown, if it is a terminal
    broker
        one or more of the cluster, as `parse_brokers` takes them
    options
        security settings for the Kafka client
    from_beginning
        from the oldest message of each topic on, not only what comes from now on
    count
        most messages in all
    seconds
        most time

    Raises
    ------
    InputError
        when `broker` names none, or an option is not what it should be
    BrokerError
        when no broker answers, a topic is not there, or the broker is gone; what came before is in the file
    FileError
        when the file exists or cannot be written
    """
    consumer = open_consumer([broker], options or {}, fetch_max_wait_ms=int(1000 * POLL))
    try:
        ends = _ends(consumer, broker, topics)
        begin: dict[TopicPartition, int] = consumer.beginning_offsets(list(ends)) if from_beginning else ends
        numbers = {topic: [part.partition for part in begin if part.topic == topic] for topic in topics}
        with RecordingFile(path, numbers) as file, interruption() as interrupted:
            consumer.assign(list(begin))
            for partition, offset in begin.items():
                consumer.seek(partition, offset)
            what = f"{', '.join(topics)} to {path}"
            console.print(f"recording {printable(what)}; Ctrl-C ends it", soft_wrap=True)
            _follow(
                consumer, parse_brokers(broker, options), file, ends, console, interrupted, count, seconds
            )
        return Recorded(file.messages, file.bytes, interrupted.is_set())
    except KafkaError as error:
        raise BrokerError(f"Kafka broker {broker}: recording failed: {error}") from None
    finally:
        consumer.close()


def _ends(consumer: KafkaConsumer, broker: str, topics: Sequence[str]) -> dict[TopicPartition, int]:
    """Return where each partition ends now."""
    missing = set(topics) - set(consumer.topics())
    if missing:
        raise BrokerError(
            f"Kafka broker {broker} has no topic {', '.join(sorted(missing))};"
            " correct the name, or start what makes it first"
        )
    partitions = [
        TopicPartition(topic, number)
        for topic in topics
        for number in sorted(consumer.partitions_for_topic(topic) or ())
    ]
    found: dict[TopicPartition, int] = consumer.end_offsets(partitions)
    return found


def _follow(
    consumer: KafkaConsumer,
    brokers: Sequence[tuple[str, int]],
    file: RecordingFile,
    ends: Mapping[TopicPartition, int],
    console: Console,
    interrupted: threading.Event,
    count: int | None,
    seconds: float | None,
) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("waiting for messages", total=None)
        heard = flushed = time.monotonic()
        end = None if seconds is None else heard + seconds
        while not interrupted.is_set() and (end is None or time.monotonic() < end):
            left = None if count is None else count - file.messages
            if left == 0:
                break
            batches = consumer.poll(timeout_ms=int(1000 * POLL), max_records=left)
            for partition, records in batches.items():
                for each in records:
                    file.append(each, has_arrived=each.offset >= ends[partition])
            now = time.monotonic()
            if batches:
                heard = now
                progress.update(task, description=f"{file.messages:,} messages, {file.bytes / 1e6:,.1f} MB")
            elif now - heard > SILENCE_LIMIT:
                probe(brokers, CONNECT_LIMIT)
                heard = now
            if now - flushed > FLUSH:
                file.flush()
                flushed = now
