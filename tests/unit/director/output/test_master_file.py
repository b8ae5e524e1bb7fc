"""The master file: what other programs find in it, where its links lead, and what if it cannot be written."""

from __future__ import annotations

import json
import shutil
import tracemalloc

import h5py
import numpy as np
import pytest
import scipp
import scippnexus

import donki.director.output.master_file
from donki.director.output.master_file import make_master_file
from donki.director.rules.effects import Outcome
from donki.errors import FileError
from donki.run import Run
from donki.streams.nexus.file import NexusFile
from helpers.nexus_files import violations
from helpers.recorded_run import EPOCH, PERIOD, complete, record, turn

RUN = Run("20261122T101500Z-3f9a", "Silicon", {"sample": "Si", "temperature": 4.2, "tags": ["a"]}, 7)
SINCE_1970 = {"units": "ns", "start": "1970-01-01T00:00:00Z"}


def effects(count=3):
    for number in range(1, count + 1):
        yield turn(number, "p0", 10, events=1000, messages=2, bytes=8000)
        yield turn(number, "p1", 20, late=1)
        yield complete(number, 21, late=0.5)


def made(folder, run=RUN):
    make_master_file(folder, run.id)
    return folder / f"{run.id}.nxs"


def player_file(folder, run=RUN, name="p0"):
    folder.mkdir(exist_ok=True)
    path = folder / f"{run.id}_{name}.nxs"
    file = NexusFile(path, run, name)
    file.open_events("panel_0")
    file.append_events("panel_0", EPOCH, np.array([10, 20], np.int32), np.array([1, 2], np.int32))
    file.commit()
    file.close()
    return path


def test_the_entry_says_what_the_run_was(tmp_path):
    record(tmp_path, effects(), RUN, triggers=3)
    with h5py.File(made(tmp_path)) as file:
        entry = file["entry"]
        assert file.attrs["default"] == "entry"
        assert entry.attrs["NX_class"] == "NXentry"
        texts = {name: entry[name].asstr()[()] for name in ("entry_identifier", "title", "outcome", "error")}
        assert texts == {"entry_identifier": RUN.id, "title": "Silicon", "outcome": "done", "error": ""}
        assert entry["start_time"].asstr()[()] <= entry["end_time"].asstr()[()]
        assert entry["end_time"].asstr()[()].endswith("Z")
        assert json.loads(entry["run_metadata"].asstr()[()]) == RUN.metadata
        assert entry["metadata/sample"].asstr()[()] == "Si"
        assert entry["metadata/temperature"][()] == 4.2
        assert "tags" not in entry["metadata"]
        assert entry["run_seed"][()] == 7
        assert entry["program_name"].asstr()[()] == "DonkiOrchestra"
        assert entry["versions/numpy"].asstr()[()] == np.__version__
        player = entry["players/p1"]
        assert player["priority"][()] == 1
        assert player["script"].asstr()[()] == "act.py"
        assert player["script_hash"].asstr()[()] == "ab" * 32
        assert player["parameters"].asstr()[()] == "{}"
        assert player["faults"].asstr()[()] == "[]"


def test_the_times_of_the_triggers(tmp_path):
    record(tmp_path, effects(), RUN)
    with h5py.File(made(tmp_path)) as file:
        timing = file["entry/timing"]
        assert list(timing["trigger"]) == [1, 2, 3]
        due = EPOCH + PERIOD * np.arange(1, 4)
        expected = {"reference_time": due, "due": due, "sent": due + 500_000, "done": due + 21_500_000}
        for name, times in expected.items():
            assert timing[name].dtype == np.int64
            assert list(timing[name]) == list(times)
            assert dict(timing[name].attrs) == SINCE_1970
        assert list(timing["lateness"]) == [500_000] * 3
        turns = file["entry/players/p1/timing"]
        assert list(turns["sent"]) == list(due + 1_000_000)
        assert list(turns["done"]) == list(due + 21_000_000)
        assert list(turns["duration"]) == [0.02] * 3
        assert list(file["entry/players/p0/timing/bytes"]) == [8000] * 3


def test_each_attempt_has_its_row_and_its_outcome_a_name(tmp_path):
    failed = turn(1, "p0", 1, outcome=Outcome.FAILED, error="no beam")
    record(tmp_path, [failed, turn(1, "p0", 10, attempt=2), turn(1, "p1"), complete(1)], RUN)
    with h5py.File(made(tmp_path)) as file:
        turns = file["entry/players/p0/timing"]
        assert list(turns["trigger"]) == [1, 1]
        assert list(turns["attempt"]) == [1, 2]
        names = {number: name for name, number in h5py.check_enum_dtype(turns["outcome"].dtype).items()}
        assert [names[number] for number in turns["outcome"]] == ["failed", "done"]
        assert np.isnan(turns["duration"][0])


