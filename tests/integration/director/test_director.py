"""A real Director conducts real Players, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tango

from donki.director.journal.reading.reader import JournalReader
from helpers.orchestra import an_orchestra
from helpers.support import took, wait_until

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("orchestra"), "dir", *NAMES) as orchestra:
        yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    the_orchestra.reset()
    return the_orchestra


def refused(call, *arguments):
    with pytest.raises(tango.DevFailed) as failed:
        call(*arguments)
    return failed.value.args[0].desc


def spans(orchestra, trigger):
    """Begin and end of each Player's action, by its own clock."""
    begins = {note["player"]: note["time"] for note in orchestra.notes("begin") if note["trigger"] == trigger}
    ends = {note["player"]: note["time"] for note in orchestra.notes("end") if note["trigger"] == trigger}
    return {
        orchestra.name(name): (begins[orchestra.name(name)], ends[orchestra.name(name)]) for name in NAMES
    }


def test_players_of_one_priority_act_in_parallel(orchestra):
    for name in NAMES:
        orchestra.set(name, sleep=0.2)
    assert orchestra.play(3) == "ON"
    for trigger in (1, 2, 3):
        times = spans(orchestra, trigger).values()
        assert max(begin for begin, _ in times) < min(end for _, end in times)
    assert orchestra.director.CurrentTrigger == 3
    assert orchestra.director.Progress == 100


def test_players_of_different_priorities_act_one_after_the_other(orchestra):
    priorities = {"a": 7, "b": 0, "c": 3}
    for name, priority in priorities.items():
        orchestra.set(name, sleep=0.02)
        orchestra.players[name].Priority = priority
    assert orchestra.play(5) == "ON"
    for trigger in range(1, 6):
        times = spans(orchestra, trigger)
        for first, then in pairwise(sorted(priorities, key=priorities.get)):
            assert times[orchestra.name(first)][1] <= times[orchestra.name(then)][0]
    assert list(orchestra.director.Priorities) == [7, 0, 3]


def test_two_levels_with_two_players_on_one(orchestra):
    for name in NAMES:
        orchestra.set(name, sleep=0.1)
    orchestra.director.SetPriority([[1, 0, 1], [orchestra.name(name) for name in NAMES]])
    assert orchestra.play(2) == "ON"
    for trigger in (1, 2):
        times = spans(orchestra, trigger)
        a, b, c = (times[orchestra.name(name)] for name in NAMES)
        assert b[1] <= min(a[0], c[0])
        assert max(a[0], c[0]) < min(a[1], c[1])


def test_a_disabled_player_is_left_out_and_all_disabled_is_refused(orchestra):
    orchestra.director.SetPriority([[-1], [orchestra.name("b")]])
    assert orchestra.play(2) == "ON"
    assert {note["player"] for note in orchestra.notes()} == {orchestra.name("a"), orchestra.name("c")}
    orchestra.director.SetPriority([[-1, -1], [orchestra.name("a"), orchestra.name("c")]])
    assert "every Player is disabled" in refused(orchestra.director.Start)
    assert orchestra.state() == "ON"


def test_all_players_get_the_same_reference_time_and_the_run(orchestra):
    director = orchestra.director
    director.RunTitle = "ice at 100 K"
    director.RunMetadata = '{"proposal": 7}'
    director.RunSeed = 42
    director.Period = 0.05
    assert orchestra.play(4) == "ON"
    by_trigger = {}
    for note in orchestra.notes("begin"):
        by_trigger.setdefault(note["trigger"], set()).add(note["reference_time"])
    times = [by_trigger[trigger] for trigger in (1, 2, 3, 4)]
    assert all(len(references) == 1 for references in times)
    references = [references.pop() for references in times]
    assert [b - a for a, b in pairwise(references)] == [50_000_000] * 3
    assert abs(references[0] - time.time_ns()) < 10e9
    assert {note["run"] for note in orchestra.notes()} == {director.RunId}
    assert {note["period"] for note in orchestra.notes("begin")} == {50_000_000}
    for note in orchestra.notes("setup"):
        assert (note["seed"], note["title"], note["metadata"]) == (42, "ice at 100 K", {"proposal": 7})


