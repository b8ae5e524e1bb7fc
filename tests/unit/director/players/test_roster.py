"""The roster: a Player whose server was started again is found at once."""

from __future__ import annotations

import pytest
import tango

from donki.device.errors import dev_failed
from donki.director.players import asking
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
