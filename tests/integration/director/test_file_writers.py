"""File writers answer, refuse, fall silent and die: the policy has it ignored, said, or end the run."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import sys
import uuid
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import tango

from donki.limits import FileWriterPolicy
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.processes import Child
from helpers.brokers import new_broker
from helpers.file_writer import FOLDER, Behaviour, FileWriter
from helpers.kafka_clients import new_topic
from helpers.orchestra import Orchestra, wait_until

#: How long anything that is to come is waited for, in s: the machine may be busy.
LIMIT = 60.0


class Expected(NamedTuple):
    """What comes of a behaviour.

    Attributes
    ----------
    state
        how FileWriterState ends
    trouble
        what is said of it, as a pattern; empty for nothing
    at_start
        whether the trouble comes before the first trigger
    timeout
        FileWriterTimeout, in s
    """

    state: str
    trouble: str = ""
    at_start: bool = False
    timeout: int = 60


EXPECTED = {
    Behaviour.ACCEPTS: Expected("written"),
    Behaviour.ANSWERS_TWICE: Expected("written"),
    Behaviour.ANSWERS_LATE: Expected("written", "no answer within 1 s; is a file writer running", True, 1),
    Behaviour.IS_CONFUSED: Expected("written"),
    Behaviour.REFUSES: Expected("refused", "refused the job: Rejected start command as there is", True, 3),
    Behaviour.IS_SILENT: Expected("silent", "no answer within 1 s; is a file writer running", True, 1),
    Behaviour.DIES: Expected("silent", r"nothing was heard for 5.2 s", timeout=5),
    Behaviour.FAILS: Expected("failed", "failed: Unable to write: no space left on device"),
    Behaviour.ENDS_EARLY: Expected("written", "ended before the run did, the file lacks the rest"),
    Behaviour.SHARES: Expected("written", "-twin took the job too"),
}


class Written(Orchestra):
    """An orchestra whose Director tells file writers of its runs."""

    def __init__(self, facility, folder, broker):
        super().__init__(facility, folder, f"fw{uuid.uuid4().hex[:6]}")
        self.broker = broker
        self.director_server = DeviceServer.director(
            self.prefix,
            PlayerDevices=[f"donki/player/{self.prefix}-*"],
            RunDirectory=str(self.journal.parent),
            KafkaBrokers=broker,
        )

    def tell(self, **properties):
        """Tell file writers on a new topic from now on; return the topic."""
        topic = new_topic(self.broker)
        given = {"RunTopic": topic, "FileWriterPolicy": "REQUIRE", "FileWriterPool": "", **properties}
        self.director.put_property({name: [str(value)] for name, value in given.items()})
        self.director.Init()
        wait_until("the Director is ready", lambda: self.state() == "ON", LIMIT)
        self.director.Triggers = -1
        self.director.Period = 0.02
        self.refresh()
        return topic

    def states(self):
        return [line.partition(":")[0] for line in self.director.FileWriterState or ()]

    def job(self):
        """Return what the journal has of the last job of the run; empty texts before there is one."""
        query = (
            "SELECT job.* FROM job JOIN run ON run.key = run WHERE run.id = ? ORDER BY job.key DESC LIMIT 1"
        )
        with closing(sqlite3.connect(self.journal)) as journal, journal:
            journal.row_factory = sqlite3.Row
            found = journal.execute(query, (self.director.RunId,)).fetchone()
            return dict(found) if found else dict.fromkeys(("state", "said"), "")

    def remarks(self):
        query = "SELECT text FROM remark JOIN run ON run.key = remark.run WHERE run.id = ?"
        with closing(sqlite3.connect(self.journal)) as journal, journal:
            return [text for (text,) in journal.execute(query, (self.director.RunId,))]

    def runs(self):
        wait_until("it runs", lambda: self.director.CurrentTrigger > 2, LIMIT)

    def begin(self):
        """Start; a start that is refused has failed, which the state and LastError show too."""
        with suppress(tango.DevFailed):
            self.director.Start()

    def stop(self):
        if self.state() == "RUNNING":
            self.director.Stop()
        return self.ended(LIMIT)


@contextmanager
def written(facility, folder, broker):
    orchestra = Written(facility, folder, broker)
    try:
        orchestra.start("x")
        orchestra.set("x")
        yield orchestra
    finally:
        for child in orchestra.children.values():
            if child.is_alive:
                child.kill()


@pytest.fixture(scope="module")
def memory_broker():
    with new_broker("embedded") as running:
        yield running


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory, memory_broker):
    with written(facility, tmp_path_factory.mktemp("written"), memory_broker.address) as orchestra:
        yield orchestra


@pytest.fixture
def free(orchestra):
    """The orchestra, without the failure of another test."""
    if orchestra.state() == "FAULT":
        orchestra.director.Reset()
    return orchestra


@pytest.mark.parametrize("policy", FileWriterPolicy, ids=lambda policy: policy.name)
@pytest.mark.parametrize("behaviour", EXPECTED, ids=lambda behaviour: behaviour.name)
def test_what_a_file_writer_does_is_seen_and_means_what_the_policy_says(free, behaviour, policy):
    expected = EXPECTED[behaviour]
    topic = free.tell(FileWriterPolicy=policy.name, FileWriterTimeout=expected.timeout)
    director, delay = free.director, 5.0 if behaviour is Behaviour.ANSWERS_LATE else 0.0
    fails = bool(expected.trouble) and policy is FileWriterPolicy.REQUIRE
    with FileWriter(free.broker, topic, behaviour, delay=delay) as writer:
        free.begin()
        if fails:
            assert free.ended(LIMIT) == "FAULT"
            assert re.search(expected.trouble, director.LastError)
            place = "set-up" if expected.at_start else f"trigger {director.CurrentTrigger}"
            assert director.LastError.startswith(f"File writer, {place}: ")
            assert json.loads(director.LastFailure)["player"] is None
            assert (director.CurrentTrigger == 0) == expected.at_start
        elif expected.trouble:
            wait_until("it is in trouble", lambda: re.search(expected.trouble, free.job()["said"]), LIMIT)
            free.runs()
            if policy is FileWriterPolicy.WARN and behaviour is not Behaviour.ANSWERS_LATE:
                # A refusal is blamed on nobody before another could have taken the job.
                wait_until("Status says so", lambda: "file writer: " in director.Status(), LIMIT)
            assert policy is FileWriterPolicy.WARN or "file writer: " not in director.Status()
        else:
            wait_until("it writes", lambda: free.states() == ["writing"], LIMIT)
            free.runs()
            assert "file writer" not in director.Status()
        if behaviour is Behaviour.ANSWERS_LATE and not fails:
            wait_until("it writes", lambda: free.states() == ["writing"], LIMIT)
            assert "file writer" not in director.Status()
        if not fails:
            assert free.stop() == "ON"
            assert director.LastError == ""
        wait_until("it has ended", lambda: free.states() == [expected.state], LIMIT)
        wait_until("the journal knows", lambda: free.job()["state"] == expected.state, LIMIT)
    (start,) = writer.starts
    job = free.job()
    answered = expected.state != "silent" or behaviour is Behaviour.DIES
    assert job["id"] == start.job_id
    assert job["writer"] == (writer.service if answered else "")
    has_ended = expected.state in ("written", "failed")
    assert job["file"] == (f"{FOLDER}/{start.filename}" if has_ended else start.filename)
    # It is told who has the job, as NICOS does.
    asked_in_vain = {""} if behaviour is Behaviour.ANSWERS_LATE else set()
    assert {stop.service_id for stop in writer.stops} <= {writer.service} | asked_in_vain

    def told():
        remarks = (text for text in free.remarks() if text.startswith("file writer"))
        return any(re.search(expected.trouble, text) for text in remarks)

    if expected.trouble and policy is not FileWriterPolicy.IGNORE:
        wait_until("a remark tells", told, LIMIT)
    else:
        assert not told()
    damaged = [text for text in free.remarks() if "cannot be read" in text]
    assert len(damaged) == (behaviour is Behaviour.IS_CONFUSED)


@pytest.mark.parametrize("refuses_first", [True, False])
def test_of_two_file_writers_on_one_topic_one_may_refuse_what_the_other_takes(free, refuses_first):
    topic = free.tell(FileWriterTimeout=60)
    delays = (0, 1) if refuses_first else (1, 0)
    refuses, takes = (
        FileWriter(free.broker, topic, behaviour, delay=delay)
        for behaviour, delay in zip((Behaviour.REFUSES, Behaviour.ACCEPTS), delays, strict=True)
    )
    with refuses, takes:
        free.begin()
        if refuses_first:
            wait_until("it is refused", lambda: free.states() in (["refused"], ["writing"]), LIMIT)
        free.runs()
        wait_until("it writes", lambda: free.states() == ["writing"], LIMIT)
        assert free.stop() == "ON"
        wait_until("it is written", lambda: free.states() == ["written"], LIMIT)
    assert free.job()["writer"] == takes.service
    assert not [text for text in free.remarks() if text.startswith("file writer")]


@pytest.mark.parametrize("policy", ["IGNORE", "WARN", "REQUIRE"])
def test_a_file_writer_that_does_not_stop_is_told_of_after_the_run(free, policy):
    topic = free.tell(FileWriterPolicy=policy, FileWriterTimeout=60)
    with FileWriter(free.broker, topic, Behaviour.GOES_ON):
        free.begin()
        free.runs()
        assert free.stop() == "ON"
        wait_until("it refuses", lambda: "does not stop: Failed to execute" in free.job()["said"], LIMIT)
        said = "does not stop" in free.director.Status()
        assert (said, free.states()) == (policy != "IGNORE", ["writing"])


def test_no_trigger_is_sent_before_a_file_writer_has_the_run_and_the_wait_can_be_left(free):
    topic = free.tell(FileWriterTimeout=60)
    free.begin()
    assert (free.state(), free.director.CurrentTrigger) == ("RUNNING", 0)
    assert "awaiting writer" in free.director.Status()
    assert free.states() == ["asked"]
    free.director.Stop()
    assert free.ended(LIMIT) == "ON"
    assert free.director.CurrentTrigger == 0
    # Armed, it pauses when a file writer has it.
    with FileWriter(free.broker, topic, delay=1):
        free.director.Arm()
        wait_until("it is armed", lambda: free.state() == "STANDBY", LIMIT)
        assert free.states() in (["accepted"], ["writing"])
        free.director.Stop()
        assert free.ended(LIMIT) == "ON"
        wait_until("it is written", lambda: free.states() == ["written"], LIMIT)


def test_of_a_pool_one_file_writer_takes_each_run_and_answers_on_the_run_topic(free):
    pool = new_topic(free.broker)
    topic = free.tell(FileWriterPool=pool, FileWriterTimeout=60)
    writers = [FileWriter(free.broker, pool, in_group=True) for _ in range(2)]
    with writers[0], writers[1]:
        for _ in range(2):
            free.begin()
            free.runs()
            assert free.stop() == "ON"
            wait_until("it is written", lambda: free.states() == ["written"], LIMIT)
    starts = [start for writer in writers for start in writer.starts]
    assert len(starts) == len({start.job_id for start in starts}) == 2
    assert {start.control_topic for start in starts} == {topic}
    for writer in writers:
        assert [stop.service_id for stop in writer.stops] == [writer.service] * len(writer.starts)


@contextmanager
def writer_process(folder, broker, topic):
    command = [sys.executable, "-m", "helpers.file_writer", broker, topic]
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    child = Child("file writer", command, folder / f"{uuid.uuid4().hex}.log", path)
    try:
        child.wait_for("ready: ", LIMIT)
        yield child
    finally:
        child.kill()


def test_a_killed_file_writer_fails_the_run_which_goes_on_with_another(free, tmp_path):
    topic = free.tell(FileWriterTimeout=5)
    with writer_process(tmp_path, free.broker, topic) as writer:
        free.begin()
        free.runs()
        os.kill(writer.pid, signal.SIGKILL)
        assert free.ended(LIMIT) == "FAULT"
    assert "nothing was heard for 5.2 s" in free.director.LastError
    last = free.director.CurrentTrigger
    with writer_process(tmp_path, free.broker, topic):
        free.director.Recover()
        wait_until("it goes on", lambda: free.director.CurrentTrigger > last, LIMIT)
        assert free.stop() == "ON"
        wait_until("it is written", lambda: free.states()[-1] == "written", LIMIT)
    wait_until("the journal knows", lambda: free.job()["state"] == "written", LIMIT)
    assert free.job()["file"] == f"{FOLDER}/{free.director.RunId}_filewriter+2.nxs"


def test_a_killed_director_takes_the_run_up_and_hears_of_both_jobs(free, tmp_path):
    topic = free.tell(FileWriterTimeout=60)
    with writer_process(tmp_path, free.broker, topic):
        free.begin()
        free.runs()
        wait_until("the journal knows", lambda: free.job()["state"] == "writing", LIMIT)
        run_id, first = free.director.RunId, free.job()
        os.kill(free.children["director"].pid, signal.SIGKILL)
        free.children["director"].wait(5)
        free.restart("director")
        wait_until("the Director is ready", lambda: free.state() == "ON", LIMIT)
        free.refresh()
        free.director.Recover()
        wait_until("it runs", lambda: free.state() == "RUNNING" and "asked" not in free.states(), LIMIT)
        assert free.stop() == "ON"
        wait_until("both are written", lambda: free.states() == ["written", "written"], LIMIT)
    assert free.director.RunId == run_id
    query = "SELECT id, file FROM job WHERE run = (SELECT key FROM run WHERE id = ?) ORDER BY key"

    def jobs():
        with closing(sqlite3.connect(free.journal)) as journal, journal:
            return dict(journal.execute(query, (run_id,)))

    files = [f"{FOLDER}/{run_id}_filewriter{part}.nxs" for part in ("", "+2")]
    wait_until("the journal knows", lambda: list(jobs().values()) == files, LIMIT)
    assert next(iter(jobs())) == first["id"]


def test_while_the_broker_is_away_no_file_writer_is_silent(facility, tmp_path, own_broker):
    with written(facility, tmp_path, own_broker.address) as orchestra:
        topic = orchestra.tell(FileWriterTimeout=3)
        with FileWriter(orchestra.broker, topic):
            orchestra.begin()
            orchestra.runs()
            wait_until("it writes", lambda: orchestra.states() == ["writing"], LIMIT)
            own_broker.pause()
            try:
                now = orchestra.director.CurrentTrigger
                # 10 s and more: as long as three of its patience.
                wait_until("triggers go on", lambda: orchestra.director.CurrentTrigger > now + 500, LIMIT)
                assert orchestra.states() == ["writing"]
            finally:
                own_broker.resume()
            wait_until("triggers go on", lambda: orchestra.director.CurrentTrigger > now + 800, LIMIT)
            assert orchestra.stop() == "ON"
            wait_until("it is written", lambda: orchestra.states() == ["written"], LIMIT)
