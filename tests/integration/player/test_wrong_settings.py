"""Wrong properties and wrong memorized values: the devices start, say what is wrong, and can be mended.

Each case is a device with random values, good and bad, all in one server; DONKI_CASES is how many.
"""

from __future__ import annotations

import json
import os
import random

import pytest

from donki_client.facility.device_server import DeviceServer, ServedDevice
from donki_client.facility.servers import command_line, connect, register
from helpers.orchestra import SCRIPTS, an_orchestra, one_server
from helpers.support import refused, wait_until

CASES = int(os.environ.get("DONKI_CASES", "24"))

NO_WHOLE = ["abc", "", "1.5", "0x10", "1 2", "nan", "9" * 30, "-9" * 30, "true", "é"]
NO_JSON_OBJECT = [
    *("not json", "[1]", "", "3", "null", '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\ud800"}', "{'a': 1}"),
    '{"a": ' + "[" * 100 + "]" * 100 + "}",
    '{"a": "' + "x" * 1_000_000 + '"}',
]

#: By memorized attribute: good texts, and bad ones.
PLAYER_MEMORIZED = {
    "Priority": (["0", "5", "-1", "2147483647"], [*NO_WHOLE, "-2", "2147483648"]),
    "Parameters": (["{}", '{"a": [1, {"b": null}]}', '{"a": "1,2"}'], NO_JSON_OBJECT),
    "Faults": (
        ["[]", '[{"kind": "drop", "rate": 0.5}]'],
        ["{}", "null", "", "[1]", '[{"kind": "drop"}]', '[{"kind": "drop", "rate": 2}]', "[" * 200],
    ),
    "Timeout": (
        ["60", "0.5", "86400", "1e-3"],
        ["abc", "", "0", "4e-4", "-1", "nan", "inf", "1e99", "86400.5", "1,5"],
    ),
    "OnError": (["0", "1", "2", "3"], [*NO_WHOLE, "RETRY", "4", "9", "-1"]),
    "Retries": (["0", "7", "1000000"], [*NO_WHOLE, "-1", "1000001"]),
}
DIRECTOR_MEMORIZED = {
    "Triggers": (["1", "-1", "5000000000"], [*NO_WHOLE, "0", "-2", "1000000000000"]),
    "Period": (["0", "0.0714", "86400"], ["abc", "", "-1", "nan", "inf", "1e99", "1,5"]),
}

KAFKA = {
    "KafkaBrokers": (["localhost:9092", ["a:1", "b:2"]], ["localhost:abc", ["a:1", "b:0"], ":9", "a:70000"]),
    "KafkaOptions": (
        ["{}", '{"security_protocol": "PLAINTEXT"}'],
        [
            *NO_JSON_OBJECT[:3],
            '{"acks": 1}',
            '["s3cret"]',
            ["{", "}"],
            '{"a": "s3cret"}',
        ],
    ),
    "TopicReplication": (["0", "3"], [*(text for text in NO_WHOLE if text), "-1", "101", ["1", "2"]]),
}

TELEMETRY = {
    "MetricsPort": ([], ["abc", "0", "65536", "1.5", "127.0.0.1:", ["1", "2"]]),
    "StatusTopic": ([], ["a b", ["a", "b"]]),
}

#: By property: good values, and bad ones.
PLAYER_PROPERTIES = {
    **KAFKA,
    **TELEMETRY,
    "KafkaClient": (["kafka-python"], ["pykafka", ["kafka-python", "b"]]),
    "TopicPartitions": (["1", "1000"], [*(text for text in NO_WHOLE if text), "0", "1001", ["1", "2"]]),
    "ValuesTopic": (["a_topic"], ["a b", "é", "x" * 250, ["a", "b"]]),
    "FileDirectory": (["/tmp"], [["/tmp", "/var"]]),
    "FileName": (["{run}_{player}.nxs"], ["{nothing}.nxs", "../a.nxs", "{run", ["a{run}{player}.nxs", "b"]]),
    "FileTriggers": (["0", "10"], [*(text for text in NO_WHOLE if text), "-1", ["1", "2"]]),
    "FileCompression": (["gzip"], ["zip", ["gzip", "lzf"]]),
    "ReadoutAddress": (["127.0.0.1:9000", "[::1]:9000"], ["9000", "localhost:0", "a b:1", ["a:1", "b:2"]]),
    "ReadoutRate": (["1000000"], [*(text for text in NO_WHOLE if text), "999999", ["1", "2"]]),
    "Aliases": (["a=b", ["a=b", "c=d"]], ["a", ["a=b", "a=c"]]),
}
DIRECTOR_PROPERTIES = {
    **KAFKA,
    **TELEMETRY,
    "RunDirectory": ([], [["/tmp", "/var"]]),
    "RunTopic": ([], ["a b", ["a", "b"]]),
    "TimingTopic": ([], ["é", ["a", "b"]]),
    "FileWriterPolicy": (["IGNORE", "REQUIRE"], ["warn", "0", ["WARN", "IGNORE"]]),
    "FileWriterTimeout": (["1", "3600"], ["0", "86401", "1.5", "x"]),
    "FileWriterPool": (["a_topic"], ["a b", ["a", "b"]]),
    "FileWriterStructure": ([], ["/nowhere.json", "/tmp", ["a", "b"]]),
}