def test_the_seed_the_player_and_the_trigger_decide_the_random_numbers(orchestra):
    orchestra.director.RunSeed = 5

    def numbers():
        orchestra.notes_file.unlink(missing_ok=True)
        assert orchestra.play(3) == "ON"
        return {(note["player"], note["trigger"]): note["random"] for note in orchestra.notes("begin")}

    first = numbers()
    assert len(set(first.values())) == 9
    assert numbers() == first
    orchestra.director.RunSeed = 6
    assert not set(numbers().values()) & set(first.values())


def test_the_period_is_kept_without_drift(orchestra):
    orchestra.director.Period = 0.02
    orchestra.set("a", sleep=0.005)
    assert orchestra.play(51) == "ON"
    notes = orchestra.notes("begin", "a")
    references = np.array([note["reference_time"] for note in notes])
    late = np.array([note["time"] for note in notes]) - references
    # A trigger that is late, as on a busy machine, moves none of those to come.
    assert set(np.diff(references)) == {20_000_000}
    assert late.min() > -1_000_000
    assert late.min() < 20_000_000


def test_triggers_that_start_late_are_counted_and_none_is_skipped(orchestra):
    orchestra.director.Period = 0.01
    orchestra.set("b", sleep=0.03)
    assert orchestra.play(10) == "ON"
    assert [note["trigger"] for note in orchestra.notes("begin", "b")] == list(range(1, 11))
    assert orchestra.director.Overruns == 9


def test_an_endless_sequence_runs_until_stop_which_lets_the_trigger_end(orchestra):
    director = orchestra.director
    orchestra.set("a", sleep=0.05)
    director.Triggers = -1
    director.Start()
    wait_until("three triggers", lambda: director.CurrentTrigger >= 3)
    assert director.Progress == 0
    director.Stop()
    assert orchestra.ended() == "ON"
    last = director.CurrentTrigger
    assert [note["trigger"] for note in orchestra.notes("end", "a")][-1] == last
    assert {note["player"] for note in orchestra.notes("stop")} == {orchestra.name(name) for name in NAMES}


def test_pause_step_and_resume(orchestra):
    director = orchestra.director
    director.Period = 0.02
    director.Triggers = 20
    director.Start()
    wait_until("two triggers", lambda: director.CurrentTrigger >= 2)
    director.Pause()
    wait_until("it pauses", lambda: orchestra.state() == "STANDBY")
    paused_at = director.CurrentTrigger
    director.Step()
    wait_until(
        "one step", lambda: orchestra.state() == "STANDBY" and director.CurrentTrigger == paused_at + 1
    )
    director.Resume()
    assert orchestra.ended() == "ON"
    assert [note["trigger"] for note in orchestra.notes("begin", "a")] == list(range(1, 21))


def test_abort_reaches_a_script_that_waits(orchestra):
    orchestra.set("a", sleep=30, listen=True)
    orchestra.director.Start()
    wait_until("it acts", lambda: orchestra.notes("begin", "a"))
    began = time.monotonic()
    orchestra.director.Abort()
    assert orchestra.ended() == "ON"
    assert took(began) < 1.5
    assert orchestra.notes("stop", "a")[0]["aborted"]


def test_a_second_start_is_refused_and_changes_nothing(orchestra):
    orchestra.set("a", sleep=0.3)
    orchestra.director.Triggers = 2
    orchestra.director.Start()
    run = orchestra.director.RunId
    assert "Start is not allowed while the Director is RUNNING" in refused(orchestra.director.Start)
    assert orchestra.ended() == "ON"
    assert orchestra.director.RunId == run
    assert len(orchestra.notes("setup", "a")) == 1


@pytest.mark.parametrize("command", ["Stop", "Abort", "Pause", "Resume", "Step", "Reset"])
def test_commands_that_the_state_does_not_allow_are_refused_by_name(orchestra, command):
    said = refused(orchestra.director.command_inout, command)
    assert said.startswith(f"{command} is not allowed while the Director is ON")


