"""The roster: a Player whose server was started again is found at once."""

from __future__ import annotations

import fnmatch

import pytest
import tango
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.device.errors import dev_failed
from donki.director.players import asking, roster
from donki.director.players.roster import Roster
from donki.run import Run
from donki.threads import Threads

DEVICE = "tango://h:1/donki/player/p#dbase=no"
SAID = {
    **{"Priority": 1, "Timeout": 5.0, "OnError": 0, "Retries": 0, "Script": "s.py", "ScriptHash": "ab"},
    **{"Parameters": "{}", "Faults": "[]", "Run": Run("r", "t").to_json()},
    **{"State": tango.DevState.ON, "Status": "ready", "Server": ""},
}
GONE = dev_failed("API_CorbaException", "TRANSIENT CORBA system exception: TRANSIENT_ConnectFailed", "x")


@pytest.fixture
def server(monkeypatch):
    """A server that is started again by and by: a proxy reaches the one that was there when it was opened."""
    there = {"now": 1}

    def read(proxy, names, _optional):
        if proxy != there["now"] or not there["now"]:
            raise GONE
        return {name: SAID[name] for name in names}

    monkeypatch.setattr(asking, "open_proxy", lambda *_: there["now"])
    monkeypatch.setattr(asking, "read_attributes", read)
    return there


def test_a_server_that_was_started_again_is_found_at_once(server):
    players = Roster([DEVICE], Threads())
    for started in (1, 2, 3):
        server["now"] = started
        (entry,) = players.refresh()
        assert entry.state == "ON", entry.status
    server["now"] = 0
    (entry,) = players.refresh()
    assert entry.state == "UNKNOWN"
    assert "cannot be reached" in entry.status
    server["now"] = 4
    assert players.refresh()[0].state == "ON"
    players.close()


NAMES = [f"Donki/player/{name}" for name in ("a", "ab", "b1", "b2", "C")]
PATTERNS = [
    *NAMES,
    *map(str.lower, NAMES),
    "donki/player/gone",
    "donki/*/a*",
    "*/B?",
    "donki/player/[ab]",
    "x*",
]


@settings(deadline=None)
@given(exported=st.sets(st.sampled_from(NAMES)), wanted=st.lists(st.sampled_from(PATTERNS), max_size=6))
def test_the_players_are_those_that_a_pattern_fits_and_those_that_are_named(exported, wanted):
    with pytest.MonkeyPatch.context() as patch:
        by_class = {"DonkiPlayer": sorted(exported)}
        patch.setattr(roster, "players_in_database", lambda player_class: by_class.get(player_class, []))
        patch.setattr(roster, "servers_in_database", lambda *_classes, **_found: None)
        patch.setattr(asking, "open_proxy", lambda *_: None)
        patch.setattr(asking, "read_attributes", lambda *_: SAID)
        players = Roster(wanted, Threads())
        found = [entry.device.lower() for entry in players.refresh()]
        players.close()
    fits = {name.lower() for name in exported for one in wanted if fnmatch.fnmatch(name.lower(), one.lower())}
    named = {one.lower() for one in wanted if not set("*?[") & set(one)}
    assert len(found) == len(set(found))
    assert set(found) == fits | named
