"""The times of a trigger as da00: what the library reads back is what went in, whatever came before."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from streaming_data_types import deserialise_da00

from donki.director.output.timing_message import TimingEncoder
from donki.director.rules.effects import Attempt, Outcome, TriggerDone

EPOCH = 1_795_000_000_000_000_000
NAMES = ["detector", "monitor-1", "p.2"]
OUTCOMES = [*Outcome]

times = st.integers(0, 2**60)
turns = st.dictionaries(
    st.sampled_from(NAMES),
    st.tuples(st.integers(1, 9), st.sampled_from(OUTCOMES), times, st.integers(0, 10**12)),
)
triggers = st.tuples(st.integers(1, 2**40), times, times, times, times, turns)


def read(message):
    array = deserialise_da00(message)
    return array, {variable.name: variable for variable in array.data}


@given(st.lists(triggers, min_size=1, max_size=4))
def test_every_message_reads_back_as_its_trigger(sequence):
    encoder = TimingEncoder("donki/director/1", NAMES, EPOCH)
    for number, reference, due, sent, done, told in sequence:
        steps = {
            name: Attempt(number, name, attempt, outcome, at, at + took)
            for name, (attempt, outcome, at, took) in told.items()
        }
        message = encoder.encode(TriggerDone(number, reference, due, sent, done), steps)
        array, found = read(message)
        assert (array.source_name, array.timestamp_ns) == ("donki/director/1", reference)
        scalars = {name: found[name].data for name in ("trigger", "reference_time", "due", "sent", "done")}
        assert scalars == {
            "trigger": number,
            "reference_time": reference,
            **{name: EPOCH + time for name, time in (("due", due), ("sent", sent), ("done", done))},
        }
        for column, name in enumerate(NAMES):
            row = {
                key: found[key].data[column] for key in ("player_sent", "player_done", "attempt", "outcome")
            }
            signal = found["signal"].data[column]
            if name not in steps:
                assert math.isnan(signal)
                assert row == {"player_sent": 0, "player_done": 0, "attempt": 0, "outcome": -1}
                continue
            step = steps[name]
            assert signal == (step.done - step.sent) / 1e9
            assert row == {
                "player_sent": EPOCH + step.sent,
                "player_done": EPOCH + step.done,
                "attempt": step.attempt,
                "outcome": OUTCOMES.index(step.outcome),
            }


def test_a_message_explains_itself():
    message = TimingEncoder("director", NAMES, EPOCH).encode(TriggerDone(1, 2, 3, 4, 5), {})
    _, found = read(message)
    assert found["player"].data == "detector monitor-1 p.2"
    assert found["signal"].axes == ["player"]
    assert found["signal"].unit == "s"
    assert found["sent"].unit == found["player_sent"].unit == "datetime64[ns]"
    assert found["outcome"].label.startswith("-1 no turn, 0 done, 1 failed")
