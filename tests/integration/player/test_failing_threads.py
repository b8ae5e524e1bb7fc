"""Whatever is raised in a thread of a device, or in Init, it says so; it goes on, or is FAULT."""

from __future__ import annotations

import time

import pytest
import tango

from helpers.failing_device import DIRECTOR, DIRECTOR_INIT, PLAYER, PLAYER_INIT
from helpers.failing_server import SCRIPT, Device, cases, play, plays_well, quoted
from helpers.support import refused, wait_until


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("failing")
    (folder / "logs.py").write_text(SCRIPT)
    started = []
    try:
        player = Device(folder, "player", "p", {"ScriptPath": quoted(folder)})
        started.append(player)
        player.proxy.Script = "logs.py"
        properties = {"PlayerDevices": quoted(player.name), "RunDirectory": quoted(folder)}
        director = Device(folder, "director", "d", properties, "PlayerMedians")
        started.append(director)
        director.proxy.Triggers = 3
        wait_until("the Director is ready", lambda: not director.proxy.Check(), 30)
        yield director, player, folder / "journal.sqlite"
    finally:
        for device in started:
            device.child.kill()


@pytest.mark.parametrize(("what", "error"), cases(DIRECTOR))
def test_the_director_says_what_failed_and_goes_on(devices, what, error):
    director, player, journal = devices
    proxy = director.proxy
    before = len(director.log)
    said = set()
    director.fail(DIRECTOR[what], error)
    player.proxy.Parameters = '{"sleep": 0.1}' if what == "clock" else "{}"
    if what == "clock":
        # A tick comes where a Player is late.
        player.proxy.Timeout = 0.02

    def says_so():
        said.update(proxy.Status().splitlines())
        said.add(proxy.LastError)
        return any(error in line for line in said)

    began = time.monotonic()
    state, why = play(proxy)
    assert state in ("ON", "FAULT")
    wait_until("it has failed", director.failed, 20)
    says_so()
    said.add(why)
    wait_until(f"Status says so; it says {said}", says_so)
    wait_until("the log says so", lambda: "Traceback" in director.log[before:])
    assert time.monotonic() - began < 15
    player.proxy.Timeout = 60
    player.proxy.Parameters = "{}"
    plays_well(proxy, journal)


@pytest.mark.parametrize(("what", "error"), cases(PLAYER))
def test_a_player_says_what_failed_and_goes_on(devices, what, error):
    director, player, journal = devices
    proxy = player.proxy
    player.fail(PLAYER[what], error)
    before = len(player.log)
    proxy.Parameters = '{"sleep": 2}' if what == "abort" else "{}"
    director.proxy.Start()
    if what == "abort":
        wait_until("the Player acts", lambda: str(proxy.state()) == "RUNNING")
        director.proxy.Abort()
    wait_until("it has failed", player.failed, 20)
    wait_until("Status says so", lambda: error in proxy.Status())
    wait_until("the log says so", lambda: "Traceback" in player.log[before:])
    proxy.Parameters = "{}"
    wait_until("the run has ended", lambda: str(director.proxy.state()) in ("ON", "FAULT"), 20)
    wait_until("the Player is idle", lambda: str(proxy.state()) in ("ON", "ALARM"), 20)
    plays_well(director.proxy, journal)


def is_refused_until_init(device, error):
    """Make sure that a device that could not begin says why, and is whole after the next Init."""
    wait_until("it has failed", device.failed)
    proxy = device.proxy
    assert str(proxy.state()) == "FAULT"
    (line,) = proxy.Status().splitlines()
    assert line.startswith(f"Init: {error}: ")
    assert line.endswith("; mend it, then Init")
    assert f"Init: {error}" in refused(proxy.Start)
    heard = []
    number = proxy.subscribe_event("Status", tango.EventType.CHANGE_EVENT, heard.append)
    proxy.Init()
    try:
        assert "Init: " not in proxy.Status()
        wait_until("this is heard", lambda: "Init: " not in heard[-1].attr_value.value)
    finally:
        proxy.unsubscribe_event(number)
    assert "Traceback" in device.log


IN_INIT = [("director", what) for what in DIRECTOR_INIT] + [("player", what) for what in PLAYER_INIT]


@pytest.mark.parametrize(("kind", "what"), IN_INIT)
def test_whatever_fails_in_init_it_is_said_and_the_next_init_mends_it(devices, kind, what):
    director, player, journal = devices
    device = director if kind == "director" else player
    # Init waits for the record of the last run.
    device.proxy.set_timeout_millis(20_000)
    for error in ("ValueError", "MuteError"):
        device.fail((DIRECTOR_INIT if kind == "director" else PLAYER_INIT)[what], error)
        device.proxy.Init()
        is_refused_until_init(device, error)
    wait_until("the Player is ready", lambda: str(player.proxy.state()) == "ON")
    plays_well(director.proxy, journal)


@pytest.mark.parametrize(("kind", "what"), [("director", "recorder"), ("player", "script_runner")])
def test_a_server_starts_whatever_fails_in_its_device(tmp_path, kind, what):
    where = (DIRECTOR_INIT if kind == "director" else PLAYER_INIT)[what]
    properties = {"RunDirectory": quoted(tmp_path)} if kind == "director" else {}
    device = Device(tmp_path, kind, "s", properties, failing=f"{where} ValueError")
    try:
        is_refused_until_init(device, "ValueError")
    finally:
        device.child.kill()


def test_an_attribute_that_cannot_be_read_keeps_no_other_back(devices):
    director, _, journal = devices
    heard = {}

    def hear(event):
        name = event.attr_name.rsplit("/", 1)[-1].partition("#")[0]
        heard.setdefault(name, []).append(event.errors[0].desc if event.err else event.attr_value.value)

    names = ("PlayerMedians", "RunId")
    ids = [director.proxy.subscribe_event(name, tango.EventType.CHANGE_EVENT, hear) for name in names]
    try:
        wait_until("they are heard of", lambda: len(heard) == 2)
        heard.clear()
        director.fail(DIRECTOR["an attribute"], "ValueError")
        told = heard.setdefault("playermedians", [])
        wait_until("its error is heard of", lambda: any("injected ?" in str(said) for said in told))
        plays_well(director.proxy, journal)
        wait_until("the others go on", lambda: director.proxy.RunId in heard.get("runid", []))
        wait_until("it is heard of again", lambda: "injected" not in str(heard["playermedians"][-1]))
    finally:
        for number in ids:
            director.proxy.unsubscribe_event(number)
