"""What may be asked of a Director at each moment of a run, and what comes of it."""

from __future__ import annotations

import pytest

from helpers.run_phases import Acting, Failed, Lost, Paused, SettingUp, Stopping, Waiting, acted, ended
from helpers.support import refused, wait_until

NAMES = ("x", "y", "z")
REQUESTS = ("Start", "Recover", "Reset", "Stop", "Abort", "Pause", "Resume", "Step", "Check")


@pytest.fixture
def orchestra(trio):
    return trio


@pytest.mark.parametrize("moment", [SettingUp, Acting, Waiting, Paused, Lost, Stopping, Failed])
def test_what_is_refused_says_why_and_changes_nothing(orchestra, moment):
    director = orchestra.director
    moment = moment(orchestra)
    moment.begin()

    def seen():
        names = ("State", "RunId", "CurrentTrigger", "Triggers", "Period", "LastError")
        return [director.read_attribute(name).value for name in names]

    before = seen()
    for request in REQUESTS:
        if request not in moment.obeyed:
            said = refused(director.command_inout, request)
            assert request in said
            assert any(text in said for text in moment.says.split("|")), said
    assert "unknown" in refused(director.SetPriority, [[0], ["nobody"]])
    assert "Triggers" in refused(setattr, director, "Triggers", 0)
    assert seen() == before
    moment.go_on()
    assert ended(orchestra) == ("ON", "done", 4)
    for name in NAMES:
        done = [note["trigger"] for note in orchestra.notes("end", name)]
        assert sorted(set(done)) == [1, 2, 3, 4]
        assert len(done) == 4


@pytest.mark.parametrize(
    ("moment", "request_", "outcome", "trigger"),
    [
        (SettingUp, "Stop", "stopped", None),
        (SettingUp, "Abort", "aborted", None),
        (Acting, "Stop", "stopped", 2),
        (Acting, "Abort", "aborted", 1),
        (Waiting, "Stop", "stopped", 2),
        (Waiting, "Abort", "aborted", 2),
        (Paused, "Stop", "stopped", 2),
        (Paused, "Abort", "aborted", 2),
        (Lost, "Stop", "stopped", 2),
        (Lost, "Abort", "aborted", 1),
        (Stopping, "Abort", "aborted", 4),
    ],
)
def test_a_run_can_be_ended_at_every_moment(orchestra, moment, request_, outcome, trigger):
    moment = moment(orchestra)
    moment.begin()
    orchestra.director.command_inout(request_)
    # Stop waits for the trigger in progress; Abort, and what is between two triggers, for nobody.
    if type(moment) is Acting or (request_ == "Stop" and isinstance(moment, SettingUp | Lost)):
        moment.go_on()
    assert ended(orchestra) == ("ON", outcome, trigger)
    if not isinstance(moment, Paused | Waiting):
        moment.go_on()
    for name, player in orchestra.players.items():
        wait_until(f"{name} is left", lambda player=player: str(player.state()) == "ON")


@pytest.mark.parametrize(("moment", "trigger"), [(SettingUp, 0), (Acting, 2), (Waiting, 2), (Lost, 2)])
def test_a_run_can_be_paused_at_every_moment_stepped_and_resumed(orchestra, moment, trigger):
    director = orchestra.director
    moment = moment(orchestra)
    moment.begin()
    director.Pause()
    if not isinstance(moment, Waiting):
        moment.go_on()
    wait_until("it pauses", lambda: orchestra.state() == "STANDBY")
    assert director.CurrentTrigger == trigger
    director.Step()
    wait_until("it pauses again", lambda: orchestra.state() == "STANDBY")
    assert director.CurrentTrigger == trigger + 1
    director.Period = 0
    director.Resume()
    assert ended(orchestra) == ("ON", "done", 4)
    assert [trigger for trigger, _ in acted(orchestra, "z")] == [1, 2, 3, 4]


@pytest.mark.parametrize("moment", [SettingUp, Acting, Waiting, Paused, Lost])
def test_fewer_triggers_a_period_and_a_priority_can_be_set_at_every_moment(orchestra, moment):
    director = orchestra.director
    moment = moment(orchestra)
    moment.begin()
    now = director.CurrentTrigger
    director.SetPriority([[-1], [orchestra.name("z")]])
    director.Triggers = 3
    director.Period = 0.01
    moment.go_on()
    assert ended(orchestra) == ("ON", "done", 3)
    # From the next trigger on.
    assert [trigger for trigger, _ in acted(orchestra, "z")] == list(range(1, now + 1))
    assert [trigger for trigger, _ in acted(orchestra, "y")] == [1, 2, 3]


def test_while_it_waits_for_the_pace_fewer_triggers_end_it_at_once(orchestra):
    moment = Waiting(orchestra)
    moment.begin()
    orchestra.director.Triggers = 2
    assert ended(orchestra) == ("ON", "done", 2)


def test_a_player_follows_new_parameters_at_its_next_trigger_and_keeps_its_script(orchestra):
    x = orchestra.players["x"]
    moment = Acting(orchestra)
    moment.begin()
    for call in (x.Reload, lambda: setattr(x, "Script", "streaming.py")):
        assert "is busy: action of trigger 2" in refused(call)
    orchestra.set("x", fail_at=3)
    moment.go_on()
    assert ended(orchestra) == ("FAULT", "failed", 2)
    assert x.Script == "scripted.py"
    assert "trigger 3" in orchestra.director.LastError
