"""`donki instrument`: the scenario of an instrument, written from its description."""

from __future__ import annotations

import filecmp
import json

import pytest
import yaml

from donki.player.script.path import shipped_scripts
from helpers.donki_command import Command
from helpers.instrument_files import Data, Group, Stream, log, write

LOKI = shipped_scripts() / "instrument" / "loki_like.nxs"
HISTOGRAM = {"module": "hs01", "config": {"topic": "t", "source": "histogram"}}
LOG = {"module": "f144", "config": {"topic": "t", "source": "PV", "value_units": "K"}}


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path / "data")


@pytest.fixture
def description(tmp_path):
    """A structure of a log, and of a stream that nobody plays."""
    groups = [{"type": "group", "name": name, "children": [child]} for name, child in PARTS.items()]
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"children": groups}))
    return file


PARTS = {"log": LOG, "histogram": HISTOGRAM}


def test_the_bundled_description_becomes_a_scenario_with_a_copy_beside_it(command, tmp_path):
    done = command.run("instrument", LOKI.name, "--output", str(tmp_path / "new" / "folder"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Streams played: 118\n" in done.stdout
    scenario = tmp_path / "new" / "folder" / "loki_like.yaml"
    assert done.stdout.endswith(f"donki check {scenario}\ndonki run {scenario}\n")
    players = yaml.safe_load(scenario.read_text())["players"]
    assert len(players) == 13
    assert all(player["script"].startswith("instrument/") for player in players.values())
    assert filecmp.cmp(LOKI, scenario.with_name(LOKI.name), shallow=False)


def test_what_is_not_played_is_said_and_stands_in_the_scenario(command, description, tmp_path):
    done = command.run("instrument", str(description), "--output", str(tmp_path))
    assert done.returncode == 0
    said = "  /histogram (hs01): no bundled script plays hs01\n"
    assert f"Streams played: 1\nNot played: 1\n{said}" in done.stdout
    assert f"# Not played:\n# {said}" in (tmp_path / "own.yaml").read_text()


def test_what_was_changed_by_hand_is_not_written_over(command, description, tmp_path):
    scenario = tmp_path / "own.yaml"
    scenario.write_text("mine")
    done = command.run("instrument", str(description), "--output", str(tmp_path))
    assert done.returncode == 1
    assert f"donki: {scenario}: is there already" in done.stderr
    assert scenario.read_text() == "mine"
    assert (
        command.run("instrument", str(description), "--output", str(tmp_path), "--overwrite").returncode == 0
    )
    assert "own.json" in scenario.read_text()


def test_another_description_of_that_name_is_not_written_over(command, description, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "own.json").write_text("other")
    done = command.run("instrument", str(description), "--output", str(folder))
    assert done.returncode == 1
    assert f"{folder / 'own.json'}: is there already and is another file" in done.stderr
    assert [file.name for file in folder.iterdir()] == ["own.json"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("no description", "is neither HDF5 (NeXus) nor JSON"),
        (
            json.dumps({"children": [{"type": "group", "name": "a", "children": [HISTOGRAM]}]}),
            "nothing is written",
        ),
    ],
)
def test_what_has_nothing_to_play_is_refused_and_nothing_is_written(command, tmp_path, content, said):
    file = tmp_path / "odd.json"
    file.write_text(content)
    done = command.run("instrument", str(file), "--output", str(tmp_path / "out"))
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_neither_a_file_nor_bundled_names_those_that_are(command):
    done = command.run("instrument", "no-such.nxs")
    assert done.returncode == 1
    assert "the bundled descriptions are loki_like.nxs" in done.stderr


def test_a_folder_that_cannot_be_made_is_named(command, description, tmp_path):
    (tmp_path / "file").write_text("")
    done = command.run("instrument", str(description), "--output", str(tmp_path / "file" / "below"))
    assert done.returncode == 1
    assert f"{tmp_path / 'file' / 'below'}: cannot be written" in done.stderr


def placed(name, nx_class, distance, *children):
    return Group(name, nx_class, [Data("distance", distance, "m"), *children])


def small():
    """An instrument that has one of each kind of streams."""
    pixels = Data("detector_number", [[1, 2], [3, 4]], dtype="int32")
    offsets = [Data(f"{axis}_pixel_offset", [-0.1, 0.1], "m") for axis in "xy"]
    modules = ("f144", "al00", "ep01")
    children = [
        placed("source", "NXsource", -20.0),
        placed(
            "bank",
            "NXdetector",
            2.0,
            pixels,
            *offsets,
            Group("events", "", [Stream("ev44", "i_detector", "b")]),
        ),
        placed("m1", "NXmonitor", -1.0, Group("events", "", [Stream("ev44", "i_monitor", "m1")])),
        placed("m2", "NXmonitor", 1.0, Group("data", "", [Stream("da00", "i_monitor", "m2")])),
        Group(
            "chopper",
            "NXdisk_chopper",
            [
                log("rotation_speed", "i_choppers", "C:Spd_R", "Hz"),
                log("delay", "i_choppers", "C:TotDly", "ns"),
                Group("top_dead_centre", "", [Stream("tdct", "i_choppers", "C:TDC")]),
            ],
        ),
        Group(
            "stage",
            "NXpositioner",
            [
                log("value", "i_motion", "M.RBV", "mm"),
                log("target_value", "i_motion", "M.VAL", "mm"),
                log("idle_flag", "i_motion", "M.DMOV"),
            ],
        ),
        Group(
            "camera",
            "NXdetector",
            [Group("data", "", [Stream("ad00", "i_camera", "cam", {"array_size": [8, 8]})])],
        ),
        Group("adc", "", [Stream("se00", "i_adc", "adc")]),
        Group("temperature", "NXlog", [Stream(module, "i_logs", "T") for module in modules]),
    ]
    return [Group("entry", "NXentry", [Group("instrument", "NXinstrument", children)])]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("form", ["json", "nexus ugly"])
def test_what_was_written_is_checked_and_played_and_all_of_it_arrives(command, tmp_path, form):
    file = write(tmp_path, small(), form)
    made = command.run("instrument", str(file), "--output", str(tmp_path / "twin"))
    assert (made.returncode, made.stderr) == (0, "")
    assert "Streams played: 14\n" in made.stdout
    assert "Not played" not in made.stdout
    scenario = tmp_path / "twin" / "made.yaml"
    scenario.write_text(scenario.read_text().replace("triggers: 140", "triggers: 14"))
    checked = command.run("check", str(scenario))
    assert (checked.returncode, checked.stderr) == (0, "")
    played = command.run("run", str(scenario))
    assert (played.returncode, played.stderr) == (0, ""), played.stdout
    assert "arrived at Kafka" in played.stdout
    names = ("bank", "monitors", "choppers", "motion", "images", "digitisers", "logs")
    for name in names:
        [row] = [line.split() for line in played.stdout.splitlines() if line.startswith(f"{name} ")]
        assert row[2] == "14"
