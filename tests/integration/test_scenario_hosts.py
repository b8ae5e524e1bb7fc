"""Scenarios on several hosts: Starters start their Players, and at the end all is as it was."""

from __future__ import annotations

import re
import signal
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from donki.errors import DonkiError
from donki_client.console.output import Console
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.hosts.registration import Registration
from donki_client.scenario.file import read_scenario
from donki_client.scenario.play import play
from helpers.donki_command import read_until
from helpers.host_world import HostWorld
from helpers.support import wait_until
from helpers.tango_world import SERVERS, admin, proxy_of

LONG = 400.0  # s that a run may take on a busy machine
LIMIT = 60.0  # s

FIRST, SECOND = "dk-first", "dk-second"

SCRIPT = """
import time

import beside

from donki.scripting import Player, Trigger


def action(trigger: Trigger, player: Player) -> dict[str, float]:
    time.sleep(player.parameters.get("lasts", 0))
    return {"value": beside.double(trigger)}
"""

pytestmark = pytest.mark.timeout(2 * LONG)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with HostWorld(tmp_path_factory.mktemp("hosts"), FIRST, SECOND) as world:
        for folder in (world.own, world.shared):
            (folder / "valued.py").write_text(SCRIPT)
            (folder / "beside.py").write_text("def double(number):\n    return 2.0 * number\n")
        yield world


@pytest.fixture(scope="module")
def donki(world):
    return world.donki


@pytest.fixture
def scenario(world, request):
    """Write a scenario into a folder that no other host has; nothing of it may be left at the end."""
    yield partial(world.scenario, request.node.name.partition("[")[0])
    assert world.registered() == set()


@pytest.fixture
def refused(world, scenario):
    """Play a scenario that cannot be played, and return why."""

    def play_it(players, **more):
        usual = {"database": world.address, "broker": world.broker}
        file, before = Path(scenario(players, **{**usual, **more})), world.registered()
        with pytest.raises(DonkiError) as error:
            play(read_scenario(file), file.stem, Console(), journaled=False)
        assert world.registered() == before
        wait_until("Starters see that nothing runs", lambda: not world.running(), LIMIT)
        return str(error.value)

    return play_it


def test_servers_are_left_for_others_and_removed_when_asked(donki, world, scenario):
    # The first host gets the script and the module beside it; the second has both.
    file = scenario(
        f"""
        left: {{script: valued.py, host: {FIRST}, server: bank, values_topic: values}}
        right: {{script: just_action.py, host: {FIRST}, server: bank}}
        far: {{script: ../shared/valued.py, host: {SECOND}, values_topic: values}}
        """,
        hdf5=world.folder / "far-data",
    )
    (world.folder / "far-data").mkdir()
    assert donki.run("check", file).returncode == 0
    done = donki.run("run", "--leave", file, limit=LONG)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 values arrived at Kafka" in done.stdout
    # Astor's tree and Jive's, tango_admin, and what the database has.
    assert set(world.database.get_server_list("Donki*")) == {"DonkiPlayer/bank", "DonkiPlayer/far"}
    expected = {FIRST: ["DonkiPlayer/bank ON 1"], SECOND: ["DonkiPlayer/far ON 1"]}
    wait_until("Astor shows them", lambda: world.tree() == expected, LIMIT)
    admin(world.address, "--check-server", "DonkiPlayer/bank")
    admin(world.address, "--check-device", "donki/player/left")
    admin(world.address, "--ping-device", "donki/player/far", "1")
    # They play for whoever asks them.
    player = proxy_of(world.address, "donki/player/left")
    assert (str(player.state()), player.Script) == ("ON", "valued.py")
    again = donki.run("run", file)
    assert again.returncode == 1
    assert "donki/player/left is already running" in again.stderr
    removed = donki.run("run", "--remove", file)
    assert removed.stdout.splitlines() == ["removed DonkiPlayer/bank", "removed DonkiPlayer/far"]
    wait_until("Astor shows none", lambda: world.tree() == {FIRST: [], SECOND: []}, LIMIT)


