"""Init, and the start of a server: whatever fails, the device is there and says why."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace

import pytest
import tango

from donki_client.facility.device_server import DeviceServer, ServedDevice
from helpers.orchestra import an_orchestra, one_server
from helpers.support import wait_until

#: How long each device is initialised again and again, in s; longer by hand: DONKI_SECONDS=60.
SECONDS = float(os.environ.get("DONKI_SECONDS", "3"))


def connect(facility):
    return tango.Database(facility.database.host, facility.database.port)


def player_of(tmp_path, name, script, **properties):
    properties = {"ScriptPath": str(tmp_path), **properties}
    device = ServedDevice(f"donki/player/{name}", properties, {"Script": script})
    return DeviceServer("DonkiPlayer", "donki.player.device", name, (device,))


def director_of(tmp_path, name, **properties):
    properties = {"RunDirectory": str(tmp_path), "PlayerDevices": [], **properties}
    device = ServedDevice(f"donki/director/{name}", properties)
    return DeviceServer("DonkiDirector", "donki.director.device", name, (device,))


@pytest.mark.parametrize("name", ["missing.py", "broken.py", "good.py"])
def test_however_fast_a_script_is_loaded_or_fails_init_does_not(facility, tmp_path, name):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "good.py").write_text("def action(trigger): pass\n")
    server = player_of(tmp_path, f"fast-{name[:-3]}", name)
    with one_server(facility, [server]) as [player]:
        end = time.monotonic() + SECONDS / 3
        while time.monotonic() < end:
            player.Init()
        wait_until("it is loaded, or failed", lambda: str(player.state()) != "RUNNING")
        assert (str(player.state()) == "ON") == (name == "good.py")


def test_a_player_starts_while_its_script_fails_at_once(facility, tmp_path):
    servers = [
        replace(player_of(tmp_path, f"absent-{number}", "missing.py"), instance="absent")
        for number in range(50)
    ]
    with one_server(facility, servers) as players:
        for player in players:
            wait_until("it failed", lambda player=player: str(player.state()) == "FAULT")
            assert "missing.py" in player.Status()


@pytest.mark.parametrize("which", ["player", "director"])
def test_init_again_and_again_beside_requests_of_many_clients(facility, tmp_path, which):
    with an_orchestra(facility, tmp_path, f"begun-{which}", "x") as orchestra:
        device = (orchestra.players["x"] if which == "player" else orchestra.director).dev_name()
        over, wrong = threading.Event(), []

        def ask(number):
            proxy = orchestra.proxy(device)
            names = sorted(set(proxy.get_attribute_list()) - {"State", "Status"})
            with tango.EnsureOmniThread():
                while not over.is_set():
                    name = names[number % len(names)]
                    number += 1
                    try:
                        proxy.read_attributes([name, "State", "Status"])
                        proxy.command_inout("Status")
                        proxy.unsubscribe_event(
                            proxy.subscribe_event(name, tango.EventType.CHANGE_EVENT, lambda event: None)
                        )
                    except tango.DevFailed as failed:
                        wrong.append(failed)

        clients = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for client in clients:
            client.start()
        try:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                orchestra.proxy(device).Init()
        finally:
            over.set()
            for client in clients:
                client.join()
        assert not wrong
        assert orchestra.play(2) == "ON"
        for child in orchestra.children.values():
            assert "Traceback" not in child.log.read_text()


@pytest.mark.parametrize("name", ["ScriptPath", "DataPath", "FileDirectory", "RunDirectory"])
def test_a_folder_in_a_home_that_there_is_not_is_a_wrong_property(facility, tmp_path, name):
    server = (
        director_of(tmp_path, "homeless", RunDirectory="~nobody-at-all/runs")
        if name == "RunDirectory"
        else player_of(tmp_path, f"homeless-{name}".lower(), "", **{name: "~nobody-at-all/runs"})
    )
    with one_server(facility, [server]) as [device]:
        said = f"the property {name}: ~nobody-at-all/runs: there is no such home; write the folder in full"
        wait_until("it is said", lambda: str(device.state()) == "FAULT")
        assert f"{said}; mend it, then Init" in device.Status()
        assert f"{said}; mend it, then Init" in device.Check()
        connect(facility).put_device_property(device.dev_name(), {name: str(tmp_path)})
        device.Init()
        assert name not in device.Status()
