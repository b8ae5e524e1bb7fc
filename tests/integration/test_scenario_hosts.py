"""Scenarios on several hosts: Starters start their Players, and at the end all is as it was."""

from __future__ import annotations

import re
import signal
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import yaml

from donki.errors import DonkiError
from donki_client.console.output import Console
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.hosts.registration import Registration
from donki_client.scenario.file import read_scenario
from donki_client.scenario.playing.play import play
from helpers.doc_examples import ROOT, examples
from helpers.donki_command import read_until
from helpers.host_world import HostWorld
from helpers.support import wait_until
from helpers.tango_world import SERVERS, admin, proxy_of

LONG = 400.0  # s that a run may take on a busy machine
LIMIT = 60.0  # s

PAGE = ROOT / "docs" / "how-to" / "hosts.rst"
FIRST, SECOND, THIRD = "dk-first", "dk-second", "dk-third"

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
    with HostWorld(tmp_path_factory.mktemp("hosts"), FIRST, SECOND, THIRD) as world:
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


@pytest.fixture
def of_the_page(world):
    """The scenario that docs/how-to/hosts.rst shows, for these hosts."""
    [shown] = examples(PAGE, "yaml")
    text = shown.text.replace("detector-pc", FIRST).replace("motion-pc", SECOND)
    content = yaml.safe_load(text)
    content |= {"database": str(world.address), "broker": world.broker, "triggers": 5}
    content["hdf5"] = str(world.own / "data")
    content["players"]["panel"]["timeout"] = 60
    file = world.own / shown.caption
    file.write_text(yaml.safe_dump(content))
    (world.own / "mine.py").write_text(SCRIPT)
    for host in world.hosts.values():
        host.disk(world.own / "data").mkdir()
    yield str(file)
    if world.registered():  # for the tests that follow
        world.donki.run("run", "--remove", str(file), limit=LONG)


def test_servers_are_left_for_others_and_removed_when_asked(donki, world, of_the_page):
    assert donki.run("check", of_the_page).returncode == 0
    done = donki.run("run", "--leave", of_the_page, limit=LONG)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 values arrived at Kafka" in done.stdout
    # The first host takes scripts: it has mine.py and the module beside it, and keeps the Player's file.
    sent = world.hosts[FIRST].disk(world.own / "sent")
    assert {file.name for folder in sent.iterdir() for file in folder.iterdir()} == {"mine.py", "beside.py"}
    assert "the files of panel, sample, slit are on other hosts, and were not read" in done.stdout
    assert len(list(world.hosts[FIRST].disk(world.own / "data").iterdir())) == 1
    checked = donki.run("check-data")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    not_seen = f"panel on host {FIRST}, sample on host {SECOND}, slit on host {SECOND}"
    assert f"all that is seen here is there; not seen are the files of {not_seen}" in checked.stdout
    # Astor's tree and Jive's, tango_admin, and what the database has.
    assert set(world.database.get_server_list("Donki*")) == {"DonkiPlayer/panel", "DonkiPlayer/motors"}
    expected = {FIRST: ["DonkiPlayer/panel ON 1"], SECOND: ["DonkiPlayer/motors ON 1"], THIRD: []}
    wait_until("Astor shows them", lambda: world.tree() == expected, LIMIT)
    admin(world.address, "--check-server", "DonkiPlayer/motors")
    admin(world.address, "--check-device", "donki/player/sample")
    admin(world.address, "--ping-device", "donki/player/panel", "1")
    # They play for whoever asks them, and their names are taken.
    player = proxy_of(world.address, "donki/player/panel")
    assert (str(player.state()), player.Script) == ("ON", "mine.py")
    again = donki.run("run", of_the_page)
    assert again.returncode == 1
    assert "donki/player/panel is already running" in again.stderr
    removed = donki.run("run", "--remove", of_the_page)
    assert removed.stdout.splitlines() == ["removed DonkiPlayer/panel", "removed DonkiPlayer/motors"]
    assert world.registered() == set()
    wait_until("Astor shows none", lambda: not any(world.tree().values()), LIMIT)


def test_what_was_registered_before_comes_back(world):
    name, database = "donki/player/mine", world.database
    script = world.own / "valued.py"
    server = DeviceServer.player("mine", script, priority=3, ValuesTopic="old", Aliases=["a=b", "c=d"])
    mine = Registration(world.address)
    mine.enter(DeviceServer.together("mine", [server], FIRST))

    def stored():
        names = ["ScriptPath", "ValuesTopic", "Aliases", "KafkaBrokers"]
        properties = database.get_device_property(name, names)
        memorized = database.get_device_attribute_property(name, ["Priority", "Script", "Timeout"])
        return (
            {key: list(values) for key, values in properties.items()},
            {key: list(values.get("__value", [])) for key, values in memorized.items()},
            list(database.command_inout("DbGetServerInfo", "DonkiPlayer/mine"))[1:],
            set(database.get_device_class_list("DonkiPlayer/mine")),
        )

    before = stored()
    assert before[1:3] == ({"Priority": ["3"], "Script": ["valued.py"], "Timeout": []}, [FIRST, "1", "1"])
    others = [
        DeviceServer.player("mine", script, timeout=5, Aliases=["e=f"], KafkaBrokers=world.broker),
        DeviceServer.player("added", script),
    ]
    run = Registration(world.address)
    run.enter(DeviceServer.together("mine", others, SECOND))
    assert stored()[2] == [SECOND, "1", "1"]
    assert all(now != then for now, then in zip(stored(), before, strict=True))
    assert run.take_back() == []
    assert stored() == before
    assert mine.take_back() == []
    assert world.registered() == set()


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


