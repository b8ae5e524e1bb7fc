"""Runs with faults on purpose, and `donki check-data`: all that was put in is found, all amiss is named."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import h5py
import pytest
import tango
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from rich.console import Console
from streaming_data_types import deserialise_ev44

from donki.director.journal.reading.reader import JournalReader
from donki.limits import OnError
from donki.streams.kafka.topics.topic import ensure_topics
from donki_client.verify.check_data import check_data
from donki_client.verify.run_check import check_run
from helpers.donki_command import Command
from helpers.orchestra import SCRIPTS, an_orchestra
from helpers.support import free_port, wait_until

FAULTS = """
    faults:
      - {kind: drop, rate: 0.05, source: panel, triggers: [1-9, "13-20"]}
      - {kind: duplicate, rate: 0.05}
      - {kind: reorder, rate: 0.05}
      - {kind: corrupt, rate: 0.05, bytes: 3}
      - {kind: truncate, triggers: [5]}
      - {kind: pixel_ids, rate: 0.1, share: 0.5}
      - {kind: times_of_flight, rate: 0.1}
      - {kind: silence, triggers: [10], length: 2}
      - {kind: delay, rate: 0.05, length: 3}
      - {kind: burst, triggers: [14], length: 2}
      - {kind: clock_jump, triggers: [17], offset: -3 s}
"""


@dataclass
class Played:
    """A run that was played: where its broker, its topic, its journal and its file are."""

    command: Command
    broker: str
    topic: str
    journal: Path
    file: Path

    def check(self, *arguments):
        return self.command.run("check-data", *arguments)

    def problems(self, broker=None):
        with JournalReader(self.journal) as reader:
            return check_run(reader, reader.run(), broker=broker).problems


def play(folder, broker, topic, tail="", triggers=20, script="checked.py"):
    command = Command(folder / "data")
    path = folder / "checked.yaml"
    path.write_text(
        f"triggers: {triggers}\nseed: 5\nhdf5: files\nbroker: {broker}\nplayers:\n  p:\n"
        f"    script: {SCRIPTS / script}\n    values_topic: {topic}-values\n{tail}"
    )
    done = command.run("run", str(path))
    assert done.returncode == 0, done
    [file] = (folder / "files").iterdir()
    return done, Played(command, broker, topic, folder / "data/donkiorchestra/runs", file)


@pytest.fixture(scope="module")
def played(broker, tmp_path_factory):
    topic = f"faulty-{free_port()}"
    parameters = f"    parameters: {{topic: {topic}}}\n"
    folder = tmp_path_factory.mktemp("faulty")
    done, run = play(folder, broker.address, topic, parameters + FAULTS)
    assert "faults put in on purpose" in done.stdout
    return run


def messages(run):
    """Return key, value and time stamp of all messages of the run's topic."""
    partition = TopicPartition(run.topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=run.broker, group_id=None, enable_auto_commit=False)
    try:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        [end] = consumer.end_offsets([partition]).values()
        found = []
        while len(found) < end:
            for records in consumer.poll(timeout_ms=200).values():
                found += [(record.key, record.value, record.timestamp) for record in records]
    finally:
        consumer.close()
    return found


def send(run, *records):
    producer = KafkaProducer(bootstrap_servers=run.broker)
    for key, value, time in records:
        producer.send(run.topic, value, key=key, timestamp_ms=time, partition=0)
    producer.flush(10)
    producer.close()


def delete(run):
    admin = KafkaAdminClient(bootstrap_servers=run.broker)
    try:
        if run.topic in admin.list_topics():
            admin.delete_topics([run.topic])
        wait_until("the topic is gone", lambda: run.topic not in admin.list_topics())
    finally:
        admin.close()


def rewrite(run, records):
    """Have a topic hold these messages and no others."""
    delete(run)
    ensure_topics([run.topic], run.broker, {"bootstrap_servers": run.broker}, 10)
    send(run, *records)


