"""The demo's sum: what counts as whole, and what it says of the rest."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tango import DevState

from donki_client.demo import Demo
from donki_client.snapshot import PlayerStatus, Snapshot
from donki_client.player import Sent
from donki_client.readback import Arrived
from donki_client.summary import Result, problems, table

PLAYER = PlayerStatus("player0", 0, "ON", 0.0123, 0.0456)
END = Snapshot(DevState.ON, 100, 100, 100.0, 0.0, 14.0, 0, "run", "")
ARRIVED = Arrived(1_240_000, 100, 9_930_000)
WHOLE = Result(PLAYER, Sent(100, 1_240_000, 100, 9_930_000), ARRIVED, None, 1_240_000)


def test_a_whole_run_has_no_problems():
    assert problems(END, [WHOLE, replace(WHOLE, stored=1_240_000)]) == []


def test_events_that_are_missing_are_counted_by_player():
    result = replace(WHOLE, arrived=replace(ARRIVED, events=1_239_999))
    assert problems(END, [result]) == [
        "Player player0: 1,240,000 events sent, 1,239,999 read back from Kafka"
    ]
    assert problems(END, [replace(WHOLE, stored=7)]) == [
        "Player player0: 1,240,000 events in triggers done, 7 in the file"
    ]


def test_events_that_came_twice_are_a_problem():
    assert problems(END, [replace(WHOLE, arrived=replace(ARRIVED, events=1_240_001))])


def test_a_player_that_is_gone_is_a_problem():
    result = replace(WHOLE, sent=None)
    assert problems(END, [result]) == ["Player player0 does not answer; what it sent is not known"]
    assert result.problems


def test_a_sequence_that_failed_or_was_stopped_is_a_problem():
    failed = replace(END, state=DevState.FAULT, last_error="Player player0, trigger 3: boom")
    assert problems(failed, [WHOLE]) == ["the sequence failed: Player player0, trigger 3: boom"]
    stopped = replace(END, current_trigger=40)
    assert problems(stopped, [WHOLE]) == ["the sequence was stopped at trigger 40 of 100"]


def test_the_table_holds_every_figure_in_80_columns():
    many = 124_000_000
    result = Result(
        PLAYER, Sent(10_000, many, 10_000, 993_000_000), Arrived(many, 10_000, 993_000_000), many, many
    )
    console = Console(width=80)
    with console.capture() as capture:
        console.print(table([result, result]))
    shown = capture.get()
    assert shown.count("10,000 124,000,000 124,000,000 124,000,000 993.0") == 2
    for figure in ("player0", "12.3", "45.6", "priority", "triggers", "median", "99 %"):
        assert figure in shown
    assert "…" not in shown


def test_the_period_is_the_source_s_at_14_hz():
    assert round(Demo(rate=14).scenario.trigger_period * 1e9) == 71_428_571
    assert Demo(rate=0).scenario.trigger_period == 0


@given(st.floats(1e-3, 1e6))
def test_a_period_is_whole_nanoseconds_and_never_longer_than_the_rate_says(rate):
    nanoseconds = Demo(rate=rate).scenario.trigger_period * 1e9
    assert math.isclose(nanoseconds, round(nanoseconds), abs_tol=1e-3)
    assert nanoseconds <= 1e9 / rate * (1 + 1e-12)
