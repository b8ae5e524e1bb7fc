"""Both servers as Tango servers: in either database, by tango_admin and Starter, without a database."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import ExitStack
from importlib.metadata import version

import pytest
import tango

from donki_client.facility.local import LocalFacility
from donki_client.facility.processes import Child
from helpers.orchestra import SCRIPTS, an_orchestra, without_database
from helpers.support import free_port, wait_until
from helpers.tango_world import SERVERS, TangoWorld, admin, is_up, proxy_of, soon

TRIGGERS = 5
PROPERTIES = {
    "DonkiDirector": {"PlayerDevices", "RunDirectory", "KafkaBrokers", "RunTopic"},
    "DonkiPlayer": {
        "ScriptPath",
        "KafkaBrokers",
        "KafkaOptions",
        "KafkaClient",
        "ValuesTopic",
        "FileDirectory",
    },
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with TangoWorld(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture(scope="module")
def starter(world):
    world.start_starter()
    return world.starter


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def facility_of_either(request, facility, tmp_path_factory):
    """A facility with PyTango's database on SQLite, and one with the C++ DataBaseds on MariaDB."""
    if request.param == "sqlite":
        yield facility
        return
    with LocalFacility(tmp_path_factory.mktemp("on-mariadb")) as on_mariadb:
        on_mariadb.use_database(request.getfixturevalue("world").address)
        yield on_mariadb


@pytest.fixture
def events():
    """Collect the values of change events of a device's attribute."""
    subscribed = []

    def collect(device, attribute):
        values = []

        def note(event):
            if not event.err:
                values.append(event.attr_value.value)

        subscribed.append((device, device.subscribe_event(attribute, tango.EventType.CHANGE_EVENT, note)))
        return values

    yield collect
    for device, number in subscribed:
        device.unsubscribe_event(number)


@pytest.fixture
def in_foreground(tmp_path):
    """Start a server as from a shell, by the command that pip installs."""
    with ExitStack() as children:

        def start(kind, *arguments, tango_host="127.0.0.1:1"):
            command = [str(SERVERS / kind), *arguments]
            child = Child(kind, command, tmp_path / f"{kind}.log", {"TANGO_HOST": tango_host})
            children.callback(child.kill)
            return child

        yield start


def enter(database, kind, instance, device, **properties):
    """Register a server as an administrator does, with tango_admin alone."""
    admin(database, "--add-server", f"{kind}/{instance}", kind, device)
    for name, value in properties.items():
        admin(database, "--add-property", device, name, value)


def test_starter_starts_both_servers_starts_them_again_and_stops_them(world, starter, events, tmp_path):
    unique = f"astor{world.address.port}"
    names = {f"DonkiPlayer/{unique}-{one}": f"donki/player/{unique}-{one}" for one in "ab"}
    for server, device in names.items():
        enter(world.address, *server.split("/"), device, ScriptPath=str(SCRIPTS))
    director_server, director_name = f"DonkiDirector/{unique}", f"donki/director/{unique}"
    pattern = f"donki/player/{unique}-*"
    enter(
        world.address,
        *director_server.split("/"),
        director_name,
        PlayerDevices=pattern,
        RunDirectory=str(tmp_path / "runs"),
    )
    servers = [*names, director_server]
    killed = [director_server, f"DonkiPlayer/{unique}-b"]
    for server in servers:
        world.dev_start(server)
    players = [proxy_of(world.address, device) for device in names.values()]
    director = proxy_of(world.address, director_name)
    for device in (*players, director):
        wait_until(f"{device.dev_name()} answers", lambda device=device: is_up(device), 30)
    for player in players:
        player.Script = "scripted.py"
    players[1].Priority = 3
    director.Triggers = TRIGGERS
    shown = events(director, "CurrentTrigger")

    director.Check()
    director.Start()
    soon("the sequence ends", lambda: director.state() == tango.DevState.ON)
    assert list(director.Priorities) == [0, 3]
    assert [player.LastTrigger for player in players] == [TRIGGERS, TRIGGERS]
    wait_until("the last trigger's event", lambda: TRIGGERS in shown)

    soon("Starter sees them run", lambda: set(servers) <= set(starter.DevGetRunningServers(True)))
    for server in killed:
        starter.HardKillServer(server)
    soon("Starter sees them gone", lambda: set(killed) <= set(starter.DevGetStopServers(True)))
    shown.clear()
    for server in killed:
        world.dev_start(server)
    for device in (players[1], director):
        wait_until(f"{device.dev_name()} answers again", lambda device=device: is_up(device), 30)
    assert (players[1].Priority, players[1].Script) == (3, "scripted.py")
    assert director.Triggers == TRIGGERS

    director.Check()
    director.Start()
    soon("the second sequence ends", lambda: director.state() == tango.DevState.ON)
    wait_until("events come again by themselves", lambda: TRIGGERS in shown, 30)

    soon("Starter sees them run", lambda: set(servers) <= set(starter.DevGetRunningServers(True)))
    for server in servers:
        starter.DevStop(server)
    for device in (*players, director):
        wait_until(f"{device.dev_name()} has stopped", lambda device=device: not is_up(device))
    for server in servers:
        admin(world.address, "--delete-server", server, "--with-properties")


