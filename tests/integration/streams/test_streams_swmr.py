"""The NeXus file of a Player while it is written: who opens it finds complete triggers, and them alone."""

import json
import subprocess
import sys
from contextlib import contextmanager

import h5py
import numpy as np
import pytest
import scippnexus

from helpers.support import wait_until

WRITER = """
import json, sys
from pathlib import Path
import numpy as np
from donki.run import Run
from donki.streams.nexus.detector import Detector
from donki.streams.nexus.file import NexusFile
from donki.streams.nexus import event_group
from donki.streams.nexus.row_group import Layout

event_group._EVENTS_PER_CHUNK = 1000
file = NexusFile(Path(sys.argv[1]), Run("run"), "p0")
file.open_events("panel", Detector(np.arange(1000)))

def send(trigger, events, pulses=1):
    column = np.full(events, trigger, np.int32)
    for pulse in range(pulses):
        file.append_events("panel", 1000 * trigger + pulse, column, column)

def value(trigger, values):
    file.append_values(trigger, {name: np.array(value) for name, value in values.items()})

def log(trigger, source):
    if trigger == 1 or source != "T":
        file.open_rows(source, source, Layout("NXlog", {"value": {"units": "K"}, "time": {}}))
    file.append_rows(source, {"value": np.array([trigger * 1.5]), "time": np.array([trigger])})

do = {"send": send, "value": value, "log": log}
do |= {"commit": file.commit, "discard": file.discard, "close": file.close}
for line in sys.stdin:
    name, *arguments = json.loads(line)
    do[name](*arguments)
    print(flush=True)
"""


