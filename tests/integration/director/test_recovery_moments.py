"""A Director that is killed at any moment of a run takes it up: nothing is lost, nothing is done twice."""

from __future__ import annotations

from collections import Counter

import pytest

from helpers.run_phases import Acting, Paused, SettingUp, Stopping, Waiting, acted, ended
from helpers.support import refused, wait_until

NAMES = ("x", "y", "z")
ONCE = [(trigger, 1) for trigger in (1, 2, 3, 4)]


@pytest.fixture
def orchestra(trio):
    return trio


def kill_director(orchestra):
    orchestra.children["director"].kill()
    orchestra.restart("director")


def wait_left(orchestra):
    for name, player in orchestra.players.items():
        wait_until(f"{name} is left", lambda player=player: str(player.state()) == "ON")


@pytest.mark.parametrize("moment", [SettingUp, Acting, Waiting, Paused, Stopping])
def test_a_director_that_is_killed_takes_the_run_up(orchestra, moment):
    moment = moment(orchestra)
    moment.begin()
    run = orchestra.director.RunId
    kill_director(orchestra)
    assert f"run {run} was interrupted" in orchestra.director.Status()
    if not isinstance(moment, Acting):
        moment.gate.unlink(missing_ok=True)
        wait_until("x is idle", lambda: str(orchestra.players["x"].state()) != "RUNNING")
    orchestra.director.Recover()
    orchestra.director.Period = 0
    moment.gate.unlink(missing_ok=True)
    assert ended(orchestra) == ("ON", "done", 4)
    assert orchestra.director.RunId == run
    for name in NAMES:
        assert acted(orchestra, name) == ONCE
    wait_left(orchestra)
    for request in (orchestra.director.Recover, orchestra.director.Recover):
        assert "no interrupted run" in refused(request)


def test_a_director_that_is_killed_while_it_aborts_takes_the_run_up_at_once(orchestra):
    moment = Acting(orchestra)
    moment.begin()
    orchestra.director.Abort()
    wait_until("x is told", lambda: orchestra.notes("told", "x"))
    kill_director(orchestra)
    moment.go_on()
    wait_until("x is left", lambda: str(orchestra.players["x"].state()) == "ON")
    orchestra.director.Recover()
    assert ended(orchestra) == ("ON", "done", 4), orchestra.director.LastError
    # x was told to give up, y had done it.
    assert [turn for turn in acted(orchestra, "x") if turn[0] == 2] == [(2, 1), (2, 2)]
    assert [turn for turn in acted(orchestra, "y") if turn[0] == 2] == [(2, 1)]
    for name in NAMES:
        done = [note["trigger"] for note in orchestra.notes("end", name) if not note["aborted"]]
        assert done == [1, 2, 3, 4]


def test_a_director_that_is_killed_while_it_recovers_marks_what_a_dead_player_may_have_done(orchestra):
    moment = Acting(orchestra)
    moment.begin()
    for name in ("director", "x"):
        orchestra.children[name].kill()
    gate = orchestra.gate("x", "setup")
    moment.go_on()
    orchestra.restart("x")
    orchestra.restart("director")
    asked = orchestra.proxy(orchestra.director.dev_name())
    asked.command_inout_asynch("Recover")
    wait_until("x is set up", lambda: len(orchestra.notes("setup", "x")) == 2)
    kill_director(orchestra)
    gate.unlink()
    wait_until("x is idle", lambda: str(orchestra.players["x"].state()) != "RUNNING")
    orchestra.director.Recover()
    assert ended(orchestra) == ("ON", "done", 4)
    turns = Counter(acted(orchestra, "x"))
    assert set(turns.values()) == {1}, turns
    assert (2, 1) in turns
    assert (2, 2) in turns
    assert acted(orchestra, "y") == ONCE


def test_a_run_that_fails_while_another_player_answers_is_taken_up_without_acting_twice(orchestra):
    gate, failing = orchestra.gate("x", 2), orchestra.gate("y", 2)
    orchestra.set("y", fail_at=2)
    orchestra.director.Start()
    wait_until("x acts", lambda: (2, 1) in acted(orchestra, "x"))
    failing.unlink()
    assert orchestra.ended() == "FAULT"
    wait_until("x is told to give up", lambda: orchestra.notes("told", "x"))
    gate.unlink()
    wait_until("x is left", lambda: str(orchestra.players["x"].state()) == "ON")
    orchestra.set("y")
    orchestra.director.Recover()
    assert ended(orchestra) == ("ON", "done", 4)
    assert [turn for turn in acted(orchestra, "y") if turn[0] == 2] == [(2, 1), (2, 2)]
    done = [note["trigger"] for note in orchestra.notes("end", "x") if not note["aborted"]]
    assert done == [1, 2, 3, 4]


def test_a_run_that_cannot_be_taken_up_yet_can_be_later(orchestra):
    moment = Acting(orchestra)
    moment.begin()
    kill_director(orchestra)
    orchestra.children["z"].kill()
    wait_until("z is missed", lambda: "trio-z" in str(orchestra.director.Check()))
    assert "trio-z" in refused(orchestra.director.Recover)
    assert orchestra.state() == "ON"
    orchestra.restart("z")
    orchestra.director.Recover()
    moment.go_on()
    assert ended(orchestra) == ("ON", "done", 4)
    assert acted(orchestra, "x") == acted(orchestra, "y") == ONCE
    turns = acted(orchestra, "z")
    assert len(set(turns)) == len(turns)
    assert {trigger for trigger, _ in turns} == {1, 2, 3, 4}