def test_two_directors_share_a_database_each_with_its_own_players(facility_of_either, events, tmp_path):
    folders = [tmp_path / side for side in ("left", "right")]
    for folder in folders:
        folder.mkdir()
    with (
        an_orchestra(facility_of_either, folders[0], "left", "a", "b") as left,
        an_orchestra(facility_of_either, folders[1], "right", "a") as right,
    ):
        states = {side.prefix: events(side.director, "State") for side in (left, right)}
        for side in (left, right):
            for name in side.players:
                side.set(name)
            side.refresh()
            side.director.Triggers = TRIGGERS
        for side in (left, right):
            side.director.Start()
        for side in (left, right):
            assert side.ended() == "ON", side.director.LastError
        assert list(left.director.Players) == ["left-a", "left-b"]
        assert list(right.director.Players) == ["right-a"]
        assert left.director.RunId != right.director.RunId
        for side in (left, right):
            assert {note["run"] for note in side.notes("begin")} == {side.director.RunId}
            assert len(side.notes("begin")) == TRIGGERS * len(side.players)
            wait_until("the end's event", lambda side=side: states[side.prefix][-1] == tango.DevState.ON)


def test_a_server_with_a_device_more_in_one_instance(facility_of_either, tmp_path, in_foreground):
    """Two Players in one server: registered with tango_admin, started by its name alone."""
    database = facility_of_either.database
    devices = ["donki/player/pair-a", "donki/player/pair-b"]
    enter(database, "DonkiPlayer", "pair", ",".join(devices))
    for device in devices:
        admin(database, "--add-property", device, "ScriptPath", str(SCRIPTS))
    in_foreground(
        *("DonkiPlayer", "pair", "-ORBendPoint", "giop:tcp:127.0.0.1:"), tango_host=database.tango_host
    )
    for device in (proxy_of(database, name) for name in devices):
        wait_until(f"{device.dev_name()} answers", lambda device=device: is_up(device), 20)
        device.Script = "scripted.py"
        device.Start()
        device.Trigger("1")
        assert device.LastTrigger == 1


def test_without_a_database_the_director_knows_its_players_by_full_names(tmp_path):
    with without_database(tmp_path) as names:
        director, player = map(tango.DeviceProxy, names)
        director.Triggers = TRIGGERS
        director.Start()
        soon("the sequence ends", lambda: director.state() == tango.DevState.ON)
        assert list(director.Players) == ["solo"]
        assert player.LastTrigger == TRIGGERS