def test_bad_input_is_refused_and_changes_nothing(orchestra):
    director = orchestra.director
    before = (director.Triggers, director.Period, list(director.Priorities))
    assert "got 0" in refused(setattr, director, "Triggers", 0)
    assert "below the minimum" in refused(setattr, director, "Period", -1.0)
    assert "JSON object" in refused(setattr, director, "RunMetadata", "[1]")
    unknown = refused(director.SetPriority, [[1], ["nobody"]])
    assert "nobody: unknown" in unknown
    assert orchestra.name("a") in unknown
    assert "got 1 and 2" in refused(director.SetPriority, [[1], ["a", "b"]])
    assert "got -2" in refused(director.SetPriority, [[-2], [orchestra.name("a")]])
    refused(director.SetPriority, [[5, 1], [orchestra.name("a"), "nobody"]])
    orchestra.refresh()
    assert (director.Triggers, director.Period, list(director.Priorities)) == before


def test_a_script_that_raises_ends_the_sequence_in_fault_within_a_second(orchestra):
    orchestra.set("b", fail_at=3)
    orchestra.set("c", sleep=0.01)
    assert orchestra.play(10) == "FAULT"
    failed_at = orchestra.notes("begin", "b")[-1]["time"]
    assert time.time_ns() - failed_at < 1.5e9
    error = orchestra.director.LastError
    assert error.startswith(f"Player {orchestra.name('b')}, trigger 3: ")
    assert "scripted.py, line" in error
    assert "ValueError: the detector of dir-b is on fire" in error
    assert orchestra.director.Status() == error
    assert orchestra.director.CurrentTrigger == 3
    wait_until("all are stopped", lambda: len(orchestra.notes("stop")) == 3)
    assert str(orchestra.players["b"].state()) == "ALARM"
    assert str(orchestra.players["c"].state()) == "ON"
    orchestra.director.Reset()
    assert orchestra.state() == "ON"
    assert orchestra.director.LastError == ""


def test_a_failure_tells_a_player_that_still_acts_to_give_up(orchestra):
    orchestra.set("a", sleep=30, listen=True)
    orchestra.set("b", fail_at=1)
    gate = orchestra.gate("b", 1)
    orchestra.director.Triggers = 1
    orchestra.director.Start()
    wait_until("a acts", lambda: orchestra.notes("begin", "a"))
    gate.unlink()
    began = time.monotonic()
    assert orchestra.ended() == "FAULT"
    assert took(began) < 2
    wait_until("a has given up", lambda: orchestra.notes("stop", "a"))
    assert orchestra.notes("end", "a")[0]["aborted"]


def test_start_in_fault_begins_a_new_run(orchestra):
    orchestra.set("b", fail_at=1)
    assert orchestra.play(1) == "FAULT"
    orchestra.set("b")
    assert orchestra.play(2) == "ON"
    assert orchestra.director.LastError == ""


def test_a_player_that_cannot_be_set_up_is_named_at_start_and_the_sequence_has_failed(orchestra):
    before = orchestra.director.RunId
    orchestra.set("c", fail_in="setup")
    said = refused(orchestra.director.Start)
    assert f"Player {orchestra.name('c')}, set-up: " in said
    assert "RuntimeError: no detector" in said
    assert orchestra.ended() == "FAULT"
    assert said == orchestra.director.LastError
    assert said in orchestra.director.Status()
    failure = json.loads(orchestra.director.LastFailure)
    assert (failure["player"], failure["trigger"], failure["attempt"]) == (orchestra.name("c"), 0, 1)
    run = orchestra.director.RunId
    assert run != before
    with JournalReader(Path(orchestra.director.JournalFile).parent) as journal:
        wait_until("the end is noted", lambda: journal.run(run).outcome)
        assert (journal.run(run).outcome, journal.run(run).error) == ("failed", said)
    # One that was not asked yet when the other failed is not set up at all.
    wait_until(
        "the others are stopped",
        lambda: all(
            len(orchestra.notes("setup", name)) == len(orchestra.notes("stop", name)) for name in "ab"
        ),
    )
    orchestra.director.Reset()
    assert orchestra.state() == "ON"
    assert (orchestra.director.LastError, orchestra.director.LastFailure) == ("", "{}")
    orchestra.set("c")
    assert orchestra.play(1) == "ON"


