"""The demo's sum: what counts as whole, and what it says of the rest."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tango import DevState

from donki.director.recorded import Totals
from donki_client.demo import Demo
from donki_client.matching import Findings, Message
from donki_client.player import Sent
from donki_client.run_data import StreamData
from donki_client.snapshot import PlayerStatus, Snapshot
from donki_client.stored_data import StoredSource
from donki_client.summary import Result, problems, table

PLAYER = PlayerStatus("player0", 0, "ON", 0.0123, 0.0456)
END = Snapshot(DevState.ON, 100, 100, 100.0, 0.0, 14.0, 0, "run", "")
SENT = Sent(100, 1_240_000, 100, 9_930_000)
WHERE = "Player player0, panel in topic t"


def data(**found):
    noted = Totals(1_240_000, 100, 9_930_000, 12_400)
    whole = StreamData("player0", "t", "panel", noted, noted, 100, 1_240_000, 9_930_000)
    return [replace(whole, **found)]


WHOLE = Result(PLAYER, SENT, data())


def test_a_whole_run_has_no_problems():
    stored = data(stored=StoredSource(100, 1_240_000, has_events=True), stored_findings=Findings())
    assert problems(END, [WHOLE, replace(WHOLE, data=stored)]) == []


def test_messages_that_are_missing_are_named():
    findings = Findings(missing=[Message(17, 2, 0)], missing_count=1)
    assert problems(END, [replace(WHOLE, data=data(findings=findings))]) == [
        f"{WHERE}: 1 message is missing: trigger 17, message 2"
    ]
    stored = data(stored=StoredSource(99, 7, has_events=True), stored_findings=findings)
    assert problems(END, [replace(WHOLE, data=stored)]) == [
        "Player player0, panel in its files: 1 message is missing: trigger 17, message 2"
    ]


def test_messages_that_came_twice_or_from_elsewhere_are_a_problem():
    assert problems(END, [replace(WHOLE, data=data(findings=Findings(twice=3, unknown=1, after=4)))]) == [
        f"{WHERE}: 3 messages are there once more than was noted, the first after trigger 4",
        f"{WHERE}: 1 message is not in the journal, the first after trigger 4",
    ]


def test_events_that_do_not_add_up_are_a_problem():
    assert problems(END, [replace(WHOLE, data=data(events=1_239_999))]) == [
        f"{WHERE}: 1,240,000 events by the journal, 1,239,999 found"
    ]


def test_returned_values_in_files_are_counted():
    short = data(stored=StoredSource(rows=99))
    assert problems(END, [replace(WHOLE, data=short)]) == [
        "Player player0, panel in its files: 100 rows by the journal, 99 found"
    ]
    assert problems(END, [replace(WHOLE, data=data(stored=StoredSource(rows=100)))]) == []


def test_faults_that_were_put_in_are_to_be_found():
    faults = data(faults=Counter(drop=3, corrupt=2), faults_found=Counter(drop=3, corrupt=1))
    assert problems(END, [replace(WHOLE, data=faults)]) == [
        f"{WHERE}: faults of kind corrupt that were put in and not found: 1"
    ]


def test_what_was_held_back_may_be_lost_with_a_player_that_died():
    lost = {"faults": Counter(delay=1, drop=1), "faults_found": Counter(drop=1)}
    assert problems(END, [replace(WHOLE, data=data(**lost))])
    assert problems(END, [replace(WHOLE, data=data(**lost, has_repeats=True))])
    held_back = Counter(delay=1)
    lost_with_it = data(**lost, faults_held_back=held_back, has_repeats=True)
    assert not problems(END, [replace(WHOLE, data=lost_with_it)])
    assert problems(END, [replace(WHOLE, data=data(**lost, faults_held_back=held_back))])


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
    stored = StoredSource(10_000, many, has_events=True)
    result = Result(
        PLAYER, Sent(10_000, many, 10_000, 993_000_000), data(events=many, size=993_000_000, stored=stored)
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
