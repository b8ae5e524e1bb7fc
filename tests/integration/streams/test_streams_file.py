"""The NeXus file of a Player: whole at every trigger that was delivered, whatever happens."""

import gc
import os
import random
import subprocess
import sys
import threading
import uuid

import h5py
import numpy as np
import pytest
import scippnexus

import donki.streams.kafka.cluster
from donki.errors import BrokerError, FileError
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.run_output import RunOutput
from donki.streams.schemas import EventStream
from helpers.support import wait_until

# kafka-python leaves the sockets of refused connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)

WRITER = """
import sys
from pathlib import Path
import numpy as np
from donki.run import Run
from donki.streams.nexus.file import NexusFile

file = NexusFile(Path(sys.argv[1]), Run("run"), "p0")
file.open_events("panel")
trigger = 0
while True:
    trigger += 1
    for pulse in range(int(sys.argv[3])):
        column = np.full(int(sys.argv[2]), trigger, np.int32)
        file.append_events("panel", 1000 * trigger + pulse, column, column)
    file.append_values(trigger, {"number": np.array(trigger), "image": np.full((10, 10), trigger)})
    file.commit()
    print(trigger, flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("events", "pulses"), [(10, 3), (12_400, 2), (300_000, 4)])
def test_after_kill_9_the_file_holds_every_trigger_that_was_committed(tmp_path, events, pulses, seed):
    path = tmp_path / "run.nxs"
    command = [sys.executable, "-c", WRITER, str(path), str(events), str(pulses)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        for _ in range(random.Random(seed).randint(1, 30)):
            writer.stdout.readline()
        writer.kill()
        last = 0
        for line in writer.stdout:
            last = int(line)
    with h5py.File(path) as file:
        group = file["entry/instrument/panel/panel_events"]
        expected = np.repeat(np.arange(1, last + 1), pulses * events)
        np.testing.assert_array_equal(group["event_id"][: len(expected)], expected)
        np.testing.assert_array_equal(group["event_time_offset"][: len(expected)], expected)
        times = [1000 * trigger + pulse for trigger in range(1, last + 1) for pulse in range(pulses)]
        assert list(group["event_time_zero"][: len(times)]) == times
        np.testing.assert_array_equal(group["event_index"][: len(times)], np.arange(len(times)) * events)
        for name in ("number", "number_trigger"):
            assert list(file[f"p0/{name}"][:last]) == list(range(1, last + 1))
        assert list(file["p0/image"][:last, 9, 9]) == list(range(1, last + 1))


def test_a_full_disk_is_named_and_the_file_keeps_what_was_committed(tmp_path):
    script = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from donki.errors import FileError
from donki.run import Run
from donki.streams.nexus.file import NexusFile

file = NexusFile(Path(sys.argv[1]), Run("run"), "p0")
file.open_events("panel")
column = np.arange(10, dtype=np.int32)
file.append_events("panel", 1, column, column)
file.commit()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
column = np.zeros(1_000_000, np.int32)
for attempt in (lambda: file.append_events("panel", 1, column, column), file.close):
    try:
        attempt()
    except FileError as error:
        print(error)
"""
    path = tmp_path / "run.nxs"
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.stdout.splitlines()[0].startswith(f"{path} cannot be written: ")
    with scippnexus.File(path) as nexus:
        events = nexus["entry/instrument/panel"][...]["panel_events"]
    assert events.bins.size().sum().value == 10


@pytest.fixture(autouse=True)
def collect_garbage():
    yield
    gc.collect()


@pytest.fixture
def open_run_output(tmp_path):
    def open_run_output(address):
        run_output = RunOutput("p0", Run.new("Silicon"), brokers=[address], file_directory=tmp_path)
        return run_output, tmp_path / next(iter(os.listdir(tmp_path)))

    return open_run_output


def test_the_file_of_a_run_is_called_by_run_and_player_and_holds_what_kafka_has(broker, tmp_path):
    run = Run.new("Silicon")
    run_output = RunOutput("p0", run, brokers=[broker.address], file_directory=tmp_path)
    stream = run_output.open(EventStream, f"test-{uuid.uuid4().hex}", "panel")
    for number in range(1, 6):
        stream.send(Trigger(number, 10**18 + number), np.arange(20_000), np.arange(20_000))
        run_output.values(number, 10**18 + number, {"number": number})
        run_output.deliver(10)
    run_output.close()
    path = tmp_path / f"{run.id}_p0.nxs"
    assert list(tmp_path.iterdir()) == [path]
    with scippnexus.File(path) as nexus:
        events = nexus["entry/instrument/panel"][...]["panel_events"]
        assert events.bins.size().sum().value == run_output.counts.events == 100_000
        assert list(nexus["p0/number"][()].values) == [1, 2, 3, 4, 5]


def test_a_trigger_that_kafka_did_not_take_is_not_in_the_file(own_broker, open_run_output, monkeypatch):
    monkeypatch.setattr(donki.streams.kafka.cluster, "DELIVERY_TIMEOUT", 1.0)
    run_output, path = open_run_output(own_broker.address)
    stream = run_output.open(EventStream, "detector", "panel")
    for number in (1, 2):
        stream.send(Trigger(number, number), [number], [number])
        run_output.deliver(10)
    own_broker.kill()
    stream.send(Trigger(3, 3), [3], [3])
    with pytest.raises(BrokerError):
        run_output.deliver(10)
    run_output.discard()
    own_broker.start()
    stream.send(Trigger(4, 4), [4], [4])
    run_output.deliver(10)
    run_output.close()
    with h5py.File(path) as file:
        assert list(file["entry/instrument/panel/panel_events/event_id"]) == [1, 2, 4]


def test_a_run_whose_last_data_are_lost_keeps_what_was_delivered(own_broker, open_run_output):
    run_output, path = open_run_output(own_broker.address)
    stream = run_output.open(EventStream, "detector", "panel")
    stream.send(Trigger(1, 1), [1], [1])
    run_output.deliver(10)
    own_broker.kill()
    stream.send(Trigger(2, 2), [2], [2])
    with pytest.raises(BrokerError, match="detector"):
        run_output.close(timeout=0.2)
    with h5py.File(path) as file:
        assert list(file["entry/instrument/panel/panel_events/event_id"]) == [1]
        assert "end_time" in file["entry"]


def test_a_directory_that_cannot_be_written_is_named_and_no_thread_is_left(broker, tmp_path):
    before = set(threading.enumerate())
    missing = tmp_path / "missing"
    with pytest.raises(FileError, match=str(missing)):
        RunOutput("p0", Run.new(), brokers=[broker.address], values_topic="values", file_directory=missing)
    wait_until("the client's threads have ended", lambda: set(threading.enumerate()) <= before)
