"""Players of one server: what one does harms the others no more than Python allows."""

from __future__ import annotations

import json

import pytest
import tango

from donki.limits import OnError
from helpers.orchestra import SCRIPTS, Orchestra
from helpers.support import wait_until

UNRULY = SCRIPTS / "unruly.py"

#: Deeds, with what the Player says of its failure; "" where it does not fail.
DEEDS = {
    "sleep": "",
    "spin": "",
    "hold": "",
    "leave": "SystemExit",
    "interrupt": "KeyboardInterrupt",
    "odd": "Odd",
    "threads": "",
    "fork": "fork is refused",
    "handle": "signal only works in main thread",
    "upset": "",
}


@pytest.fixture(scope="module")
def house(facility, tmp_path_factory):
    """A Director, and the Players x, y and the unruly u in one server."""
    orchestra = Orchestra(facility, tmp_path_factory.mktemp("house"), "house")
    orchestra.start_together("flat", u=UNRULY, x=SCRIPTS / "scripted.py", y=SCRIPTS / "scripted.py")
    orchestra.start()
    yield orchestra
    orchestra.kill()


def play(orchestra, deed):
    """Play three triggers with a deed at the second; return the random numbers of x and y."""
    orchestra.reset()
    orchestra.director.RunSeed = 7
    until = orchestra.folder / f"until-{deed}"
    orchestra.players["u"].Parameters = json.dumps({"deed": deed, "until": str(until)})
    orchestra.players["u"].OnError = OnError.SKIP
    orchestra.refresh()
    orchestra.director.Triggers = 3
    orchestra.director.Start()
    for name in ("x", "y"):
        wait_until(
            f"{name} acts at trigger 2",
            lambda name=name: any(note["trigger"] == 2 for note in orchestra.notes("end", name)),
        )
    until.touch()
    assert orchestra.ended_in_alarm() == "ON", orchestra.director.LastError
    return {
        name: [(note["trigger"], note["attempt"], note["random"]) for note in orchestra.notes("begin", name)]
        for name in ("x", "y")
    }


@pytest.fixture(scope="module")
def undisturbed(house):
    return play(house, "hold")


@pytest.mark.parametrize("deed", DEEDS)
def test_the_neighbours_act_at_each_trigger_once_and_draw_the_same(house, undisturbed, deed):
    assert play(house, deed) == undisturbed
    assert [trigger for trigger, _, _ in undisturbed["x"]] == [1, 2, 3]
    assert undisturbed["x"] != undisturbed["y"]
    missed = dict(zip(house.director.Players, house.director.SkippedTriggers, strict=True))
    assert missed == {house.name("u"): bool(DEEDS[deed]), house.name("x"): 0, house.name("y"): 0}
    assert DEEDS[deed] in house.players["u"].LastLog or not DEEDS[deed]
    assert house.children["u"].is_alive