def draw(rng, table):
    """Return random values by name, and which of the names have a bad one."""
    values, bad = {}, set()
    for name, (good, wrong) in table.items():
        fate = rng.choice(["none", "none", "good", "bad"])
        if fate == "bad":
            bad.add(name)
            values[name] = rng.choice(wrong)
        elif fate == "good" and good:
            values[name] = rng.choice(good)
    return values, bad


def read_all(device):
    for attribute in device.get_attribute_list():
        reading = device.read_attribute(attribute)
        # A panel offers what a device has, not what is memorized and refused.
        assert not reading.w_dim_x or reading.w_value == reading.value, attribute


def said_of(device, memorized, properties):
    """Make sure that the Status and Check say exactly what is wrong, and how it is mended."""
    # A Status is ASCII.
    status, check = device.Status(), [line.replace("é", "?") for line in device.Check()]
    assert "s3cret" not in status + "\n".join(check)
    for name in memorized:
        (line,) = [line for line in status.splitlines() if line.startswith(f"{name}: the memorized value")]
        assert line.endswith(f"; write {name}")
        assert line in check
    for name in properties:
        (line,) = [line for line in status.splitlines() if line.startswith(f"the property {name}: ")]
        assert line.endswith("; mend it, then Init")
        assert line in check
    assert status.count("the memorized value is refused") == len(memorized)
    assert status.count("mend it, then Init") == len(properties)
    assert str(device.state()) == ("FAULT" if memorized or properties else "ON")


def mend(facility, device, memorized, properties, good):
    """Mend one thing after the other; each is said no more, and nothing else is."""
    left = set(memorized)
    for name in sorted(memorized):
        setattr(device, name, good[name])
        left.remove(name)
        said_of(device, left, properties)
    for name in sorted(properties):
        connect(facility.database).delete_device_property(device.dev_name(), name)
    device.Init()
    wait_until("it is ready", lambda: str(device.state()) == "ON")
    said_of(device, set(), set())
    read_all(device)


def test_a_player_says_what_is_wrong_until_it_is_mended(facility):
    rng = random.Random(9)
    servers, cases = [], []
    for number in range(CASES):
        memorized, bad_memorized = draw(rng, PLAYER_MEMORIZED)
        properties, bad_properties = draw(rng, PLAYER_PROPERTIES)
        properties |= {"ScriptPath": str(SCRIPTS)}
        memorized |= {"Script": "scripted.py"}
        device = ServedDevice(f"donki/player/wrong-{number}", properties, memorized)
        server = DeviceServer("DonkiPlayer", "donki.player.device", "wrong", (device,))
        servers.append(server)
        cases.append((memorized, bad_memorized, bad_properties))
    with one_server(facility, servers) as players:
        for player, (memorized, bad_memorized, bad_properties) in zip(players, cases, strict=True):
            wait_until("its script is loaded", lambda player=player: str(player.state()) != "RUNNING")
            read_all(player)
            said_of(player, bad_memorized, bad_properties)
            for name in memorized.keys() - bad_memorized - {"Script"}:
                kind = str if name in ("Parameters", "Faults") else float
                assert kind(getattr(player, name)) == kind(memorized[name])
            if bad_memorized or bad_properties:
                assert "; write " in refused(player.Start) or "mend it, then Init" in refused(player.Start)
                player.Reset()
                assert str(player.state()) == "FAULT"
            mended = {"Priority": 3, "Parameters": '{"b": 1}', "Timeout": 4.0, "OnError": 2, "Retries": 5}
            mended["Faults"] = "[]"
            mend(facility, player, bad_memorized, bad_properties, mended)