class Writer:
    """A process that writes a file step by step."""

    def __init__(self, process):
        self.process = process

    def do(self, *step):
        self.process.stdin.write(json.dumps(step) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.nxs"


@contextmanager
def writing(path):
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_until("the file is there", path.exists)
            yield Writer(process)
        finally:
            process.kill()


@pytest.fixture
def writer(path):
    with writing(path) as writer:
        writer.do("commit")
        yield writer


@contextmanager
def following(path):
    with h5py.File(path, "r", swmr=True) as file:
        yield file["entry/instrument/panel/panel_events"]


def refreshed(group, *names):
    for name in names:
        group[name].refresh()
    return tuple(list(group[name]) for name in names)


def test_a_reader_sees_each_trigger_when_it_is_complete_and_nothing_of_it_before(writer, path):
    with following(path) as events:
        for trigger in (1, 2, 3):
            seen = refreshed(events, "event_id", "event_index", "event_time_zero")
            # More than a chunk, so that there is something on the disk already.
            writer.do("send", trigger, 2000, 2)
            assert refreshed(events, "event_id", "event_index", "event_time_zero") == seen
            writer.do("commit")
            ids, starts, times = refreshed(events, "event_id", "event_index", "event_time_zero")
            np.testing.assert_array_equal(ids, np.repeat(range(1, trigger + 1), 4000))
            assert starts == list(range(0, trigger * 4000, 2000))
            assert times == [1000 * number + pulse for number in range(1, trigger + 1) for pulse in (0, 1)]


def test_a_reader_sees_nothing_of_a_trigger_that_is_taken_back(writer, path):
    writer.do("send", 1, 10)
    writer.do("commit")
    with following(path) as events:
        for failed in (2, 3):
            writer.do("send", failed, 6000)
            assert refreshed(events, "event_id") == ([1] * 10,)
            writer.do("discard")
            assert refreshed(events, "event_id", "event_time_zero") == ([1] * 10, [1000])
        writer.do("send", 4, 5)
        writer.do("commit")
        assert refreshed(events, "event_id", "event_time_zero") == ([1] * 10 + [4] * 5, [1000, 4000])
        writer.do("close")
        assert refreshed(events, "event_id", "event_time_zero") == ([1] * 10 + [4] * 5, [1000, 4000])


def test_a_reader_follows_values_and_logs(writer, path):
    writer.do("log", 1, "T")
    writer.do("value", 1, {"counts": 5})
    writer.do("commit")
    with h5py.File(path, "r", swmr=True) as file:
        temperature, player = file["entry/instrument/T"], file["p0"]
        writer.do("log", 2, "T")
        writer.do("value", 2, {"counts": 6})
        assert refreshed(temperature, "value", "time") == ([1.5], [1])
        writer.do("commit")
        assert refreshed(temperature, "value", "time") == ([1.5, 3], [1, 2])
        assert refreshed(player, "counts", "counts_trigger") == ([5, 6], [1, 2])


def test_what_begins_later_is_there_for_who_opens_anew_and_a_reader_follows_the_rest(writer, path):
    writer.do("send", 1, 10)
    writer.do("commit")
    with following(path) as events:
        writer.do("send", 2, 10)
        writer.do("log", 2, "late")
        writer.do("value", 2, {"counts": 7})
        writer.do("commit")
        writer.do("send", 3, 10)
        writer.do("log", 3, "later")
        writer.do("commit")
        assert refreshed(events, "event_time_zero") == ([1000, 2000, 3000],)
    with h5py.File(path, "r", swmr=True) as file:
        assert list(file["entry/instrument/late/value"]) == [3]
        assert list(file["entry/instrument/later/time"]) == [3]
        assert list(file["p0/counts"]) == [7]
        writer.do("send", 4, 10)
        writer.do("value", 4, {"counts": 8})
        writer.do("commit")
        assert refreshed(file["p0"], "counts") == ([7, 8],)


def load(path):
    with scippnexus.File(path) as file:
        return file["entry/instrument/panel"][...]["panel_events"]


@pytest.mark.parametrize("last", ["commit", "send", "log", "discard"])
@pytest.mark.parametrize("is_killed", [False, True])
def test_who_knows_nothing_of_swmr_opens_it_too_while_it_is_written_and_after_kill_9(
    writer, path, last, is_killed
):
    for trigger in (1, 2):
        writer.do("send", trigger, 10)
        writer.do("commit")
    match last:
        case "send":
            writer.do("send", 3, 6000)
        case "log":
            writer.do("log", 3, "late")
        case "discard":
            writer.do("send", 3, 6000)
            writer.do("discard")
    if is_killed:
        writer.process.kill()
        writer.process.wait()
    events = load(path)
    assert events.bins.size().sum().value == 20
    assert set(events.bins.constituents["data"].coords["event_time_zero"].values.astype(int)) == {1000, 2000}
    with h5py.File(path) as file:
        assert file["entry/end_time"][()] == b""


def test_nobody_else_writes_it_meanwhile_and_anybody_may_after_kill_9(writer, path):
    writer.do("send", 1, 10)
    writer.do("commit")
    with pytest.raises(OSError, match="unable to lock file"):
        h5py.File(path, "r+")
    writer.process.kill()
    writer.process.wait()
    with h5py.File(path, "r+") as file:
        file["entry/remark"] = "the power supply"
    assert load(path).bins.size().sum().value == 10


def test_a_reader_that_reads_the_ids_first_finds_whole_triggers_at_any_moment(tmp_path):
    """The writer is stopped at no particular moment: what is read must hold at each."""
    path = tmp_path / "run.nxs"
    with writing(path) as writer:
        for trigger in range(1, 3):
            writer.do("send", trigger, 7, 3)
            writer.do("commit")
        steps = [["send", trigger, 7, 3] for trigger in range(3, 300)]
        writer.process.stdin.writelines(f'{json.dumps(step)}\n["commit"]\n' for step in steps)
        writer.process.stdin.flush()
        with following(path) as events:
            seen = 0
            while seen < 299 * 21:
                (ids,) = refreshed(events, "event_id")
                seen = len(ids)
                offsets, starts, times = refreshed(
                    events, "event_time_offset", "event_index", "event_time_zero"
                )
                assert seen % 21 == 0
                triggers = range(1, seen // 21 + 1)
                np.testing.assert_array_equal(ids, np.repeat(triggers, 21))
                np.testing.assert_array_equal(offsets[:seen], ids)
                pulses = [time for start, time in zip(starts, times, strict=False) if start < seen]
                assert pulses == [1000 * number + pulse for number in triggers for pulse in range(3)]
