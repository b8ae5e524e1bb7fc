"""`donki demo`: everything embedded, played to its end, checked, and gone."""

from __future__ import annotations

import os
import re
import signal
import time
from itertools import pairwise
from pathlib import Path

import h5py
import pytest

from helpers.donki_command import Command, all_gone, descendants, press_ctrl_c, read_until
from helpers.support import took, wait_until

ROW = re.compile(
    r"^(player\d+) +(\d+) +([\d,]+) +([\d,]+) +([\d,]+)(?: +([\d,]+))? +([\d.]+) +([\d.]+) +([\d.]+)$"
)


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path / "data")


def rows(output):
    """The table's figures by Player: priority, triggers, sent, read back, in files (or None)."""
    matches = [ROW.match(line.rstrip()) for line in output.splitlines()]
    return {
        match[1]: [figure and int(figure.replace(",", "")) for figure in match.groups()[1:6]]
        for match in matches
        if match
    }


def reference_times(file):
    """When each pulse in a Player's file was, ns since 1970 UTC."""
    found = []
    file.visititems(
        lambda _name, item: (
            found.append(item["event_time_zero"][:]) if item.attrs.get("NX_class") == "NXevent_data" else None
        )
    )
    return found[0]


def test_in_parallel_every_event_arrives(command):
    done = command.run("demo", "--triggers", "15", "--rate", "50")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Players         3, all at once" in done.stdout
    figures = rows(done.stdout)
    assert list(figures) == ["player0", "player1", "player2"]
    for priority, triggers, sent, arrived, stored in figures.values():
        assert (priority, triggers, stored) == (0, 15, None)
        assert sent == arrived > 100_000
    total = sum(sent for _, _, sent, _, _ in figures.values())
    assert f"all {total:,} events arrived at Kafka" in done.stdout


def test_in_series_with_files_every_event_arrives_in_both(command, tmp_path):
    folder = tmp_path / "made" / "here"
    done = command.run("demo", "--triggers", "15", "--rate", "14", "--series", "--hdf5", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    figures = rows(done.stdout)
    assert [priority for priority, *_ in figures.values()] == [0, 1, 2]
    for _, triggers, sent, arrived, stored in figures.values():
        assert triggers == 15
        assert sent == arrived == stored > 100_000
    files = sorted(folder.iterdir())
    assert [path.name.split("_")[-1] for path in files] == ["player0.nxs", "player1.nxs", "player2.nxs"]
    # One reference time a trigger for all Players, at the source's period.
    times = []
    for path in files:
        with h5py.File(path) as file:
            times.append(reference_times(file).tolist())
    assert times[0] == times[1] == times[2]
    # Neutrons that arrive a frame later are of the next one.
    pulses = sorted(set(times[0]))
    assert {after - before for before, after in pairwise(pulses)} == {71_428_571}


def test_with_a_broker_of_its_own_only_this_run_s_events_count(command, broker):
    for triggers in (4, 7):
        done = command.run("demo", "--triggers", str(triggers), "--rate", "0", "--broker", broker.address)
        assert done.returncode == 0, done
        assert f"Kafka broker    {broker.address}\n" in done.stdout
        assert all(figure[1] == triggers and figure[2] == figure[3] for figure in rows(done.stdout).values())


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:9092"])
def test_a_broker_that_is_not_there_is_named_within_5_s(command, address):
    began = time.monotonic()
    done = command.run("demo", "--broker", address)
    assert took(began) < 5
    assert done.returncode == 1
    assert f"no Kafka broker answers at {address}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_folder_that_cannot_be_written_is_named_at_once(command, tmp_path):
    file = tmp_path / "a file"
    file.touch()
    done = command.run("demo", "--hdf5", str(file))
    assert done.returncode == 1
    assert f"--hdf5 {file}: cannot be made" in done.stderr


def temporary_folders():
    return {path.name for path in Path(os.environ.get("TMPDIR", "/tmp")).glob("donki-demo-*")}


@pytest.mark.parametrize("line", ["Kafka broker", "Run "])
def test_ctrl_c_stops_everything_and_says_130(command, line):
    folders = temporary_folders()
    with command.running("demo", "--triggers", "100000") as demo:
        read_until(demo, line)
        children = descendants(demo.pid)
        assert children
        press_ctrl_c(demo)
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "Traceback" not in output
    assert ("the run is aborted" in output) == (line == "Run ")
    assert all_gone(children)
    assert temporary_folders() == folders


def test_terminate_stops_everything(command):
    with command.running("demo", "--triggers", "100000") as demo:
        read_until(demo, "Run ")
        children = descendants(demo.pid)
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=60)
    assert demo.returncode == 143
    assert all_gone(children)


def test_kill_9_leaves_nothing_behind(command):
    with command.running("demo", "--triggers", "100000") as demo:
        read_until(demo, "Run ")
        children = descendants(demo.pid)
        assert len(children) == 7  # one forks the others
        demo.send_signal(signal.SIGKILL)
        demo.wait()
        wait_until("all servers are gone", lambda: all_gone(children), 2)


def test_a_player_that_dies_fails_the_demo_by_name(command):
    with command.running("demo", "--triggers", "100000") as demo:
        read_until(demo, "Run ")
        wait_until("all servers run", lambda: len(descendants(demo.pid)) == 7)
        [player] = [child for child in descendants(demo.pid) if child.name() == "player1"]
        player.kill()
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "the sequence failed: Player player1" in output
    assert "Player player1 does not answer" in output
    assert "Traceback" not in output


def test_more_than_a_few_players_share_a_server_a_core_and_it_is_said(command):
    done = command.run("demo", "--players", "10", "--triggers", "4", "--rate", "1")
    assert (done.returncode, done.stderr) == (0, "")
    servers = re.findall(r"(demo-\d+): .*; shared, as an action takes at most 10 ms", done.stdout)
    assert servers == [f"demo-{number}" for number in range(1, 1 + min(10, os.cpu_count()))]
    assert list(rows(done.stdout)) == [f"player{number}" for number in range(10)]