def test_a_director_says_what_is_wrong_until_it_is_mended(facility, tmp_path):
    rng = random.Random(10)
    with an_orchestra(facility, tmp_path, "well", "p", director=False):
        servers, cases = [], []
        for number in range(CASES // 3):
            memorized, bad_memorized = draw(rng, DIRECTOR_MEMORIZED)
            properties, bad_properties = draw(rng, DIRECTOR_PROPERTIES)
            properties = {
                "PlayerDevices": ["donki/player/well-p"],
                "RunDirectory": str(tmp_path / str(number)),
                **properties,
            }
            device = ServedDevice(f"donki/director/wrong-{number}", properties, memorized)
            server = DeviceServer("DonkiDirector", "donki.director.device", "wrong", (device,))
            servers.append(server)
            cases.append((memorized, bad_memorized, bad_properties))
        with one_server(facility, servers) as directors:
            for director, (memorized, bad_memorized, bad_properties) in zip(directors, cases, strict=True):
                read_all(director)
                said_of(director, bad_memorized, bad_properties)
                for name in memorized.keys() - bad_memorized:
                    assert float(getattr(director, name)) == float(memorized[name])
                if bad_memorized or bad_properties:
                    for call in (director.Start, director.Arm, director.Recover, director.Reset):
                        said = refused(call)
                        assert "; write " in said or "mend it, then Init" in said
                    assert director.LastError
                mend(facility, director, bad_memorized, bad_properties, {"Triggers": 3, "Period": 0.25})


@pytest.mark.parametrize("name", ["Parameters", "FileTriggers"])
def test_the_director_says_what_a_player_says(facility, tmp_path, name):
    with an_orchestra(facility, tmp_path, f"told-{name.lower()}", "p") as orchestra:
        player, database = orchestra.players["p"], connect(facility.database)
        if name == "Parameters":
            database.put_device_attribute_property(player.dev_name(), {name: {"__value": ["not json"]}})
        else:
            database.put_device_property(player.dev_name(), {name: "abc"})
        player.Init()
        wait_until("it says so", lambda: str(player.state()) == "FAULT")
        said = refused(orchestra.director.Start)
        assert f"Player {orchestra.name('p')}: " in said
        assert ("write Parameters" if name == "Parameters" else "mend it, then Init") in said
        assert "mend the script" not in said
        assert "start its server again" not in said
        assert said in "; ".join(orchestra.director.Check())
        if name == "Parameters":
            player.Parameters = json.dumps({"notes": str(orchestra.notes_file)})
        else:
            database.delete_device_property(player.dev_name(), name)
            player.Init()
        wait_until("it is ready", lambda: str(player.state()) == "ON")
        assert orchestra.play(1) == "ON"


@pytest.mark.parametrize("as_list", [False, True])
def test_letters_of_latin_1_are_taken_as_clients_of_either_kind_store_them(facility, tmp_path, as_list):
    folder = tmp_path / "données"
    folder.mkdir()
    (folder / "s.py").write_text("def action(trigger):\n    pass\n")
    device, text = f"donki/player/latin-{as_list}", '{"à": "é"}'
    properties = {"ScriptPath": [str(folder)] if as_list else str(folder)}
    server = DeviceServer(
        "DonkiPlayer", "donki.player.device", f"latin-{as_list}", (ServedDevice(device, properties),)
    )
    register(facility.database, server)
    values = {"Script": "s.py", "Parameters": [text] if as_list else text}
    kept = {name: {"__value": value} for name, value in values.items()}
    connect(facility.database).put_device_attribute_property(device, kept)
    with one_server(facility, [server]) as [player]:
        wait_until("its script is loaded", lambda: str(player.state()) == "ON")
        assert json.loads(player.Parameters) == json.loads(text)


@pytest.mark.parametrize("kind", ["DonkiPlayer", "DonkiDirector"])
def test_a_server_that_cannot_start_ends_with_another_exit_status(facility, kind):
    module = f"donki.{kind.removeprefix('Donki').lower()}.device"
    server = DeviceServer(kind, module, "of-nobody", (ServedDevice("x/y/z"),))
    child = facility._servers.start(server.name, *command_line(facility.database, server))
    assert child.wait(30) not in (0, None)
