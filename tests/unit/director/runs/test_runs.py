"""Which Players take part where several have one name."""

from __future__ import annotations

import pytest

from donki.director.players.entry import RosterEntry
from donki.director.runs.check import findings, of_one_name

ME = "donki/director/1"


def entry(device, priority=0, **more):
    return RosterEntry(device.rpartition("/")[2], device, priority=priority, state="ON", **more)


@pytest.mark.parametrize("priorities", [(0, -1), (-1, 0)])
def test_a_disabled_player_does_not_replace_an_enabled_one_of_its_name(priorities):
    entries = [entry(f"{domain}/player/x", p) for domain, p in zip("ab", priorities, strict=True)]
    assert findings(entries, ME) == []
    assert [found.priority for found in of_one_name([*entries, entry("a/player/y", -1)])] == [0, -1]


def test_two_enabled_playersof_one_name_are_refused():
    assert "2 Players have this name" in findings([entry("a/player/x"), entry("b/player/x")], ME)[0]


@pytest.mark.parametrize("state", ["STANDBY", "RUNNING"])
def test_a_player_of_another_director_is_named(state):
    player = RosterEntry("x", "a/player/x", state=state, run_id="R", director="donki/director/2")
    (line,) = findings([player], ME, {"x"})
    assert line.startswith("Player x: plays run R of donki/director/2; Stop it there")
    assert findings([player], "donki/director/2", {"x"}) == []
