"""donki deploy into Tango databases: PyTango's own, and the C++ one on MariaDB; also by way of json2tango."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import PurePosixPath

import pytest
import tango
import yaml

from donki.errors import DonkiError, InputError
from donki_client.address import Address
from donki_client.api.director import Director
from donki_client.console.output import Console
from donki_client.deploy.deploy import carry_out, plan_deployment
from donki_client.deploy.targets.containers import register_command
from donki_client.deploy.targets.kubernetes import WAIT
from donki_client.facility.database import answers
from donki_client.facility.local import LocalFacility
from donki_client.facility.processes import Processes
from helpers.support import free_port, wait_until
from helpers.tango_world import LIMIT, SERVERS, TangoWorld, is_up, json2tango, proxy_of, soon

SAME, DIFFERENT = False, True

SCRIPT = "def action(trigger):\n    return {'number': int(trigger)}\n"


class Site:
    """A Tango database, and a folder with scenarios to deploy."""

    def __init__(self, address: Address, folder, run) -> None:
        self.address = address
        self.folder = folder
        self.run = run
        self.database = tango.Database(address.ip, address.port)
        (folder / "act.py").write_text(SCRIPT)

    def write(self, name: str, **more) -> None:
        """Write a scenario whose Players begin with its name: two of them share a server."""
        players = {
            f"{name}-a": {"script": "act.py", "server": f"{name}-bank"},
            f"{name}-b": {"script": "act.py", "server": f"{name}-bank", "priority": 1},
            f"{name}-c": {"script": "act.py", "aliases": {"number": "n"}, "parameters": {"x": "\u00e9"}},
        }
        scenario = {"triggers": 5, "period": "0.1 s", "players": players, **more}
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(scenario, allow_unicode=True))

    def deploy(self, name: str, *, dry_run: bool = False, to: str = "tango") -> tuple[bool, str]:
        """Deploy a scenario; return whether anything differs, and what is said."""
        file, database = self.folder / f"{name}.yaml", self.address.tango_host
        state = PurePosixPath(self.folder / "state")  # not the home of whoever runs the tests
        plan = plan_deployment(file, to, database=database, state=state, environment={})
        said = io.StringIO()
        with contextlib.redirect_stdout(said):  # rich looks for it when it prints
            different = carry_out(plan, Console(), dry_run=dry_run)
        return different, said.getvalue()

    def has(self, device: str) -> bool:
        try:
            return bool(self.database.get_device_info(device))
        except tango.DevFailed:
            return False

    def priority(self, device: str) -> list[str]:
        return list(self.database.get_device_attribute_property(device, "Priority")["Priority"]["__value"])


def _sqlite(stack: ExitStack, folder):
    processes = Processes(folder)
    stack.callback(processes.stop)
    address = Address("127.0.0.1", free_port())

    def run(name, *command, **environment):
        with_host = {"TANGO_HOST": address.tango_host, **environment}
        return processes.start(name, list(map(str, command)), with_host)

    listening = ("--host", address.host, "--port", address.port, "2")
    kept = str(folder / "tango_database.db")
    program = (sys.executable, "-m", "tango.databaseds.database")
    run("TangoDatabase", *program, *listening, PYTANGO_DATABASE_NAME=kept)
    wait_until("the database answers", lambda: answers(address), LIMIT)
    return address, run


def _mariadb(stack: ExitStack, folder):
    world = stack.enter_context(TangoWorld(folder))
    return world.address, world.run


@pytest.fixture(scope="module", params=[_sqlite, _mariadb], ids=["sqlite", "mariadb"])
def site(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        address, run = request.param(stack, folder)
        yield Site(address, folder, run)


def test_what_is_deployed_plays_and_is_deployed_again_without_change(site):
    site.write("play")
    status, said = site.deploy("play", dry_run=True)
    assert (status, "+donki/player/play-b: attribute Priority = 1" in said) == (DIFFERENT, True), said
    assert not site.has("donki/player/play-a")
    status, said = site.deploy("play")
    assert (status, "+donki/director/play: DonkiDirector in DonkiDirector/play" in said) == (
        DIFFERENT,
        True,
    ), said
    assert site.deploy("play") == (SAME, "Nothing to change.\n")
    assert site.deploy("play", dry_run=True) == (SAME, "")

    end_point = ("-ORBendPoint", "giop:tcp:127.0.0.1:")
    servers = ("DonkiPlayer/play-bank", "DonkiPlayer/play-c", "DonkiDirector/play")
    children = [
        site.run(name.replace("/", "_"), SERVERS / name.split("/")[0], name.split("/")[1], *end_point)
        for name in servers
    ]
    try:
        director = proxy_of(site.address, "donki/director/play")
        wait_until("the Director answers", lambda: is_up(director), LIMIT)
        director.set_timeout_millis(20_000)
        soon("all are ready", lambda: not director.Check())
        played = Director("donki/director/play", site.address)
        played.start()
        wait_until("the sequence ends", lambda: str(director.state()) == "ON", LIMIT)
        assert (director.CurrentTrigger, director.Triggers, director.Period) == (5, 5, 0.1)
        assert list(director.Priorities) == [0, 1, 0]
        # The servers have entered nothing of their own; what somebody writes is a difference.
        status, said = site.deploy("play", dry_run=True)
        assert status == SAME, said
        proxy_of(site.address, "donki/player/play-b").Priority = 7
        status, said = site.deploy("play", dry_run=True)
        assert status == DIFFERENT
        assert "-donki/player/play-b: attribute Priority = 7   (written since it was deployed)" in said
        assert "started again: DonkiPlayer/play-bank" in said
        status, said = site.deploy("play")
        assert (status, site.priority("donki/player/play-b")) == (DIFFERENT, ["1"]), said
    finally:
        for child in children:
            child.kill()


def in_a_container(site, *command):
    """Run what a container runs that enters the servers, or waits for them."""
    environment = {
        **os.environ,
        "PATH": f"{SERVERS}:{os.environ['PATH']}",
        "TANGO_HOST": site.address.tango_host,
        "TMPDIR": str(site.folder),
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=2 * LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_containers_enter_is_the_same(site):
    site.write("json")
    _, said = site.deploy("json", to="dsconfig")
    (site.folder / "json.json").write_text(said)
    for _ in range(2):
        in_a_container(site, *register_command(str(site.folder / "json.json")))
    in_a_container(site, "python", "-c", WAIT, "donki/director/json")
    status, said = site.deploy("json", dry_run=True)
    assert (status, "taken over" in said, "+donki" in said) == (DIFFERENT, True, False), said
    site.deploy("json")
    assert site.deploy("json", dry_run=True) == (SAME, "")


def test_json2tango_has_nothing_to_add(site):
    # dsconfig takes the last device in MariaDB's table, where it has no alias, for one whose alias is to go.
    # It is the Director's dserver, which is passed over, unless a device was removed before and left a gap.
    site.write("same")
    site.deploy("same")
    _, said = site.deploy("same", to="dsconfig")
    (site.folder / "same.json").write_text(said)
    status, said = json2tango(site.address, site.folder, site.folder / "same.json")
    assert (status, "No changes needed" in said) == (0, True), said


def test_what_is_gone_from_the_scenario_is_removed_and_what_others_made_is_not(site):
    site.write("gone", file_writer="runs")
    entered = tango.DbDevInfo()
    entered.server, entered._class, entered.name = "DonkiPlayer/gone-c", "DonkiPlayer", "donki/player/gone-c"
    site.database.add_device(entered)
    site.database.put_device_property("donki/player/gone-c", {"KafkaOptions": "{}"})
    site.deploy("gone")
    site.write("gone", players={"gone-b": {"script": "act.py", "server": "gone-two"}})
    status, said = site.deploy("gone", dry_run=True)
    assert status == DIFFERENT
    for line in (
        "-donki/player/gone-a: DonkiPlayer in DonkiPlayer/gone-bank",
        "-donki/player/gone-b: DonkiPlayer in DonkiPlayer/gone-bank",
        "+donki/player/gone-b: DonkiPlayer in DonkiPlayer/gone-two",
        "-donki/director/gone: property FileWriterPool = ",
        "because others made it: donki/player/gone-c",
    ):
        assert line in said
    assert site.has("donki/player/gone-a")
    site.deploy("gone")
    assert not site.has("donki/player/gone-a")
    assert site.has("donki/player/gone-c")
    kept = site.database.get_device_property("donki/player/gone-c", "KafkaOptions")
    assert list(kept["KafkaOptions"]) == ["{}"]
    servers = [name.lower() for name in site.database.get_server_list()]
    assert ("donkiplayer/gone-two" in servers, "donkiplayer/gone-bank" in servers) == (True, False)
    removed = site.database.get_device_property("donki/player/gone-a", "ScriptPath")
    assert list(removed["ScriptPath"]) == []
    status, said = site.deploy("gone", dry_run=True)
    assert (status, "others made it" in said) == (SAME, False), said


def test_a_player_of_another_deployment_is_refused(site):
    site.write("mine")
    site.deploy("mine")
    site.write("yours", players={"MINE-a": {"script": "act.py"}})
    with pytest.raises(InputError, match=r"MINE-a in .* belongs to the deployment mine; rename it"):
        site.deploy("yours")
    assert not site.has("donki/director/yours")


def test_starters_are_told_of_the_servers_of_their_hosts(site):
    players = {"far-a": {"script": "act.py", "host": "detector-pc"}, "far-b": {"script": "act.py"}}
    site.write("far", players=players)
    status, said = site.deploy("far")
    assert (status, "+DonkiPlayer/far-a: Starter of detector-pc, level 1" in said) == (DIFFERENT, True), said
    info = site.database.get_server_info("DonkiPlayer/far-a")
    assert (info.host, info.mode, info.level) == ("detector-pc", 1, 1)
    assert site.deploy("far", dry_run=True)[0] == SAME
    del players["far-a"]["host"]
    site.write("far", players=players)
    status, said = site.deploy("far")
    assert (status, "-DonkiPlayer/far-a: Starter of detector-pc, level 1" in said) == (DIFFERENT, True), said
    assert site.deploy("far", dry_run=True)[0] == SAME


@pytest.mark.parametrize("site", [_mariadb], ids=["mariadb"], indirect=True)
def test_a_database_that_is_read_only_is_named(site):
    site.write("locked")
    on_mariadb = ["mariadb", "--no-defaults", f"--socket={site.folder / 'mariadb.sock'}", "-uroot", "-e"]
    subprocess.run([*on_mariadb, "SET GLOBAL read_only=1"], check=True, timeout=LIMIT)
    try:
        with pytest.raises(DonkiError, match="read-only"):
            site.deploy("locked")
    finally:
        subprocess.run([*on_mariadb, "SET GLOBAL read_only=0"], check=True, timeout=LIMIT)
    assert not site.has("donki/director/locked")
    assert site.deploy("locked")[0] == DIFFERENT


def test_sections_are_deployed_and_play_in_two_databases(site, tmp_path):
    act = {"script": "act.py"}
    with LocalFacility(tmp_path / "other") as other:
        elsewhere = other.start_database()
        # The same database under another name is the same.
        site.write("inner", players={"inner-a": act}, database=str(elsewhere))
        named = f"localhost:{site.address.port}" if site.address.is_loopback else None
        inner = {"inner": {"scenario": "inner.yaml"}}
        site.write("middle", players={"middle-a": act}, sections=inner, database=named)
        middle = {"middle": {"scenario": "middle.yaml", "priority": 2}}
        site.write("outer", players={"outer-a": act}, sections=middle)
        status, said = site.deploy("outer")
        for line in (
            "+donki/section/middle: DonkiSection in DonkiSection/middle",
            "+donki/section/middle: attribute Priority = 2",
            f"+donki/section/middle: property PlayerDevices = tango://{elsewhere.tango_host}/donki/section/inner",
            "+donki/section/inner: DonkiSection in DonkiSection/inner",
        ):
            assert line in said, said
        assert status == DIFFERENT
        assert (site.has("donki/player/middle-a"), site.has("donki/player/inner-a")) == (True, False)
        assert site.deploy("outer", dry_run=True) == (SAME, "")

        here = ("DonkiPlayer/outer-a", "DonkiPlayer/middle-a", "DonkiSection/middle", "DonkiDirector/outer")
        there = ("DonkiPlayer/inner-a", "DonkiSection/inner")
        servers = [(name, site.address) for name in here] + [(name, elsewhere) for name in there]
        children = [
            site.run(
                name.replace("/", "_"),
                SERVERS / name.split("/")[0],
                *(name.split("/")[1], "-ORBendPoint", "giop:tcp:127.0.0.1:"),
                TANGO_HOST=address.tango_host,
            )
            for name, address in servers
        ]
        try:
            director = proxy_of(site.address, "donki/director/outer")
            wait_until("the Director answers", lambda: is_up(director), LIMIT)
            director.set_timeout_millis(20_000)
            soon("all are ready", lambda: not director.Check())
            Director("donki/director/outer", site.address).start()
            wait_until("the sequence ends", lambda: str(director.state()) == "ON", LIMIT)
            inner_most = proxy_of(elsewhere, "donki/section/inner")
            assert (director.CurrentTrigger, inner_most.CurrentTrigger) == (5, 5)
            assert site.deploy("outer", dry_run=True) == (SAME, "")
        finally:
            for child in children:
                child.kill()

        # Without its section, what was entered for it here is removed.
        site.write("outer", players={"outer-a": act})
        assert site.deploy("outer")[0] == DIFFERENT
        assert not site.has("donki/section/middle")
