"""Runs of one seed send the same bytes, whatever the order of the Players, the timing and the retries."""

import struct
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import donki.streams.run_output
from donki.errors import ScriptError
from donki.player.player import Player
from donki.player.runs.script_runner import ScriptRunner
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.run_output import RunOutput

PLAYERS = ("p0", "p1", "p2")
TRIGGERS = 3
START = 1_700_000_000_000_000_000
SCRIPT = """
import numpy as np

def action(trigger, player):
    rng = player.rng(trigger)
    events = player.events("topic", "panel", events_per_message=20)
    for pulse in range(2):
        tof, pixel = rng.integers(0, 1000, (2, rng.integers(0, 50)))
        events.send(trigger, tof, pixel, reference_time=trigger.reference_time + pulse)
    player.series("topic", "T", unit="K").send(trigger, rng.normal(300))
    player.image("topic", "camera").send(trigger, rng.poisson(3, (4, 5)))
    if trigger.attempt <= player.parameters["failures"].get(int(trigger), 0):
        raise RuntimeError("on purpose")
    player.array("topic", "spectrum", axes=["tof"]).send(trigger, rng.poisson(3, 7))
    player.samples("topic", "adc", interval=10).send(trigger, rng.normal(size=6))
    return {"number": rng.random(), "list": rng.random(3)}
"""


class Sink:
    """Takes the place of Kafka and keeps what it gets."""

    brokers = ""
    events = messages = bytes = 0

    def __init__(self, *_):
        self.sent = []

    def open_topic(self, topic): ...

    def send(self, topic, key, message, timestamp, events, places):
        self.sent.append((topic, key, bytes(message), timestamp))

    def deliver(self, timeout): ...

    def commit(self): ...

    def discard(self): ...

    def abandon(self, reason): ...

    def close(self): ...


def without_time(message, times):
    for time in times:
        message = message.replace(struct.pack("<q", time), bytes(8))
    return message


def succeeds(script_runner, trigger):
    try:
        script_runner.trigger(trigger)
    except ScriptError:
        return False
    return True


def play(folder, seed, order, failures, start):
    """Play a run; return the payloads of each Player at each trigger, by attempt, reference times aside."""
    (folder / "script.py").write_text(SCRIPT)
    run = Run(f"run-{start}", seed=seed)
    payloads, runners, sinks = defaultdict(list), {}, {}
    for name in PLAYERS:
        player = Player(name)
        player.parameters = {"failures": failures.get(name, {})}

        def open_run_output(run, name=name):
            run_output = RunOutput(name, run, brokers=["127.0.0.1:1"], values_topic="values")
            sinks[name] = run_output._sink
            return run_output

        runners[name] = ScriptRunner(player, open_run_output)
        runners[name].loader.load(folder, "script.py")
        runners[name].start(run)
    for number, names in enumerate(order, start=1):
        reference = start + 71_428_571 * number
        for name in names:
            for attempt in range(1, 10):
                before = len(sinks[name].sent)
                done = succeeds(runners[name], Trigger(number, reference, attempt))
                times = reference, reference + 1
                payloads[name, number].append(
                    [
                        (topic, key, without_time(message, times))
                        for topic, key, message, _ in sinks[name].sent[before:]
                    ]
                )
                if done:
                    break
    for script_runner in runners.values():
        script_runner.stop()
    return payloads


orders = st.lists(st.permutations(PLAYERS), min_size=TRIGGERS, max_size=TRIGGERS)
retries = st.dictionaries(
    st.sampled_from(PLAYERS), st.dictionaries(st.integers(1, TRIGGERS), st.integers(1, 3)), max_size=3
)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32),
    order=orders,
    failures=retries,
    start=st.integers(1, 10**6).map(lambda seconds: START + seconds * 10**9),
)
def test_runs_of_one_seed_send_the_same_bytes(seed, order, failures, start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripts")
    plain = [PLAYERS] * TRIGGERS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(donki.streams.run_output, "KafkaSink", Sink)
        first = play(folder, seed, plain, {}, START)
        again = play(folder, seed, order, failures, start)
        other = play(folder, seed + 1, plain, {}, START)
    assert first.keys() == again.keys()
    for at, (expected,) in first.items():
        *failed, last = again[at]
        assert last == expected
        for attempt in failed:
            assert attempt == expected[: len(attempt)]
        assert other[at] != [expected]
    assert len({str(first[name, 1]) for name in PLAYERS}) == len(PLAYERS)
