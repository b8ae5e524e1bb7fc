"""Logs, motors, choppers, cameras and digitisers in real runs: checked, and repeatable after failures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
from kafka import KafkaConsumer, TopicPartition
from streaming_data_types import deserialise_f144, deserialise_tdct

from donki.player.script.path import shipped_scripts
from helpers.donki_command import Command
from helpers.support import free_port

TRIGGERS, PERIOD = 30, 71_428_571

RETRIED = """
import runpy

script = runpy.run_path({path!r})
setup = script["setup"]


def action(trigger, player):
    script["action"](trigger)
    if trigger in (1, 15) and trigger.attempt == 1:
        raise RuntimeError("no answer")
"""


def players(topic, data):
    """Return the Parameters of each script."""
    log = {"topic": f"{topic}-logs"}
    whole = {"alarms": True, "connection": True}
    dead = [[8, "DISCONNECTED"], [20, "CONNECTED"]]
    motor = {"topic": f"{topic}-motion", "velocity": 5, "acceleration": 20, "tolerance": 0.05, "noise": 0.01}
    chopper = {"topic": f"{topic}-choppers", "acceleration": 40, "lock_time": 0.5}
    quantities = {
        what: {"source": f"c1-{what}", "set_point_source": f"c1-{what}-set"}
        for what in ("speed", "phase", "delay")
    }
    return {
        "logs": {
            "logs": {
                "constant": log | {"source": "constant", "value": 3, "dtype": "int32", "period": 0.5},
                "ramp": log | whole | {"source": "ramp", "signal": "ramp", "low": 0, "high": 5, "duration": 1}
                | {"period": 0.1, "limits": [1, 3], "connection": dead},
                "walk": log | {"source": "walk", "signal": "walk", "low": 0, "high": 5, "period": 0.05},
                "noise": log | whole | {"source": "noise", "signal": "noise", "low": -1, "high": 1},
                "replay": log | {"source": "replay", "signal": "replay", "file": data, "path": "/entry/T"},
                "alarm": {"topic": f"{topic}-alarms", "source": "noise2", "module": "al00"},
                "state": {"topic": f"{topic}-alarms", "source": "noise3", "module": "ep01"},
            }
        },
        "motion": {
            "motors": {
                "x": motor | {"read_back": "x", "set_point": "x-set", "moving": "x-moves"}
                | {"done_moving": "x-done", "scan": {"from": 0, "to": 2, "points": 3, "every": 10}},
                "y": motor | {"read_back": "y", "moves": [[5, 3.0], [9, -1.0]]},
            }
        },
        "choppers": {
            "choppers": {
                "c1": chopper | quantities | {"delay_ns": 2e7, "top_dead_centre": {"source": "c1"}},
                "c2": chopper | {"speed": {"source": "c2-speed"}, "top_dead_centre": {"source": "c2"}}
                | {"frequency": -28, "program": [[2, "spin"], [15, "lock"], [28, "park"]]},
            }
        },
        "images": {
            "images": {
                pattern: {"topic": f"{topic}-images", "source": pattern, "shape": [32, 24]}
                | {"pattern": pattern, "rate": 7, "dtype": "int32"}
                for pattern in ("moving", "rings", "flat")
            }
        },
        "digitisers": {
            "digitisers": {"adc": {"topic": f"{topic}-adc", "source": "adc", "channels": 2, "samples": 200}}
        },
    }  # fmt: skip


@dataclass
class Played:
    """A run that was played: the command that played it, its topics and its files by Player."""

    command: Command
    topic: str
    files: dict[str, Path]
    stdout: str


def play(folder, broker, name, script_of, tail="", only=()):
    """Play all scripts at 14 Hz, or some of them."""
    topic = f"devices-{name}-{free_port()}"
    with h5py.File(folder / "recorded.nxs", "w") as file:
        file["entry/T/value"], file["entry/T/time"] = [1.5, 2.5, 4.5], [0.0, 0.2, 0.7]
    command = Command(folder / "data")
    lines = [
        "rate: 14 Hz",
        f"triggers: {TRIGGERS}",
        "seed: 5",
        "hdf5: files",
        f"broker: {broker}",
        "players:",
    ]
    for player, parameters in players(topic, "recorded.nxs").items():
        if only and player not in only:
            continue
        lines += [f"  {player}:", f"    script: {script_of(player)}", "    data_path: [.]"]
        lines += [f"    parameters: {json.dumps(parameters)}", *([f"    {tail}"] if tail else [])]
    scenario = folder / "devices.yaml"
    scenario.write_text("\n".join(lines))
    done = command.run("run", str(scenario))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    files = {file.stem.rpartition("_")[2]: file for file in (folder / "files").iterdir()}
    return Played(command, topic, files, done.stdout)


@pytest.fixture(scope="module")
def whole(broker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return play(folder, broker.address, "whole", "instrument/{}.py".format)


@pytest.fixture(scope="module")
def retried(broker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("retried")

    def script_of(player):
        path = shipped_scripts() / "instrument" / f"{player}.py"
        (folder / f"{player}.py").write_text(RETRIED.format(path=str(path)))
        return f"{player}.py"

    return play(folder, broker.address, "retried", script_of, "on_error: RETRY\n    retries: 2")


def columns(file):
    """Return all data sets of a Player's instrument by path, times since the first of all."""
    found = {}
    with h5py.File(file) as data:
        data["entry/instrument"].visititems(
            lambda path, item: found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    times = {path for path in found if path.endswith(("time", "timestamp_zero"))}
    start = min(int(found[path].min()) for path in times)
    return {
        path: values.astype(np.int64) - start if path in times else values for path, values in found.items()
    }


def records(played, broker, topic):
    """Return key, value and time stamp of all messages of a topic."""
    partition = TopicPartition(f"{played.topic}-{topic}", 0)
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id=None, enable_auto_commit=False)
    try:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        [end] = consumer.end_offsets([partition]).values()
        found = []
        while len(found) < end:
            for batch in consumer.poll(timeout_ms=200).values():
                found += [(record.key.decode(), record.value, record.timestamp) for record in batch]
    finally:
        consumer.close()
    return found


