"""The local facility: what it starts, what it says, and that nothing of it is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import tango

from donki.errors import DonkiError, InputError
from donki_client.address import Address
from donki_client.facility import servers
from donki_client.facility.database import answers
from donki_client.facility.device_server import DeviceServer, ServedDevice
from donki_client.facility.local import LocalFacility
from donki_client.facility.processes import Processes
from donki_client.facility.servers import connect, running
from helpers.donki_command import all_gone
from helpers.orchestra import SCRIPTS
from helpers.support import free_port, took, wait_until

PYTHON = sys.executable


def end(child):
    child.terminate()
    assert child.wait(10) is not None


def test_a_program_that_ends_at_its_start_is_named_with_its_last_words(tmp_path):
    with Processes(tmp_path) as processes:
        child = processes.start("broken", [PYTHON, "-c", "print('a reason'); raise SystemExit(3)"])
        with pytest.raises(DonkiError) as error:
            child.wait_for("ready", limit=10)
    assert "broken ended with exit status 3" in str(error.value)
    assert "a reason" in str(error.value)


def test_a_program_that_is_not_ready_in_time_is_named_with_its_last_words(tmp_path):
    with Processes(tmp_path) as processes:
        child = processes.start(
            "slow", [PYTHON, "-c", "import time; print('still thinking'); time.sleep(60)"]
        )
        child.wait_for("thinking", limit=10)
        with pytest.raises(DonkiError, match=r"(?s)slow was not ready within 0\.1 s.*still thinking"):
            child.wait_for("ready", limit=0.1)


def test_a_program_that_does_not_listen_is_killed(tmp_path):
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf'); time.sleep(60)"
    processes = Processes(tmp_path)
    child = processes.start("deaf", [PYTHON, "-c", deaf])
    child.wait_for("deaf", limit=10)
    began = time.monotonic()
    processes.stop(limit=0.3)
    assert not psutil.pid_exists(child.pid)
    assert time.monotonic() - began >= 0.3
    assert took(began) < 2


def test_everything_is_gone_after_kill_9_of_the_parent(tmp_path):
    parent = f"""
