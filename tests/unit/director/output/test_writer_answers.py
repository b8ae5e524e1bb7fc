"""The answers of file writers: the scripted one sends what kafka-to-nexus sends, and that is understood."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming_data_types import (
    deserialise_answ,
    deserialise_pl72,
    deserialise_wrdn,
    deserialise_x5f2,
    serialise_6s4t,
    serialise_pl72,
    serialise_x5f2,
)
from streaming_data_types.run_start_pl72 import RunStartInfo
from streaming_data_types.run_stop_6s4t import RunStopInfo

from donki.director.output.writers.answers import read_answer
from donki.director.rules.writer_jobs import Answer, Says
from donki.errors import AnswerError
from helpers import file_writer

JOB = "7f0a8d9c-9c5e-4b0b-8a53-0b0f0c5d7a11"
SERVICE = "kafka-to-nexus:host-pid:4711-3f9a"
START = RunStartInfo(
    JOB, "run.nxs", 1000, 0, "{}", "", "b:9092", metadata='{"run_id": "R"}', control_topic="c"
)
STOP = RunStopInfo(2000, "R", JOB, SERVICE, "0d6e4079-e36f-4d0b-a1a6-1d4a9c1c4b5e")

#: By message: how it is made and read, what each field is in kafka-to-nexus, and what it says. The fields
#: are those of publishResponse and publishStoppedMsg (FeedbackProducer.cpp), of createReport and
#: createJSONReport (StatusReporterBase.cpp); the words and codes those of startWritingProcess and
#: stopWritingProcess (Handler.cpp). That a start's command id is its job id is handleStartCommand's doing.
SENT = {
    "accepted": (
        file_writer.accepted(SERVICE, START),
        deserialise_answ,
        {
            "service_id": SERVICE,
            "job_id": JOB,
            "command_id": JOB,
            "action": 0,
            "outcome": 0,
            "status_code": 201,
        },
        Says.ACCEPTS,
    ),
    "refused": (
        file_writer.refused(SERVICE, START),
        deserialise_answ,
        {
            "service_id": SERVICE,
            "job_id": JOB,
            "command_id": JOB,
            "action": 0,
            "outcome": 1,
            "status_code": 400,
        },
        Says.REFUSES,
    ),
    "will stop": (
        file_writer.will_stop(SERVICE, STOP),
        deserialise_answ,
        {"command_id": STOP.command_id, "action": 1, "outcome": 0, "status_code": 201, "job_id": JOB},
        Says.WILL_STOP,
    ),
    "will not stop": (
        file_writer.will_not_stop(SERVICE, STOP),
        deserialise_answ,
        {"command_id": STOP.command_id, "action": 1, "outcome": 1, "status_code": 500, "job_id": JOB},
        Says.WILL_NOT_STOP,
    ),
    "writing": (
        file_writer.writing(SERVICE, START, 2.0),
        deserialise_x5f2,
        {"software_name": "kafka-to-nexus", "service_id": SERVICE, "update_interval": 2000},
        Says.WRITES,
    ),
    "written": (
        file_writer.written(SERVICE, START),
        deserialise_wrdn,
        {"service_id": SERVICE, "job_id": JOB, "error_encountered": False, "metadata": START.metadata},
        Says.HAS_WRITTEN,
    ),
    "failed": (
        file_writer.failed(SERVICE, START),
        deserialise_wrdn,
        {"service_id": SERVICE, "job_id": JOB, "error_encountered": True, "file_name": "/nexus/run.nxs"},
        Says.HAS_FAILED,
    ),
}


@pytest.mark.parametrize("name", SENT)
def test_what_the_scripted_writer_sends_is_what_kafka_to_nexus_sends_and_is_understood(name):
    message, deserialise, fields, says = SENT[name]
    said = deserialise(message)
    assert {field: getattr(said, field) for field in fields} == fields
    found = read_answer(message)
    assert (found.says, found.job, found.writer) == (says, JOB, SERVICE)
    assert found.text == (getattr(said, "message", "") or "")
    assert found.file == getattr(said, "file_name", "")


def test_the_status_has_what_kafka_to_nexus_and_nicos_know_of_it():
    said = json.loads(deserialise_x5f2(file_writer.writing(SERVICE, START, 2.0)).status_json)
    assert said == {
        "state": "writing",
        "job_id": JOB,
        "file_being_written": "run.nxs",
        "start_time": 1000,
        # time_point::max(), in ms
        "stop_time": 2**63 // 10**6,
    }
    assert said.keys() == json.loads(deserialise_x5f2(file_writer.idle(SERVICE, 2.0)).status_json).keys()


def test_the_interval_is_that_of_the_status():
    assert read_answer(file_writer.writing(SERVICE, START, 3.5)).interval == 3_500_000_000


@pytest.mark.parametrize(
    "status", ["", "{}", "[]", "7", '{"job_id": ""}', '{"job_id": 7}', '{"job_id": null}']
)
def test_a_status_of_no_job_is_passed_over(status):
    message = serialise_x5f2("forwarder", "1", "s", "h", 1, 1000, status)
    assert read_answer(message) is None


def test_what_is_no_answer_is_passed_over():
    start = serialise_pl72(JOB, "f")
    assert deserialise_pl72(start).job_id == JOB
    for message in (start, serialise_6s4t(job_id=JOB), b"", b"\0" * 8, file_writer.idle(SERVICE, 2.0)):
        assert read_answer(message) is None


@given(st.sampled_from(list(SENT)), st.data())
def test_a_damaged_answer_is_refused_or_read_and_nothing_else(name, data):
    message = bytearray(SENT[name][0])
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(message[: data.draw(st.integers(0, len(message)))])
    try:
        found = read_answer(cut)
    except AnswerError:
        return
    assert found is None or isinstance(found, Answer)


def test_what_a_writer_says_is_shown_so_that_nothing_in_it_acts():
    start = START._replace(filename="a\x1b[31m\x00.nxs")
    assert read_answer(file_writer.written(SERVICE, start)).file == r"/nexus/a\x1b[31m\x00.nxs"
