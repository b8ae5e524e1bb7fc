"""``donki rewrite``: has a file writer write a past run again, and tells what comes of it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from streaming_data_types.run_start_pl72 import RunStartInfo

from donki.director.journal.reading.reader import JournalReader
from donki.errors import InputError
from donki.streams.listing import Stream
from donki.streams.schemas import SCHEMAS
from donki_client.console.output import printable
from donki_client.rewrite.in_kafka import RunInKafka
from donki_client.rewrite.job_watch import JobWatch
from donki_client.rewrite.past_run import PastRun, past_run
from donki_client.rewrite.start_message import start_again, streams_in


def rewrite(
    prefix: str,
    directory: Path,
    console: Console,
    *,
    broker: str | None = None,
    options: Mapping[str, Any] | None = None,
    topic: str = "",
    file_name: str = "",
    limit: float | None = 600.0,
) -> bool:
    """Have a run written again, and print what comes of it.

    Parameters
    ----------
    prefix
        how the run's id begins; empty for the newest run
    directory
        where the journal is
    console
        to print to
    broker
        ``host:port, ...`` of the cluster, where it is not the one that the Players sent to
    options
        security settings for Kafka, as kafka-python names them
    topic
        on which file writers are told of runs; empty: where they were told of this one
    file_name
        of the new file, under the folder of the file writer; empty: the run's id, and the present time
    limit
        how long a file writer may take, in s; None: it is not waited for

    Returns
    -------
    bool
        whether the file is written; where nobody waits, whether the job was sent

    Raises
    ------
    InputError
        when there is no such run, it has not ended or sent nothing, or no topic is known
    FileError
        when there is no journal
    BrokerError
        when no broker answers, or it does not have all of the run any more
    """
    with JournalReader(directory) as reader:
        past = past_run(reader, prefix)
    topic = topic or past.topic
    if not topic:
        raise InputError(
            f"file writers were not told of run {past.run.id}: name the topic on which they are, --topic"
        )
    kafka = RunInKafka(past, broker, options or {})
    kafka.check(topic)
    told = kafka.find_start()
    others, left_out = _others(past, kafka, told, console)
    many = len(past.streams) - len(left_out)
    if not many:
        raise InputError(f"run {past.run.id}: file writers can write none of its streams")
    name = file_name or f"{past.run.id}_rewritten_{datetime.now(UTC):%Y%m%dT%H%M%SZ}.nxs"
    job = str(uuid.uuid4())
    message = start_again(past, told, others, job=job, file_name=name, topic=topic, brokers=kafka.brokers)
    console.print(f"[bold]Run {printable(past.run.id)}  {printable(past.run.title)}[/]", soft_wrap=True)
    console.print(f"from {_shown(past.began)} to {_shown(past.latest)}, {many} sources", soft_wrap=True)
    for topic_of, source in left_out:
        console.print(
            f"[yellow]{printable(source)} in topic {printable(topic_of)} is left out: file writers cannot"
            " write it[/]",
            soft_wrap=True,
        )
    with kafka.listening(topic) as consumer:
        kafka.send(topic, message)
        console.print(printable(f"topic {topic} has the job {job}: file {name}"), soft_wrap=True)
        return limit is None or _is_written(job, name, limit, consumer, console)


def _others(
    past: PastRun, kafka: RunInKafka, told: RunStartInfo | None, console: Console
) -> tuple[list[Stream], list[tuple[str, str]]]:
    """Return the streams of which file writers were not told, and the sources that they cannot write."""
    known = set(streams_in(json.loads(told.nexus_structure))) if told else set()
    missing = {(stream.topic, stream.source) for stream in past.streams} - known
    if not missing:
        return [], []
    columns = TextColumn("looking at its messages"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("")
        found = kafka.find_schemas(
            missing, lambda done, total: shown.update(task, completed=done, total=total)
        )
    writable = [stream for stream in found if _is_writable(stream)]
    written = {(stream.topic, stream.source) for stream in writable}
    return writable, sorted(missing - written)


def _is_writable(stream: Stream) -> bool:
    kind = SCHEMAS.find(stream.schema)
    return bool(kind and kind.file_writer_group("", {}, stream.layout))


def _is_written(job: str, file: str, limit: float, consumer: KafkaConsumer, console: Console) -> bool:
    def say(line: str, is_bad: bool) -> None:
        console.print(printable(line), style="bold red" if is_bad else None, soft_wrap=True)

    watch = JobWatch(job, file, limit, say, time.monotonic_ns())
    while not watch.is_over(time.monotonic_ns()):
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                watch.take(record.value or b"", time.monotonic_ns())
        watch.look(time.monotonic_ns())
    return watch.is_written


def _shown(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