def index_of(run, found, source, number):
    return [index for index, (key, _, _) in enumerate(found) if key == source][number]


def test_what_was_put_in_is_found(played):
    done = played.check()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "all that the journal lists is there, and nothing else" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    faults = {(row[1], row[2]): row[3:] for row in rows if len(row) == 5 and row[0] == "p"}
    for kind in ("silence", "truncate", "burst", "clock_jump"):
        assert ("panel", kind) in faults
    assert faults["panel", "silence"][0] == "12"
    assert all(expected == found for expected, found in faults.values())
    with closing(sqlite3.connect(played.journal / "journal.sqlite")) as journal, journal:
        noted = journal.execute(
            "SELECT trigger, kind, topic, source, message, detail FROM fault ORDER BY key"
        ).fetchall()
    with h5py.File(played.file) as file:
        group = file["entry/instrument/faults"]
        names = ("trigger", "kind", "topic", "source", "message", "detail")
        columns = [
            group[name][:] if name in ("trigger", "message") else group[name].asstr()[:] for name in names
        ]
        assert sum(len(events) for events in [file["entry/instrument/panel/panel_events/event_id"]]) == 4800
    assert [tuple(row) for row in zip(*columns, strict=True)] == noted


def test_the_same_seed_puts_in_the_same_faults(played, tmp_path):
    topic = f"again-{free_port()}"
    _, again = play(tmp_path, played.broker, topic, f"    parameters: {{topic: {topic}}}\n" + FAULTS)
    told = []
    for run in (played, again):
        with closing(sqlite3.connect(run.journal / "journal.sqlite")) as journal, journal:
            told.append(
                journal.execute("SELECT trigger, kind, source, message FROM fault ORDER BY key").fetchall()
            )
    assert told[0]
    assert told[0] == told[1]


def test_a_tampered_topic_is_found_and_the_message_named(played):
    whole = messages(played)
    try:
        rewrite(played, whole)
        assert played.problems() == []
        gone = index_of(played, whole, b"panel", 2)
        foreign = [*whole[:gone], (b"another", *whole[gone][1:]), *whole[gone + 1 :]]
        rewrite(played, foreign)
        [problem] = [line for line in played.problems() if "missing" in line]
        assert problem.startswith(
            f"Player p, panel in topic {played.topic}: 1 message is missing: trigger 1,"
        )
        done = played.check()
        assert done.returncode == 1
        assert problem in done.stdout
        rewrite(played, [*whole, whole[gone]])
        assert f"Player p, panel in topic {played.topic}: 1 message is" in "\n".join(played.problems())
        rewrite(played, [*whole, (b"panel", b"something else", whole[gone][2])])
        [problem] = played.problems()
        assert "1 message is not in the journal, the first after trigger 20" in problem
        rewrite(played, whole[:-3])
        assert any("it was recreated" in line for line in played.problems())
        delete(played)
        assert f"topic {played.topic} is not at {played.broker}" in "\n".join(played.problems())
    finally:
        rewrite(played, whole)


def test_what_comes_later_is_not_of_the_run(played):
    key, value, _ = messages(played)[0]
    send(played, (key, value, 4_000_000_000_000), (key, b"x", 4_000_000_000_000))
    assert played.problems() == []


# The in-memory broker cannot delete records on request.
@pytest.mark.parametrize("own_broker", ["apache"], indirect=True)
def test_what_a_topic_no_longer_retains_is_named(own_broker, tmp_path):
    _, run = play(tmp_path, own_broker.address, "retained", "    parameters: {topic: retained}\n", 4)
    admin = KafkaAdminClient(bootstrap_servers=run.broker)
    try:
        admin.delete_records({TopicPartition("retained", 0): 5})
    finally:
        admin.close()
    first, *of_streams = run.problems()
    assert first == (
        "topic retained: by its retention, the broker deleted the messages 0 to 4 of the run"
        " (offsets of partition 0) before they were read back"
    )
    told = [re.search(r"of \d+ messages, the broker deleted (\d+) before they", line) for line in of_streams]
    assert sum(int(found[1]) for found in told) == 5
    assert any(": trigger 1, message 1 to trigger" in line for line in of_streams)


