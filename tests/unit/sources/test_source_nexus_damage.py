"""Damaged NeXus files: refused by their place, or replayed without what is damaged, which is counted.

DONKI_CASES=20000 tries more than a test run does.
"""

from __future__ import annotations

import logging
import math
import os

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.errors import InputError, SourceError
from donki.sources import NexusReplay
from donki.sources.recorded import event_columns

CASES = int(os.environ.get("DONKI_CASES", "60"))
NOT_WHOLE = [math.nan, math.inf, -math.inf, 1e300, -1e300]
INTEGERS = [-(2**63), -1, 2**31, 2**40, 2**63 - 1]

pulses = st.lists(st.lists(st.integers(-50, 2**31 - 1), max_size=5), min_size=1, max_size=6)


def changed(values, bad):
    """Return a few places and what is put there."""
    places = st.integers(0, max(len(values) - 1, 0))
    return st.dictionaries(places, bad, max_size=2).map(
        lambda changes: [changes.get(place, value) for place, value in enumerate(values)]
    )


@st.composite
def files(draw):
    """The columns of a file, some of their values damaged."""
    given = draw(pulses)
    offsets = [time for pulse in given for time in pulse]
    index = np.cumsum([0, *(len(pulse) for pulse in given)])[:-1].tolist()
    floats = draw(st.booleans())
    ids = [number % 7 + 1 for number in range(len(offsets))]
    columns = {
        "event_time_offset": draw(
            changed([float(time) for time in offsets], st.sampled_from([*NOT_WHOLE, 2.2e9, -2.2e9]))
            if floats
            else changed(offsets, st.sampled_from(INTEGERS))
        ),
        "event_id": draw(changed(ids, st.sampled_from(INTEGERS))),
        "event_index": draw(changed(index, st.sampled_from(INTEGERS) | st.integers(0, 12))),
        "event_time_zero": draw(
            changed([0.5 * k for k in range(len(given))], st.sampled_from(NOT_WHOLE))
            if floats
            else st.just([k * 500_000_000 for k in range(len(given))])
        ),
    }
    cut = draw(st.dictionaries(st.sampled_from(list(columns)), st.integers(0, 3), max_size=1))
    columns = {name: values[: len(values) - cut.get(name, 0)] for name, values in columns.items()}
    return columns, "s" if floats else "ns"


def write(path, columns, unit):
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/panel_events")
        group.attrs["NX_class"] = "NXevent_data"
        for name, values in columns.items():
            kind = float if any(isinstance(value, float) for value in values) else np.int64
            group[name] = np.array(values, kind)
        group["event_time_offset"].attrs["units"] = "ns"
        group["event_time_zero"].attrs["units"] = unit
    return path


def model(columns, unit):
    """Return the pulses (time, [(time of flight, pixel)]) that are sound, and what is not."""
    offsets, ids = columns["event_time_offset"], columns["event_id"]
    index, zeros = columns["event_index"], columns["event_time_zero"]
    total, number = min(len(offsets), len(ids)), min(len(index), len(zeros))
    lost = {"pulses": abs(len(index) - len(zeros)), "events": abs(len(offsets) - len(ids))}
    bounds = [*index[: number + 1], *([total] if len(index) <= number else [])]
    inside = [0 <= bound <= total for bound in bounds]

    def is_bound(place):
        others = [(other, bound) for other, bound in enumerate(bounds) if inside[other]]
        return inside[place] and all(
            (bound <= bounds[place]) if other < place else (bound >= bounds[place]) for other, bound in others
        )

    sound = [is_bound(place) and is_bound(place + 1) for place in range(number)]
    lost["pulses"] += sound.count(False)
    lost["events"] += total - sum(bounds[k + 1] - bounds[k] for k in range(number) if sound[k])
    found = {}
    for k in range(number):
        time = zeros[k] * (1e9 if unit == "s" else 1)
        is_time = math.isfinite(time) and abs(time) < 2**62
        if not sound[k]:
            continue
        if not is_time:
            lost["pulses"] += 1
            lost["events"] += bounds[k + 1] - bounds[k]
            continue
        events = found.setdefault(round(time), [])
        for place in range(bounds[k], bounds[k + 1]):
            time_of_flight, pixel = offsets[place], ids[place]
            if math.isfinite(time_of_flight) and abs(time_of_flight) < 2**31 and 0 <= pixel < 2**31:
                events.append((round(time_of_flight), pixel))
            else:
                lost["events"] += 1
    return sorted(found.items()), {what: count for what, count in lost.items() if count}


def played(replay):
    return [
        (
            replay.start + pulse.offset,
            list(zip(pulse.time_of_flight.tolist(), pulse.pixel_id.tolist(), strict=True)),
        )
        for pulse in (replay.pulse(trigger) for trigger in range(1, len(replay) + 1))
    ]


