"""What another package adds, each in one class and one call, goes all the way."""

from __future__ import annotations

import shutil
import struct

import h5py
import pytest

from helpers.brokers import EmbeddedBroker
from helpers.donki_command import Command
from helpers.orchestra import SCRIPTS
from helpers.readouts import a_receiver

SCRIPT = """
def action(trigger, player):
    player.counter("counts", "turnstile").send(trigger, 10 * int(trigger))
    player.alarm("counts", "turnstile").send(trigger, "MINOR", "busy")
"""

LAMP = """
from toy_plugin import Lamp


def action(trigger, player):
    player.events("lamps", "lamp").send(trigger, *Lamp().sample(player.rng(trigger), rate=50))
"""

STRIP = """
def action(trigger, player):
    stream = player.events("strips", "strip", readout="strip")
    stream.send(trigger, [1000, 2000], [1, int(trigger)])
"""


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Have a package installed that adds a schema; return the folder of its module."""
    site = tmp_path / "site"
    about = site / "toy-1.0.dist-info"
    about.mkdir(parents=True)
    for module in ("toy_plugin.py", "toy_target.py"):
        shutil.copy(SCRIPTS / module, site)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[donki.plugins]\ntoy = toy_plugin\ntarget = toy_target\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    return about


def play(folder, broker, tail="", script=SCRIPT):
    """Play three triggers; return the command and the file."""
    (folder / "count.py").write_text(script)
    scenario = folder / "toy.yaml"
    scenario.write_text(
        f"triggers: 3\nseed: 1\nhdf5: files\nbroker: {broker.address}\n"
        f"players:\n  p:\n    script: count.py\n{tail}"
    )
    command = Command(folder / "data")
    done = command.run("run", str(scenario))
    assert done.returncode == 0, done
    [file] = (folder / "files").iterdir()
    return command, file


def test_a_schema_goes_to_kafka_file_journal_and_check(installed, broker, tmp_path):
    command, path = play(tmp_path, broker)
    with h5py.File(path) as file:
        group = file["entry/instrument/turnstile"]
        assert group["count"][:].tolist() == [10, 20, 30]
        assert list(group.attrs["schemas"]) == ["cnt0", "al00"]
    done = command.run("check-data")
    assert "all that the journal lists is there, and nothing else" in done.stdout, done
    (installed / "entry_points.txt").unlink()
    done = command.run("check-data")
    assert done.returncode == 1, done
    assert "messages of the schema cnt0, which no installed package knows" in " ".join(done.stdout.split())


def test_a_kind_of_fault_goes_to_kafka_file_journal_and_check(installed, broker, tmp_path):
    rules = "{kind: miscount, triggers: [2], by: 7}, {kind: clock_offset, triggers: [3], offset: 2 s}"
    command, path = play(tmp_path, broker, f"    faults: [{rules}]\n")
    with h5py.File(path) as file:
        assert file["entry/instrument/turnstile/count"][:].tolist() == [10, 20, 30]
        table = file["entry/instrument/faults"]
        found = {
            (kind.decode(), detail.decode())
            for kind, detail in zip(table["kind"], table["detail"], strict=True)
        }
        assert found == {("miscount", "7 more"), ("clock_offset", "clock +2000000000 ns")}
    done = command.run("check-data")
    assert "all that the journal lists is there, and nothing else" in done.stdout, done
    assert "miscount" in done.stdout
    scenario = tmp_path / "toy.yaml"
    scenario.write_text(scenario.read_text().replace("by: 7", "buy: 7"))
    done = command.run("check", str(scenario))
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode, done
    assert "faults.0.buy: unknown; a fault of kind miscount has the keys" in said


def test_a_client_and_a_source_go_to_kafka_file_journal_and_check(installed, broker, tmp_path, monkeypatch):
    notes = tmp_path / "notes"
    monkeypatch.setenv("TOY_NOTES", str(notes))
    command, path = play(tmp_path, broker, "kafka_client: noting\n", LAMP)
    with h5py.File(path) as file:
        assert set(file["entry/instrument/lamp/lamp_events/event_time_offset"]) == {1000}
    assert notes.read_text().splitlines() == ["lamps"] * 3
    done = command.run("check-data")
    assert "all that the journal lists is there, and nothing else" in done.stdout, done
    assert "noting, which notes what it sends" in " ".join(command.run("demo", "--help").stdout.split())
    assert '"noting"' in command.run("check", "--schema").stdout


def test_a_front_end_is_read_out(installed, broker, tmp_path):
    with a_receiver() as receiver:
        play(tmp_path, broker, f"    readout: {receiver.address}\n", STRIP)
        packets = list(receiver.waiting())
    assert [packet[2:9] for packet in packets] == [b"ESS\x7f\x40\0\x02"] * 3
    channels = [[record[-1] for record in struct.iter_unpack("<BBHIII", packet[32:])] for packet in packets]
    assert channels == [[0, 0], [0, 1], [0, 2]]


def test_a_target_is_deployed_to(installed, tmp_path):
    command = Command(tmp_path / "data")
    done = command.run("deploy", "loki.yaml", "--to", "inventory", "--output", str(tmp_path / "there"))
    assert done.returncode == 0, done
    servers = (tmp_path / "there" / "servers.txt").read_text().split()
    assert servers == [
        *(f"DonkiPlayer/{name}" for name in ("detector", "monitor", "sample")),
        "DonkiDirector/loki",
    ]
