"""Whatever is raised in a thread of a device, or in Init, it says so; it goes on, or is FAULT."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from itertools import cycle, product
from pathlib import Path

import pytest
import tango

from donki_client.facility.processes import Child
from helpers.failing_device import DIRECTOR, DIRECTOR_INIT, ERRORS, PLAYER, PLAYER_INIT
from helpers.support import free_port, refused, wait_until

SERVER = Path(__file__).parents[2] / "helpers" / "failing_device.py"
SCRIPT = """
def action(trigger, player):
    player.log.info("trigger %s", trigger)
    player.wait(player.parameters.get("sleep", 0))
"""


def cases(what):
    """Return each with one exception in turn, or with every one where DONKI_CASES is set."""
    if "DONKI_CASES" in os.environ:
        return list(product(what, ERRORS))
    return list(zip(what, cycle(ERRORS), strict=False))


class Device:
    """A device server of its own, in which something can be made to fail."""

    def __init__(self, folder, kind, instance, properties, *followed, failing=""):
        port = free_port()
        self.name = f"tango://127.0.0.1:{port}/a/b/{instance}#dbase=no"
        self.switch = folder / f"{instance}.switch"
        self.switch.write_text(failing)
        file = folder / f"{instance}.properties"
        server = {"director": "DonkiDirector", "player": "DonkiPlayer"}[kind]
        lines = [f"{server}/{instance}/DEVICE/{server}: a/b/{instance}"]
        lines += [f'a/b/{instance}->{name}: "{value}"' for name, value in properties.items()]
        file.write_text("\n".join(lines) + "\n")
        command = [sys.executable, str(SERVER), f"donki.{kind}.device", str(self.switch), instance, "-v4"]
        command += [f"-file={file}", "-ORBendPoint", f"giop:tcp:127.0.0.1:{port}"]
        self.child = Child(instance, command, folder / f"{instance}.log", {"TANGO_HOST": "127.0.0.1:1"})
        self.child.wait_for("Ready to accept request", 60)
        self.proxy = tango.DeviceProxy(self.name)
        # What nobody follows is not read for events.
        for name in ("State", *followed):
            self.proxy.subscribe_event(name, tango.EventType.CHANGE_EVENT, lambda _event: None)

    def fail(self, target, error):
        self.switch.with_suffix(".new").write_text(f"{target} {error}")
        self.switch.with_suffix(".new").rename(self.switch)

    def failed(self):
        return not self.switch.exists()

    @property
    def log(self):
        return self.child.log.read_text(errors="replace")


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("failing")
    (folder / "logs.py").write_text(SCRIPT)
    started = []
    try:
        player = Device(folder, "player", "p", {"ScriptPath": folder})
        started.append(player)
        player.proxy.Script = "logs.py"
        director = Device(
            folder, "director", "d", {"PlayerDevices": player.name, "RunDirectory": folder}, "PlayerMedians"
        )
        started.append(director)
        director.proxy.Triggers = 3
        wait_until("the Director is ready", lambda: not director.proxy.Check(), 30)
        yield director, player, folder / "journal.sqlite"
    finally:
        for device in started:
            device.child.kill()


def play(director):
    """Play a run; return the State that it ends in, and why it was refused or failed."""
    try:
        director.Start()
    except tango.DevFailed as failed:
        return "FAULT", failed.args[0].desc
    wait_until("the run ends", lambda: str(director.state()) in ("ON", "ALARM", "FAULT"), 20)
    return str(director.state()), director.LastError


def plays_well(director, journal):
    """Play a run, and find it whole in the journal."""
    if str(director.state()) == "FAULT":
        director.Reset()
    wait_until("it is ready", lambda: not director.Check(), 20)
    assert play(director) == ("ON", "")
    run = director.RunId

    def whole():
        with closing(sqlite3.connect(journal)) as connection:
            return connection.execute(
                "SELECT outcome, (SELECT count(*) FROM trigger WHERE run = key) FROM run WHERE id = ?", (run,)
            ).fetchall()

    wait_until("it is in the journal", lambda: whole() == [("done", 3)])


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
    properties = {"RunDirectory": tmp_path} if kind == "director" else {}
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
