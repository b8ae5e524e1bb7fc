"""The action scripts of the sources run as they are; their samples are what the committed script makes."""

from __future__ import annotations

import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from streaming_data_types import serialise_ev44

from donki.sources import NexusReplay, read_mcpl
from donki_client.recording_file import RecordingFile
from support import needs

SCRIPTS = Path(__file__).parents[2] / "scripts"
SAMPLES = SCRIPTS / "recorded"


class Stream:
    def __init__(self):
        self.pulses = []

    def send(self, trigger, time_of_flight, pixel_id):
        self.pulses.append((time_of_flight, pixel_id))


class Player:
    """What an action script sees of its player."""

    def __init__(self, parameters):
        self.parameters, self.streams = parameters, {}

    def events(self, topic, *, source):
        return self.streams.setdefault(topic, Stream())

    def rng(self, trigger):
        return np.random.default_rng([1, trigger])


def play(name, triggers, **parameters):
    """Return the streams by topic and what the action returned, after the last trigger."""
    player = Player(parameters)
    script = runpy.run_path(str(SCRIPTS / f"{name}.py"))
    script.get("setup", lambda _: None)(player)
    values = [script["action"](trigger, player) for trigger in triggers]
    script.get("stop", lambda: None)()
    return player.streams, values


def test_the_samples_are_what_their_script_makes(tmp_path):
    needs("mcpl", find_spec("mcpl"), "pip install mcpl, to test the reader of MCPL files too")
    subprocess.run([sys.executable, SAMPLES / "make_samples.py", tmp_path], check=True, timeout=60)
    assert sum(file.stat().st_size for file in SAMPLES.iterdir()) < 150_000
    fresh, kept = (NexusReplay(folder / "sans.nxs") for folder in (tmp_path, SAMPLES))
    for trigger in range(1, len(kept) + 2):
        np.testing.assert_array_equal(fresh.pulse(trigger)[:2], kept.pulse(trigger)[:2])
    fresh, kept = (read_mcpl(folder / "sans.mcpl").rows for folder in (tmp_path, SAMPLES))
    np.testing.assert_allclose(fresh, kept, rtol=1e-6)


def test_replay_of_a_nexus_file():
    streams, _ = play("replay_nexus", range(1, 22))
    pulses = streams["test-replay"].pulses
    assert sum(len(time) for time, _ in pulses[:10]) == 1_500
    np.testing.assert_array_equal(pulses[0], pulses[20])


def test_replay_of_a_recorded_topic(tmp_path):
    class Record:
        topic, partition, offset, timestamp, key, headers = "events", 0, 0, 0, None, ()
        value = serialise_ev44("panel", 0, [5], [0], np.int32([1, 2]), np.int32([3, 4]))

    with RecordingFile(tmp_path / "topic.h5", {"events": [0]}) as file:
        file.append(Record)
    streams, _ = play("replay_topic", [1, 2], file=str(tmp_path / "topic.h5"))
    for pulse in streams["test-replay"].pulses:
        assert [list(column) for column in pulse] == [[1, 2], [3, 4]]


def test_neutrons_of_an_mcpl_file():
    needs("mcpl", find_spec("mcpl"), "pip install mcpl, to test the reader of MCPL files too")
    streams, _ = play("mcpl_panel", [1], events=5_000)
    ((time, pixel),) = streams["test-mcpl"].pulses
    assert len(time) == pytest.approx(5_000, abs=300)
    assert 1 <= pixel.min() <= pixel.max() <= 64 * 64
    assert 20_000_000 < time.min() < time.max() < 85_000_000


def test_a_powder_that_is_heated():
    streams, values = play("powder", [1, 841], rate=1_400_000)
    (cold, hot), monitors = streams["test-powder_detector"].pulses, streams["test-powder_monitor"].pulses
    assert len(cold[0]) == pytest.approx(100_000, abs=2_000)
    assert len(hot[0]) != len(cold[0])
    assert len(monitors[0][0]) == pytest.approx(1_000, abs=200)
    assert [value["temperature"] for value in values] == pytest.approx([300, 800], abs=2)


def test_an_image_of_a_powder():
    _, (cold, hot) = play("powder_image", [1, 841])
    assert cold["image"].shape == (256, 256)
    assert int(cold["image"].sum()) == pytest.approx(500_000, rel=0.01)
    y, x = np.indices((256, 256)) - 127.5
    cold_radius, hot_radius = (
        np.average(np.hypot(x, y), weights=np.clip(value["image"].astype(int) - 8, 0, None))
        for value in (cold, hot)
    )
    assert hot_radius < cold_radius