def test_a_constant_is_repeated_as_the_forwarder_does(whole, broker):
    sent = [record for record in records(whole, broker, "logs") if record[0] == "constant"]
    assert len({value for _, value, _ in sent}) == 1
    assert deserialise_f144(sent[0][1]).value == 3
    stamps = np.array([stamp for *_, stamp in sent])
    # After the first it is told at the log's own phase of the period.
    first, *others = np.diff(stamps)
    assert 0 < first <= 501
    assert others == pytest.approx([500] * len(others), abs=1)
    assert stamps[0] == deserialise_f144(sent[0][1]).timestamp_unix_ns // 1_000_000


def test_top_dead_centre_follows_the_pulses(whole, broker):
    times = [
        deserialise_tdct(value).timestamps
        for key, value, _ in records(whole, broker, "choppers")
        if key == "c1" and value[4:8] == b"tdct"
    ]
    assert [len(passed) for passed in times] == [1] * TRIGGERS
    passed = np.concatenate(times).astype(np.int64)
    assert np.diff(passed) == pytest.approx(PERIOD, abs=1000)


def test_all_that_is_sent_is_noted_and_found(whole, retried):
    for played in (whole, retried):
        assert "arrived at Kafka and in the files" in played.stdout
        checked = played.command.run("check-data")
        assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_two_runs_with_one_seed_have_the_same_data_also_where_triggers_are_sent_again(whole, retried):
    assert sorted(whole.files) == sorted(retried.files) == sorted(players("", ""))
    for player, file in whole.files.items():
        once, again = columns(file), columns(retried.files[player])
        assert once.keys() == again.keys()
        for path, values in once.items():
            np.testing.assert_array_equal(again[path], values, f"{player}: {path}")


def test_what_is_damaged_is_found(broker, tmp_path):
    damage = {"motion": "x/value", "choppers": "c1/top_dead_center/time"}
    played = play(tmp_path, broker.address, "damaged", "instrument/{}.py".format, only=damage)
    for player, path in damage.items():
        with h5py.File(played.files[player], "r+") as data:
            data[f"entry/instrument/{path}"][3] += 1
    checked = played.command.run("check-data")
    assert checked.returncode == 1
    for player, trigger in {"motion, x": 12, "choppers, c1": 4}.items():
        assert f"Player {player} in its files: 1 message is missing: trigger {trigger}, " in checked.stdout
