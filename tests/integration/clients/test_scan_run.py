"""A run that is played point by point: what Sardana's controllers share, without Sardana."""

from __future__ import annotations

import pytest

from donki.errors import NotAllowedError
from donki_client import Director
from donki_client.sardana.scan_run import ScanRun
from helpers.orchestra import an_orchestra
from helpers.support import wait_until

SCRIPT = "def action(trigger, player): player.wait(player.parameters.get('wait', 0))"


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    script = folder / "idle.py"
    script.write_text(SCRIPT)
    with an_orchestra(facility, folder, "scan", "a", script=script) as orchestra:
        yield orchestra


@pytest.fixture
def director(orchestra):
    return Director("donki/director/scan", orchestra.facility.database)


@pytest.fixture
def run(director):
    run = ScanRun(director.device)
    yield run
    run.abort()


def played(run):
    wait_until("the point is over", lambda: (point := run.look()) and point.is_over, 20)
    return run.look()


def test_controllers_that_prepare_the_same_points_share_a_run(run, director):
    run.prepare(2)
    first = director.run_id
    run.prepare(2)
    assert director.run_id == first
    run.prepare(3)
    assert director.run_id != first


def test_counts_that_are_read_too_late_are_named_and_never_guessed(run, director):
    run.prepare(1)
    run.play(4200, 0.0)
    wait_until("all are sent", lambda: director.snapshot().current_trigger == 4200, 30)
    wait_until("the last is complete", lambda: director.trigger_events().completed == 4200)
    assert "triggers 1 to 104 of run" in played(run).failure


def test_more_points_than_prepared_are_refused(run, director):
    run.prepare(1)
    run.play(3, 0.0)
    assert len(played(run).counted) == 3
    run.play(3, 0.0)
    assert "no point is left; prepare" in played(run).failure
    assert not director.snapshot().in_progress


def test_a_run_that_was_ended_by_somebody_else_fails_the_point(run, director):
    run.prepare(1)
    run.play(1000, 0.02)
    wait_until("it plays", lambda: (point := run.look()) and len(point.counted) > 2)
    director.stop()
    assert "was ended at trigger" in played(run).failure
    assert director.period == 0


def test_the_director_is_as_before_also_where_the_run_takes_long_to_end(run, director, orchestra):
    orchestra.players["a"].Parameters = '{"wait": 2.5}'
    run.prepare(1)
    run.play(5, 0.02)
    wait_until("it plays", lambda: director.snapshot().current_trigger == 1)
    run.stop()
    assert run.look().is_over
    assert director.snapshot().in_progress
    assert (director.period, director.step_triggers) == (0, 1)
    assert director.wait(10).current_trigger == 1
    orchestra.players["a"].Parameters = "{}"


def test_a_director_that_plays_for_somebody_else_is_left_as_it_is(run, director):
    director.configure(triggers=-1, period=0.03)
    director.start()
    with pytest.raises(NotAllowedError, match="wait for its end, or stop it"):
        run.prepare(1)
    run.stop()
    assert director.snapshot().in_progress
    director.stop()
    director.wait(10)
    director.configure(period=0)
