"""Scenarios with sections: checked, played, reported and read back by the donki command."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing

import pytest

from donki_client.facility.local import LocalFacility
from helpers.brokers import new_broker
from helpers.donki_command import Command
from helpers.file_writer import FOLDER, Behaviour, FileWriter
from helpers.kafka_clients import new_topic

BEAM = """\
title: sections
seed: 7
triggers: 4
broker: {broker}
players:
  slits: {{script: just_action.py}}
sections:
  detectors: {{scenario: detectors.yaml, on_error: RETRY, retries: 2}}
"""
DETECTORS = """\
triggers: 1
players:
  left: {{script: run_player_0.py, parameters: {{topic: left}}, server: bank}}
  right: {{script: own.py, priority: 1, server: bank}}
sections:
  monitors: {{scenario: monitors.yaml}}
"""
MONITORS = """\
triggers: 1
{database}
players:
  monitor: {{script: run_player_2.py, parameters: {{topic: monitor}}}}
"""
OWN = """\
def action(trigger, player):
    if trigger == 2 and trigger.attempt == 1:
        raise RuntimeError("on fire")
"""


@pytest.fixture(scope="module")
def broker():
    with new_broker("embedded") as running:
        yield running.address


@pytest.fixture
def write(tmp_path, broker):
    def write(database=""):
        (tmp_path / "own.py").write_text(OWN)
        for name, text in (("beam", BEAM), ("detectors", DETECTORS), ("monitors", MONITORS)):
            (tmp_path / f"{name}.yaml").write_text(text.format(broker=broker, database=database))
        return str(tmp_path / "beam.yaml")

    return write


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path / "data")


def rows(output):
    return {line.split()[0]: line.split()[1:] for line in output.splitlines() if line[:1].isalpha()}


@pytest.mark.timeout(240)
def test_it_is_played_with_all_its_sections(command, write, tmp_path):
    with LocalFacility(tmp_path / "other") as other:
        path = write(f"database: {other.start_database()}")
        done = command.run("run", path, limit=180)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "detectors/monitors: 1 Player" in done.stdout
    played = rows(done.stdout)
    for player in ("slits", "detectors", "left", "right", "monitors", "monitor"):
        assert played[player][1] == "4"
    for player in ("left", "monitor"):
        _, _, sent, arrived, *_ = played[player]
        assert sent == arrived != "0"

    report = command.run("report")
    assert report.returncode == 0, report.stderr
    assert {"slits", "detectors", "detectors/left", "detectors/right", "detectors/monitors/monitor"} <= set(
        rows(report.stdout)
    )
    checked = command.run("check-data")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert checked.stdout.count("all that the journal lists is there, and nothing else") == 3

    journal = tmp_path / "data" / "donkiorchestra" / "runs"
    with closing(sqlite3.connect(journal / "journal.sqlite")) as connection, connection:
        connection.execute(
            "UPDATE attempt SET events = events + 1 WHERE trigger = 3 AND player ="
            " (SELECT key FROM player WHERE name = 'detectors')"
        )
    checked = command.run("check-data")
    assert checked.returncode == 1
    assert "at 1 trigger its journal has other counts than the Director above was told" in checked.stdout

    # Elsewhere, the journal of the sections cannot be read.
    moved = tmp_path / "moved"
    shutil.copytree(journal, moved)
    shutil.rmtree(journal)
    report = command.run("report", "--directory", str(moved))
    assert "detectors: its journal is not readable here: run " in report.stdout
    assert f"in {journal / 'journal.sqlite'} on " in report.stdout


@pytest.mark.parametrize(
    ("behaviour", "policy", "status"),
    [
        (Behaviour.ACCEPTS, "REQUIRE", 0),
        (Behaviour.REFUSES, "REQUIRE", 1),
        (Behaviour.REFUSES, "WARN", 0),
        (Behaviour.REFUSES, "IGNORE", 0),
    ],
)
def test_a_section_has_files_and_file_writers_of_its_own(
    command, write, tmp_path, broker, behaviour, policy, status
):
    path, topic = write(), new_topic(broker)
    monitors = tmp_path / "monitors.yaml"
    own = f"hdf5: of_monitors\nfile_writer: {{topic: {topic}, policy: {policy}, timeout: 60}}\n"
    monitors.write_text(own + monitors.read_text())
    with FileWriter(broker, topic, behaviour) as writer:
        done = command.run("run", path)
    assert done.returncode == status, done.stdout + done.stderr
    if behaviour is Behaviour.ACCEPTS:
        [start] = writer.starts
        assert (
            f"File writer     of section detectors/monitors, written: {FOLDER}/{start.filename}"
            in done.stdout
        )
        assert f"in the files in {tmp_path / 'of_monitors'}" in done.stdout
        assert [file.suffix for file in (tmp_path / "of_monitors").iterdir()] == [".nxs"]
        return
    said = "refused the job: Rejected start command"
    assert said in done.stdout + done.stderr
    not_written = "the file writer did not write section detectors/monitors: refused" in done.stdout
    assert not_written == (policy == "WARN")


def test_it_is_checked_with_all_its_sections(command, write, tmp_path):
    path = write()
    done = command.run("check", path)
    assert done.returncode == 0, done.stderr
    # Players of which the same is known are in one row.
    assert {"slits", "left", "right", "monitor"} <= set(re.findall(r"\w+", done.stdout))

    (tmp_path / "monitors.yaml").write_text(DETECTORS.format())
    done = command.run("check", path)
    assert done.returncode != 0
    assert "sections.monitors.scenario: " in done.stderr
    assert "monitors.yaml is a section of itself; take it out" in done.stderr

    write()
    detectors = tmp_path / "detectors.yaml"
    detectors.write_text(detectors.read_text().replace("left:", "slits:"))
    said = command.run("check", path).stderr
    assert "'slits' in section detectors has the name of another at the top; names differ" in said

    detectors.unlink()
    assert "sections.detectors.scenario: " in command.run("check", path).stderr