def test_what_was_registered_before_comes_back(world, donki, scenario):
    name = "donki/player/mine"
    server = DeviceServer.player("mine", world.own / "valued.py", priority=3, ValuesTopic="old")
    database = world.database
    mine = Registration(world.address)
    mine.enter(DeviceServer.together("mine", [server], FIRST))
    database.put_device_property(name, {"Aliases": ["a=b", "c=d"]})
    done = donki.run(
        "run", scenario(f"mine: {{script: just_action.py, host: {SECOND}, priority: 1}}"), limit=LONG
    )
    assert done.returncode == 0, done.stdout + done.stderr
    names = ["ScriptPath", "ValuesTopic", "Aliases", "KafkaBrokers", "FileDirectory"]
    kept = {key: list(values) for key, values in database.get_device_property(name, names).items()}
    assert kept == {
        "ScriptPath": [str(world.own)],
        "ValuesTopic": ["old"],
        "Aliases": ["a=b", "c=d"],
        "KafkaBrokers": [],
        "FileDirectory": [],
    }
    memorized = database.get_device_attribute_property(name, ["Priority", "Script", "Timeout"])
    assert {key: list(value.get("__value", [])) for key, value in memorized.items()} == {
        "Priority": ["3"],
        "Script": ["valued.py"],
        "Timeout": [],
    }
    assert database.command_inout("DbGetServerInfo", "DonkiPlayer/mine")[1:4] == [FIRST, "1", "1"]
    mine.take_back()


@contextmanager
def going_on(world, file):
    """Play a scenario, and yield its process and its Director when triggers are under way."""
    with world.donki.running("run", file) as process:
        read_until(process, "Run   ")
        director = proxy_of(world.address, f"donki/director/{Path(file).stem}")
        wait_until("triggers are under way", lambda: director.CurrentTrigger > 2, LIMIT)
        yield process, director


def ended(process):
    """Return the exit status, and what was said."""
    said = process.communicate(timeout=LONG)[0]
    print(said)
    return process.returncode, said


def test_a_cable_is_cut_and_a_host_dies_in_mid_run(world, scenario):
    first, second = world.hosts[FIRST], world.hosts[SECOND]
    file = scenario(
        f"""
        skips: {{script: just_action.py, host: {FIRST}, server: one, timeout: 1, on_error: SKIP}}
        tries: {{script: just_action.py, host: {FIRST}, server: one, timeout: 1,
                on_error: RETRY, retries: 999}}
        goes: {{script: just_action.py, host: {SECOND}, server: two, timeout: 1, on_error: SKIP}}
        drops: {{script: just_action.py, host: {SECOND}, server: two, timeout: 1, on_error: DISABLE}}
        here: {{script: just_action.py}}
        """,
        triggers=60,
        rate="5 Hz",
    )
    with going_on(world, file) as (process, director):
        first.network.cut()

        def missed(player):
            return dict(zip(director.Players, director.SkippedTriggers, strict=True))[player]

        wait_until("the trigger is held for it", lambda: "waiting for tries" in director.Status(), LIMIT)
        first.network.mend()
        wait_until("one trigger was missed", lambda: missed("skips") > 0, LIMIT)
        trigger = director.CurrentTrigger
        wait_until("the run goes on", lambda: director.CurrentTrigger > trigger + 3, LIMIT)
        second.kill()
        wait_until("one is left out", lambda: list(director.DroppedPlayers) == ["drops"], LIMIT)
        wait_until("the other misses triggers", lambda: missed("goes") > 0, LIMIT)
        status, said = ended(process)
    # The run came to its end; that a host could not be asked to end its servers is said.
    assert status == 1
    assert "Player drops was left out" in said
    assert f"DonkiPlayer/two may still run on host {SECOND}, whose Starter does not answer" in said
    assert "DonkiPlayer/one may" not in said
    wait_until("nothing is left there", lambda: first.servers() == [], LIMIT)
    second.boot()
    assert world.running() == set()


def test_by_abort_a_host_that_dies_ends_the_run(world, scenario):
    second = world.hosts[SECOND]
    file = scenario(
        f"""
        dies: {{script: just_action.py, host: {SECOND}, timeout: 1}}
        here: {{script: just_action.py}}
        """,
        triggers=-1,
        rate="5 Hz",
    )
    with going_on(world, file) as (process, _):
        second.kill()
        status, said = ended(process)
    second.boot()
    assert status == 1
    assert "the sequence failed: Player dies, trigger" in said


