"""How the end of a sequence is waited for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tango import DevState

from donki.director.rules.effects import Failure
from donki_client import SequenceError, Snapshot
from donki_client.api import waiting
from donki_client.api.waiting import LONGEST, SHORTEST, TELLING, Waiting

RUNNING = Snapshot(DevState.RUNNING, 10, 1, 10.0, math.nan, 14.0, 0, "run-1", "")
FAILURE = Failure("detector", 7, "on fire", attempt=2)
ENDED = replace(RUNNING, state=DevState.ON, current_trigger=10, progress=100.0)


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    return clock


def test_the_pause_grows_with_the_time_waited_within_limits(clock):
    wait = Waiting("director", None, None)
    assert wait.pause(RUNNING) == SHORTEST
    clock.now += 1
    assert wait.pause(RUNNING) == pytest.approx(0.1)
    clock.now += 3600
    assert wait.pause(RUNNING) == LONGEST
    assert wait.pause(ENDED) == 0


def test_who_is_told_of_progress_is_not_told_too_late(clock):
    wait = Waiting("director", None, lambda snapshot: None)
    clock.now += 3600
    assert wait.pause(RUNNING) == TELLING


def test_a_wait_ends_at_its_limit_and_no_pause_goes_beyond(clock):
    wait = Waiting("director", 2.0, None)
    clock.now += 1.95
    assert wait.pause(RUNNING) == pytest.approx(0.05)
    clock.now += 0.05
    with pytest.raises(TimeoutError, match=r"director is still RUNNING after 2 s, at trigger 1"):
        wait.pause(RUNNING)


def test_progress_is_told_when_it_moves_at_most_ten_times_a_second_and_at_the_end(clock):
    told = []
    wait = Waiting("director", None, told.append)
    shown = [replace(RUNNING, current_trigger=trigger) for trigger in (1, 2, 3, 4)]
    for snapshot, seconds in zip(shown, (0.0, 0.05, 0.06, 0.02), strict=True):
        clock.now += seconds
        wait.pause(snapshot)
    clock.now += 1
    wait.pause(shown[2])
    wait.pause(ENDED)
    assert wait.result(ENDED) is ENDED
    assert [snapshot.current_trigger for snapshot in told] == [1, 3, 10]


def test_a_director_that_was_started_anew_is_found_out(clock):
    wait = Waiting("director", None, None)
    wait.pause(RUNNING)
    with pytest.raises(SequenceError, match="restarted during run run-1: recover takes it up"):
        wait.pause(replace(ENDED, run_id=""))


def test_another_run_is_not_taken_for_the_one_that_is_waited_for(clock):
    wait = Waiting("director", None, None)
    wait.pause(RUNNING)
    with pytest.raises(SequenceError, match="another run, run-2, after run-1"):
        wait.pause(replace(RUNNING, run_id="run-2"))


def test_a_failure_names_player_and_trigger(clock):
    failed = replace(RUNNING, state=DevState.FAULT, last_error=str(FAILURE), last_failure=FAILURE.as_dict())
    wait = Waiting("director", None, None)
    assert wait.pause(failed) == 0
    with pytest.raises(SequenceError) as error:
        wait.result(failed)
    assert (error.value.player, error.value.trigger, error.value.reason) == ("detector", 7, "on fire")
    assert (error.value.attempt, str(error.value)) == (2, "Player detector, trigger 7: on fire")


def test_what_is_no_player_s_failure_has_no_player():
    everyone = Failure("(all)", 3, "every Player is disabled")
    error = SequenceError(str(everyone), everyone.as_dict())
    assert (error.player, error.trigger, error.reason) == (None, 3, "every Player is disabled")
    assert SequenceError("no Player is enabled").reason == "no Player is enabled"
