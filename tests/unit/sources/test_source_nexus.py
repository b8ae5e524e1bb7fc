"""NeXus files are replayed pulse by pulse, whoever wrote them, and no event is lost."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import InputError, SourceError
from donki.run import Run
from donki.sources import NexusReplay
from donki.sources.recorded import event_columns
from donki.streams.nexus.file import NexusFile

PERIOD = 71_428_571
START = 1_795_348_800_000_000_123


def write(path, pulses, *, name="panel_events", times=None, ids=True, **changes):
    """Write a file as the ESS file writer lays it out; `changes` replace (data, attributes) of a field."""
    zero = np.array(times if times is not None else [START + k * PERIOD for k in range(len(pulses))])
    sizes = [len(pulse) for pulse in pulses]
    offsets = np.concatenate([np.asarray(pulse, np.int32) for pulse in pulses] or [np.empty(0, np.int32)])
    fields = {
        "event_time_offset": (offsets.astype(np.int32), {"units": "ns"}),
        "event_time_zero": (zero.astype(np.uint64), {"units": "ns", "start": "1970-01-01T00:00:00Z"}),
        "event_index": (np.cumsum([0, *sizes])[: len(sizes)].astype(np.int64), {}),
        "cue_index": (np.empty(0, np.int64), {}),
        **({"event_id": (offsets.astype(np.int32) % 7 + 1, {})} if ids else {}),
        **changes,
    }
    with h5py.File(path, "a") as file:
        group = file.create_group(f"entry/instrument/panel/{name}")
        group.attrs["NX_class"] = "NXevent_data"
        for field, content in fields.items():
            if content is not None:
                group.create_dataset(field, data=content[0], chunks=True, maxshape=(None,)).attrs.update(
                    content[1]
                )
    return path


PULSES = [[1, 2, 3], [], [40], [50, 60]]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.nxs"


def contents(pulse):
    return list(pulse.time_of_flight), pulse.offset


def test_each_trigger_takes_the_next_pulse_and_the_last_one_is_whole(path):
    replay = NexusReplay(write(path, PULSES))
    assert len(replay) == 4
    assert replay.start == START
    got = [replay.pulse(trigger) for trigger in range(1, 5)]
    assert [contents(pulse) for pulse in got] == [(PULSES[k], k * PERIOD) for k in range(4)]
    for pulse in got:
        assert pulse.time_of_flight.dtype == pulse.pixel_id.dtype == np.int32
        np.testing.assert_array_equal(pulse.pixel_id, pulse.time_of_flight % 7 + 1)
        assert not pulse.time_of_flight.flags.writeable
        assert not pulse.pixel_id.flags.writeable


def test_once_ends_in_empty_pulses_whose_times_go_on(path):
    replay = NexusReplay(write(path, PULSES))
    assert [contents(replay.pulse(trigger)) for trigger in (5, 6)] == [([], 4 * PERIOD), ([], 5 * PERIOD)]


def test_a_loop_begins_anew_and_its_times_go_on(path):
    replay = NexusReplay(write(path, PULSES), loop=True)
    got = [contents(replay.pulse(trigger)) for trigger in range(1, 13)]
    assert got == [(PULSES[k % 4], k * PERIOD) for k in range(12)]


@pytest.mark.parametrize("trigger", [0, -1])
def test_triggers_count_from_1(path, trigger):
    with pytest.raises(InputError, match="count from 1"):
        NexusReplay(write(path, PULSES)).pulse(trigger)


def test_the_windows_of_a_pace_hold_every_pulse_once(path):
    times = [START, START + 5, START + 1_000, START + 1_001]
    once = NexusReplay(write(path, PULSES, times=times))
    assert [p.offset for p in once.between(0, 1_001)] == [0, 5, 1_000]
    assert [p.offset for p in once.between(1_001, 10**12)] == [1_001]
    assert list(once.between(2_000, 3_000)) == []
    loop = NexusReplay(path, loop=True)
    expected = [loop.pulse(trigger).offset for trigger in range(1, 41)]
    for width in (1, 3, 250, 5_000):
        windows = [loop.between(begin, begin + width) for begin in range(0, 30_000, width)]
        got = [pulse.offset for window in windows for pulse in window]
        assert got[:40] == expected


def test_rows_of_one_reference_time_are_one_pulse_wherever_they_lie(path):
    times = [START + PERIOD, START, START + PERIOD, START]
    replay = NexusReplay(write(path, [[1], [2], [3, 4], [5]], times=times))
    assert [contents(replay.pulse(k)) for k in (1, 2)] == [([2, 5], 0), ([1, 3, 4], PERIOD)]


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=9), max_size=12), st.integers(1, 12))
def test_a_file_larger_than_a_block_comes_out_whole(tmp_path_factory, pulses, block):
    path = write(tmp_path_factory.mktemp("blocks") / "events.nxs", pulses)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_columns, "_BLOCK", block)
        replay = NexusReplay(path)
        assert len(replay) == len(pulses)
        for trigger in [*range(1, len(pulses) + 1), *range(len(pulses), 0, -1)]:
            assert list(replay.pulse(trigger).time_of_flight) == pulses[trigger - 1]
        replay.close()


def test_what_this_player_wrote_comes_back(path):
    file = NexusFile(path, Run.new(), "panel")
    file.open_events("panel_0")
    rng = np.random.default_rng(1)
    pulses = [rng.integers(0, PERIOD, size=n, dtype=np.int32) for n in (1_000, 0, 30_000)]
    for number, time in enumerate(pulses):
        file.append_events("panel_0", START + number * PERIOD, time, time // 100)
    file.commit()
    file.close()
    replay = NexusReplay(path, "entry/instrument/panel_0/panel_0_events")
    assert (len(replay), replay.start) == (3, START)
    for trigger, time in enumerate(pulses, start=1):
        np.testing.assert_array_equal(replay.pulse(trigger).time_of_flight, time)
        np.testing.assert_array_equal(replay.pulse(trigger).pixel_id, time // 100)


@pytest.mark.parametrize(("unit", "ns"), [("us", 1_000), (b"microseconds", 1_000), ("ms", 10**6), ("ns", 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint32])
def test_times_of_flight_in_other_units_and_types_become_ns(path, unit, ns, dtype):
    changes = {"event_time_offset": (np.arange(6, dtype=dtype), {"units": unit})}
    replay = NexusReplay(write(path, PULSES, **changes))
    assert list(replay.pulse(4).time_of_flight) == [4 * ns, 5 * ns]


@pytest.mark.parametrize("name", ["start", "offset"])
def test_reference_times_in_seconds_since_a_date(path, name):
    zero = (np.array([0.5, 0.75, 1, 1.25]), {"units": "s", name: "2026-11-22T13:00:00.000000123+01:00"})
    replay = NexusReplay(write(path, PULSES, event_time_zero=zero))
    assert replay.start == START + 500_000_000
    assert replay.pulse(2).offset == 250_000_000


def test_a_monitor_without_pixels_has_them_on_pixel_1(path):
    assert list(NexusReplay(write(path, PULSES, ids=False)).pulse(1).pixel_id) == [1, 1, 1]


def test_one_of_several_groups_is_named(path):
    write(path, PULSES)
    write(path, [[9]], name="other")
    with pytest.raises(SourceError, match=r"found \S*other, \S*panel_events: name one of them by group="):
        NexusReplay(path)
    with pytest.raises(SourceError, match="'entry/none'; the file has entry/instrument/panel/other, "):
        NexusReplay(path, "entry/none")
    replay = NexusReplay(path, "entry/instrument/panel/other")
    assert list(replay.pulse(1).time_of_flight) == [9]


def test_a_file_without_pulses_is_replayed_as_nothing(path):
    replay = NexusReplay(write(path, []), loop=True)
    assert len(replay) == 0
    assert list(replay.between(0, 10**12)) == []
    assert contents(replay.pulse(1)) == ([], 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"event_index": None}, "event_index: expected a data set of numbers, one-dimensional, found None"),
        ({"event_time_offset": (np.arange(6), {})}, "event_time_offset: expected the attribute units"),
        (
            {"event_time_offset": (np.arange(6), {"units": "m"})},
            "event_time_offset: expected the attribute units: s, ms, us or ns, found 'm'",
        ),
        ({"event_id": (np.arange(5), {})}, "event_id: expected 6 values, as in event_time_offset, found 5"),
        ({"event_index": (np.array([0, 3, 3]), {})}, "event_index: expected 4 values"),
        ({"event_index": (np.array([0, 3, 2, 4]), {})}, "event_index: expected numbers that rise from 0"),
        ({"event_index": (np.array([0, 3, 3, 7]), {})}, "event_index: expected numbers that rise from 0"),
        ({"event_index": (np.array([1, 3, 3, 4]), {})}, "event_index: expected numbers that rise from 0"),
        (
            {"event_time_zero": (np.arange(4), {"units": "ns", "start": "yesterday"})},
            "event_time_zero: expected a date in ISO 8601",
        ),
        ({"event_time_zero": (np.zeros((4, 2)), {"units": "ns"})}, "event_time_zero: expected a data set"),
    ],
)
def test_a_file_that_is_no_such_file_is_refused_by_data_set(path, changes, message):
    if "event_time_zero" in changes and changes["event_time_zero"][0].ndim > 1:
        write(path, PULSES)
        with h5py.File(path, "a") as file:
            group = file["entry/instrument/panel/panel_events"]
            del group["event_time_zero"]
            group["event_time_zero"] = changes["event_time_zero"][0]
    else:
        write(path, PULSES, **changes)
    with pytest.raises(SourceError) as refused:
        NexusReplay(path)
    assert str(refused.value).startswith(f"{path}, /entry/instrument/panel/panel_events/{message}")


@pytest.mark.parametrize(
    ("field", "values", "expected"),
    [
        ("event_id", [1, 2, 2**31, 1, 1, 1], "from 0 to 2147483647, found 2147483648 at event 3"),
        ("event_id", [1, 2, -1, 1, 1, 1], "from 0 to 2147483647, found -1 at event 3"),
        ("event_time_offset", [1, 2, 3, 4, 5, 2.2e9], "to 2147483647 ns, found 2200000000 at event 6"),
    ],
)
def test_events_that_do_not_fit_are_refused(path, field, values, expected):
    attributes = {"units": "ns"} if field == "event_time_offset" else {}
    write(path, PULSES, **{field: (np.array(values), attributes)})
    with pytest.raises(SourceError, match=f"{field}: expected values .*{expected}"):
        NexusReplay(path).pulse(1)


def test_what_is_no_hdf5_file_is_refused(path):
    path.write_text("# type: array_1d(3)\n")
    with pytest.raises(SourceError, match=r"events\.nxs: cannot read an HDF5 \(NeXus\) file"):
        NexusReplay(path)
    with pytest.raises(SourceError, match=r"none\.nxs: cannot read"):
        NexusReplay(path.with_name("none.nxs"))