def test_ctrl_c_while_they_start_takes_all_back(world, donki, scenario):
    file = scenario(f"waits: {{script: just_action.py, host: {FIRST}}}")
    with donki.running("run", file) as process:
        wait_until("it is registered", lambda: "DonkiPlayer/waits" in world.registered(), LIMIT)
        process.send_signal(signal.SIGINT)
        status, _ = ended(process)
    assert status == 130
    wait_until("nothing is left there", lambda: world.running() == set(), LIMIT)


def test_a_host_without_the_script_is_named(refused, world):
    said = refused(f"far: {{script: valued.py, host: {SECOND}, values_topic: values}}")
    assert f"Player far on host {SECOND}: valued.py is missing; beside.py is missing" in said
    assert f"host {SECOND} takes no scripts: DONKI_SCRIPT_STORE is not set" in said


def test_why_a_server_ends_at_its_start_is_told(refused, world):
    (world.shared / "ends.py").write_text(
        "import os, sys\nprint('RuntimeError: out of luck', file=sys.stderr, flush=True)\nos._exit(3)\n"
        "def action(trigger): ...\n"
    )
    said = refused(f"ends: {{script: ../shared/ends.py, host: {SECOND}}}")
    assert f"DonkiPlayer/ends on host {SECOND}" in said
    assert "RuntimeError: out of luck" in said


def one(host):
    return f"p: {{script: just_action.py, host: {host}}}"


def says(pattern, text):
    """Return whether a text, wherever its lines end, has a regular expression."""
    return re.search(pattern, " ".join(text.split()))


def test_a_host_that_is_not_there_is_named(refused, donki, scenario):
    expected = rf"host 'nowhere': the database \S+ has no Starter of it; it knows the hosts .*{SECOND}"
    said = refused(one("nowhere"))
    assert says(expected, said), said
    checked = donki.run("check", scenario(one("nowhere")))
    assert checked.returncode == 1
    assert says(expected, checked.stdout), checked.stdout


def test_a_starter_that_does_not_answer_is_named(world, donki, scenario, refused):
    second, file = world.hosts[SECOND], scenario(one(SECOND))
    second.kill()
    try:
        checked, said = donki.run("check", file), refused(one(SECOND))
    finally:
        second.boot()
    assert checked.returncode == 1
    for text in (checked.stdout, said):
        assert says(f"host {SECOND}: its Starter does not answer; start it there", text), text


def test_a_starter_without_the_program_is_named(world, refused):
    device, starter = f"tango/admin/{SECOND}", world.hosts[SECOND].starter
    world.database.put_device_property(device, {"StartDsPath": [str(world.shared)]})
    starter.Init()
    try:
        said = refused(one(SECOND))
    finally:
        world.database.put_device_property(device, {"StartDsPath": [str(SERVERS)]})
        starter.Init()
    assert says(f"host {SECOND}: its Starter does not start DonkiPlayer/p: .*not found", said), said
    assert "have the property StartDsPath of tango/admin/dk-second name the folder of DonkiPlayer" in said


def test_a_database_that_cannot_be_written_is_named(world, refused):
    world.sql("SET GLOBAL read_only = 1")
    try:
        said = refused(one(FIRST))
    finally:
        world.sql("SET GLOBAL read_only = 0")
    assert says(rf"the Tango database {world.address} cannot be written: .*read-only", said), said


def test_a_name_that_another_server_has_is_named(world, refused):
    other = Registration(world.address)
    other.enter(DeviceServer.together("other", [DeviceServer.player("p", world.own / "valued.py")], FIRST))
    try:
        said = refused(one(FIRST))
        assert says("donki/player/p: the server DonkiPlayer/other has a device of that name", said), said
        said = refused(f"q: {{script: just_action.py, host: {FIRST}, server: other}}")
        assert says("server DonkiPlayer/other: has the device donki/player/p too", said), said
    finally:
        assert other.take_back() == []


@pytest.mark.parametrize("key", ["database", "broker"])
def test_an_address_that_other_hosts_cannot_reach_is_named(refused, key):
    said = refused(one(FIRST), **{key: "localhost:9092"})
    assert says(f"{key} localhost:9092: the hosts {FIRST} cannot reach it", said), said


@pytest.mark.parametrize("key", ["database", "broker"])
def test_hosts_need_a_database_and_a_broker(refused, key):
    said = refused(one(FIRST), **{key: "null"})
    assert says(f"add {key}: HOST:PORT", said), said
