"""Scripts that take long to load: the device answers meanwhile, and who starts it waits."""

from __future__ import annotations

import time

import pytest
import tango

from donki.errors import DonkiError
from donki_client.facility import servers
from donki_client.facility.device_server import DeviceServer, ServedDevice
from donki_client.facility.servers import await_loaded
from helpers.donki_command import Command, press_ctrl_c, read_until
from helpers.orchestra import an_orchestra, one_server
from helpers.support import refused, wait_until

SLOW = """
import pathlib, time
while pathlib.Path({gate!r}).exists():
    time.sleep(0.01)
{then}
def action(trigger): pass
"""


@pytest.fixture
def slow(tmp_path):
    """Write a script that loads for as long as there is a gate; give its folder and the gate."""
    gate = tmp_path / "gate"
    gate.touch()
    (tmp_path / "slow.py").write_text(SLOW.format(gate=str(gate), then=""))
    (tmp_path / "broken.py").write_text(SLOW.format(gate=str(gate), then="1 / 0"))
    yield tmp_path, gate
    gate.unlink(missing_ok=True)


def a_player(name, folder, script):
    properties, memorized = {"ScriptPath": str(folder)}, {"Script": script}
    device = ServedDevice(f"donki/player/{name}", properties, memorized)
    return DeviceServer("DonkiPlayer", "donki.player.device", name, (device,))


def test_a_player_answers_while_its_script_is_loaded_at_its_start_at_reload_and_at_init(facility, slow):
    folder, gate = slow
    with one_server(facility, [a_player("slow", folder, "slow.py")]) as [player]:
        for again in (player.Reload, player.Init, lambda: setattr(player, "Script", "slow.py"), None):
            slowest = 0.0
            for _ in range(20):
                began = time.monotonic()
                assert str(player.state()) == "RUNNING"
                assert player.Status() == "slow.py is being loaded"
                assert player.Script == "slow.py"
                slowest = max(slowest, time.monotonic() - began)
            assert slowest < 1
            for call in (player.Start, player.Reload):
                assert refused(call).endswith("is busy: slow.py is being loaded; wait for its end")
            gate.unlink()
            wait_until("it is loaded", lambda: str(player.state()) == "ON")
            gate.touch()
            if again:
                again()  # answered in time, though it is not done
        player.Script = "broken.py"
        assert player.Status() == "broken.py is being loaded"
        gate.unlink()
        wait_until("it says why", lambda: str(player.state()) == "FAULT")
        assert "broken.py, line 5: cannot be loaded: ZeroDivisionError" in player.Status()


def test_who_waits_for_a_script_says_so_and_gives_up_after_a_while(facility, slow, monkeypatch):
    folder, gate = slow
    server = a_player("waited-for", folder, "slow.py")
    told = []
    monkeypatch.setattr(servers, "TELL_AFTER", 0.1)
    monkeypatch.setattr(servers, "LOAD_LIMIT", 0.5)
    with one_server(facility, [server]) as [player]:
        with pytest.raises(DonkiError, match=r"donki/player/waited-for: slow.py is being loaded, for 0.5 s"):
            await_loaded(facility.database, server.device, lambda: None, told.append)
        assert told == ["donki/player/waited-for: slow.py is being loaded; it is waited for, at most 0.5 s"]
        gate.unlink()
        wait_until("it is loaded", lambda: str(player.state()) == "ON")
        await_loaded(facility.database, server.device, lambda: None, told.append)


def test_the_director_says_that_a_script_is_being_loaded(facility, slow, tmp_path):
    folder, gate = slow
    with an_orchestra(facility, tmp_path, "slowly", "p") as orchestra:
        player = orchestra.players["p"]
        tango.Database(facility.database.host, facility.database.port).put_device_property(
            player.dev_name(), {"ScriptPath": str(folder)}
        )
        player.Init()
        player.Script = "slow.py"
        said = refused(orchestra.director.Start)
        assert said == "Player slowly-p: busy, slow.py is being loaded - wait for its end"
        gate.unlink()
        wait_until("it is loaded", lambda: str(player.state()) == "ON")
        assert orchestra.play(1) == "ON"


def test_donki_player_and_donki_run_wait_for_a_script(facility, tmp_path):
    command = Command(tmp_path)
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(4)\ndef action(trigger): pass\n")
    (tmp_path / "slow.yaml").write_text("triggers: 1\nplayers:\n  p: {script: slow.py}\n")
    database = str(facility.database)
    with command.running("player", "waits", database, str(tmp_path / "slow.py")) as process:
        said = read_until(process, "plays")
        assert "donki/player/waits: slow.py is being loaded; it is waited for, at most 600 s" in said
        press_ctrl_c(process)
        assert process.wait(20) == 0
    done = command.run("run", str(tmp_path / "slow.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
