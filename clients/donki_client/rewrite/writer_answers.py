"""What file writers answer to one job: answ, x5f2 and wrdn, as kafka-to-nexus sends them."""

from __future__ import annotations

import time
from collections.abc import Callable

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from streaming_data_types import deserialise_answ, deserialise_wrdn, deserialise_x5f2
from streaming_data_types.fbschemas.action_response_answ.ActionOutcome import ActionOutcome
from streaming_data_types.fbschemas.action_response_answ.ActionType import ActionType

from donki.json_text import parse_json
from donki.streams.schemas.encoding.flatbuffer import UNREADABLE, schema

#: How long a file writer may take to answer, and to say the next time that it writes, in s.
SILENCE = 30.0

#: How long another file writer may take the job after one has refused it, in s.
GRACE = 5.0


class WriterAnswers:
    """Follows a job until its file is written, or is known not to be.

    Parameters
    ----------
    job
        its id
    topic
        where it was sent
    limit
        the most time for all of it, in s
    say
        takes a line for each change

    Attributes
    ----------
    is_over
        whether nothing more is to be waited for
    file
        that was written; empty where none was
    problem
        why none was
    """

    def __init__(self, job: str, topic: str, limit: float, say: Callable[[str], None]) -> None:
        self.is_over = False
        self.file = ""
        self.problem = ""
        self._job = job
        self._topic = topic
        self._limit = limit
        self._say = say
        self._writer = ""
        self._is_writing = False
        now = time.monotonic()
        self._end = now + limit
        self._deadline = now + SILENCE

    def follow(self, consumer: KafkaConsumer) -> None:
        """Read the topic, which the consumer is at the end of, until it is over."""
        while not self.is_over:
            try:
                polled = consumer.poll(timeout_ms=200)
            except KafkaError as error:
                self._fail(f"topic {self._topic} cannot be read: {error}")
                return
            for records in polled.values():
                for record in records:
                    self.take(record.value or b"")
            self.look()

    def take(self, message: bytes) -> None:
        """Take a message of the topic, of whatever kind."""
        take = {"answ": self._take_answ, "x5f2": self._take_x5f2, "wrdn": self._take_wrdn}.get(
            schema(message)
        )
        try:
            if take and not self.is_over:
                take(message)
        except UNREADABLE:
            pass  # others send to the topic too

    def look(self) -> None:
        """End it where the time is up."""
        now = time.monotonic()
        if self.is_over or now < min(self._deadline, self._end):
            return
        if self.problem:
            self.is_over = True
        elif now >= self._end:
            doing = (
                f"{self._writer} has not written it" if self._writer else "no file writer has taken the job"
            )
            self._fail(f"{doing} within {self._limit:g} s")
        elif self._writer:
            self._fail(f"{self._writer}, which has the job, has said nothing for {SILENCE:g} s")
        else:
            self._fail(
                f"no file writer has taken the job within {SILENCE:g} s: none is there, or all are busy"
            )

    def _take_answ(self, message: bytes) -> None:
        said = deserialise_answ(message)
        if said.job_id != self._job or said.action != ActionType.StartJob:
            return
        if said.outcome == ActionOutcome.Success:
            self._heard(said.service_id)
            self._say(f"{said.service_id} has taken the job")
        elif not self._writer:
            self.problem = f"{said.service_id} refuses the job: {said.message}"
            self._deadline = time.monotonic() + GRACE

    def _take_x5f2(self, message: bytes) -> None:
        said = deserialise_x5f2(message)
        status = parse_json(said.status_json)
        if not isinstance(status, dict) or status.get("job_id") != self._job:
            return
        self._heard(said.service_id)
        self._deadline = time.monotonic() + max(SILENCE, 2 * said.update_interval / 1000)
        if not self._is_writing:
            self._is_writing = True
            self._say(f"{said.service_id} is writing")

    def _take_wrdn(self, message: bytes) -> None:
        said = deserialise_wrdn(message)
        if said.job_id != self._job:
            return
        if said.error_encountered:
            self._fail(f"{said.service_id} has failed: {said.message}")
            return
        self.file, self.problem, self.is_over = said.file_name, "", True
        self._say(f"{said.service_id} has written {said.file_name}")

    def _heard(self, writer: str) -> None:
        self._writer, self.problem = writer, ""
        self._deadline = time.monotonic() + SILENCE

    def _fail(self, problem: str) -> None:
        self.problem, self.is_over = problem, True