@pytest.mark.parametrize("kind", PROPERTIES)
@pytest.mark.parametrize("arguments", [[], ["-?"]])
def test_usage(kind, arguments):
    done = subprocess.run(
        [SERVERS / kind, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert re.search(rf"usage: +{kind} ", done.stdout + done.stderr, re.IGNORECASE)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", PROPERTIES)
def test_the_instances_of_a_database_are_listed(facility, kind):
    admin(facility.database, "--add-server", f"{kind}/listed", kind, "donki/nowhere/listed")
    done = subprocess.run(
        [SERVERS / kind, "-?"],
        env={**os.environ, "TANGO_HOST": facility.database.tango_host},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    admin(facility.database, "--delete-server", f"{kind}/listed")
    assert "listed" in done.stdout + done.stderr


def test_what_a_script_logs_goes_to_the_console_with_v4(in_foreground):
    port = free_port()
    end_point = ["-ORBendPoint", f"giop:tcp:127.0.0.1:{port}"]
    child = in_foreground("DonkiPlayer", "x", "-v4", "-nodb", "-dlist", "a/b/loud", *end_point)
    child.wait_for("Ready to accept request", 20)
    player = tango.DeviceProxy(f"tango://127.0.0.1:{port}/a/b/loud#dbase=no")
    player.Script = "just_action.py"
    player.Start()
    player.Trigger("1")
    child.wait_for(r"INFO .*a/b/loud trigger 1 done", 10)


@pytest.mark.parametrize("kind", PROPERTIES)
def test_jive_offers_every_property_with_its_default_and_its_meaning(documented, kind):
    server = tango.DeviceProxy(documented[kind].adm_name())
    offered = server.QueryWizardDevProperty(kind)
    rows = zip(offered[::3], offered[1::3], offered[2::3], strict=True)
    table = {name: (doc, default) for name, doc, default in rows}
    assert set(table) >= PROPERTIES[kind]
    for name, (doc, _) in table.items():
        assert len(doc) > 20, name
    if kind == "DonkiPlayer":
        assert table["KafkaBrokers"][1] == "localhost:9092"


@pytest.fixture(scope="module")
def documented(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("documented"), "documented", "p") as orchestra:
        yield {"DonkiDirector": orchestra.director, "DonkiPlayer": orchestra.players["p"]}


@pytest.mark.parametrize("kind", PROPERTIES)
def test_every_device_tells_its_version(documented, kind):
    assert documented[kind].info().version_info["DonkiOrchestra"] == version("donkiorchestra")


@pytest.mark.parametrize("kind", PROPERTIES)
def test_every_attribute_says_what_it_is(documented, kind):
    for config in documented[kind].attribute_list_query():
        if config.name in ("State", "Status"):
            continue
        assert len(config.description) > 15, config.name
        # as people read it: words, not a name run together
        assert re.fullmatch(r"[A-Z][^A-Z]*( [a-z0-9]\S*)*( %| ID)?", config.label), (
            config.name,
            config.label,
        )
        is_time = re.search("Time$|Timeout|Duration|Period|Medians|P99s", config.name)
        units = {"TriggerRate": "Hz", "Progress": "%", "BytesSent": "B"}
        unit = "s" if is_time else units.get(config.name, "")
        assert config.unit == unit, config.name
        is_real = config.data_type in (tango.DevDouble, tango.DevFloat)
        assert config.unit or not is_real, config.name
        # what ATK's wheel switch and Jive's editor understand
        assert re.fullmatch(r"%(\d*\.\d+[feFE]|\d*d|s)", config.format), (config.name, config.format)


@pytest.mark.parametrize("kind", PROPERTIES)
def test_what_can_be_written_says_its_range(documented, kind):
    ranges = {
        "DonkiDirector": {
            "Triggers": (-1, 10**12 - 1),
            "StepTriggers": (1, 10**12 - 1),
            "Period": (0, 86_400),
            "RunSeed": (-1, None),
        },
        "DonkiPlayer": {
            "Priority": (-1, 2**31 - 1),
            "Timeout": (0.001, 86_400),
            "Retries": (0, 1_000_000),
        },
    }
    shown = {}
    for config in documented[kind].attribute_list_query():
        is_number = config.data_type in (tango.DevLong64, tango.DevDouble)
        if config.writable == tango.AttrWriteType.READ_WRITE and is_number:
            limits = (config.min_value, config.max_value)
            shown[config.name] = tuple(None if x == "Not specified" else float(x) for x in limits)
    assert shown == ranges[kind]


def test_the_policies_are_offered_by_name(documented):
    config = documented["DonkiPlayer"].get_attribute_config("OnError")
    assert list(config.enum_labels) == ["ABORT", "SKIP", "RETRY", "DISABLE"]


@pytest.mark.parametrize("kind", PROPERTIES)
def test_what_was_never_written_shows_its_value_as_set_point(documented, kind):
    for config in documented[kind].attribute_list_query():
        if config.writable == tango.AttrWriteType.READ_WRITE:
            reading = documented[kind].read_attribute(config.name)
            assert reading.w_value == reading.value, config.name


def test_init_keeps_what_was_set(documented):
    """Init takes up changed properties, and forgets no attribute that was written."""
    written = {
        "DonkiPlayer": {
            "Priority": 4,
            "Timeout": 7.5,
            "OnError": 2,
            "Retries": 3,
            "Parameters": '{"sleep": 0}',
            "Faults": '[{"kind": "drop", "rate": 0.5}]',
        },
        "DonkiDirector": {"Triggers": 9, "Period": 0.25, "RunTitle": "ice", "RunSeed": 5},
    }
    for kind, device in documented.items():
        for name, value in written[kind].items():
            device.write_attribute(name, value)
        device.Init()
        readings = device.read_attributes(list(written[kind]))
        assert {reading.name: reading.value for reading in readings} == written[kind]
    player = documented["DonkiPlayer"]
    assert player.Script == "scripted.py"
    player.Start()
    player.Trigger("1")
    player.Stop()


@pytest.mark.parametrize(
    ("kind", "expert"),
    [
        ("DonkiDirector", set()),
        (
            "DonkiPlayer",
            {"Reserve", "Release", "Begin", "End", "Start", "Trigger", "Reload", "Inventory", "Receive"}
            | {"CallPlayers", "AwaitPlayers"},
        ),
    ],
)
def test_commands_that_meddle_with_a_run_are_for_experts(documented, kind, expert):
    commands = {config.cmd_name: config for config in documented[kind].command_list_query()}
    assert {n for n, c in commands.items() if c.disp_level == tango.DispLevel.EXPERT} == expert


@pytest.mark.parametrize("kind", PROPERTIES)
def test_every_command_says_what_it_takes_and_gives(documented, kind):
    for config in documented[kind].command_list_query():
        if config.cmd_name in ("Init", "State", "Status"):
            continue
        # Tango has no other place to say what a command does
        said = config.in_type_desc
        assert len(said) > 15, config.cmd_name
        assert "not documented" not in said, config.cmd_name
        assert "No input" not in said, config.cmd_name
        if config.out_type != tango.DevVoid:
            assert len(config.out_type_desc) > 15, config.cmd_name
            assert "not documented" not in config.out_type_desc, config.cmd_name
