"""The Python API of the Director, against real devices."""

from __future__ import annotations

import time

import pytest
from tango import DevState

from donki.errors import InputError, NotAllowedError
from donki_client import Director, SequenceError, UnreachableError
from helpers.orchestra import an_orchestra
from helpers.support import took, wait_until


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("api"), "api", "a", "b") as orchestra:
        yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    the_orchestra.reset()
    for player in the_orchestra.players.values():
        player.OnError = "ABORT"
    return the_orchestra


@pytest.fixture
def director(orchestra):
    return Director("donki/director/api", database=str(orchestra.facility.database))


def test_a_sequence_is_played_and_waited_for(director, orchestra):
    director.triggers, director.period = 5, 0.01
    assert (director.triggers, director.period) == (5, 0.01)
    director.run_title = "five"
    director.start()
    end = director.wait(timeout=60)
    assert (end.state, end.current_trigger, end.triggers, end.progress) == (DevState.ON, 5, 5, 100)
    assert end.run_id == director.run_id
    assert len(orchestra.notes("end")) == 10
    assert orchestra.notes("setup")[0]["title"] == "five"
    times = {player.name: (player.median, player.p99) for player in director.players}
    assert set(times) == {"api-a", "api-b"}
    assert all(0 < median <= p99 < 20 for median, p99 in times.values())


def test_players_and_their_priorities(director):
    director.set_priority("api-b", 3)
    assert [(player.name, player.priority, player.state) for player in director.players] == [
        ("api-a", 0, "ON"),
        ("api-b", 3, "ON"),
    ]


def test_a_failure_is_raised_in_the_script_s_words(director, orchestra):
    orchestra.set("b", fail_at=2)
    director.triggers = 4
    director.start()
    with pytest.raises(SequenceError, match=r"Player api-b, trigger 2: .*the detector of api-b is on fire"):
        director.wait(timeout=60)
    assert director.state == DevState.FAULT
    assert "on fire" in director.last_error
    director.reset()
    assert director.state == DevState.ON


def test_an_endless_sequence_is_paused_stepped_resumed_and_stopped(director):
    director.triggers, director.period = -1, 0.01
    director.start()
    wait_until("three triggers are done", lambda: director.current_trigger >= 3)
    director.pause()
    wait_until("it is paused", lambda: director.state == DevState.STANDBY)
    paused_at = director.current_trigger
    director.step()
    wait_until("one more trigger", lambda: director.current_trigger == paused_at + 1)
    wait_until("it is paused again", lambda: director.state == DevState.STANDBY)
    director.resume()
    wait_until("it goes on", lambda: director.current_trigger > paused_at + 2)
    assert director.progress == 0
    director.stop()
    assert director.wait(timeout=60).state == DevState.ON


def test_what_a_policy_let_pass_is_told_by_player(director, orchestra):
    orchestra.players["b"].OnError = "SKIP"
    orchestra.set("b", fail_at=2)
    director.triggers = 3
    director.start()
    assert director.wait(timeout=60).current_trigger == 3
    assert {player.name: player.skipped for player in director.players} == {"api-a": 0, "api-b": 1}
    orchestra.players["b"].OnError = "DISABLE"
    director.start()
    director.wait(timeout=60)
    assert {player.name: player.dropped for player in director.players} == {"api-a": False, "api-b": True}


def test_an_interrupted_run_is_taken_up(facility, tmp_path):
    with an_orchestra(facility, tmp_path, "again", "a") as orchestra:
        orchestra.refresh()
        director = Director("donki/director/again", database=facility.database)
        director.triggers, director.period = 40, 0.02
        director.start()
        run_id = director.run_id
        wait_until("three triggers are done", lambda: director.current_trigger >= 3)
        orchestra.children["director"].kill()
        orchestra.restart("director")
        director = Director("donki/director/again", database=facility.database)
        director.recover()
        end = director.wait(timeout=60)
        assert (end.run_id, end.current_trigger, end.state) == (run_id, 40, DevState.ON)


def test_wait_gives_up_in_time_and_the_sequence_goes_on(director):
    director.triggers = -1
    director.period = 0.05
    director.start()
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"is still RUNNING after 0\.2 s"):
        director.wait(timeout=0.2)
    assert took(began) < 2
    assert director.snapshot().in_progress
    director.abort()
    director.wait(timeout=60)


def test_watching_ends_with_the_sequence(director):
    director.triggers = 3
    director.start()
    seen = list(director.watch(interval=0.01))
    assert [snapshot.in_progress for snapshot in seen[:-1]] == [True] * (len(seen) - 1)
    assert not seen[-1].in_progress
    assert seen[-1].current_trigger == 3


@pytest.mark.parametrize("triggers", [0, -2])
def test_wrong_triggers_change_nothing(director, triggers):
    director.triggers = 7
    with pytest.raises(InputError, match=str(triggers)):
        director.triggers = triggers
    assert director.triggers == 7


def test_an_unknown_player_is_named_with_those_there_are(director):
    with pytest.raises(InputError, match=r"nobody.*api-a, api-b"):
        director.set_priority("nobody", 1)


def test_a_second_start_is_refused(director):
    director.triggers = -1
    director.start()
    with pytest.raises(NotAllowedError, match="RUNNING"):
        director.start()
    assert director.state == DevState.RUNNING
    director.abort()
    director.wait(timeout=60)


def test_check_names_what_stands_in_the_way(director):
    assert director.check() == []
    for player in ("api-a", "api-b"):
        director.set_priority(player, -1)
    assert len(director.check()) == 1


def test_a_director_that_is_not_there_is_named(facility):
    with pytest.raises(UnreachableError, match="donki/director/nobody is not in that Tango database"):
        Director("donki/director/nobody", database=facility.database)
    with pytest.raises(InputError, match="HOST:PORT"):
        Director(database="localhost")


def test_a_director_that_dies_ends_the_wait(facility, tmp_path):
    with an_orchestra(facility, tmp_path, "dies", "a") as orchestra:
        director = Director("donki/director/dies", database=facility.database)
        orchestra.refresh()
        director.triggers = -1
        director.start()
        watching = director.watch(interval=0.01)
        assert next(watching).in_progress
        orchestra.children["director"].kill()
        began = time.monotonic()
        with pytest.raises(UnreachableError, match="dies does not answer"):
            director.wait(timeout=60)
        with pytest.raises(UnreachableError, match="dies does not answer"):
            director.triggers = 3
        assert took(began) < 5
