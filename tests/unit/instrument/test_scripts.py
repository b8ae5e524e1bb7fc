"""The scripts that play devices: what they send depends on the trigger alone, and on what they are told."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from pydantic import BaseModel

from donki.errors import InputError
from donki.instrument import parameters
from donki.instrument.units import CHOPPER_UNITS
from helpers.script_recorder import PERIOD, SCRIPTS, START, act

LOG = {"topic": "t", "source": "s"}
MOTOR = {"topic": "t", "read_back": "rbv"}
CHOPPER = {"topic": "t", "speed": {"source": "speed"}}


EVERYTHING = {
    "logs": {
        "logs": {
            "T": LOG
            | {"signal": "ramp", "low": 300, "high": 305, "duration": 2, "alarms": True, "period": 0.3},
            "W": LOG
            | {"source": "w", "signal": "walk", "low": 0, "high": 1, "period": 0.05, "connection": True},
            "N": LOG | {"source": "n", "signal": "noise", "dtype": "int16", "value": 100, "period": 0.2},
        }
    },
    "motion": {
        "motors": {
            "x": MOTOR
            | {
                "moving": "m",
                "done_moving": "d",
                "set_point": "v",
                "velocity": 5,
                "noise": 0.1,
                "tolerance": 0.1,
            }
            | {"scan": {"from": 0, "to": 3, "points": 4, "every": 15}}
        }
    },
    "choppers": {
        "choppers": {
            "c": CHOPPER
            | {"top_dead_centre": {"source": "tdc"}, "delay": {"source": "d"}, "phase": {"source": "p"}}
            | {"acceleration": 20, "lock_time": 1, "program": [[2, "spin"], [30, "lock"]]}
        }
    },
    "images": {
        "images": {
            pattern: LOG | {"source": pattern, "shape": [8, 9], "pattern": pattern, "rate": 5}
            for pattern in ("moving", "rings", "flat")
        }
    },
    "digitisers": {"digitisers": {"adc": LOG | {"channels": 2, "samples": 100}}},
}


@pytest.mark.parametrize("script", sorted(EVERYTHING))
def test_a_trigger_that_is_played_again_or_after_a_recovery_sends_the_same(script):
    told = EVERYTHING[script]
    whole = act(script, range(1, 61), told)
    assert whole
    failed = act(script, [1, 2, 2, 3, *range(2, 61)], told)
    assert [sent for sent in failed if sent[2] > 3] == [sent for sent in whole if sent[2] > 3]
    recovered = act(script, range(31, 61), told)
    assert recovered == [sent for sent in whole if sent[2] > 30]
    assert act(script, range(1, 61), told, seed=2) != whole


@pytest.mark.parametrize("script", sorted(EVERYTHING))
def test_without_a_period_times_never_go_back(script):
    sent = act(script, range(1, 61), EVERYTHING[script], period=0)
    for source in {one[1] for one in sent} - {"tdc"}:
        times = [one[4].get("reference_time", 0) for one in sent if one[1] == source]
        assert times == sorted(times)


@pytest.mark.parametrize("script", sorted(EVERYTHING))
def test_the_docstring_of_a_script_states_every_parameter(script):
    said = ast.get_docstring(ast.parse((SCRIPTS / f"{script}.py").read_text()))
    model = getattr(parameters, f"{script.capitalize()}Parameters")
    for key in keys_of(model):
        assert key in said, key


def keys_of(model):
    for name, field in model.model_fields.items():
        yield field.alias or name
        for found in filter(inspect.isclass, [field.annotation, *getattr(field.annotation, "__args__", ())]):
            if issubclass(found, BaseModel):
                yield from keys_of(found)


def series(sent, source="s"):
    """Return value, time and stamp of what a source sent, in ns since the beginning."""
    its = [(given[0], times) for _, name, _, given, times in sent if name == source]
    return [(value, times["reference_time"] - START, times["stamp"] - START) for value, times in its]


def test_a_value_that_does_not_change_keeps_its_time_also_after_a_pause():
    told = {"logs": {"T": LOG | {"value": 5, "period": 1.0}}}
    sent = series(act("logs", range(1, 43), told, pause=10**10))
    second, phase = 10**9, sent[1][2]
    assert 0 < phase < second
    assert sent == [(5, 0, 0), *((5, 0, phase + seconds * second) for seconds in (0, 1, 12))]


def test_logs_of_one_period_are_not_all_due_at_one_trigger():
    told = {"logs": {f"T{n}": LOG | {"source": f"T{n}", "value": n} for n in range(60)}}
    sent = act("logs", range(1, 57), told)
    times = Counter(trigger for _, _, trigger, _, _ in sent)
    assert times[1] >= 60
    assert max(times[trigger] for trigger in range(2, 57)) <= 15
    assert min(Counter(source for _, source, _, _, _ in sent).values()) >= 4


@pytest.mark.parametrize(("quantity", "unit"), [(q, u) for q, units in CHOPPER_UNITS.items() for u in units])
def test_a_chopper_is_told_of_in_the_unit_asked_for(quantity, unit):
    chopper = {"topic": "t", "frequency": -7.0, "delay_ns": 3e6, "jitter_ns": 0}
    its = {"source": "r", "set_point_source": "s"}
    plain = act("choppers", [1], {"choppers": {"c": chopper | {quantity: its}}})
    other = act("choppers", [1], {"choppers": {"c": chopper | {quantity: its | {"units": unit}}}})
    factor = CHOPPER_UNITS[quantity][unit]
    assert [sent[3][0] for sent in other] == pytest.approx([sent[3][0] / factor for sent in plain])
    with pytest.raises(InputError, match=f"{quantity}.units are one of"):
        act("choppers", [1], {"choppers": {"c": chopper | {quantity: its | {"units": "furlong"}}}})


def test_alarms_and_connection_follow_their_program():
    log = LOG | {"signal": "ramp", "low": 0, "high": 10, "duration": 1, "period": 0.1, "alarms": True}
    program = [[8, "DISCONNECTED"], [10, "REMOTE_ERROR"], [12, "CONNECTED"]]
    told = {"logs": {"T": log | {"limits": [0.5, 7.5], "connection": program}}}
    sent = act("logs", range(1, 29), told)
    alarms = [(trigger, *given) for method, _, trigger, given, _ in sent if method == "alarm"]
    assert alarms == [(1, "MINOR", "LOW"), (2, "OK", "NO_ALARM"), (12, "MINOR", "HIGH")]
    states = [(trigger, *given) for method, _, trigger, given, _ in sent if method == "connection"]
    assert states == [(1, "CONNECTED"), (8, "DISCONNECTED"), (10, "REMOTE_ERROR"), (12, "CONNECTED")]
    values = [given[0] for method, _, trigger, given, _ in sent if method == "series"]
    later = values[1] + np.array([0, 1, 2, 3, 4, 4, 4, 4, 8])
    assert values[:10] == pytest.approx([0, *later], abs=0.01)


def test_alarms_and_connections_alone_have_no_values():
    told = {"logs": {"a": LOG | {"module": "al00"}, "c": LOG | {"source": "c", "module": "ep01"}}}
    assert [sent[:4] for sent in act("logs", range(1, 20), told)] == [
        ("alarm", "s", 1, ["OK", "NO_ALARM"]),
        ("connection", "c", 1, ["CONNECTED"]),
    ]


def test_the_type_of_a_value_is_kept():
    sent = act("logs", [1], {"logs": {"n": LOG | {"value": 300.6, "dtype": "uint8"}}})
    assert sent[0][3] == [255]
    assert isinstance(sent[0][3][0], int)


def test_a_motor_follows_its_scan():
    scan = {"from": 1, "to": 3, "points": 3, "every": 10}
    told = {"motors": {"x": MOTOR | {"velocity": 100, "acceleration": 1000, "scan": scan}}}
    sent = series(act("motion", range(1, 41), told), "rbv")
    times = {round(time / PERIOD, 3): value for value, time, _ in sent}
    before = {
        trigger: [value for time, value in times.items() if time <= trigger][-1] for trigger in (9, 19, 29)
    }
    assert before == pytest.approx({9: 1, 19: 2, 29: 3})


def test_top_dead_centre_lies_at_the_phase_after_each_pulse():
    clockwise = {"topic": "t", "frequency": -28, "phase_deg": -90, "jitter_ns": 0}
    told = {"choppers": {"c": clockwise | {"top_dead_centre": {"source": "tdc"}}}}
    sent = act("choppers", range(1, 15), told, pause=5)
    assert [len(given[0]) for *_, given, _ in sent] == [2] * 14
    for _, _, trigger, given, _ in sent:
        begin = START + (trigger - 1) * PERIOD
        quarter = PERIOD / 8
        assert np.array(given[0]) - begin == pytest.approx([quarter, quarter + PERIOD / 2], abs=1)


@pytest.mark.parametrize("pattern", ["moving", "rings", "flat"])
@pytest.mark.parametrize(
    ("dtype", "most"), [("int8", 127), ("uint16", 65_535), ("int32", 1e6), ("float32", 1e6)]
)
def test_frames_come_at_their_rate_and_are_of_their_type(pattern, dtype, most):
    camera = LOG | {"shape": [4, 6], "rate": 28, "dtype": dtype, "counts": 2e6, "pattern": pattern}
    sent = act("images", range(1, 8), {"images": {"c": camera}})
    assert len(sent) == 14
    frames = np.array([given[0] for *_, given, _ in sent])
    assert frames.shape == (14, 4, 6)
    assert 0 <= frames.min() <= frames.max() <= most
    assert frames.any()
    assert np.diff([times["reference_time"] for *_, times in sent]) == pytest.approx(1e9 / 28, abs=1)


REFUSED = [
    (
        "logs",
        {"logs": {"T": LOG | {"signal": "ramp"}}},
        r"logs\.T: a ramp goes between low and high; give both",
    ),
    ("logs", {"logs": {"T": LOG | {"signal": "sine", "low": 2, "high": 1}}}, "low=2 must be below high=1"),
    ("logs", {"logs": {"T": LOG | {"signal": "walk", "low": 1, "high": 2, "value": 3}}}, "not at value=3"),
    ("logs", {"logs": {"T": LOG | {"signal": "replay"}}}, "a replay needs file, and path"),
    (
        "logs",
        {"logs": {"T": LOG | {"signal": "saw"}}},
        r"logs\.T\.signal: expected one of 'constant', 'ramp'",
    ),
    ("logs", {"logs": {"T": LOG | {"limits": [2, 1]}}}, r"limits rise; got \[2.0, 1.0\]"),
    (
        "logs",
        {"logs": {"T": LOG | {"connection": [[2, "CONNECTED"], [2, "UNKNOWN"]]}}},
        "connection: each trigger",
    ),
    (
        "logs",
        {"logs": {"T": LOG | {"signal": "replay", "file": "/etc/hosts", "path": "a"}}},
        "outside the folders",
    ),
    (
        "logs",
        {"logs": {"T": LOG | {"period": 0}}},
        r"logs\.T\.period: expected greater than or equal to 0.000001",
    ),
    ("motion", {"motors": {"x": {"topic": "t"}}}, "it tells nothing; give read_back"),
    (
        "motion",
        {"motors": {"x": MOTOR | {"moves": [[1, 2]], "scan": {"from": 0, "to": 1, "points": 2}}}},
        "not both",
    ),
    (
        "motion",
        {"motors": {"x": MOTOR | {"high": 1, "moves": [[1, 2]]}}},
        "2 lies beyond the limits, low=-inf",
    ),
    (
        "motion",
        {"motors": {"x": MOTOR | {"moves": [[2, 1], [1, 2]]}}},
        r"moves: each trigger .* got \[2, 1\]",
    ),
    (
        "motion",
        {"motors": {"x": MOTOR | {"scan": {"from": 0, "till": 1}}}},
        r"scan\.till: unknown; the keys are from",
    ),
    ("choppers", {"choppers": {"c": {"delay": {"source": "d"}}}}, "phase and delay need topic"),
    ("choppers", {"choppers": {"c": {"top_dead_centre": {"source": "d"}}}}, "top_dead_centre needs topic"),
    ("choppers", {"choppers": {"c": CHOPPER | {"frequency": 0}}}, r"choppers\.c: frequency is not 0"),
    ("choppers", {"choppers": {"c": CHOPPER | {"delay_ns": 1, "phase_deg": 1}}}, "they say the same"),
    ("choppers", {"choppers": {"c": CHOPPER | {"program": [[1, "stop"]]}}}, "expected one of 'park', 'spin'"),
    ("images", {"images": {"c": LOG | {"shape": [4]}}}, r"images\.c\.shape\.1 is missing"),
    ("images", {"images": {"c": LOG | {"shape": [100_000, 100_000]}}}, "the most is 67108864"),
    ("digitisers", {"digitisers": {"a": LOG | {"rise_ns": 600}}}, "rise_ns=600 must be below decay_ns=500"),
    (
        "digitisers",
        {"digitisers": {"a": LOG | {"rate": 1e12}}},
        r"digitisers\.a: rate=1e\+12 Hz is .* pulses in a trace",
    ),
]


@pytest.mark.parametrize(("script", "told", "said"), REFUSED)
def test_what_a_script_does_not_know_is_refused_at_setup(script, told: Mapping, said):
    with pytest.raises(InputError, match=said):
        act(script, [], told)
