"""Lists of events are replayed in order or drawn by weight, on the pixels of a panel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.errors import InputError, SourceError
from donki.sources import EventList, EventListSource, Monitor, Panel
from helpers.chi_square import assert_counts_follow

PANEL = Panel(width=4.0, height=2.0, columns=4, rows=2, first_pixel=10)


def events(**columns):
    n = max(map(np.size, columns.values()))
    rows = np.column_stack([np.broadcast_to(np.asarray(column, float), n) for column in columns.values()])
    return EventList("events.dat", "", tuple(columns), rows)


@given(st.integers(0, 3), st.integers(0, 1), st.floats(0, 0.999), st.floats(0, 0.999))
def test_the_pixels_of_a_panel_are_numbered_by_rows_from_the_lower_left(column, row, across, up):
    ids = PANEL.pixel_ids(np.array([-2 + column + across]), np.array([-1 + row + up]))
    assert ids.dtype == np.int32
    assert list(ids) == [10 + 4 * row + column]


def test_beside_the_panel_is_no_pixel():
    x, y = np.array([-2.001, 2.0, 0, 0, np.nan]), np.array([0, 0, -1.001, 1.0, 0])
    assert list(PANEL.pixel_ids(x, y)) == [-1] * 5


@pytest.mark.parametrize(
    "change",
    [{"width": 0}, {"height": -1}, {"columns": 0}, {"rows": 0}, {"first_pixel": -1}, {"rows": 2**30}],
)
def test_a_panel_that_cannot_be_is_refused(change):
    size = {"width": 1.0, "height": 1.0, "columns": 4, "rows": 4} | change
    with pytest.raises(InputError, match=r"^(a panel's|first_pixel=-1 )"):
        Panel(**size)


@given(st.integers(1, 50), st.integers(0, 120), st.integers(1, 6))
def test_replay_goes_around_the_list_whatever_the_size_of_a_pulse(rays, size, triggers):
    source = EventListSource(events(p=1, t=np.arange(rays) * 1e-9, id=np.arange(rays)))
    assert len(source) == rays
    expected = np.arange(triggers * size) % rays
    for column in range(2):
        pulses = [source.replay(trigger, size)[column] for trigger in range(1, triggers + 1)]
        np.testing.assert_array_equal(np.concatenate(pulses), expected)
        assert all(pulse.dtype == np.int32 and len(pulse) == size for pulse in pulses)
    np.testing.assert_array_equal(source.replay(triggers, size), source.replay(triggers, size))


def test_replay_cannot_be_written_into():
    source = EventListSource(events(p=1, t=[0, 1e-9, 2e-9], id=0))
    with pytest.raises(ValueError, match="read-only"):
        source.replay(1, 2).time_of_flight[0] = 7


@pytest.mark.parametrize(("trigger", "size"), [(0, 1), (-1, 1), (1, -1)])
def test_a_slice_that_is_none_is_refused(trigger, size):
    with pytest.raises(InputError, match="triggers count from 1, events from 0"):
        EventListSource(events(p=1, t=0, id=0)).replay(trigger, size)


def test_times_are_rounded_to_ns_and_rays_beside_the_panel_left_out():
    source = EventListSource(events(p=1, x=[-1.5, 9, 1.5], y=0.5, t=[0.0123456788, 1, 0.07]), PANEL)
    pulse = source.replay(1, 2)
    assert list(pulse.time_of_flight) == [12_345_679, 70_000_000]
    assert list(pulse.pixel_id) == [14, 17]


def test_rays_come_as_often_as_they_weigh():
    p = np.array([1, 0, 5, 20, 0.5, 3])
    source = EventListSource(events(p=p, t=np.arange(6) * 1e-6, id=np.arange(6) + 100))
    pulse = source.sample(np.random.default_rng(1), events=100_000)
    np.testing.assert_array_equal(pulse.time_of_flight, (pulse.pixel_id - 100) * 1000)
    assert_counts_follow(np.bincount(pulse.pixel_id - 100, minlength=6), p)


def test_a_list_that_does_not_fit_is_refused_by_name():
    with pytest.raises(SourceError, match=r"^events\.dat has no column 'id', it has p x y t"):
        EventListSource(events(p=1, x=0, y=0, t=0))
    with pytest.raises(SourceError, match=r"^events\.dat has no column 't'"):
        EventListSource(events(p=1, x=0, y=0), PANEL)
    with pytest.raises(SourceError, match=r"^events.dat: none of its 2 rays hits Panel\(width=4.0"):
        EventListSource(events(p=1, x=[7, 8], y=0, t=0), PANEL)
    with pytest.raises(SourceError, match=r"^events\.dat: none of its 2 rays hits a pixel of column id"):
        EventListSource(events(p=1, t=[0, 0], id=-1))
    with pytest.raises(
        SourceError,
        match=r"^events\.dat: event 3: expected a time .*, found t=2\.2; there are 1 such",
    ):
        EventListSource(events(p=1, x=[0, 9, 0], y=0, t=[0, -1, 2.2]), PANEL)
    with pytest.raises(SourceError, match=r"event 2: expected a time of flight .*, found t=nan"):
        EventListSource(events(p=1, t=[0, np.nan], id=0))
    with pytest.raises(SourceError, match=r"event 2: expected a weight of 0 or more, found p=-1"):
        EventListSource(events(p=[1, -1], t=0, id=0))
    with pytest.raises(SourceError, match=r"^events\.dat: weights p: all 2 are 0"):
        EventListSource(events(p=[0, 0], t=0, id=0))
    histogram = Monitor("tof.dat", "", (), np.ones(()), np.ones(()), np.ones(()))
    with pytest.raises(InputError, match=r"takes an EventList, not the Monitor tof\.dat"):
        EventListSource(histogram)


values = st.sampled_from([0.0, 0.001, 0.5, 1.0, 2.0, 2.5, -1.0, 1e10, np.nan, np.inf, -np.inf])


@settings(max_examples=150)
@given(st.data(), st.booleans(), st.integers(1, 8))
def test_rays_that_cannot_be_are_refused_by_their_number_or_passed_over(data, has_panel, rays):
    names = ("p", "t", "x", "y") if has_panel else ("p", "t", "id")
    columns = {name: data.draw(st.lists(values, min_size=rays, max_size=rays)) for name in names}
    given_ = EventList("events.dat", "", names, np.array(list(columns.values())).T)
    kept, damaged = [], []
    for number, ray in enumerate(zip(*columns.values(), strict=True), start=1):
        p, t, *place = ray
        if not all(map(np.isfinite, place)) or (not has_panel and (place[0] > 2**31 or place[0] % 1)):
            damaged.append(number)
        elif (max(map(abs, place)) > 1.9) if has_panel else place[0] < 0:
            continue
        elif not (0 <= t < 2.147 and 0 <= p < np.inf):
            damaged.append(number)
        else:
            kept.append((round(t * 1e9), p))
    panel = Panel(width=3.8, height=3.8, columns=2, rows=2) if has_panel else None
    if any(p for _, p in kept):
        source = EventListSource(given_, panel, on_damage="skip")
        assert list(source.replay(1, len(kept)).time_of_flight) == [t for t, _ in kept]
        assert source.skipped == ({"events": len(damaged)} if damaged else {})
    else:
        with pytest.raises(SourceError, match=r"none of its|weights p: all"):
            EventListSource(given_, panel, on_damage="skip")
    if damaged:
        with pytest.raises(
            SourceError, match=r"^events\.dat: (event \d: expected .*, found |none of its)"
        ) as refused:
            EventListSource(given_, panel)
        if "none of its" not in str(refused.value):
            assert int(str(refused.value).split()[2].strip(":")) in damaged


def test_rays_without_a_place_are_on_one_pixel_that_is_said():
    rays = events(p=1, kx=[0.1, 0.2], t=[-3.0, -2.0])
    with pytest.raises(SourceError, match=r"has no column 'id', it has p kx t; say on which panel"):
        EventListSource(rays)
    with pytest.raises(SourceError, match=r"found t=-3; there are 2 such"):
        EventListSource(rays, pixel=7)
    source = EventListSource(rays.from_logarithms("t"), pixel=7)
    assert [list(column) for column in source.replay(1, 2)] == [[1_000_000, 10_000_000], [7, 7]]
    for pixel in (-1, 2**31):
        with pytest.raises(InputError, match="is the number of one pixel for all rays"):
            EventListSource(rays, pixel=pixel)