from pathlib import Path
from donki_client.facility.local import LocalFacility
from donki_client.facility.device_server import DeviceServer
import time
with LocalFacility(Path({str(tmp_path)!r})) as facility:
    facility.start_database()
    facility.start_servers(DeviceServer.player("p", Path({str(SCRIPTS / "scripted.py")!r})))
    print("ready", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([PYTHON, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 3  # one forks the others
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_until("the children are gone", lambda: all_gone(children), 2)


def test_a_database_is_known_by_its_answer():
    assert not answers(Address("127.0.0.1", free_port()))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert not answers(Address("127.0.0.1", silent.getsockname()[1]), timeout=0.3)
        assert took(began) < 1


def test_a_device_server_is_not_taken_for_a_database(facility):
    [child] = facility.start_servers(DeviceServer.player("no-database", SCRIPTS / "scripted.py"))
    ports = [
        connection.laddr.port
        for connection in psutil.Process(child.pid).net_connections("tcp4")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert ports
    assert not any(answers(Address("127.0.0.1", port), timeout=0.5) for port in ports)
    assert answers(facility.database)
    end(child)


def test_an_address_in_use_is_refused_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other, LocalFacility(tmp_path) as facility:
        address = Address("127.0.0.1", other.getsockname()[1])
        with pytest.raises(
            DonkiError, match=f"cannot listen on {address}: another program uses this address"
        ):
            facility.start_database(address)


def test_what_is_memorized_survives_a_restart_of_the_database(tmp_path):
    server = DeviceServer.player("keeper", SCRIPTS / "scripted.py")
    for priority in (3, 5):
        with LocalFacility(tmp_path) as facility:
            facility.start_database()
            facility.start_servers(server)
            device = tango.DeviceProxy(f"tango://{facility.database}/{server.device}")
            if priority == 5:
                assert device.Priority == 3
            device.Priority = priority


def test_a_server_that_cannot_start_is_named_with_its_last_words(facility):
    server = DeviceServer(
        "DonkiPlayer", "donki.no_such_module", "broken", (ServedDevice("donki/player/broken"),)
    )
    with pytest.raises(DonkiError) as error:
        facility.start_servers(server)
    assert "DonkiPlayer/broken ended with exit status 1" in str(error.value)
    # Said by whoever forks, or by Python itself.
    assert re.search("No module named '?donki.no_such_module", str(error.value))


def test_many_servers_start_a_few_at_a_time(facility, monkeypatch):
    monkeypatch.setattr(servers, "AT_ONCE", 2)
    most, start = 0, Processes.start

    def counted(self, name, command, environment):
        nonlocal most
        children = [child for child in self._children if child.name.startswith("DonkiPlayer/few")]
        starting = [child for child in children if servers.READY not in child.log.read_text()]
        most = max(most, len(starting) + 1)
        return start(self, name, command, environment)

    monkeypatch.setattr(Processes, "start", counted)
    names = [f"few{number}" for number in range(5)]
    started = facility.start_servers(*(DeviceServer.player(name, SCRIPTS / "scripted.py") for name in names))
    assert [child.name for child in started] == [f"DonkiPlayer/{name}" for name in names]
    assert most == 2
    for child in started:
        end(child)


def test_where_a_server_runs_is_known_while_it_runs(facility):
    server = DeviceServer.player("here", SCRIPTS / "scripted.py")
    assert running(facility.database, server) is None
    [child] = facility.start_servers(server)
    assert f"process {child.pid}" in running(facility.database, server)
    end(child)
    assert running(facility.database, server) is None


def test_servers_of_a_loopback_database_listen_on_loopback_alone(facility):
    [child] = facility.start_servers(DeviceServer.player("loopback", SCRIPTS / "scripted.py"))
    listening = {
        connection.laddr.ip
        for connection in psutil.Process(child.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    end(child)
    assert listening == {"127.0.0.1"}


def test_a_name_that_no_device_can_have_is_refused():
    for name in ("", "a/b", "*", "ä", "a b", "-x"):
        with pytest.raises(InputError, match="name"):
            DeviceServer.player(name, SCRIPTS / "scripted.py")


def test_a_script_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.py"):
        DeviceServer.player("p", tmp_path / "nowhere.py")


def test_a_folder_that_tango_cannot_name_is_refused(facility, tmp_path):
    script = tmp_path / "Ω" / "own.py"
    script.parent.mkdir()
    script.write_text("def action(trigger): ...\n")
    with pytest.raises(InputError, match=r"donki/player/greek: Tango takes .* Latin-1 alone.*Ω"):
        facility.start_servers(DeviceServer.player("greek", script))


def test_registered_parameters_reach_the_device(facility):
    parameters = {"notes": None, "sleep": 0.5}
    server = DeviceServer.player("given", Path(SCRIPTS / "scripted.py"), priority=4, parameters=parameters)
    [child] = facility.start_servers(server)
    device = tango.DeviceProxy(f"tango://{facility.database}/{server.device}")
    assert (device.Priority, device.Parameters) == (4, '{"notes": null, "sleep": 0.5}')
    assert connect(facility.database).get_device_property(server.device, "ScriptPath")["ScriptPath"][
        0
    ] == str(SCRIPTS)
    end(child)


def test_a_memorized_script_that_cannot_be_loaded_is_a_fault_that_reload_mends(facility, tmp_path):
    script = tmp_path / "own.py"
    script.write_text("import nmupy\n\ndef action(trigger): ...\n")
    (child,) = facility.start_servers(DeviceServer.player("mended", script))
    player = tango.DeviceProxy(f"tango://{facility.database.tango_host}/donki/player/mended")
    why = f"{script}, line 1: cannot be loaded: ModuleNotFoundError: No module named 'nmupy'"

    def loaded():
        wait_until("what came of loading it", lambda: str(player.state()) != "RUNNING")
        return str(player.state()), player.status(), player.Script

    for _ in range(2):
        assert loaded() == ("FAULT", why, "own.py")
        player.Init()
    assert loaded() == ("FAULT", why, "own.py")
    with pytest.raises(tango.DevFailed, match="nmupy"):
        player.Script = "own.py"
    script.write_text("def action(trigger): ...\n")
    player.Reload()
    assert loaded() == ("ON", "own.py: ready", "own.py")
    end(child)
