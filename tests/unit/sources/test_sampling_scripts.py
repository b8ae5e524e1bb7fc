"""The sample data are what their script makes, and the action scripts stream them."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
SAMPLES = SCRIPTS / "mcstas"


def test_the_sample_data_are_what_their_script_makes(tmp_path):
    subprocess.run([sys.executable, SAMPLES / "make_samples.py", tmp_path], check=True, timeout=60)
    made = sorted(file.name for file in tmp_path.iterdir())
    assert made == sorted(file.name for file in SAMPLES.glob("*.dat"))
    for name in made:
        fresh, kept = ((folder / name).read_text().splitlines() for folder in (tmp_path, SAMPLES))
        for line, pair in enumerate(zip(fresh, kept, strict=True), start=1):
            assert alike(*pair), f"{name}, line {line}"


def alike(fresh, kept):
    """Whether two lines are the same; another processor may round the last of ten digits otherwise."""
    if fresh == kept or kept.startswith("#"):
        return fresh == kept
    return np.allclose(*(np.array(line.split(), float) for line in (fresh, kept)), rtol=1e-8, atol=0)


def test_the_sample_data_are_small():
    assert sum(file.stat().st_size for file in SAMPLES.glob("*.dat")) < 300_000


class Stream:
    def __init__(self, topic, source):
        self.topic, self.source, self.pulses = topic, source, []

    def send(self, trigger, time_of_flight, pixel_id):
        self.pulses.append((int(trigger), time_of_flight, pixel_id))


class Player:
    """What an action script sees of its player."""

    def __init__(self, parameters):
        self.parameters, self.streams = parameters, {}

    def events(self, topic, *, source, **settings):
        return self.streams.setdefault(topic, Stream(topic, source))

    def rng(self, trigger):
        return np.random.default_rng([1, trigger])


def play(number, triggers, **parameters):
    player = Player(parameters)
    script = runpy.run_path(str(SCRIPTS / f"run_player_{number}.py"))
    script["setup"](player)
    logs = [script["action"](trigger, player)["playerlog"] for trigger in triggers]
    (stream,) = player.streams.values()
    assert stream.topic == f"test-topic-{number}"
    assert [trigger for trigger, *_ in stream.pulses] == list(triggers)
    assert [int(re.search(r": (\d+) neutrons", log)[1]) for log in logs] == [
        len(t) for _, t, _ in stream.pulses
    ]
    return stream.pulses


@pytest.mark.parametrize(("number", "pixels"), [(0, 48 * 48), (1, 1), (2, 64 * 64)])
def test_each_action_script_streams_pulses_that_depend_on_the_trigger_alone(number, pixels):
    pulses = play(number, [1, 2, 3])
    for _, time, pixel in pulses:
        assert time.dtype == pixel.dtype == np.int32
        assert len(time) == len(pixel) == pytest.approx(12_000, abs=600)
        assert 20_000_000 < time.min() < time.max() < 85_000_000
        assert pixel.min() >= 1
        assert pixel.max() <= pixels
    (again,) = play(number, [2])
    np.testing.assert_array_equal(again[1:], pulses[1][1:])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_action_script_takes_the_number_of_events_from_its_parameters(number):
    ((_, time, _),) = play(number, [1], events=50)
    assert len(time) == pytest.approx(50, abs=0 if number != 1 else 40)
