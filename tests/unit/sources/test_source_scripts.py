"""The action scripts of the sources run as they are; their samples are what the committed script makes."""

from __future__ import annotations

import logging
import runpy
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streaming_data_types import serialise_ev44

from donki.errors import InputError, SourceError
from donki.player.data_path import find_data
from donki.sources import NexusReplay, read_mcpl
from donki_client.topics.recording_file import RecordingFile
from helpers.support import needs

SCRIPTS = Path(__file__).parents[3] / "scripts"
SAMPLES = SCRIPTS / "recorded"


class Stream:
    def __init__(self):
        self.pulses = []

    def send(self, trigger, time_of_flight, pixel_id):
        self.pulses.append((time_of_flight, pixel_id))


class Player:
    """What an action script sees of its player."""

    def __init__(self, parameters, data_path=SCRIPTS):
        self.parameters, self.streams = parameters, {}
        self.log = logging.getLogger("a player's")
        self.data_file = partial(find_data, [data_path])

    def events(self, topic, *, source, **settings):
        return self.streams.setdefault(topic, Stream())

    def rng(self, trigger):
        return np.random.default_rng([1, trigger])


def play(name, triggers, *, data_path=SCRIPTS, **parameters):
    """Return the streams by topic and what the action returned, after the last trigger."""
    player = Player(parameters, data_path)
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
    streams, _ = play("replay_topic", [1, 2], data_path=tmp_path, file="topic.h5")
    for pulse in streams["test-replay"].pulses:
        assert [list(column) for column in pulse] == [[1, 2], [3, 4]]


@pytest.mark.parametrize("name", ["replay_nexus", "replay_topic"])
@pytest.mark.parametrize("file", ["../a.h5", "/etc/hosts", "link.h5", 5, None])
def test_no_script_reads_a_file_from_elsewhere(tmp_path, name, file):
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "a.h5").write_bytes((SAMPLES / "sans.nxs").read_bytes())
    (data / "link.h5").symlink_to(tmp_path / "a.h5")
    with pytest.raises(InputError, match=r"leads outside the folders|is no name of a data file"):
        play(name, [1], data_path=data, file=file)


def test_no_script_that_comes_along_opens_what_its_parameters_name_in_another_way():
    for script in SCRIPTS.rglob("*.py"):
        source = script.read_text()
        if "parameters" in source and '"file"' in source:
            assert "player.data_file(" in source, script


def test_what_is_damaged_is_passed_over_and_said_in_the_log(tmp_path, caplog):
    message = serialise_ev44("panel", 0, [5], [0], np.int32([1, 2]), np.int32([3, 4]))
    with RecordingFile(tmp_path / "topic.h5", {"events": [0]}) as file:
        for offset, value in enumerate([message, message[:50], message[:30]]):
            given = {"topic": "events", "partition": 0, "offset": offset, "timestamp": 0, "key": None}
            file.append(SimpleNamespace(**given, headers=(), value=bytes(value)))
    with pytest.raises(SourceError, match="partition 0, offset 1: "):
        play("replay_topic", [1], data_path=tmp_path, file="topic.h5")
    streams, _ = play("replay_topic", [1], data_path=tmp_path, file="topic.h5", on_damage="skip")
    assert [list(column) for column in streams["test-replay"].pulses[0]] == [[1, 2], [3, 4]]
    assert "topic events: damaged and skipped: 2 messages; the first: " in caplog.text


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