@pytest.fixture
def file(played):
    whole = played.file.read_bytes()
    yield played.file
    played.file.write_bytes(whole)


def test_a_truncated_file_is_named(played, file):
    os.truncate(file, file.stat().st_size // 2)
    done = played.check()
    assert done.returncode == 1
    assert f"the file {file} cannot be read: " in done.stdout
    file.unlink()
    assert f"Player p: the file {file} is not there" in played.problems()


def test_a_changed_event_and_a_lost_row_are_named(played, file):
    with h5py.File(file, "r+") as content:
        content["entry/instrument/panel/panel_events/event_id"][125] = 7777
    problems = played.problems()
    assert problems[0] == f"Player p: the file {file} was changed: it has other bytes than were written"
    named = "trigger 1, message 4, where another one is"
    assert f"Player p, panel in its files: 1 message is missing: {named}" in problems, problems
    with h5py.File(file, "r+") as content:
        content["entry/instrument/T/time"].resize(20, axis=0)
    assert (
        "Player p, T in its files: 2 messages are missing: trigger 20, message 1;"
        " outside of triggers, message 1" in played.problems()
    )
    with h5py.File(file, "r+") as content:
        content["p/number_trigger"].resize(19, axis=0)
    named = "trigger 20, message 1"
    assert f"Player p, p/number in its files: 1 message is missing: {named}" in played.problems()


@pytest.fixture(scope="module")
def every_stream(broker, tmp_path_factory):
    topic = f"every-{free_port()}"
    folder = tmp_path_factory.mktemp("every")
    return play(
        folder, broker.address, topic, f"    parameters: {{topic: {topic}}}\n", 6, script="every_stream.py"
    )[1]


@pytest.mark.parametrize(
    ("source", "data", "row"),
    [
        ("T", "value", 3),
        ("T", "alarm_message", 3),
        ("camera", "value", 3),
        ("spectrum", "signal", 3),
        ("chopper", "top_dead_center/time", 10),
        ("adc", "value", 160),
        ("adc", "time", 160),
        ("status", "json", 100),
        ("other", "payload", 160),
    ],
)
def test_every_row_of_a_file_is_compared(every_stream, source, data, row):
    whole = every_stream.file.read_bytes()
    assert every_stream.problems() == []
    try:
        with h5py.File(every_stream.file, "r+") as content:
            rows = content[f"entry/instrument/{source}/{data}"]
            rows[row] = "cold" if data == "alarm_message" else rows[row] + 1
        where = f"Player p, {source} in its files"
        missing, unknown, changed = sorted(every_stream.problems())
        assert changed.startswith(f"Player p: the file {every_stream.file} was changed")
        assert missing.startswith(f"{where}: 1 message is missing: trigger 4, message ")
        assert unknown.startswith(f"{where}: 1 message is not in the journal")
        with h5py.File(every_stream.file, "r+") as content:
            for column in content[f"entry/instrument/{source}/{data}"].parent.values():
                if column.maxshape and column.maxshape[0] is None:
                    column.resize(row, axis=0)
        assert any(line.startswith(f"{where}: ") and "missing" in line for line in every_stream.problems())
    finally:
        every_stream.file.write_bytes(whole)


def test_what_failed_actions_left_is_told_apart(broker, tmp_path):
    topic = f"failing-{free_port()}"
    tail = (
        f'    parameters: {{topic: {topic}, failures: {{"1": 2, "4": 1}}}}\n'
        "    on_error: RETRY\n    retries: 2\n"
    )
    _, run = play(tmp_path, broker.address, topic, tail, 6)
    done = run.check()
    assert done.returncode == 0, done.stdout
    # Two pulses of three messages at each of the attempts that failed; what setup sent belongs to none.
    assert "18 messages are left of actions that failed or were repeated" in done.stdout


@pytest.mark.parametrize("killed", [["p"], ["director"], ["director", "p"]], ids="-".join)
def test_who_died_and_came_back_is_accounted_for(facility, broker, tmp_path, killed):
    topic = f"died-{free_port()}"
    places = {
        "KafkaBrokers": broker.address,
        "FileDirectory": str(tmp_path),
        "ValuesTopic": f"{topic}-values",
    }
    with an_orchestra(
        facility, tmp_path, f"chk{free_port()}", "p", script=SCRIPTS / "checked.py", **places
    ) as orchestra:
        player = orchestra.players["p"]
        faults = [{"kind": "duplicate", "rate": 0.2}, {"kind": "delay", "rate": 0.1, "length": 2}]
        player.Parameters, player.Faults = json.dumps({"topic": topic}), json.dumps(faults)
        player.OnError, player.Retries = OnError.RETRY, 3
        orchestra.refresh()
        orchestra.director.Triggers, orchestra.director.Period = 40, 0.05
        orchestra.director.Start()
        wait_until("it plays", lambda: orchestra.director.CurrentTrigger > 8)
        for name in killed:
            os.kill(orchestra.children[name].pid, signal.SIGKILL)
            orchestra.children[name].wait(5)
        if "p" in killed:
            orchestra.start("p", director=False, script=SCRIPTS / "checked.py", **places)
        if "director" in killed:
            orchestra.restart("director")
            orchestra.director.Recover()
        assert orchestra.ended_in_alarm() == "ON", orchestra.director.LastError
        output = io.StringIO()

        def agrees():
            output.seek(0)
            output.truncate()
            return check_data("", orchestra.journal.parent, Console(file=output, width=200))

        with contextlib.suppress(AssertionError):
            wait_until("the journal has the end", agrees, 5)
        assert "all that the journal lists is there" in output.getvalue(), output.getvalue()


def test_faults_that_cannot_be_meant_are_refused(facility, tmp_path):
    with an_orchestra(facility, tmp_path, "bad", "p") as orchestra:
        player = orchestra.players["p"]
        player.Parameters = json.dumps({"faults": [{"kind": "drop", "rate": 2}]})
        said = "faults[0].rate: a probability above 0 and at most 1; got 2"
        with pytest.raises(tango.DevFailed, match=r"faults\[0\].rate: a probability above 0"):
            player.Faults = '[{"kind": "drop", "rate": 2}]'
        for text in ("", "{}", "null", "[1]", "no JSON"):
            with pytest.raises(tango.DevFailed, match=r"(?i)faults"):
                player.Faults = text
        assert player.Faults == "[]"
        assert list(player.Check()) == [f"Parameters: {said}"]
        with pytest.raises(tango.DevFailed) as failed:
            player.Start()
        assert said in failed.value.args[0].desc
        player.Parameters = "{}"
        player.Start()


def test_what_is_not_there_is_said(played, tmp_path):
    done = Command(tmp_path / "nobody").run("check-data")
    assert done.returncode == 1
    assert "there is no journal" in done.stderr
    done = played.check("nosuchrun")
    assert done.returncode == 1
    assert "run 'nosuchrun' is not in the journal" in done.stderr
    done = played.check("--broker", f"127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "no Kafka broker answers at" in done.stderr
    done = played.check("--broker", "what:is:this")
    assert done.returncode == 1
    assert "a Kafka broker is given as host:port" in done.stderr


EFU_FAULTS = """
    faults:
      - {kind: veto, triggers: [4]}
      - {kind: stale, triggers: [6], age: 1 min}
      - {kind: future, triggers: [8], ahead: 30 min, source: bank0}
      - {kind: lag, triggers: [10], length: 6}
      - {kind: duplicate, triggers: [18]}
"""


@pytest.fixture(scope="module")
def as_efu(broker, tmp_path_factory):
    topic = f"efu-{free_port()}"
    folder = tmp_path_factory.mktemp("efu")
    failing = f'    parameters: {{topic: {topic}, failures: {{"3": 2, "7": 1}}}}\n'
    tail = f"{failing}    on_error: RETRY\n    retries: 2\n{EFU_FAULTS}"
    return play(folder, broker.address, topic, tail, script="as_efu.py")[1]


def events_in(found):
    return [(key, deserialise_ev44(value), stamp) for key, value, stamp in found if value[4:8] == b"ev44"]


def test_what_an_efu_sends_and_its_faults_are_found(as_efu):
    done = as_efu.check()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "left of actions that failed" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    faults = {(row[1], row[2]): row[3:] for row in rows if len(row) == 5 and row[0] == "p"}
    assert {kind for _, kind in faults} == {"veto", "stale", "future", "lag", "duplicate"}
    assert {source for source, kind in faults if kind == "lag"} == {"bank0", "bank1", "T"}
    assert all(expected == found for expected, found in faults.values())

    with closing(sqlite3.connect(as_efu.journal / "journal.sqlite")) as journal:
        [(began, ended)] = journal.execute("SELECT began, ended FROM run")
        [(vetoed,)] = journal.execute("SELECT reference_time FROM trigger WHERE number = 4")
    found = messages(as_efu)
    assert len({len(value) for _, value, _ in found if value[4:8] == b"ev44"}) == 1
    events = [(message.reference_time[0], stamp * 1_000_000) for _, message, stamp in events_in(found)]
    assert all(len(message.pixel_id) for _, message, _ in events_in(found))
    assert vetoed not in {time for time, _ in events}
    assert 0 < sum(stamp > ended for _, stamp in events) < 10
    assert 0 < sum(time + 60 * 10**9 <= stamp <= ended for time, stamp in events) < 10
    assert all(began - 1_000_000 <= stamp for _, stamp in events)


def test_what_is_changed_of_what_an_efu_sent_is_named(as_efu):
    whole = messages(as_efu)
    where = f"Player p, bank0 in topic {as_efu.topic}"
    try:
        ahead = max(range(len(whole)), key=lambda index: whole[index][2])
        key, value, _ = whole[ahead]
        rewrite(as_efu, [*whole[:ahead], (key, value, whole[0][2]), *whole[ahead + 1 :]])
        [problem] = as_efu.problems()
        assert problem.startswith(f"{where}: 1 message is there with another time stamp")
        assert "trigger 8, " in problem

        # In the room beyond the events, at which no reader looks.
        at = max(range(len(whole)), key=lambda index: whole[index][1].count(0))
        key, value, stamp = whole[at]
        place = value.rindex(bytes(100))
        rewrite(
            as_efu, [*whole[:at], (key, value[:place] + b"\1" + value[place + 1 :], stamp), *whole[at + 1 :]]
        )
        assert any("where another one is" in line for line in as_efu.problems())

        # Within the time of the run, and after a time stamp that is far later.
        rewrite(as_efu, [*whole, (b"bank0", b"something else", whole[0][2])])
        [problem] = as_efu.problems()
        assert problem.startswith(f"{where}: 1 message is not in the journal")
    finally:
        rewrite(as_efu, whole)
    assert as_efu.problems() == []


def test_a_file_of_an_efus_stream_is_compared_byte_for_byte(as_efu):
    whole = as_efu.file.read_bytes()
    where = "Player p, bank0 in its files"
    try:
        with h5py.File(as_efu.file, "r+") as content:
            content["entry/instrument/bank0/bank0_events/event_time_offset"][0] += 1
        assert f"{where}: 1 message is missing: trigger 1, message 1" in "\n".join(as_efu.problems())
        as_efu.file.write_bytes(whole)
        with h5py.File(as_efu.file, "r+") as content:
            del content["entry/instrument/bank0/bank0_events"].attrs["profile"]
        assert any(line.startswith(where) and "missing" in line for line in as_efu.problems())
    finally:
        as_efu.file.write_bytes(whole)