@settings(max_examples=CASES)
@given(file=files(), block=st.integers(1, 9))
def test_what_is_sound_is_replayed_and_the_rest_is_refused_or_counted(tmp_path_factory, file, block):
    columns, unit = file
    path = write(tmp_path_factory.mktemp("damage") / "a.nxs", columns, unit)
    expected, lost = model(columns, unit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_columns, "_BLOCK", block)
        replay = NexusReplay(path, on_damage="skip")
        assert (played(replay), replay.skipped) == (expected, lost)
        replay.close()
        if not lost:
            assert played(NexusReplay(path)) == expected
            return
        with pytest.raises(SourceError, match=r"a\.nxs, /entry/panel_events/event_\w+: expected .*, found "):
            played(NexusReplay(path))


def test_what_was_passed_over_is_said_once_with_its_first_place(tmp_path, caplog):
    columns = {
        "event_time_offset": [1.0, math.nan, 3.0],
        "event_id": [1, 2, 3],
        "event_index": [0, 2],
        "event_time_zero": [0, 1],
    }
    log = logging.getLogger("a player's")
    path = write(tmp_path / "a.nxs", columns, "s")
    replay = NexusReplay(path, loop=True, on_damage="skip", log=log)
    assert [list(replay.pulse(trigger).time_of_flight) for trigger in range(1, 6)] == [
        [1],
        [3],
        [1],
        [3],
        [1],
    ]
    (record,) = caplog.records
    assert "damaged and skipped: 1 events; the first: " in record.message
    assert (
        "event_time_offset: expected values from -2147483647 to 2147483647 ns, found nan at event 2"
        in record.message
    )


def test_events_that_cannot_be_read_are_passed_over(tmp_path):
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/panel_events")
        group.attrs["NX_class"] = "NXevent_data"
        for name in ("event_time_offset", "event_id"):
            data = np.arange(1000, 1100, dtype=np.int32)
            group.create_dataset(name, data=data, chunks=(10,), fletcher32=True)
        group["event_time_offset"].attrs["units"] = "ns"
        group["event_index"] = np.arange(0, 100, 10)
        group["event_time_zero"] = np.arange(10)
        group["event_time_zero"].attrs["units"] = "ns"
    data = bytearray(path.read_bytes())
    data[data.index(np.arange(1030, 1040, dtype=np.int32).tobytes())] ^= 255
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"a\.nxs: cannot read /entry/panel_events/event_\w+: "):
        played(NexusReplay(path))
    replay = NexusReplay(path, on_damage="skip")
    assert replay.skipped == {"events": 10}
    assert [len(events) for _, events in played(replay)] == [10, 10, 10, 0, *[10] * 6]


UNITS = {"event_time_offset": "us", "event_time_zero": "s"}


@pytest.mark.parametrize("units", ["ISIS", UNITS, {**UNITS, "event_time_zero": "Seconds"}])
def test_units_are_stated_for_a_file_without(tmp_path, units):
    path = tmp_path / "isis.nxs"
    with h5py.File(path, "w") as file:
        group = file.create_group("raw_data_1/detector_1_events")
        group.attrs["NX_class"] = "NXevent_data"
        group["event_id"] = np.array([1, 2, 3], np.uint32)
        group["event_time_offset"] = np.array([1000.5, 2000, 3000], np.float32)
        group["event_index"] = np.array([0, 2], np.uint64)
        group["event_time_zero"] = np.array([0, 0.1])
        group["event_time_zero"].attrs["offset"] = np.array([b"2016-04-12T02:58:52"])
    with pytest.raises(SourceError, match=r"found none; state it: .* \(for files of ISIS: units='ISIS'\)"):
        NexusReplay(path)
    replay = NexusReplay(path, units=units)
    assert replay.start == 1_460_429_932 * 10**9
    assert played(replay) == [
        (replay.start, [(1_000_500, 1), (2_000_000, 2)]),
        (replay.start + 100_000_000, [(3_000_000, 3)]),
    ]


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ("LoKI", "'LoKI': expected .*, or one of ISIS"),
        ({"event_id": "s"}, "no unit is needed of 'event_id'"),
        ({"event_time_zero": "m"}, "event_time_zero in 'm'; expected s, ms, us or ns"),
        ({"event_time_zero": 5}, "event_time_zero in 5"),
        (["s"], "expected {'event_time_offset': unit"),
        ({"event_time_zero": "s"}, "was stated, but the file has 'ns'; leave it out"),
    ],
)
def test_units_that_cannot_be_are_refused(tmp_path, units, message):
    columns = {"event_time_offset": [1], "event_id": [1], "event_index": [0], "event_time_zero": [0]}
    path = write(tmp_path / "a.nxs", columns, "ns")
    with pytest.raises(InputError, match=message):
        NexusReplay(path, units=units)
    with pytest.raises(InputError, match="on_damage='ignore' is none of 'refuse', 'skip'"):
        NexusReplay(path, on_damage="ignore")
