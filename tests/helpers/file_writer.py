"""A scripted ESS file writer: it answers as kafka-to-nexus does, or misbehaves as told; it writes nothing.

What it sends, and when, was read in https://github.com/ess-dmsc/kafka-to-nexus, commit 162d07ca:
``src/CommandSystem/Handler.cpp`` (what is accepted and refused, with which words and codes; the start is
echoed on the control topic), ``src/CommandSystem/FeedbackProducer.cpp`` (answ, wrdn),
``src/Status/StatusReporterBase.cpp`` (x5f2), ``src/Master.cpp`` (which file, when it ends),
``src/CommandSystem/JobListener.h`` (the consumer group of a pool), ``src/MainOpt.cpp`` (the service id).

``python -m helpers.file_writer BROKER POOL`` runs one that behaves, in a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from typing import Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from streaming_data_types import (
    deserialise_6s4t,
    deserialise_pl72,
    serialise_answ,
    serialise_wrdn,
    serialise_x5f2,
)
from streaming_data_types.fbschemas.action_response_answ.ActionOutcome import ActionOutcome
from streaming_data_types.fbschemas.action_response_answ.ActionType import ActionType
from streaming_data_types.run_start_pl72 import RunStartInfo
from streaming_data_types.run_stop_6s4t import RunStopInfo

#: The consumer group of the writers of a pool.
GROUP = "kafka-to-nexus-worker-pool"

#: What a stop time is until there is one, ms since 1970 UTC, and as a datetime that Python can have.
NEVER = 9_223_372_036_854
NEVER_DATED = datetime(9999, 1, 1, tzinfo=UTC)

#: Where it would write.
FOLDER = "/nexus"


class Behaviour(Enum):
    """What a writer does with a job, from its own point of view."""

    ACCEPTS = "accepts it, writes and ends it when it is told"
    ANSWERS_TWICE = "likewise, and sends each answer twice"
    ANSWERS_LATE = "likewise, after a delay"
    IS_CONFUSED = "likewise, and sends answers of other jobs and damaged messages before each answer"
    REFUSES = "refuses it"
    IS_SILENT = "says nothing"
    DIES = "accepts it, says once that it writes, and then nothing"
    FAILS = "accepts it, writes, and ends it with an error"
    ENDS_EARLY = "accepts it, writes, and ends it before it is told"
    SHARES = "accepts it, and another writer does, too"
    GOES_ON = "accepts it, and refuses to stop"


def accepted(service: str, start: RunStartInfo) -> bytes:
    began = datetime.fromtimestamp(start.start_time / 1000, UTC)
    ends = datetime.fromtimestamp(start.stop_time / 1000, UTC) if start.stop_time else None
    return serialise_answ(
        service_id=service,
        job_id=start.job_id,
        command_id=start.job_id,
        action=ActionType.StartJob,
        outcome=ActionOutcome.Success,
        message=f"Started write job with start time {began} and stop time {ends or 'never'}.",
        status_code=201,
        stop_time=ends or NEVER_DATED,
    )


def refused(service: str, start: RunStartInfo) -> bytes:
    return serialise_answ(
        service_id=service,
        job_id=start.job_id,
        command_id=start.job_id,
        action=ActionType.StartJob,
        outcome=ActionOutcome.Failure,
        message="Rejected start command as there is currently a write job in progress.",
        status_code=400,
        stop_time=NEVER_DATED,
    )


def will_stop(service: str, stop: RunStopInfo) -> bytes:
    ends = datetime.fromtimestamp(stop.stop_time / 1000, UTC)
    return serialise_answ(
        service_id=service,
        job_id=stop.job_id,
        command_id=stop.command_id,
        action=ActionType.SetStopTime,
        outcome=ActionOutcome.Success,
        message=f"File writing job stop time set to: {ends}",
        status_code=201,
        stop_time=ends,
    )


def will_not_stop(service: str, stop: RunStopInfo) -> bytes:
    return serialise_answ(
        service_id=service,
        job_id=stop.job_id,
        command_id=stop.command_id,
        action=ActionType.SetStopTime,
        outcome=ActionOutcome.Failure,
        message="Failed to execute stop command. The failure message was: the disk is on fire",
        status_code=500,
        stop_time=datetime.fromtimestamp(stop.stop_time / 1000, UTC),
    )


def writing(service: str, start: RunStartInfo, interval: float, stop_time: int = NEVER) -> bytes:
    status = {
        "state": "writing",
        "job_id": start.job_id,
        "file_being_written": start.filename,
        "start_time": start.start_time,
        "stop_time": stop_time,
    }
    return _status(service, interval, status)


def idle(service: str, interval: float) -> bytes:
    status = {"state": "idle", "job_id": "", "file_being_written": "", "start_time": 0, "stop_time": 0}
    return _status(service, interval, status)


def written(service: str, start: RunStartInfo) -> bytes:
    return _finished(service, start, "", error=False)


def failed(service: str, start: RunStartInfo) -> bytes:
    return _finished(service, start, "Unable to write: no space left on device", error=True)


def _status(service: str, interval: float, status: dict[str, object]) -> bytes:
    return serialise_x5f2(
        software_name="kafka-to-nexus",
        software_version="0.0.0",
        service_id=service,
        host_name="test",
        process_id=os.getpid(),
        update_interval=round(1000 * interval),
        status_json=json.dumps(status),
    )


def _finished(service: str, start: RunStartInfo, message: str, *, error: bool) -> bytes:
    return serialise_wrdn(
        service_id=service,
        job_id=start.job_id,
        error_encountered=error,
        file_name=f"{FOLDER}/{start.filename}",
        metadata=start.metadata,
        message=message,
    )


class FileWriter:
    """A writer in a thread, that takes one job after the other until its `with` block ends.

    Parameters
    ----------
    broker
        ``host:port``
    pool
        the topic where it looks for jobs; it must be there
    behaviour
        what it does with them
    interval
        between two of its status messages, in s
    delay
        how long it takes to answer, in s
    in_group
        whether other writers look for jobs there too, and one takes each
    """

    def __init__(
        self,
        broker: str,
        pool: str,
        behaviour: Behaviour = Behaviour.ACCEPTS,
        *,
        interval: float = 0.2,
        delay: float = 0.0,
        in_group: bool = False,
    ) -> None:
        self.service = f"kafka-to-nexus:test-pid:{os.getpid()}-{uuid.uuid4().hex[:4]}"
        self.behaviour = behaviour
        self.starts: list[RunStartInfo] = []
        self.stops: list[RunStopInfo] = []
        self._broker = broker
        self._pool = pool
        self._interval = interval
        self._delay = delay
        self._in_group = in_group
        self._ended = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scripted file writer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30), "the scripted file writer has not found its topic"
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        self._producer = KafkaProducer(bootstrap_servers=self._broker)
        try:
            # Of a pool each job in a new consumer: a writer leaves it while it writes.
            jobs = None if self._in_group else self._consumer(self._pool)
            self._ready.set()
            while not self._ended.is_set():
                self._take(self._next(jobs) if jobs else self._next_of_pool())
            if jobs:
                jobs.close(autocommit=False)
        finally:
            self._producer.close(5)

    def _next(self, jobs: KafkaConsumer) -> bytes | None:
        """Return the next job, None when there is to be none."""
        while not self._ended.is_set():
            for message in self._read(jobs):
                if message[4:8] == b"pl72":
                    return message
        return None

    def _next_of_pool(self) -> bytes | None:
        jobs = KafkaConsumer(
            self._pool,
            bootstrap_servers=self._broker,
            group_id=GROUP,
            max_poll_records=1,
            auto_offset_reset="earliest",
        )
        message = self._next(jobs)
        if message:
            jobs.commit()
        jobs.close(autocommit=False)
        return message

    def _consumer(self, topic: str, since: int | None = None) -> KafkaConsumer:
        consumer = KafkaConsumer(bootstrap_servers=self._broker, group_id=None, max_poll_records=1)
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        (end,) = consumer.end_offsets([partition]).values()
        found = consumer.offsets_for_times({partition: since})[partition] if since else None
        consumer.seek(partition, found.offset if found else end)
        return consumer

    def _read(self, consumer: KafkaConsumer) -> Iterator[bytes]:
        for batch in consumer.poll(timeout_ms=50).values():
            yield from (record.value for record in batch)

    def _take(self, message: bytes | None) -> None:
        if message is None:
            return
        start = deserialise_pl72(message)
        self.starts.append(start)
        if self.behaviour is Behaviour.IS_SILENT:
            return
        self._ended.wait(self._delay)
        if start.control_topic != self._pool:
            # It is echoed always. Where both topics are one, it is taken again then: a trap that is not ours.
            self._producer.send(start.control_topic, message)
        if self.behaviour is Behaviour.REFUSES:
            self._answer(start, refused(self.service, start))
            return
        commands = self._consumer(start.control_topic, since=start.start_time)
        try:
            self._answer(start, accepted(self.service, start))
            if self.behaviour is Behaviour.SHARES:
                self._answer(start, accepted(f"{self.service}-twin", start))
            self._write(start, commands)
        finally:
            commands.close(autocommit=False)

    def _write(self, start: RunStartInfo, commands: KafkaConsumer) -> None:
        """Say every now and then that it writes, until the job has ended."""
        count, due, stop_time = 0, time.monotonic(), start.stop_time or NEVER
        fails = self.behaviour is Behaviour.FAILS
        while not self._ended.is_set():
            if time.monotonic() >= due:
                self._answer(start, writing(self.service, start, self._interval, stop_time))
                count, due = count + 1, time.monotonic() + self._interval
            if self.behaviour is Behaviour.DIES:
                return
            ends_early = count >= 3 and (fails or self.behaviour is Behaviour.ENDS_EARLY)
            if ends_early or time.time() * 1000 >= stop_time:
                self._answer(start, (failed if fails else written)(self.service, start))
                return
            for message in self._read(commands):
                if message[4:8] == b"6s4t" and (stop := deserialise_6s4t(message)).job_id == start.job_id:
                    self.stops.append(stop)
                    obeys = self.behaviour is not Behaviour.GOES_ON
                    self._answer(start, (will_stop if obeys else will_not_stop)(self.service, stop))
                    stop_time = stop.stop_time if obeys else NEVER

    def _answer(self, start: RunStartInfo, message: bytes) -> None:
        if self.behaviour is Behaviour.IS_CONFUSED:
            other = start._replace(job_id=str(uuid.uuid4()))
            damaged = message[: len(message) // 2]
            for disturbance in (refused(self.service, other), failed(self.service, other), damaged, b""):
                self._producer.send(start.control_topic, disturbance)
            self._producer.send(start.control_topic, idle("another", self._interval))
        for _ in range(2 if self.behaviour is Behaviour.ANSWERS_TWICE else 1):
            self._producer.send(start.control_topic, message)
        # What the broker does not take now it gets later.
        with suppress(KafkaError):
            self._producer.flush(10)


def main() -> None:
    broker, pool = sys.argv[1:]
    with FileWriter(broker, pool) as writer:
        print(f"ready: {writer.service}", flush=True)
        while True:
            time.sleep(1)


if __name__ == "__main__":
    main()
