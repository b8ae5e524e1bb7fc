"""Whatever is raised where several Players are called by one call, it is said, and the next run is whole."""

from __future__ import annotations

import json

import pytest
import tango

from helpers.failing_device import DIRECTOR_CALLS, PLAYER_CALLS
from helpers.failing_server import SCRIPT, Device, cases, play, plays_well, quoted
from helpers.support import wait_until


@pytest.fixture(scope="module")
def sharing(tmp_path_factory):
    """Return a Director and the server of three Players, with proxies of them."""
    folder = tmp_path_factory.mktemp("sharing")
    (folder / "logs.py").write_text(SCRIPT)
    started = []
    try:
        players = Device(folder, "player", "p", {"ScriptPath": quoted(folder)}, neighbours="qr")
        started.append(players)
        names = (players.name, *players.neighbours)
        properties = {"PlayerDevices": quoted(*names), "RunDirectory": quoted(folder)}
        director = Device(folder, "director", "d", properties)
        started.append(director)
        proxies = [tango.DeviceProxy(name) for name in names]
        for proxy in proxies:
            proxy.Script = "logs.py"
        director.proxy.Triggers = 3
        wait_until("all are ready", lambda: not director.proxy.Check(), 30)
        yield director, players, proxies, folder / "journal.sqlite"
    finally:
        for device in started:
            device.child.kill()


@pytest.mark.parametrize(
    ("who", "what", "error"),
    [("player", *case) for case in cases(PLAYER_CALLS)]
    + [("director", *case) for case in cases(DIRECTOR_CALLS)],
)
def test_what_fails_in_a_call_for_several_players_is_said_and_the_next_run_is_whole(
    sharing, who, what, error
):
    director, players, proxies, journal = sharing
    proxy = director.proxy
    if what == "thread":
        # They are to be started again.
        for player in proxies:
            player.Init()
        wait_until("all are ready", lambda: not proxy.Check(), 30)
    # Long enough to have threads of their own, and to be awaited.
    for player, sleep in zip(proxies, (0.02, 0.05, 0.1), strict=True):
        player.Parameters = json.dumps({"sleep": 5 if what == "abort" else sleep})
    failing, table = (director, DIRECTOR_CALLS) if who == "director" else (players, PLAYER_CALLS)
    failing.fail(table[what], error)
    if what == "abort":
        proxy.Start()
        wait_until("they act", lambda: all(str(player.state()) == "RUNNING" for player in proxies))
        proxy.Abort()
        wait_until("the run ends", lambda: str(proxy.state()) in ("ON", "FAULT"), 20)
    else:
        assert play(proxy)[0] in ("ON", "FAULT")
    assert failing.failed()

    def said():
        return [device.Status() for device in (proxy, *proxies)] + [proxy.LastError]

    wait_until("it is said", lambda: any(error in text for text in said()), instead=said)
    for player in proxies:
        player.Parameters = "{}"

    def states():
        return [str(player.state()) for player in proxies]

    wait_until("no script runs", lambda: "RUNNING" not in states(), instead=states)
    plays_well(proxy, journal)
