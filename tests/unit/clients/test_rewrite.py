"""What a file writer is told of a past run, and how its answers are followed."""

import json

import numpy as np
import pytest
from streaming_data_types import deserialise_pl72, serialise_pl72

from donki.director.rules.writer_jobs import GRACE, SECOND
from donki.limits import USUAL_SILENCE
from donki.run import Run
from donki.streams.listing import Stream
from donki.streams.schemas.da00 import ArrayStream
from donki_client.rewrite.job_watch import LINGER, JobWatch
from donki_client.rewrite.past_run import PastRun
from donki_client.rewrite.start_message import start_again, streams_in
from helpers import file_writer
from helpers.streams import open_stream

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


def start(job="job-2"):
    return deserialise_pl72(serialise_pl72(job, "new.nxs", 1, 2, metadata="{}"))


TAKES, REFUSES = file_writer.accepted("w", start()), file_writer.refused("w", start())
WRITES = file_writer.writing("w", start(), 2)
DONE, FAILS = file_writer.written("w", start()), file_writer.failed("w", start())
TAKES_TOO = file_writer.accepted("v", start())
OTHERS = [
    *(file_writer.refused("w", start("job-1")), file_writer.failed("w", start("job-1"))),
    *(b"", file_writer.idle("w", 2), REFUSES[:8], DONE[: len(DONE) // 2]),
]
TAKEN, WRITING, WRITTEN = "w has taken the job", "w is writing", "w has written /nexus/new.nxs"
REFUSED = "w: refused the job: Rejected start command as there is currently a write job in progress."
MAY = f"{REFUSED.replace('w: ', 'w ').rstrip('.')}; another one may take it"
NO_ANSWER = f"no answer within {USUAL_SILENCE} s; is a file writer running, and free?"
SILENT = f"w: nothing was heard for {USUAL_SILENCE + 2} s"


class Watched:
    """A job, what is said of it, and a clock that the test moves, in s."""

    def __init__(self, limit=600):
        self.lines = []
        self.now = 0
        self.watch = JobWatch("job-2", "new.nxs", limit, lambda line, _: self.lines.append(line), 0)

    def take(self, *messages):
        for message in messages:
            self.watch.take(message, self.now * SECOND)

    def wait(self, seconds):
        """Return whether it is over then."""
        self.now += seconds
        self.watch.look(self.now * SECOND)
        return self.watch.is_over(self.now * SECOND)

    def said(self):
        return [line for line in self.lines if "cannot be read" not in line]


@pytest.mark.parametrize(
    ("messages", "lines"),
    [
        ([TAKES, WRITES, WRITES, DONE], [TAKEN, WRITING, WRITTEN]),
        ([DONE], [WRITTEN]),
        ([*OTHERS, REFUSES, *OTHERS, TAKES, WRITES, *OTHERS, DONE], [MAY, TAKEN, WRITING, WRITTEN]),
        ([TAKES, REFUSES, DONE, FAILS], [TAKEN, WRITTEN]),
        ([TAKES, TAKES_TOO, WRITES, DONE], [TAKEN, "w: v took the job too", WRITING, WRITTEN]),
        ([TAKES, FAILS, DONE], [TAKEN, "w: failed: Unable to write: no space left on device"]),
        ([REFUSES], [MAY, REFUSED]),
        ([TAKES, WRITES], [TAKEN, WRITING, SILENT]),
        (OTHERS, [NO_ANSWER]),
    ],
)
def test_what_comes_of_a_job_follows_from_the_answers(messages, lines):
    job = Watched()
    job.take(*messages)
    is_told = lines[-1] not in (REFUSED, SILENT, NO_ANSWER)
    assert job.wait(0) == is_told
    assert job.wait(USUAL_SILENCE + 2) == (is_told or lines[-1] == REFUSED)
    assert job.wait(LINGER)
    assert job.said() == lines
    assert job.watch.is_written == (lines[-1] == WRITTEN)
    assert ("cannot be read" in "".join(job.lines)) == (OTHERS[-1] in messages)


def test_who_was_silent_may_speak_again_and_another_take_what_one_has_refused():
    job = Watched()
    assert not job.wait(USUAL_SILENCE + LINGER - 1)
    job.take(REFUSES)
    assert not job.wait(GRACE // SECOND - 1)
    job.take(TAKES)
    assert not job.wait(USUAL_SILENCE + 2 + LINGER - 1)
    job.take(WRITES, DONE)
    assert job.wait(0)
    assert job.said() == [NO_ANSWER, REFUSED, TAKEN, SILENT, WRITING, WRITTEN]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "no file writer has taken the job within 3 s"),
        ([REFUSES], "no file writer has taken the job within 3 s"),
        ([TAKES, WRITES], "w has not written it within 3 s"),
    ],
)
def test_there_is_a_limit_for_all_of_it(messages, said):
    job = Watched(limit=3)
    job.take(*messages)
    assert not job.wait(2)
    assert job.wait(1)
    assert job.said()[-1] == said
    assert not job.watch.is_written