def test_cables_are_cut_and_hosts_die_in_mid_run(world, scenario):
    first, second, third = (world.hosts[name] for name in (FIRST, SECOND, THIRD))
    file = scenario(
        f"""
        skips: {{script: just_action.py, host: {FIRST}, server: one, timeout: 1, on_error: SKIP}}
        tries: {{script: just_action.py, host: {FIRST}, server: one, timeout: 1,
                on_error: RETRY, retries: 999}}
        goes: {{script: just_action.py, host: {SECOND}, server: two, timeout: 1, on_error: SKIP}}
        drops: {{script: just_action.py, host: {SECOND}, server: two, timeout: 1, on_error: DISABLE}}
        ends: {{script: just_action.py, host: {THIRD}}}
        here: {{script: just_action.py}}
        """,
        triggers=-1,
        rate="5 Hz",
    )
    with going_on(world, file) as (process, director):

        def missed(player):
            return dict(zip(director.Players, director.SkippedTriggers, strict=True))[player]

        def go_on(limit=LIMIT):
            trigger = director.CurrentTrigger
            wait_until("the run goes on", lambda: director.CurrentTrigger > trigger + 3, limit)

        first.network.cut()
        wait_until("the trigger is held for it", lambda: "waiting for tries" in director.Status(), LIMIT)
        first.network.mend()
        wait_until("a trigger was missed", lambda: missed("skips") > 0, LIMIT)
        go_on()
        second.kill()
        wait_until("one is left out", lambda: list(director.DroppedPlayers) == ["drops"], LIMIT)
        wait_until("the other misses triggers", lambda: missed("goes") > 0, LIMIT)
        go_on()
        # A host that boots starts its servers again: they have a level.
        first.kill()
        first.boot()
        go_on(3 * LIMIT)
        third.kill()
        status, said = ended(process)
    assert status == 1
    assert "the sequence failed: Player ends, trigger" in said
    assert f"DonkiPlayer/two may still run on host {SECOND}, whose Starter does not answer" in said
    assert f"DonkiPlayer/ends may still run on host {THIRD}, whose Starter does not answer" in said
    assert "DonkiPlayer/one may" not in said
    wait_until("nothing is left there", lambda: first.servers() == [], LIMIT)
    second.boot()
    third.boot()
    assert world.running() == set()


def test_a_section_is_on_a_host_with_its_players(world, donki, scenario):
    (world.own / "bank.yaml").write_text(
        "triggers: 1\n"
        "players:\n"
        "  left: {script: just_action.py}\n"
        f"  right: {{script: just_action.py, host: {SECOND}}}\n"
    )
    device = f"tango/admin/{FIRST}"
    admin(world.address, "--add-property", device, "RunDirectory", str(world.own / "runs"))
    try:
        sections = {"bank": {"scenario": "bank.yaml", "host": FIRST}}
        file = scenario("here: {script: just_action.py}", sections=sections)
        assert donki.run("check", file).returncode == 0
        done = donki.run("run", "--leave", file, limit=LONG)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"the data of section bank were not compared: its journal is on host {FIRST}" in done.stdout
        assert (world.hosts[FIRST].disk(world.own / "runs") / "journal.sqlite").exists()
        expected = {
            FIRST: ["DonkiPlayer/left ON 1", "DonkiSection/bank ON 1"],
            SECOND: ["DonkiPlayer/right ON 1"],
            THIRD: [],
        }
        wait_until(
            "Astor shows them", lambda: {k: sorted(v) for k, v in world.tree().items()} == expected, LIMIT
        )
        assert proxy_of(world.address, "donki/section/bank").CurrentTrigger == 5
        # What is missing of the hosts of sections is named before anything is started.
        removed = donki.run("run", "--remove", file)
        assert len(removed.stdout.splitlines()) == 3, removed.stdout + removed.stderr
        sections["bank"]["host"] = "nowhere-pc"
        file = scenario("here: {script: just_action.py}", sections=sections)
        checked = donki.run("check", file)
        assert checked.returncode == 1
        assert "host 'nowhere-pc': the database" in checked.stdout + checked.stderr
    finally:
        world.database.delete_device_property(device, "RunDirectory")


def test_ctrl_c_while_they_start_takes_all_back(world, donki, scenario):
    file = scenario(f"waits: {{script: just_action.py, host: {FIRST}}}")
    with donki.running("run", file) as process:
        wait_until("it is registered", lambda: "DonkiPlayer/waits" in world.registered(), LIMIT)
        process.send_signal(signal.SIGINT)
        status, _ = ended(process)
    assert status == 130
    wait_until("nothing is left there", lambda: world.running() == set(), LIMIT)


def test_what_a_host_lacks_is_named(refused, world):
    (world.own / "counts.dat").write_text("123")
    said = refused(
        f"""
        far: {{script: valued.py, host: {SECOND}, server: both}}
        near: {{script: ../shared/valued.py, host: {SECOND}, server: both, data_path: [.],
               parameters: {{file: counts.dat}}}}
        fits: {{script: just_action.py, host: {SECOND}, server: both}}
        """,
        hdf5="missing",
    )
    assert f"Player far on host {SECOND}: valued.py is missing; beside.py is missing" in said
    assert f"host {SECOND} takes no scripts: DONKI_SCRIPT_STORE is not set" in said
    assert f"Player near on host {SECOND}: counts.dat is missing; data files are not sent" in said
    assert f"Player fits on host {SECOND}: FileDirectory {world.own}/missing: there is no such" in said


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