def test_a_set_up_that_takes_long_does_not_keep_start_and_fails_later(orchestra):
    orchestra.set("c", setup_sleep=4, fail_in="setup")
    began = time.monotonic()
    orchestra.director.Start()
    assert took(began) < 3
    assert orchestra.state() == "RUNNING"
    assert orchestra.ended() == "FAULT"
    assert "no detector" in orchestra.director.LastError


def test_a_set_up_may_take_longer_than_the_timeout_of_an_action(orchestra):
    orchestra.players["c"].Timeout = 0.2
    orchestra.set("c", setup_sleep=0.5)
    assert orchestra.play(2) == "ON"


def test_a_player_that_takes_longer_than_its_timeout_ends_the_sequence(orchestra):
    orchestra.players["a"].Timeout = 0.5
    orchestra.set("a", sleep=5, listen=True)
    began = time.monotonic()
    assert orchestra.play(3) == "FAULT"
    assert time.monotonic() - began > 0.5
    assert took(began) < 2
    assert (
        f"{orchestra.name('a')}, trigger 1: no answer within its Timeout of 0.5 s"
        in orchestra.director.LastError
    )


def test_one_that_does_not_listen_is_given_up_and_named(orchestra):
    orchestra.players["a"].Timeout = 0.3
    orchestra.set("a", sleep=3)
    began = time.monotonic()
    assert orchestra.play(3) == "FAULT"
    wait_until("it is given up", lambda: "given up waiting for dir-a" in orchestra.director.LastError, 2)
    assert took(began) < 2.5


def test_a_priority_set_on_the_player_itself_is_followed_in_mid_run(orchestra):
    director = orchestra.director
    director.Period = 0.05
    director.Triggers = -1
    director.Start()
    wait_until("two triggers", lambda: director.CurrentTrigger >= 2)
    orchestra.players["b"].Priority = -1
    wait_until("the Director knows", lambda: list(director.Priorities) == [0, -1, 0])
    wait_until(
        "b is left out", lambda: len(orchestra.notes("begin", "a")) >= len(orchestra.notes("begin", "b")) + 4
    )
    orchestra.director.SetPriority([[2], [orchestra.name("b")]])
    now = director.CurrentTrigger
    wait_until("three more triggers", lambda: director.CurrentTrigger >= now + 3)
    director.Stop()
    assert orchestra.ended() == "ON"
    acted = [note["trigger"] for note in orchestra.notes("begin", "b")]
    everything = [note["trigger"] for note in orchestra.notes("begin", "a")]
    assert everything == list(range(1, len(everything) + 1))
    assert 3 <= len(everything) - len(acted) < len(everything)
    assert acted[-1] == everything[-1]


def test_change_events_come_unasked_at_most_ten_a_second_and_once_at_the_end(orchestra):
    director = orchestra.director
    seen = {}
    ids = []
    for name in ("State", "CurrentTrigger", "Progress", "Status", "RunId"):
        values = seen.setdefault(name, [])

        def note(event, values=values):
            if not event.err:
                values.append((time.monotonic(), event.attr_value.value))

        ids.append(director.subscribe_event(name, tango.EventType.CHANGE_EVENT, note))
    began = time.monotonic()
    assert orchestra.play(3000) == "ON"
    last = {"State": "ON", "CurrentTrigger": "3000", "Progress": "100.0"}
    wait_until("the last", lambda: all(str(seen[name][-1][1]) == value for name, value in last.items()))
    for event_id in ids:
        director.unsubscribe_event(event_id)
    assert "RUNNING" in [str(value) for _, value in seen["State"]]
    seconds = time.monotonic() - began
    assert 3 < len(seen["CurrentTrigger"]) <= 10 * seconds + 3
    assert seen["RunId"][-1][1] == director.RunId


