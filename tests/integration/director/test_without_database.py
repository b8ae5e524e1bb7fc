"""Once a sequence has begun it needs no Tango database, also where Players share a server."""

from __future__ import annotations

import pytest

from donki.limits import OnError
from helpers.brokers import EmbeddedBroker, new_broker
from helpers.chaos.layout import DIRECTOR, NAMES, Layout
from helpers.chaos.plan import Mishap, Part, Plan
from helpers.chaos.stage import DATABASE, GOING_ON, Stage
from helpers.support import wait_until


def plan_of(number, *, mishaps=()):
    """Two Players act together, one after them, and that one has the mishaps."""
    parts = {
        name: Part(0, 10.0, OnError.RETRY, 1, 0.0, ())
        if name != "c"
        else Part(1, 10.0, OnError.RETRY, 1, 0.0, mishaps)
        for name in NAMES
    }
    return Plan(1, number, 3, 0.0, parts, (), (), mend=False)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with (
        new_broker(EmbeddedBroker.kind) as broker,
        Stage(tmp_path_factory.mktemp("stage"), broker, Layout(together="abc")) as stage,
    ):
        yield stage


@pytest.fixture
def armed(stage):
    """Prepare a plan, have the Director set the Players up for it, kill the database, and play it."""

    def arm(plan):
        stage.mend()
        stage.prepare(plan)
        director = stage.proxy(DIRECTOR)
        director.StepTriggers = plan.triggers
        director.Arm()
        stage.kill(DATABASE)
        director.Step()
        return director

    return arm


def ended(director):
    wait_until("the sequence ends", lambda: str(director.state()) not in GOING_ON, 20)
    return str(director.state())


def noted(stage, plan, *words):
    """Tell whether the Players have written down a line with all these words."""
    lines = stage.notes(plan).read_text().splitlines()
    return any(all(word in line for word in words) for line in lines)


@pytest.mark.timeout(180)
def test_players_of_a_server_act_by_level_and_again_without_the_database(stage, armed):
    director = armed(plan_of(1, mishaps=(Mishap(2, "raise", 1, 0.0),)))
    wait_until("all is done", lambda: (str(director.state()), director.CurrentTrigger) == ("STANDBY", 3), 20)
    director.Stop()
    assert ended(director) == "ON", director.LastError
    assert list(director.SkippedTriggers) == [0, 0, 0]
    stage.mend()
    assert stage.stop_players(0) == []


@pytest.mark.timeout(180)
def test_an_abort_reaches_a_player_of_a_server_without_the_database(stage, armed):
    plan = plan_of(2, mishaps=(Mishap(2, "slow", 1, 30.0),))
    director = armed(plan)
    wait_until("c acts", lambda: noted(stage, plan, "chaos-c", '"begin", "trigger": 2'))
    director.Abort()
    wait_until("c is told", lambda: noted(stage, plan, "chaos-c", '"aborted": true'))
    assert ended(director) == "ON"
    stage.mend()
    assert stage.stop_players(0) == []
