"""The NeXus file: what other programs find in it, what stays and what is taken back."""

import h5py
import numpy as np
import pytest
import scippnexus
from hypothesis import given, settings
from hypothesis import strategies as st

import donki.streams.nexus.event_group
from donki.errors import FileError, InputError
from donki.run import Run
from donki.streams.nexus.file import NexusFile
from donki.streams.values import as_value

RUN = Run("20261122T101500Z-3f9a", "Silicon", {"sample": "Si", "temperature": 4.2}, 7)
TIME = 1_700_000_000_000_000_000
PULSE = 71_428_571


def column(*values):
    return np.array(values, np.int32)


def values(**named):
    return {name: as_value(value, name) for name, value in named.items()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.nxs"


@pytest.fixture
def file(path):
    file = NexusFile(path, RUN, "p0")
    file.open_events("panel_0")
    return file


def group(path):
    return h5py.File(path)["entry/instrument/panel_0/panel_0_events"]


def test_scippnexus_loads_events_on_pixels_and_times_as_datetimes(file, path):
    file.append_events("panel_0", TIME, column(10, 20, 30), column(2, 5, 2))
    file.append_events("panel_0", TIME + PULSE, column(), column())
    file.append_events("panel_0", TIME + 2 * PULSE, column(40), column(3))
    file.commit()
    file.close()
    with scippnexus.File(path) as nexus:
        events = nexus["entry/instrument/panel_0"][...]["panel_0_events"]
    assert list(events.coords["detector_number"].values) == [2, 3, 4, 5]
    assert list(events.bins.size().values) == [2, 1, 0, 1]
    in_pixel_2 = events["detector_number", 0].value
    assert in_pixel_2.coords["event_time_offset"].unit == "ns"
    assert list(in_pixel_2.coords["event_time_offset"].values) == [10, 30]
    assert list(in_pixel_2.coords["event_time_zero"].values) == [np.datetime64(TIME, "ns")] * 2
    in_pixel_3 = events["detector_number", 1].value
    assert list(in_pixel_3.coords["event_time_zero"].values) == [np.datetime64(TIME + 2 * PULSE, "ns")]


def test_the_event_group_is_laid_out_as_the_file_writer_does(file, path):
    file.append_events("panel_0", TIME, column(10), column(1))
    file.append_events("panel_0", TIME + PULSE, column(), column())
    file.append_events("panel_0", TIME + 2 * PULSE, column(20, 30), column(2, 3))
    file.commit()
    file.close()
    events = group(path)
    since_1970 = {"units": "ns", "start": "1970-01-01T00:00:00Z"}
    expected = {
        "event_id": (np.int32, [1, 2, 3], {}),
        "event_time_offset": (np.int32, [10, 20, 30], {"units": "ns"}),
        "event_time_zero": (np.uint64, [TIME, TIME + PULSE, TIME + 2 * PULSE], since_1970),
        "event_index": (np.int64, [0, 1, 1], {}),
        "cue_index": (np.int64, [], {}),
        "cue_timestamp_zero": (np.int64, [], since_1970),
    }
    assert set(events) == set(expected)
    for name, (dtype, content, attributes) in expected.items():
        assert events[name].dtype == dtype
        assert list(events[name]) == content
        assert dict(events[name].attrs) == attributes


def test_the_entry_says_which_run_it_was(file, path):
    file.close()
    with scippnexus.File(path) as nexus:
        entry = nexus["entry"]
        assert entry["entry_identifier"][()] == RUN.id
        assert entry["title"][()] == "Silicon"
        assert entry["run_metadata"][()] == '{"sample": "Si", "temperature": 4.2}'
        assert entry["run_seed"][()] == 7
        assert np.datetime64(entry["start_time"][()][:-1]) <= np.datetime64(entry["end_time"][()][:-1])


@settings(max_examples=30)
@given(
    triggers=st.lists(
        st.tuples(st.lists(st.sampled_from([0, 1, 30, 1000, 5000]), max_size=4), st.booleans()),
        min_size=1,
        max_size=6,
    )
)
def test_only_what_was_committed_is_in_the_file(triggers, tmp_path_factory):
    path = tmp_path_factory.mktemp("nexus") / "run.nxs"
    file = NexusFile(path, RUN, "p0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(donki.streams.nexus.event_group, "_EVENTS_PER_CHUNK", 1024)
        patch.setattr(donki.streams.nexus.event_group, "_PULSES_PER_CHUNK", 4)
        file.open_events("panel_0")
    rng = np.random.default_rng(1)
    kept = []
    for number, (sizes, succeeds) in enumerate(triggers, start=1):
        pulses = [(TIME + number, rng.integers(0, 10**6, (2, size), dtype=np.int32)) for size in sizes]
        for time, (tof, pixel) in pulses:
            file.append_events("panel_0", time, tof, pixel)
        file.append_values(number, values(number=number))
        if succeeds:
            file.commit()
            kept.append((number, pulses))
        else:
            file.discard()
    file.close()
    events = group(path)
    pulses = [pulse for _, pulses in kept for pulse in pulses]
    tof = np.concatenate([pulse[1][0] for pulse in pulses] or [[]])
    pixel = np.concatenate([pulse[1][1] for pulse in pulses] or [[]])
    np.testing.assert_array_equal(events["event_time_offset"], tof)
    np.testing.assert_array_equal(events["event_id"], pixel)
    assert list(events["event_time_zero"]) == [time for time, _ in pulses]
    starts = np.cumsum([0, *(columns.shape[1] for _, columns in pulses)])[:-1]
    np.testing.assert_array_equal(events["event_index"], starts)
    root = events.file
    if kept:
        assert list(root["p0/number"]) == list(root["p0/number_trigger"]) == [number for number, _ in kept]
    else:
        assert "p0/number" not in root
    if len(pixel):
        np.testing.assert_array_equal(
            events.parent["detector_number"], np.arange(pixel.min(), pixel.max() + 1)
        )
    else:
        assert "detector_number" not in events.parent


def test_a_cue_stands_at_the_first_pulse_after_each_so_many_events(file, path, monkeypatch):
    monkeypatch.setattr(donki.streams.nexus.event_group, "EVENTS_PER_CUE", 10)
    for pulse in range(7):
        file.append_events("panel_0", TIME + pulse, column(1, 2, 3, 4), column(1, 2, 3, 4))
    file.commit()
    file.close()
    events = group(path)
    assert list(events["cue_index"]) == [12, 20]
    assert list(events["cue_timestamp_zero"]) == [TIME + 3, TIME + 5]


def test_ids_that_span_more_than_a_detector_has_leave_no_numbering(file, path, monkeypatch):
    monkeypatch.setattr(donki.streams.nexus.event_group, "MOST_PIXELS", 100)
    file.append_events("panel_0", TIME, column(1, 1), column(1, 100))
    file.commit()
    file.append_events("panel_0", TIME, column(1), column(2**31 - 1))
    file.commit()
    file.close()
    with scippnexus.File(path) as nexus:
        events = nexus["entry/instrument/panel_0"][...]["panel_0_events"]
    assert "detector_number" not in events.coords
    assert events.bins.size().sum().value == 3


def test_values_stand_by_trigger_and_a_missing_trigger_shows(file, path):
    file.append_values(1, values(temperature=4.2, image=[[1, 2], [3, 4]], phase="warm", shut=True))
    file.append_values(3, values(temperature=4, image=[[5, 6], [7, 8]], phase="kälter", shut=False))
    file.append_values(4, values(temperature=4.4))
    file.commit()
    file.close()
    with h5py.File(path) as root:
        player = root["p0"]
        assert list(player["temperature"]) == [4.2, 4.0, 4.4]
        assert list(player["temperature_trigger"]) == [1, 3, 4]
        assert player["image"].shape == (2, 2, 2)
        assert player["image"][1, 1, 0] == 7
        assert list(player["image_trigger"]) == [1, 3]
        assert list(player["phase"].asstr()) == ["warm", "kälter"]
        assert list(player["shut"]) == [True, False]
        assert player["image"].dims[0].label == "trigger"
        assert player["image"].dims[0][0] == player["image_trigger"]


def test_a_player_that_is_called_as_a_group_of_the_file_keeps_its_values_too(path):
    file = NexusFile(path, RUN, "entry")
    file.append_values(1, values(title=5))
    file.commit()
    file.close()
    with h5py.File(path) as root:
        assert root["entry/values/title"][()].tolist() == [5]
        assert root["entry/title"].asstr()[()] == RUN.title


def test_a_value_that_was_taken_back_may_come_again_as_another_type(file, path):
    file.append_values(1, values(a=1))
    file.discard()
    file.append_values(1, values(a=[1.5]))
    file.commit()
    file.close()
    with h5py.File(path) as root:
        assert root["p0/a"].shape == (1, 1)


@pytest.mark.parametrize("named", [{"": 1}, {"a/b": 1}, {".": 1}, {"a": 1, "a_trigger": 1}])
def test_names_that_the_file_cannot_keep_are_refused(file, named):
    with pytest.raises(InputError):
        file.append_values(1, {name: as_value(value, name) for name, value in named.items()})


@pytest.mark.parametrize("source", ["", "a/b", ".."])
def test_sources_that_cannot_name_a_group_are_refused(file, source):
    with pytest.raises(InputError, match="source"):
        file.open_events(source)


def test_a_file_that_exists_is_never_overwritten(path):
    path.write_text("precious")
    with pytest.raises(FileError, match=f"{path} exists"):
        NexusFile(path, RUN, "p0")
    assert path.read_text() == "precious"


@pytest.mark.parametrize("place", ["missing", "file"])
def test_a_path_that_cannot_be_written_is_named(tmp_path, place):
    (tmp_path / "file").touch()
    path = tmp_path / place / "run.nxs"
    with pytest.raises(FileError, match=str(path)):
        NexusFile(path, RUN, "p0")