@pytest.mark.parametrize("deed", ["vanish", "crash", "kill"])
def test_a_server_that_ends_is_a_failure_of_each_of_its_players_by_its_own_policy(
    facility, tmp_path, request, deed
):
    orchestra = Orchestra(facility, tmp_path, f"end-{deed}")
    request.addfinalizer(orchestra.kill)
    scripted = SCRIPTS / "scripted.py"
    flat = {"u": UNRULY, "skips": scripted, "retries": scripted, "leaves": scripted}
    orchestra.start_together("flat", **flat)
    orchestra.start("elsewhere")
    for name, policy in {
        "u": OnError.SKIP,
        "skips": OnError.SKIP,
        "retries": OnError.RETRY,
        "leaves": OnError.DISABLE,
    }.items():
        if name != "u":
            orchestra.set(name)
        orchestra.players[name].OnError = policy
    orchestra.set("elsewhere")
    orchestra.players["retries"].Retries = 3
    orchestra.players["u"].Parameters = json.dumps(
        {"deed": "sleep" if deed == "kill" else deed, "until": str(tmp_path / "until")}
    )
    orchestra.refresh()
    director = orchestra.director
    director.Triggers = -1
    director.Period = 0.1
    director.Start()
    wait_until("elsewhere acts at trigger 2", lambda: len(orchestra.notes("end", "elsewhere")) >= 2)
    if deed == "kill":
        orchestra.children["u"].kill()
    wait_until("the server is gone", lambda: not orchestra.children["u"].is_alive)
    orchestra.start_together("flat", **flat)
    wait_until(
        "those that come back act again", lambda: all(back(orchestra, n) for n in ("skips", "retries"))
    )
    again = director.CurrentTrigger + 2
    wait_until("two more triggers", lambda: director.CurrentTrigger > again)
    director.Stop()
    assert orchestra.ended_in_alarm() == "ON", director.LastError
    last = director.CurrentTrigger
    wait_until("the Director has asked all again", lambda: len(director.Players) == 5)
    missed = dict(zip(director.Players, director.SkippedTriggers, strict=True))
    assert list(director.DroppedPlayers) == [orchestra.name("leaves")]
    assert missed[orchestra.name("elsewhere")] == missed[orchestra.name("retries")] == 0
    assert missed[orchestra.name("u")] >= 1
    for name in ("elsewhere", "retries"):
        assert {note["trigger"] for note in orchestra.notes("end", name)} == set(range(1, last + 1))
    assert max(note["trigger"] for note in orchestra.notes("end", "skips")) > 2


def back(orchestra, name):
    return len(orchestra.notes("setup", name)) == 2 and orchestra.notes("end", name)[-1]["trigger"] > 2


def test_one_whose_policy_is_abort_ends_the_sequence_and_is_named(facility, tmp_path, request):
    orchestra = Orchestra(facility, tmp_path, "end-abort")
    request.addfinalizer(orchestra.kill)
    scripted = SCRIPTS / "scripted.py"
    orchestra.start_together("flat", skips=scripted, aborts=scripted)
    orchestra.start()
    orchestra.players["skips"].OnError = OnError.SKIP
    orchestra.refresh()
    orchestra.director.Triggers = -1
    orchestra.director.Period = 0.05
    orchestra.director.Start()
    wait_until("it runs", lambda: orchestra.director.CurrentTrigger >= 2)
    orchestra.children["skips"].kill()
    assert orchestra.ended_in_alarm() == "FAULT"
    assert orchestra.name("aborts") in orchestra.director.LastError


HELPERS = """
WHO = {who!r}
"""
SCRIPT = """
from pathlib import Path
import helpers

def action(trigger, player):
    import helpers as late
    assert late is helpers
    Path(player.parameters["said"]).write_text(helpers.WHO)
"""


def test_modules_of_one_name_beside_two_scripts_are_two(facility, tmp_path, request):
    orchestra = Orchestra(facility, tmp_path, "modules")
    request.addfinalizer(orchestra.kill)
    scripts = {}
    for who in ("a", "b"):
        folder = tmp_path / who
        folder.mkdir()
        (folder / "helpers.py").write_text(HELPERS.format(who=who))
        scripts[who] = folder / "script.py"
        scripts[who].write_text(SCRIPT)
    orchestra.start_together("flat", **scripts)
    for who, player in orchestra.players.items():
        player.Parameters = json.dumps({"said": str(tmp_path / f"said-{who}")})
        player.Start()
        player.Trigger("1")
    assert [(tmp_path / f"said-{who}").read_text() for who in ("a", "b")] == ["a", "b"]
    assert {str(player.state()) for player in orchestra.players.values()} == {"STANDBY"}
    (tmp_path / "a" / "helpers.py").write_text(HELPERS.format(who="another"))
    orchestra.players["a"].Stop()
    orchestra.players["a"].Reload()
    for player in orchestra.players.values():
        if player.state() != tango.DevState.STANDBY:
            player.Start()
        player.Trigger("2")
    assert [(tmp_path / f"said-{who}").read_text() for who in ("a", "b")] == ["another", "b"]