def test_scippnexus_loads_it_with_the_players_events(tmp_path):
    path = player_file(tmp_path / "files")
    record(tmp_path / "runs", effects(), RUN, files=[("p0", path)])
    loaded = scippnexus.load(made(tmp_path / "runs"))["entry"]
    timing = loaded["timing"]
    assert list(timing.coords["trigger"].values) == [1, 2, 3]
    assert timing.coords["due"].dtype == scipp.DType.datetime64
    assert timing.coords["due"].values[0] == np.datetime64(EPOCH + PERIOD, "ns")
    assert timing.unit == "ns"
    turns = loaded["players"]["p1"]["timing"]
    assert turns.unit == "s"
    assert list(turns.values) == [0.02] * 3
    events = loaded["players"]["p0"]["file"]["entry"]["instrument"]["panel_0"]["panel_0_events"]
    assert events.bins.size().sum().value == 2


def test_chexus_finds_no_violation_in_it(tmp_path):
    path = player_file(tmp_path / "files")
    record(tmp_path / "runs", effects(), RUN, files=[("p0", path)])
    assert violations(made(tmp_path / "runs")) == []


def test_links_hold_when_all_is_moved_together(tmp_path):
    place = tmp_path / "here"
    place.mkdir()
    record(place / "runs", effects(), RUN, files=[("p0", player_file(place / "files"))])
    made(place / "runs")
    shutil.move(place, tmp_path / "there")
    with h5py.File(tmp_path / "there" / "runs" / f"{RUN.id}.nxs") as file:
        assert file["entry/players/p0/file/entry/title"].asstr()[()] == "Silicon"


def test_further_files_of_a_player(tmp_path):
    first = player_file(tmp_path / "a")
    second = player_file(tmp_path / "b")
    record(tmp_path, effects(), RUN, files=[("p0", first), ("p0", second)])
    with h5py.File(made(tmp_path)) as file:
        player = file["entry/players/p0"]
        assert [*player["file_name"].asstr()] == [str(first), str(second)]
        assert "panel_0" in player["file/entry/instrument"]
        assert "panel_0" in player["file_2/entry/instrument"]


def test_a_file_that_cannot_be_seen_is_named_and_the_rest_loads(tmp_path):
    record(tmp_path, effects(), RUN, files=[("p0", tmp_path / "elsewhere.nxs")])
    path = made(tmp_path)
    with h5py.File(path) as file:
        assert "file" not in file["entry/players/p0"]
        assert [*file["entry/players/p0/file_name"].asstr()] == [str(tmp_path / "elsewhere.nxs")]
    assert "timing" in scippnexus.load(path)["entry"]


def test_a_run_without_a_trigger(tmp_path):
    record(tmp_path, [], RUN, outcome="failed", error="Player p0, set-up: no detector")
    path = made(tmp_path)
    with h5py.File(path) as file:
        assert file["entry/error"].asstr()[()] == "Player p0, set-up: no detector"
        assert file["entry/timing/trigger"].shape == (0,)
    assert "timing" in scippnexus.load(path)["entry"]


def test_metadata_that_hdf5_takes_no_field_for_stays_in_the_json(tmp_path):
    metadata = {
        "a/b": 1,
        "": 2,
        ".": 3,
        "huge": 10**30,
        "nul": "\0",
        "half": "\ud800",
        "none": None,
        "ok": True,
    }
    record(tmp_path, effects(), Run(RUN.id, "", metadata))
    with h5py.File(made(tmp_path)) as file:
        assert [*file["entry/metadata"]] == ["ok"]
        assert json.loads(file["entry/run_metadata"].asstr()[()]) == metadata


def test_a_run_that_was_taken_up_replaces_its_file(tmp_path):
    record(tmp_path, effects(1), RUN, outcome="failed", error="off")
    made(tmp_path)
    record(tmp_path, [*effects(3)][3:], RUN, taken_up=True)
    with h5py.File(made(tmp_path)) as file:
        assert list(file["entry/timing/trigger"]) == [1, 2, 3]
        assert file["entry/outcome"].asstr()[()] == "done"


def test_what_cannot_be_written_is_named_and_nothing_half_is_left(tmp_path):
    record(tmp_path, effects(), RUN)
    (tmp_path / f"{RUN.id}.nxs").mkdir()
    with pytest.raises(FileError, match=rf"the master file {tmp_path}/{RUN.id}\.nxs cannot be written"):
        make_master_file(tmp_path, RUN.id)
    assert not (tmp_path / f"{RUN.id}.nxs.part").exists()


@pytest.fixture
def apart(monkeypatch):
    monkeypatch.setattr(donki.director.output.master_file, "FEW_ATTEMPTS", 0)


def test_a_process_of_its_own_writes_the_same(tmp_path, apart):
    record(tmp_path, effects(), RUN)
    with h5py.File(made(tmp_path)) as file:
        assert list(file["entry/timing/trigger"]) == [1, 2, 3]


def test_a_process_of_its_own_says_what_is_wrong(tmp_path, apart):
    record(tmp_path, effects(), RUN)
    (tmp_path / f"{RUN.id}.nxs").mkdir()
    with pytest.raises(FileError, match=r"the master file .*\.nxs cannot be written"):
        make_master_file(tmp_path, RUN.id)


def test_memory_does_not_grow_with_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("donki.director.journal.reading.read_only.BLOCK", 512)
    peaks = []
    for number, count in enumerate((1000, 8000)):
        run = Run(f"r{number}")
        record(tmp_path, effects(count), run)
        tracemalloc.start()
        made(tmp_path, run)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] + 1_000_000