def test_killed_player_ends_the_sequence_and_is_found_again_when_it_is_back(facility, tmp_path):
    with an_orchestra(facility, tmp_path, "kill", "x", "y") as orchestra:
        director = orchestra.director
        for name in ("x", "y"):
            orchestra.set(name, sleep=0.2)
        director.Triggers = 1000
        director.Start()
        wait_until("it runs", lambda: director.CurrentTrigger >= 3)
        os.kill(orchestra.children["x"].pid, signal.SIGKILL)
        killed = time.monotonic()
        wait_until("FAULT", lambda: orchestra.state() == "FAULT", 1.0)
        assert took(killed) < 1.0
        assert f"Player kill-x, trigger {director.CurrentTrigger}: cannot be reached" in director.LastError
        wait_until("y is stopped", lambda: orchestra.notes("stop", "y"))
        director.Reset()
        said = refused(director.Start)
        assert "Player kill-x: cannot be reached" in said
        assert "priority[kill-x]=-1" in said
        director.SetPriority([[-1], ["kill-x"]])
        assert orchestra.play(2) == "ON"
        orchestra.restart("x")
        orchestra.players["x"].Priority = 0
        orchestra.set("x")
        assert orchestra.play(2) == "ON"
        assert orchestra.notes("end", "x")[-1]["trigger"] == 2


def test_a_silent_player_is_noticed_within_its_timeout_and_acts_once_when_it_is_back(facility, tmp_path):
    with an_orchestra(facility, tmp_path, "mute", "x", "y") as orchestra:
        director = orchestra.director
        orchestra.players["x"].Timeout = 1.0
        for name in ("x", "y"):
            orchestra.set(name, sleep=0.05)
        director.Triggers = 1000
        director.Start()
        wait_until("it runs", lambda: director.CurrentTrigger >= 3)
        os.kill(orchestra.children["x"].pid, signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            wait_until("FAULT", lambda: orchestra.state() == "FAULT", 3.0)
            assert took(stopped) < 2.0
            assert "Player mute-x" in director.LastError
            assert "Timeout of 1 s" in director.LastError
            last = director.CurrentTrigger
        finally:
            os.kill(orchestra.children["x"].pid, signal.SIGCONT)
        wait_until("x is stopped", lambda: orchestra.notes("stop", "x"))
        acted = [note["trigger"] for note in orchestra.notes("begin", "x")]
        assert acted == sorted(set(acted))
        assert acted[-1] in (last - 1, last)
        assert orchestra.play(3) == "ON"


def test_a_sequence_goes_on_while_the_database_is_dead(tmp_path):
    from donki_client.facility.local import LocalFacility

    with LocalFacility(tmp_path / "facility") as facility:
        facility.start_database()
        with an_orchestra(facility, tmp_path, "nodb", "x") as orchestra:
            director = orchestra.director
            orchestra.set("x", sleep=0.02)
            director.Triggers = 150
            director.Start()
            wait_until("it runs", lambda: director.CurrentTrigger >= 3)
            facility._base._children[0].kill()
            assert orchestra.ended() == "ON"
            assert [note["trigger"] for note in orchestra.notes("end", "x")] == list(range(1, 151))
            began = time.monotonic()
            assert "Tango database" in refused(director.Start)
            assert took(began) < 3


def test_a_player_that_has_just_come_is_known_to_set_priority(facility, tmp_path):
    with an_orchestra(facility, tmp_path, "fresh", "x") as orchestra:
        wait_until("x is found", lambda: list(orchestra.director.Players or ()) == ["fresh-x"])
        for name in ("y", "z"):
            orchestra.start(name, director=False)
            orchestra.director.SetPriority([[3], [orchestra.name(name)]])
        assert list(orchestra.director.Players) == ["fresh-x", "fresh-y", "fresh-z"]
        assert list(orchestra.director.Priorities) == [0, 3, 3]
