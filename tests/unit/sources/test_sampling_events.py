"""Lists of events are replayed in order or drawn by weight, on the pixels of a panel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chi_square import assert_counts_follow
from donki.errors import InputError, SourceError
from donki.sources import EventList, EventListSource, Monitor, Panel

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
    with pytest.raises(InputError, match=r"^Panel\("):
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
        SourceError, match=r"^events\.dat: event 3 has a time of flight of 2\.2 s, 1 are below 0 or"
    ):
        EventListSource(events(p=1, x=[0, 9, 0], y=0, t=[0, -1, 2.2]), PANEL)
    with pytest.raises(SourceError, match="time of flight of nan s"):
        EventListSource(events(p=1, t=[0, np.nan], id=0))
    with pytest.raises(SourceError, match=r"^events\.dat: weights p: 1 of 2 are negative"):
        EventListSource(events(p=[1, -1], t=0, id=0))
    histogram = Monitor("tof.dat", "", (), np.ones(1), np.ones(1), np.ones(1))
    with pytest.raises(InputError, match=r"takes an EventList, not the Monitor tof\.dat"):
        EventListSource(histogram)
