"""What is kept and told of a run: master file, messages to file writers, times on Kafka; all of it real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import time
import uuid
from contextlib import closing, contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
import scippnexus
import tango
from kafka import KafkaConsumer, TopicPartition
from streaming_data_types import deserialise_6s4t, deserialise_da00, deserialise_pl72

from donki_client.facility.device_server import DeviceServer
from helpers.brokers import new_broker
from helpers.donki_command import Command
from helpers.orchestra import SCRIPTS, Orchestra, wait_until
from helpers.support import free_port, took

NAMES = ("x", "y")


class Recorded(Orchestra):
    """An orchestra whose Players stream and write files, and whose Director tells of its runs."""

    def __init__(self, facility, folder, prefix, broker, **director):
        super().__init__(facility, folder, prefix)
        self.files = folder / "files"
        self.files.mkdir()
        self.broker = broker
        self.prefix = prefix
        self.director_server = DeviceServer.director(
            prefix,
            PlayerDevices=[f"donki/player/{prefix}-*"],
            RunDirectory=str(self.journal.parent),
            KafkaBrokers=broker,
            **director,
        )

    def player_server(self, name, script=SCRIPTS / "streaming.py", **more):
        properties = {"KafkaBrokers": self.broker, "FileDirectory": str(self.files)}
        return super().player_server(name, script, **properties, **more)

    def set(self, name, **parameters):
        given = {"topic": f"{self.prefix}-events", "source": f"panel_{name}", **parameters}
        self.players[name].Parameters = json.dumps(given)

    def need_no_broker(self):
        """Let the Players stream nothing."""
        for player in self.players.values():
            player.Script = "scripted.py"
            player.Parameters = "{}"
        self.refresh()

    @property
    def master(self) -> Path:
        return self.journal.parent / f"{self.director.RunId}.nxs"

    def rows(self, query):
        with closing(sqlite3.connect(self.journal)) as connection, connection:
            return connection.execute(
                query.replace("RUN", "(SELECT key FROM run WHERE id = ?)"), (self.director.RunId,)
            ).fetchall()

    def remarks(self):
        return [text for (text,) in self.rows("SELECT text FROM remark WHERE run = RUN")]

    def jobs(self):
        return self.rows("SELECT id, stopped IS NOT NULL FROM job WHERE run = RUN ORDER BY key")

    def wait_for_master(self, limit=10.0):
        wait_until("the master file", self.master.exists, limit)
        return self.master


@contextmanager
def recorded(facility, folder, broker, **director):
    prefix = f"rr{uuid.uuid4().hex[:6]}"
    orchestra = Recorded(facility, folder, prefix, broker, **director)
    try:
        orchestra.start(*NAMES)
        for name in NAMES:
            orchestra.set(name)
        orchestra.refresh()
        yield orchestra
    finally:
        for child in orchestra.children.values():
            if child.is_alive:
                child.kill()


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory, broker):
    topic = uuid.uuid4().hex
    folder = tmp_path_factory.mktemp("record")
    topics = {"RunTopic": f"runs-{topic}", "TimingTopic": f"timing-{topic}"}
    with recorded(facility, folder, broker.address, **topics) as orchestra:
        orchestra.topics = topics
        yield orchestra


@pytest.fixture
def memory_broker():
    with new_broker("embedded") as running:
        yield running


def messages(address, topic):
    """Return all that stands in a topic."""
    consumer = KafkaConsumer(bootstrap_servers=address, group_id=None, enable_auto_commit=False)
    try:
        if topic not in consumer.topics():
            return []
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        (end,) = consumer.end_offsets([partition]).values()
        found = []
        deadline = time.monotonic() + 10
        while consumer.position(partition) < end:
            assert time.monotonic() < deadline, f"{topic} could not be read"
            for batch in consumer.poll(timeout_ms=100).values():
                found += [record.value for record in batch]
        return found
    finally:
        consumer.close()


def told(address, topic, run_id):
    """Return the starts and the stops of a run that file writers were told of."""
    found = messages(address, topic)
    starts = [deserialise_pl72(message) for message in found if message[4:8] == b"pl72"]
    stops = [deserialise_6s4t(message) for message in found if message[4:8] == b"6s4t"]
    return [start for start in starts if start.run_name == run_id], [
        stop for stop in stops if stop.run_name == run_id
    ]


def timed(address, topic):
    """Return by trigger the variables of the messages in a topic."""
    found = {}
    for message in messages(address, topic):
        variables = {variable.name: variable.data for variable in deserialise_da00(message).data}
        found.setdefault(variables["trigger"], []).append(variables)
    return found


def test_the_master_file_has_the_run_and_links_the_players_files(orchestra, tmp_path):
    orchestra.director.RunTitle = "Silicon"
    orchestra.director.RunMetadata = json.dumps({"sample": "Si", "temperature": 4.2})
    assert orchestra.play(20) == "ON"
    path = orchestra.wait_for_master()
    loaded = scippnexus.load(path)["entry"]
    assert loaded["title"] == "Silicon"
    assert loaded["outcome"] == "done"
    assert loaded["metadata"]["temperature"] == 4.2
    assert list(loaded["timing"].coords["trigger"].values) == list(range(1, 21))
    for name in NAMES:
        player = loaded["players"][orchestra.name(name)]
        assert player["script"] == "streaming.py"
        assert player["timing"].sizes == {"trigger": 20}
        assert (player["timing"].coords["events"].values == 3).all()
        detector = player["file"]["entry"]["instrument"][f"panel_{name}"]
        assert detector[f"panel_{name}_events"].bins.size().sum().value == 60
    assert loaded["timing"].coords["sent"].dtype == "datetime64"
    # The journal's own figures, to the ns.
    with h5py.File(path) as file:
        rows = orchestra.rows("SELECT reference_time, due, sent, done FROM trigger WHERE run = RUN")
        columns = [file["entry/timing"][name][()] for name in ("reference_time", "due", "sent", "done")]
        np.testing.assert_array_equal(np.column_stack(columns), rows)
    # Runs and files can be moved together.
    shutil.copytree(orchestra.folder, tmp_path / "moved", ignore=shutil.ignore_patterns("*sqlite*"))
    for file in orchestra.files.iterdir():
        file.rename(file.with_suffix(".away"))
    with h5py.File(tmp_path / "moved" / path.relative_to(orchestra.folder)) as file:
        player = file[f"entry/players/{orchestra.name('x')}"]
        assert len(player[f"file/{orchestra.name('x')}/number"]) == 20


def test_a_run_that_failed_is_told_of_again_when_it_is_taken_up(orchestra):
    orchestra.set("x", fail_at=4)
    try:
        assert orchestra.play(8) == "FAULT"
        with h5py.File(orchestra.wait_for_master()) as file:
            assert file["entry/outcome"].asstr()[()] == "failed"
            assert "no beam" in file["entry/error"].asstr()[()]
            assert list(file["entry/timing/trigger"]) == [1, 2, 3]
        wait_until("the job is stopped", lambda: orchestra.jobs()[0][1])
        orchestra.director.Recover()
        assert orchestra.ended() == "ON"
    finally:
        orchestra.set("x")

    def whole():
        with h5py.File(orchestra.master) as file:
            return file["entry/outcome"].asstr()[()] == "done"

    wait_until("the master file is written again", whole)
    with h5py.File(orchestra.master) as file:
        assert list(file["entry/timing/trigger"]) == list(range(1, 9))
        player = file[f"entry/players/{orchestra.name('x')}"]
        turns = player["timing"]
        assert list(turns["attempt"][turns["trigger"][()] == 4]) == [1, 2]
        numbers = [
            number
            for link in ("file", "file_2")
            for number in player[f"{link}/{orchestra.name('x')}/number"][()].tolist()
        ]
        assert numbers == list(range(1, 9))
    wait_until("both jobs are stopped", lambda: [stopped for _, stopped in orchestra.jobs()] == [1, 1])
    starts, stops = told(orchestra.broker, orchestra.topics["RunTopic"], orchestra.director.RunId)
    assert [start.job_id for start in starts] == [stop.job_id for stop in stops]
    assert len({start.job_id for start in starts}) == 2
    run_id = orchestra.director.RunId
    assert [start.filename for start in starts] == [
        f"{run_id}_filewriter.nxs",
        f"{run_id}_filewriter+2.nxs",
    ]


def test_file_writers_are_told_when_a_run_begins_and_ends_and_what_is_streamed(orchestra):
    before = time.time_ns()
    assert orchestra.play(5) == "ON"
    wait_until("the job is stopped", lambda: [stopped for _, stopped in orchestra.jobs()] == [1])
    (start,), (stop,) = told(orchestra.broker, orchestra.topics["RunTopic"], orchestra.director.RunId)
    assert start.job_id == stop.job_id == orchestra.jobs()[0][0]
    assert uuid.UUID(start.job_id).version == uuid.UUID(stop.command_id).version == 4
    assert start.control_topic == orchestra.topics["RunTopic"]
    assert start.broker == orchestra.broker
    assert json.loads(start.metadata)["run_id"] == orchestra.director.RunId
    for name in NAMES:
        config = {"topic": f"{orchestra.prefix}-events", "source": f"panel_{name}"}
        assert json.dumps({"module": "ev44", "config": config}) in start.nexus_structure
    times = [time for (time,) in orchestra.rows("SELECT reference_time FROM trigger WHERE run = RUN")]
    assert before // 1_000_000 <= start.start_time <= min(times) // 1_000_000
    assert max(times) <= stop.stop_time * 1_000_000 <= time.time_ns() + 1_000_000


@pytest.mark.parametrize("profile", ["plain", "efu"])
def test_file_writers_are_stopped_when_the_slow_neutrons_of_the_last_pulse_have_come(orchestra, profile):
    orchestra.director.Period = 0.1
    orchestra.set("x", frame="wrap", profile=profile)
    try:
        assert orchestra.play(2) == "ON"
    finally:
        orchestra.director.Period = 0
        orchestra.set("x")
    assert orchestra.players["x"].EventsSent == 6
    wait_until("the job is stopped", lambda: [stopped for _, stopped in orchestra.jobs()] == [1])
    _, (stop,) = told(orchestra.broker, orchestra.topics["RunTopic"], orchestra.director.RunId)
    times = [time for (time,) in orchestra.rows("SELECT reference_time FROM trigger WHERE run = RUN")]
    # The frame that begins 20 periods after the last pulse.
    assert 0 < stop.stop_time * 1_000_000 - (max(times) + 2 * 10**9) < 2_000_000


def test_a_time_stamp_far_ahead_does_not_keep_file_writers(orchestra):
    player = orchestra.players["x"]
    player.Faults = json.dumps([{"kind": "future", "triggers": [2]}])
    try:
        assert orchestra.play(3) == "ON"
    finally:
        player.Faults = "[]"
    wait_until("the job is stopped", lambda: [stopped for _, stopped in orchestra.jobs()] == [1])
    _, (stop,) = told(orchestra.broker, orchestra.topics["RunTopic"], orchestra.director.RunId)
    [(ended,)] = orchestra.rows("SELECT ended FROM run WHERE key = RUN")
    assert 0 <= stop.stop_time * 1_000_000 - ended < 2_000_000


def test_the_times_of_every_trigger_stand_in_kafka(orchestra):
    assert orchestra.play(30) == "ON"
    orchestra.wait_for_master()
    rows = orchestra.rows("SELECT number, reference_time, due, sent, done FROM trigger WHERE run = RUN")
    assert len(rows) == 30
    first = rows[0][1]

    def sent():
        """Return the messages of this run by trigger; the topic has those of earlier runs too."""
        found = timed(orchestra.broker, orchestra.topics["TimingTopic"])
        mine = {n: [each for each in given if each["reference_time"] >= first] for n, given in found.items()}
        return {number: given for number, given in mine.items() if given}

    wait_until("all are sent", lambda: len(sent()) == 30)
    found = sent()
    for number, *times in rows:
        (message,) = found[number]
        assert [message[name] for name in ("reference_time", "due", "sent", "done")] == times
        assert message["player"] == " ".join(orchestra.name(name) for name in NAMES)
        assert list(message["outcome"]) == [0, 0]
        assert (message["signal"] > 0).all()
    assert orchestra.remarks() == []


def test_a_player_shows_its_files_and_streams(orchestra):
    assert orchestra.play(2) == "ON"
    player = orchestra.players["x"]
    (file,) = player.Files
    assert Path(file) == orchestra.files / f"{orchestra.director.RunId}_{orchestra.name('x')}.nxs"
    events = {"schema": "ev44", "topic": f"{orchestra.prefix}-events", "source": "panel_x"}
    assert json.loads(player.Streams) == [events]


def test_a_master_file_that_cannot_be_written_is_remarked_and_hides_nothing(orchestra):
    orchestra.director.Triggers = -1
    orchestra.director.Start()
    orchestra.master.mkdir()
    orchestra.director.Stop()
    assert orchestra.ended() == "ON"
    wait_until("Status says so", lambda: "the master file" in orchestra.director.Status())
    wait_until("it is remarked", orchestra.remarks)
    assert orchestra.remarks()[0].startswith(f"the master file {orchestra.master} cannot be written")
    assert orchestra.rows("SELECT outcome FROM run WHERE key = RUN") == [("stopped",)]
    assert orchestra.play(2) == "ON"
    orchestra.wait_for_master()
    assert "master file" not in orchestra.director.Status()


def test_donki_report_finds_the_journal_of_a_director(orchestra, tmp_path):
    assert orchestra.play(3) == "ON"
    host = orchestra.facility.database.tango_host
    device = f"tango://{host}/donki/director/{orchestra.prefix}"
    done = Command(tmp_path).run("report", "--director", device, "--picture", str(tmp_path / "run.png"))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Run         {orchestra.director.RunId}" in done.stdout
    assert f"Master file {orchestra.wait_for_master()}" in done.stdout
    assert (tmp_path / "run.png").stat().st_size > 10_000
    missing = Command(tmp_path).run("report", "--director", f"tango://{host}/donki/director/gone")
    assert missing.returncode == 1
    assert "donki/director/gone is not in that Tango database" in missing.stderr


def test_without_a_broker_a_run_that_is_to_be_told_of_does_not_start(facility, tmp_path):
    nobody = f"127.0.0.1:{free_port()}"
    with recorded(facility, tmp_path, nobody, RunTopic="runs") as orchestra:
        before = time.monotonic()
        with pytest.raises(tango.DevFailed) as refused:
            orchestra.director.Start()
        assert took(before) < 5
        assert refused.value.args[0].reason == "Donki_BrokerError"
        assert nobody in refused.value.args[0].desc
        assert nobody in orchestra.director.LastError
        assert orchestra.state() == "ON"
        assert orchestra.director.RunId == ""
        with closing(sqlite3.connect(orchestra.journal)) as journal, journal:
            assert journal.execute("SELECT COUNT(*) FROM run").fetchone() == (0,)


def test_options_that_are_no_json_are_refused_and_not_shown(facility, tmp_path):
    with recorded(facility, tmp_path, "127.0.0.1:1", TimingTopic="t", KafkaOptions="secret") as orchestra:
        with pytest.raises(tango.DevFailed) as refused:
            orchestra.director.Start()
        assert "KafkaOptions" in refused.value.args[0].desc
        assert "secret" not in refused.value.args[0].desc


def test_without_a_broker_the_times_wait_and_the_run_goes_on(facility, tmp_path):
    nobody = f"127.0.0.1:{free_port()}"
    with recorded(facility, tmp_path, nobody, TimingTopic="timing") as orchestra:
        orchestra.need_no_broker()
        orchestra.director.Period = 0.01
        orchestra.director.Triggers = -1
        orchestra.director.Start()
        wait_until(
            "Status says so", lambda: f"no Kafka broker answers at {nobody}" in orchestra.director.Status()
        )
        assert orchestra.state() == "RUNNING"
        orchestra.director.Stop()
        assert orchestra.ended() == "ON"
        count = orchestra.director.CurrentTrigger
        lost = f"the times of {count} triggers were not sent to topic timing"
        wait_until("the loss is remarked", lambda: lost in orchestra.remarks(), 20)
        assert orchestra.remarks()[0].startswith(
            f"the times of triggers wait: no Kafka broker answers at {nobody}"
        )


def test_a_broker_that_falls_silent_delays_no_trigger_and_gets_every_time(facility, tmp_path, own_broker):
    topic = uuid.uuid4().hex
    with recorded(facility, tmp_path, own_broker.address, TimingTopic=topic) as orchestra:
        orchestra.need_no_broker()
        director = orchestra.director
        director.Period = 0.02
        director.Triggers = -1
        director.Start()
        wait_until("times are sent", lambda: len(timed(own_broker.address, topic)) > 5)
        own_broker.pause()
        try:
            wait_until("Status says so", lambda: "did not acknowledge" in director.Status(), 20)
            now = director.CurrentTrigger
            wait_until("triggers go on", lambda: director.CurrentTrigger > now + 20, 2)
        finally:
            own_broker.resume()
        wait_until("Status is clear", lambda: "Kafka" not in director.Status(), 30)
        director.Stop()
        assert orchestra.ended() == "ON"
        count = director.CurrentTrigger
        wait_until("all are there", lambda: set(timed(own_broker.address, topic)) == set(range(1, count + 1)))
        lateness = [late for (late,) in orchestra.rows("SELECT sent - due FROM trigger WHERE run = RUN")]
        # The broker is waited for for seconds.
        assert np.median(lateness) < 5e8


def test_a_job_that_a_killed_director_left_is_stopped_when_the_run_is_taken_up(
    facility, tmp_path, memory_broker
):
    with recorded(facility, tmp_path, memory_broker.address, RunTopic="runs") as orchestra:
        for name in NAMES:
            orchestra.set(name, sleep=0.02)
        orchestra.director.Triggers = 100
        orchestra.director.Start()
        run_id = orchestra.director.RunId
        wait_until("the run is told of", lambda: told(memory_broker.address, "runs", run_id)[0])
        wait_until("it runs", lambda: orchestra.director.CurrentTrigger >= 20)
        os.kill(orchestra.children["director"].pid, signal.SIGKILL)
        orchestra.children["director"].wait(5)
        assert not (orchestra.journal.parent / f"{run_id}.nxs").exists()
        orchestra.restart("director")
        orchestra.director.Recover()
        assert orchestra.ended() == "ON"
        wait_until("all jobs are stopped", lambda: [stopped for _, stopped in orchestra.jobs()] == [1, 1])
        starts, stops = told(memory_broker.address, "runs", run_id)
        assert [start.job_id for start in starts] == [stop.job_id for stop in stops]
        assert len({start.filename for start in starts}) == 2
        with h5py.File(orchestra.wait_for_master()) as file:
            assert list(file["entry/timing/trigger"]) == list(range(1, 101))


def test_a_job_that_was_left_is_stopped_when_another_run_starts(facility, tmp_path, memory_broker):
    with recorded(facility, tmp_path, memory_broker.address, RunTopic="runs") as orchestra:
        orchestra.director.Triggers = -1
        orchestra.director.Start()
        left = orchestra.director.RunId
        wait_until("the run is told of", lambda: told(memory_broker.address, "runs", left)[0])
        os.kill(orchestra.children["director"].pid, signal.SIGKILL)
        orchestra.children["director"].wait(5)
        orchestra.restart("director")
        assert orchestra.play(2) == "ON"
        wait_until("the job is stopped", lambda: told(memory_broker.address, "runs", left)[1])


def test_a_broker_that_is_away_at_the_end_is_told_when_it_is_back(facility, tmp_path, own_broker):
    with recorded(facility, tmp_path, own_broker.address, RunTopic="runs") as orchestra:
        orchestra.need_no_broker()
        orchestra.director.Triggers = -1
        orchestra.director.Start()
        run_id = orchestra.director.RunId
        wait_until("the run is told of", lambda: told(own_broker.address, "runs", run_id)[0])
        own_broker.kill()
        orchestra.director.Stop()
        assert orchestra.ended() == "ON"
        orchestra.wait_for_master()
        own_broker.restart()
        wait_until("the job is stopped", lambda: told(own_broker.address, "runs", run_id)[1], 30)
