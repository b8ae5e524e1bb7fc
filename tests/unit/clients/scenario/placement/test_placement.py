"""Which Players share a server: as the scenario says, else by what is known of their actions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.player.script.path import shipped_scripts
from donki_client.scenario.history import MeasuredScript
from donki_client.scenario.model import Scenario, ScenarioPlayer
from donki_client.scenario.placement.choice import FEW, MOST_ALONE, place
from donki_client.scenario.placement.servers import player_servers

MS = 1_000_000
SCRIPT = shipped_scripts() / "just_action.py"


def measured(ms):
    return None if ms is None else MeasuredScript("r1", (round(ms * MS),), ms * MS)


def placed(times, rate=None, cores=2, **settings):
    """Place Players by how long their actions take, in ms or unknown (None); `settings` by Player."""
    players = {name: ScenarioPlayer(script=SCRIPT, **settings.get(name, {})) for name in times}
    scenario = Scenario(triggers=1, rate=rate, players=players)
    return place(scenario, {name: measured(ms) for name, ms in times.items()}, "night", cores)


def many(number, ms=1.0, prefix="p"):
    return {f"{prefix}{n}": ms for n in range(number)}


def servers(placement):
    return {choice.server: list(choice.players) for choice in placement.servers}


@pytest.mark.parametrize("ms", [None, 1.0, 500.0])
def test_a_few_have_a_server_each_whatever_they_do(ms):
    placement = placed(many(FEW, ms))
    assert servers(placement) == {name: [name] for name in many(FEW)}
    assert placement.lines() == [
        "one for each Player, as there are no more than 8 without one in the scenario"
    ]


def test_those_whose_actions_are_short_share_one_a_core_and_the_others_are_alone():
    placement = placed({**many(10), "long": 12.0, "new": None})
    assert servers(placement) == {
        "new": ["new"],
        "long": ["long"],
        "night-1": ["p0", "p2", "p4", "p6", "p8"],
        "night-2": ["p1", "p3", "p5", "p7", "p9"],
    }
    assert placement.lines() == [
        "new: new; alone, as nothing is known of its action",
        "long: long; alone, as its action takes more than 10 ms",
        "night-1: p0, p2 ... p8 (5); shared, as an action takes at most 10 ms",
        "night-2: p1, p3 ... p9 (5); shared, as an action takes at most 10 ms",
    ]


def test_at_a_high_rate_a_short_action_is_a_tenth_of_the_period():
    placement = placed({**many(10), "long": 8.0}, rate=14)
    assert servers(placement)["long"] == ["long"]
    assert "more than 7.14 ms" in placement.lines()[0]


def test_too_many_of_which_nothing_is_known_share_and_the_long_ones_stay_alone():
    placement = placed({**many(MOST_ALONE + 1, None), "long": 50.0})
    assert servers(placement)["long"] == ["long"]
    assert [len(choice.players) for choice in placement.servers] == [1, 17, 16]
    assert placement.servers[1].why == "shared, as 33 of them are too many to be alone; at most 32 are"


def test_too_many_long_ones_share():
    placement = placed(many(1000, 50.0), cores=16)
    assert len(placement.servers) == 16
    assert placement.lines() == [
        "16 servers with 1,000 Players, night-1, night-2 ... night-16 (16); "
        "shared, as 1,000 of them are too many to be alone; at most 32 are"
    ]


def test_each_level_and_its_longest_actions_are_spread_over_the_servers():
    levels = {f"p{n}": {"priority": n % 2} for n in range(12)}
    placement = placed({f"p{n}": 9.0 if n < 4 else 1.0 for n in range(12)}, **levels)
    for choice in placement.servers:
        numbers = [int(name[1:]) for name in choice.players]
        assert sum(n % 2 for n in numbers) == 3
        assert sum(n < 4 for n in numbers) == 2


def test_a_name_that_is_taken_is_not_taken_again():
    placement = placed({**many(10), "night-1": 1.0}, p3={"server": "Night-2"})
    assert [choice.server for choice in placement.servers] == ["Night-2", "night-3", "night-4"]


@given(
    times=st.lists(st.one_of(st.none(), st.floats(0.001, 1000)), min_size=1, max_size=120),
    said=st.lists(st.sampled_from(["", "", "", "a", "b"]), min_size=120, max_size=120),
    hosts=st.lists(st.sampled_from(["", "", "other"]), min_size=120, max_size=120),
    cores=st.integers(1, 64),
)
def test_each_player_is_in_one_server_on_its_host(times, said, hosts, cores):
    known = {f"p{n}": ms for n, ms in enumerate(times)}
    settings = {
        name: {"server": server, "host": "" if server else host}
        for name, server, host in zip(known, said, hosts, strict=False)
    }
    placement = placed(known, cores=cores, **settings)
    held = [name for choice in placement.servers for name in choice.players]
    assert sorted(held) == sorted(known)
    names = [choice.server.lower() for choice in placement.servers]
    assert len(set(names)) == len(names)
    for choice in placement.servers:
        assert {placement.scenario.players[name].server for name in choice.players} == {choice.server}
        assert {placement.scenario.players[name].host for name in choice.players} == {choice.host}
        assert {settings[name]["server"] for name in choice.players} in ({""}, {choice.server})
    started = player_servers(placement.scenario, placement.servers, "127.0.0.1:9092")
    assert [len(server.devices) for server in started] == [len(c.players) for c in placement.servers]
    assert len(placement.lines()) <= 10
