"""What a file writer is told of a past run, and how its answers are followed."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from streaming_data_types import (
    deserialise_pl72,
    serialise_answ,
    serialise_pl72,
    serialise_wrdn,
    serialise_x5f2,
)
from streaming_data_types.fbschemas.action_response_answ.ActionOutcome import ActionOutcome
from streaming_data_types.fbschemas.action_response_answ.ActionType import ActionType

from donki.run import Run
from donki.streams.listing import Stream
from donki.streams.schemas.da00 import ArrayStream
from donki_client.rewrite import writer_answers
from donki_client.rewrite.past_run import PastRun
from donki_client.rewrite.start_message import start_again, streams_in
from donki_client.rewrite.writer_answers import WriterAnswers
from helpers.streams import open_stream

SECOND = 1_000_000_000
BEGAN = 1_700_000_000 * SECOND
RUN = Run("20261122T101500Z-3f9a", "Silicon", {"sample": "Si"}, 7)
PAST = PastRun(RUN, BEGAN, BEGAN + SECOND, BEGAN + 2 * SECOND + 1, (), "k:9092", (), "job-1", "writers")


def module(source):
    return {"module": "f144", "config": {"topic": "data", "source": source, "dtype": "double"}}


def a_group(name, nx_class, children, *, as_object=False):
    named = (
        {"NX_class": nx_class} if as_object else [{"name": "NX_class", "values": nx_class, "dtype": "string"}]
    )
    return {"type": "group", "name": name, "attributes": named, "children": children}


def told(structure):
    return deserialise_pl72(
        serialise_pl72("job-1", "old.nxs", 1, 2, "old", json.dumps(structure), instrument_name="loki")
    )


def again(structure, *others):
    message = start_again(
        PAST,
        told(structure) if structure is not None else None,
        [Stream("f144", "data", source) for source in others],
        job="job-2",
        file_name="new.nxs",
        topic="writers",
        brokers=["a:1", "b:2"],
    )
    return deserialise_pl72(message)


def test_the_job_is_new_and_lies_in_the_past():
    job = again(None, "T")
    assert (job.job_id, job.filename, job.control_topic, job.broker) == (
        "job-2",
        "new.nxs",
        "writers",
        "a:1,b:2",
    )
    assert (job.start_time, job.stop_time) == (BEGAN // 1_000_000, BEGAN // 1_000_000 + 2001)
    assert job.run_name == RUN.id
    assert json.loads(job.metadata)["title"] == "Silicon"
    assert set(streams_in(json.loads(job.nexus_structure))) == {("data", "T")}


@pytest.mark.parametrize("as_object", [False, True])
def test_what_was_told_stays_and_more_streams_come_into_its_instrument(as_object):
    instrument = a_group("loki", "NXinstrument", [a_group("T", "NXlog", [module("T")])], as_object=as_object)
    structure = {"children": [a_group("entry", "NXentry", ["$USERS$", instrument], as_object=as_object)]}
    job = again(structure, "T2", "T")
    assert job.instrument_name == "loki"
    [entry] = json.loads(job.nexus_structure)["children"]
    assert [child["name"] for child in entry["children"][1]["children"]] == ["T", "T2", "T_again"]
    assert again(structure).nexus_structure == json.dumps(structure)


@pytest.mark.parametrize("structure", [{}, {"children": [a_group("entry", "NXentry", [])]}])
def test_more_streams_come_as_far_in_as_there_is_a_place(structure):
    assert set(streams_in(json.loads(again(structure, "T").nexus_structure))) == {("data", "T")}


class Sent(list):
    def send(self, topic, key, message, timestamp, events=0):
        self.append(bytes(message))


def test_an_array_tells_its_layout():
    sent = Sent()
    edges = {"tof": (np.arange(4, dtype=np.float32), "us")}
    stream = open_stream(ArrayStream, "s", sent, axes=["tof", "y"], unit="K", coordinates=edges)
    stream.send(type("At", (), {"reference_time": 5}), np.ones((3, 2), np.int16))
    assert json.dumps(ArrayStream.layout_of(sent[0])) == json.dumps(stream.layout)


def answ(outcome, job="job-2"):
    return serialise_answ("w", job, "c", ActionType.StartJob, outcome, "no room", 400, datetime.now(UTC))


TAKES, REFUSES = answ(ActionOutcome.Success), answ(ActionOutcome.Failure)
WRITES = serialise_x5f2("k", "1", "w", "h", 1, 2000, '{"job_id": "job-2"}')
DONE = serialise_wrdn("w", "job-2", False, "/data/new.nxs", "{}", "")
FAILS = serialise_wrdn("w", "job-2", True, "new.nxs", "{}", "disk is full")
OTHERS = [
    *(answ(ActionOutcome.Failure, "job-1"), serialise_wrdn("w", "job-1", True, "f", "{}", "no")),
    *(b"", b"\0\0\0\0wrdn", b"\0\0\0\0answ" + bytes(30), serialise_x5f2("k", "1", "w", "h", 1, 2000, "[1]")),
]


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([TAKES, WRITES, DONE], ""),
        ([DONE], ""),
        ([*OTHERS, REFUSES, *OTHERS, TAKES, WRITES, *OTHERS, DONE], ""),
        ([TAKES, REFUSES, DONE, FAILS], ""),
        ([REFUSES], "w refuses the job: no room"),
        ([TAKES, FAILS, DONE], "w has failed: disk is full"),
        ([TAKES, WRITES], "w, which has the job, has said nothing for 0 s"),
        (OTHERS, "no file writer has taken the job within 0 s: none is there, or all are busy"),
    ],
)
def test_what_comes_of_a_job_follows_from_the_answers(monkeypatch, messages, problem):
    monkeypatch.setattr(writer_answers, "SILENCE", 0.0)
    monkeypatch.setattr(writer_answers, "GRACE", 0.0)
    lines = []
    answers = WriterAnswers("job-2", "writers", 60, lines.append)
    for message in messages:
        answers.take(message)
    answers._deadline = 0
    answers.look()
    assert answers.is_over
    assert answers.problem == problem
    assert answers.file == ("" if problem else "/data/new.nxs")


def test_there_is_a_limit_for_all_of_it():
    answers = WriterAnswers("job-2", "writers", 0, [].append)
    answers.take(TAKES)
    answers.look()
    assert answers.problem == "w has not written it within 0 s"
