"""The demo's sum: what counts as whole, and what it says of the rest."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tango import DevState

from donki.director.journal.reading.rows import RecordedRun, Totals
from donki_client.api.player import Sent
from donki_client.api.snapshot import PlayerStatus, Snapshot
from donki_client.scenario.demo import Demo
from donki_client.scenario.playing.played import Played
from donki_client.scenario.playing.summary import Result, problems, success, table
from donki_client.verify.matching import Findings, Message
from donki_client.verify.run_data import RunData, StreamData
from donki_client.verify.stored_data import StoredSource

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
        f"{WHERE}: 3 messages are duplicated, the first after trigger 4",
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


def test_a_player_that_wrote_no_file_is_a_problem_where_there_are_to_be_files():
    filed = replace(WHOLE, with_files=True)
    assert problems(END, [filed]) == ["Player player0, panel: the Player wrote no file"]
    stored = data(stored=StoredSource(100, 1_240_000, has_events=True), stored_findings=Findings())
    assert problems(END, [replace(filed, data=stored)]) == []


counts = st.integers(0, 10**9)


@given(
    st.lists(st.tuples(counts, counts, st.integers(0, 3), st.integers(0, 3))),
    st.booleans(),
    st.integers(0, 3),
    st.booleans(),
)
def test_no_more_is_said_to_have_arrived_than_was_noted_and_found(streams, in_files, missed, dropped):
    """Whatever failed attempts left at Kafka, whatever faults took from it, and whoever missed triggers."""
    found = [
        StreamData(
            "player0",
            "t",
            f"panel{number}",
            Totals(noted, 1, 1, 1),
            Totals(noted + taken, 1, 1, 1),
            events=noted + left * 12_400,
            schemas=Counter(ev44=1),
            findings=Findings(left_over=left, noted=1, matched=1),
            faults=Counter(drop=faults) if taken else Counter(),
            stored=StoredSource(1, noted + taken, has_events=True) if in_files else None,
        )
        for number, (noted, taken, left, faults) in enumerate(streams)
    ]
    player = replace(PLAYER, skipped=missed, dropped=dropped)
    said = success([Result(player, SENT, found, in_files)], [Path("data")] if in_files else [])
    events = sum(stream.noted.events for stream in found)
    assert f"all {events:,} events arrived at Kafka" in said
    stored = sum(stream.stored.events for stream in found if stream.stored)
    assert ("files" in said) == in_files
    if in_files:
        named = "and" if stored == events else f"all {stored:,} events that were measured"
        assert f"{named} in the files in data" in said
    assert said.startswith("of the triggers that were done, ") == bool(missed or dropped)
    left = sum(stream.findings.left_over for stream in found)
    assert (f"{left} message" in said) == bool(left)


def test_a_run_without_an_end_in_the_journal_is_no_success():
    run = RecordedRun(1, "run", "director", "", {}, 1, 100, 0, {}, 0, None, None, "")
    played = Played(END, [WHOLE], [RunData(run, list(WHOLE.data), {}, [])])
    assert played.problems == ["the journal has no end of the run: not all that was sent is noted there"]
    whole = replace(run, ended=1, outcome="done")
    assert replace(played, data=[replace(played.data[0], run=whole)]).problems == []


def rendered(results):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(table(results))
    return capture.get()


def test_of_many_players_the_table_shows_those_worth_a_look_and_the_sum_of_the_others():
    results = [
        Result(replace(PLAYER, name=f"p{number}", priority=number % 3, p99=number / 1e4), SENT, data())
        for number in range(200)
    ]
    results[50] = replace(results[50], sent=None)
    results[7] = replace(results[7], player=replace(results[7].player, skipped=2))
    shown = rendered(results)
    names = [line.split()[0] for line in shown.splitlines()[2:]]
    assert names == ["p7", "p50", "p197", "p198", "p199", "195"]
    others = " ".join(shown.splitlines()[-1].split())
    assert others == "195 others 0..2 100 0 241,800,000 241,800,000 1936.3 12.3 19.6"
    assert len(rendered(results[:20]).splitlines()) == 22


def test_the_table_holds_every_figure_in_80_columns():
    many = 124_000_000
    stored = StoredSource(10_000, many, has_events=True)
    result = Result(
        PLAYER, Sent(10_000, many, 10_000, 993_000_000), data(events=many, size=993_000_000, stored=stored)
    )
    shown = rendered([result, result])
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
