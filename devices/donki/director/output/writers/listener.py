"""Hears what file writers answer, in a thread of its own, while any job is under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from donki.director.output.writers.answers import read_answer
from donki.director.rules.writer_jobs import SECOND, WriterJob
from donki.errors import AnswerError, BrokerError
from donki.streams.kafka.consumer import open_consumer
from donki.threads import Threads

#: How often it is looked whether an answer is due, in s.
POLL = 0.2

#: How long a broker may take to say where a topic ends, in s.
PATIENCE = 5.0

#: How often a broker that is away is tried again, and for how long no file writer is blamed meanwhile, in s.
INTERVAL = 1.0
DEAF = 60.0

#: For how long the answer of a silent file writer is still heard after the end of a run, in s.
LINGER = 60.0

#: How long the end of the thread is waited for, in s.
CLOSING = 5.0


class WriterListener:
    """Follows jobs on the topic on which file writers answer.

    It begins at the end of the topic, and goes on where it was when a broker has been away: meanwhile nobody
    is silent, for nobody could be heard.

    Parameters
    ----------
    topic
        the Kafka topic
    brokers, options
        as `open_consumer` takes them
    unreadable
        is told, once for each job, of a message that cannot be read
    threads
        where what goes wrong in its thread is said
    """

    def __init__(
        self,
        topic: str,
        brokers: Sequence[str],
        options: Callable[[], Mapping[str, Any]],
        unreadable: Callable[[str], object],
        threads: Threads,
    ) -> None:
        self._topic = topic
        self._brokers = brokers
        self._options = options
        self._unreadable = unreadable
        self._threads = threads
        self._lock = threading.Lock()
        self._jobs: dict[str, tuple[WriterJob, Callable[[WriterJob], None]]] = {}
        self._thread: threading.Thread | None = None
        self._offsets: dict[TopicPartition, int] = {}
        self._listening = threading.Event()
        self._closing = threading.Event()
        self._has_told_unreadable = False
        self._why = ""

    def follow(self, job: WriterJob, changed: Callable[[WriterJob], None]) -> None:
        """Follow a job from now on; `changed` is called with it in the thread that listens."""
        with self._lock:
            self._jobs[job.id] = (job, changed)
            self._has_told_unreadable = False
            if self._thread is None and not self._closing.is_set():
                self._offsets = {}
                self._thread = self._threads.start(f"file writers on {self._topic}", self._listen)

    def wait(self, limit: float) -> None:
        """Wait until every answer from now on is heard.

        Raises
        ------
        BrokerError
            when that takes longer than the limit, in s
        """
        if not self._listening.wait(limit):
            why = self._why or f"Kafka takes longer than {limit:g} s"
            raise BrokerError(f"what file writers answer on topic {self._topic} cannot be heard: {why}")

    def close(self) -> None:
        """Hear no more."""
        self._closing.set()
        if thread := self._thread:
            thread.join(CLOSING)

    def _listen(self) -> None:
        while self._goes_on():
            try:
                with closing(self._open()) as consumer:
                    self._why = ""
                    self._each(lambda job: job.excuse(time.monotonic_ns()))
                    self._listening.set()
                    while self._goes_on():
                        self._hear(consumer)
            except (BrokerError, KafkaError) as error:
                self._listening.clear()
                self._why = str(error)
                self._blame_the_broker()
                self._closing.wait(INTERVAL)

    def _goes_on(self) -> bool:
        """Whether there is a job to follow; else the thread ends, and the next job begins another."""
        now = time.monotonic_ns()
        with self._lock:
            self._jobs = {
                id_: followed
                for id_, followed in self._jobs.items()
                if not followed[0].is_over(now, round(LINGER * SECOND))
            }
            if self._jobs and not self._closing.is_set():
                return True
            self._listening.clear()
            self._thread = None
            return False

    def _open(self) -> KafkaConsumer:
        settings = {"auto_offset_reset": "earliest", "fetch_max_wait_ms": round(1000 * POLL)}
        consumer = open_consumer(self._brokers, self._options(), **settings)
        try:
            self._go_where_it_was(consumer)
        except BaseException:
            consumer.close()
            raise
        return consumer

    def _go_where_it_was(self, consumer: KafkaConsumer) -> None:
        numbers = consumer.partitions_for_topic(self._topic)
        if not numbers:
            raise BrokerError(f"topic {self._topic} is not there")
        partitions = [TopicPartition(self._topic, number) for number in numbers]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions, timeout_ms=1000 * PATIENCE)
        for partition in partitions:
            consumer.seek(partition, self._offsets.setdefault(partition, ends[partition]))

    def _hear(self, consumer: KafkaConsumer) -> None:
        for partition, records in consumer.poll(timeout_ms=round(1000 * POLL)).items():
            for record in records:
                if record.value is not None:
                    self._take(record.value)
                self._offsets[partition] = record.offset + 1
        now = time.monotonic_ns()
        with self._lock:
            due = [job for job, _ in self._jobs.values() if job.is_due(now)]
        # Nobody is silent of whom something waits to be read, or could not be asked for.
        if due and self._has_heard_all(consumer):
            for job in due:
                job.fall_silent()
                self._tell(job)

    def _has_heard_all(self, consumer: KafkaConsumer) -> bool:
        ends = consumer.end_offsets(list(self._offsets), timeout_ms=1000 * PATIENCE)
        # A topic that was made again is shorter.
        return all(consumer.position(partition) >= end for partition, end in ends.items())

    def _take(self, message: bytes) -> None:
        try:
            answer = read_answer(message)
        except AnswerError as error:
            if not self._has_told_unreadable:
                self._has_told_unreadable = True
                with self._threads.guard("file writers"):
                    self._unreadable(f"topic {self._topic}: {error}; it is passed over")
            return
        if answer is None:
            return
        with self._lock:
            job, _ = self._jobs.get(answer.job, (None, None))
        if job and job.take(answer, time.monotonic_ns()):
            self._tell(job)

    def _blame_the_broker(self) -> None:
        now = time.monotonic_ns()
        with self._lock:
            late = [job for job, _ in self._jobs.values() if job.overdue(now) > DEAF * SECOND]
        for job in late:
            job.fall_silent(f"cannot be heard for {DEAF:g} s: {self._why}")
            self._tell(job)

    def _each(self, act: Callable[[WriterJob], None]) -> None:
        with self._lock:
            jobs = [job for job, _ in self._jobs.values()]
        for job in jobs:
            act(job)

    def _tell(self, job: WriterJob) -> None:
        with self._lock:
            _, changed = self._jobs[job.id]
        with self._threads.guard("file writers"):
            changed(job)
