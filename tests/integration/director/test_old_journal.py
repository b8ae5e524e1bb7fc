"""A journal that an earlier version wrote is read, reported, checked and written on."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from donki.director.journal.migrations import VERSION
from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.writer import Journal
from helpers.brokers import new_broker
from helpers.donki_command import Command
from helpers.support import free_port

KEPT = Path(__file__).parents[2] / "data" / "run_of_1.0.0.dev0"
RUN = "20261128T153231Z-d187"


@pytest.fixture
def folder(tmp_path):
    for path in KEPT.glob("*.gz"):
        (tmp_path / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as journal, journal:
        # Whoever made it may have the files still.
        journal.execute("UPDATE file SET path = ? || path", (str(tmp_path / "gone"),))
    return tmp_path


@pytest.fixture
def command(folder):
    return Command(folder / "data")


def test_the_reader_finds_the_run_in_it(folder):
    with JournalReader(folder) as reader:
        run = reader.run()
        assert (run.id, run.outcome, run.triggers) == (RUN, "done", 12)
        assert reader.counts(run) == (12, 24)
        players = {player.name: player for player in reader.players(run)}
        assert list(players) == ["detector", "sample"]
        assert [len(player.files) for player in players.values()] == [1, 1]
        streams = {stream.source: reader.totals(stream) for stream in reader.streams(run)}
        assert streams["panel_0"].events == 1800
        assert [fault.kind for fault in reader.faults_of(players["detector"])] == ["drop", "corrupt", "drop"]
        assert (reader.is_sealed(run), reader.finished(run)) == (False, None)


def test_it_is_reported(folder, command):
    done = command.run("report", "--directory", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{RUN}  A run of version 1.0.0.dev0" in done.stdout
    assert "Outcome     done\n" in done.stdout
    assert "Triggers    12 of 12" in done.stdout


def test_a_broker_that_is_gone_is_named(folder, command):
    address = f"127.0.0.1:{free_port()}"
    done = command.run("check-data", "--directory", str(folder), "--broker", address)
    assert done.returncode == 1
    assert done.stderr.startswith(f"donki: no Kafka broker answers at {address}")
    assert "Traceback" not in done.stdout + done.stderr


def test_data_that_are_gone_are_named(folder, command):
    with new_broker("embedded") as broker:
        done = command.run("check-data", "--directory", str(folder), "--broker", broker.address)
    assert (done.returncode, done.stderr) == (1, "")
    for topic in ("old_detector", "old_motion"):
        assert f"topic {topic}" in done.stdout
    for player in ("detector", "sample"):
        file = f"{folder}/gone/tmp/oldj/data/{RUN}_{player}.nxs"
        assert f"Player {player}: the file {file} is not there" in done.stdout
    assert "master file" not in done.stdout


@pytest.mark.parametrize("name", ["report", "check-data"])
def test_a_journal_of_a_later_version_is_refused_by_name(folder, command, name):
    with closing(sqlite3.connect(folder / "journal.sqlite")) as journal, journal:
        journal.execute(f"PRAGMA user_version = {VERSION + 1}")
    done = command.run(name, "--directory", str(folder))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"donki: the journal {folder}/journal.sqlite is of version {VERSION + 1}, ")


def test_a_director_goes_on_in_it(folder, command):
    journal = Journal(folder, "donki/director/old")
    try:
        assert journal.interrupted() is None
        assert journal.unfinished() == []
        assert set(journal.last_durations()) == {"detector", "sample"}
    finally:
        journal.close()
    with closing(sqlite3.connect(folder / "journal.sqlite")) as migrated:
        assert migrated.execute("PRAGMA user_version").fetchone() == (VERSION,)
    test_the_reader_finds_the_run_in_it(folder)
    test_it_is_reported(folder, command)
