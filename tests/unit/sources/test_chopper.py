"""Choppers: top dead centre passes where phase and delay say, as often as the speed says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import InputError
from donki.sources import SECOND, Chopper, Log

PULSE = 71_428_571
"""From pulse to pulse at the ESS, in ns."""

FREQUENCIES = st.sampled_from([14.0, -14.0, 7.0, -7.0, 2.8, 28.0, 70.0, 140.0, 13.0, -3.3])
DELAYS = st.floats(-1e9, 1e9)
PROGRAMS = st.lists(
    st.tuples(st.integers(0, 60 * SECOND), st.sampled_from(["park", "spin", "lock", "lose_lock"])),
    max_size=6,
    unique_by=lambda command: command[0],
).map(sorted)


def chopper(frequency=14.0, delay=2e7, **settings):
    return Chopper(frequency, delay=delay, pulse_period=PULSE, **settings)


@given(FREQUENCIES, DELAYS, st.integers(0, 10**7))
def test_top_dead_centre_passes_at_the_delay_from_the_pulses(frequency, delay, first):
    disc = chopper(frequency, delay)
    begin = first * PULSE
    times = disc.top_dead_centres(begin, begin + 100 * PULSE)
    assert len(times) == pytest.approx(100 * PULSE / disc.turn, abs=1)
    assert disc.turn == pytest.approx(SECOND / abs(frequency), rel=1e-3)
    off = (times - delay) / disc.turn
    np.testing.assert_allclose(off, np.rint(off), atol=1e-6)


@pytest.mark.parametrize(
    ("frequency", "turn"), [(14, PULSE), (-7, 2 * PULSE), (28, PULSE / 2), (2, 7 * PULSE)]
)
def test_a_disc_that_nearly_keeps_step_with_the_pulses_keeps_it(frequency, turn):
    assert chopper(frequency).turn == turn
    assert chopper(frequency * 1.01).turn == SECOND / abs(frequency * 1.01)


@given(PROGRAMS, FREQUENCIES, st.floats(0.1, 50), st.floats(0.1, 20), st.lists(st.integers(0, 90 * SECOND)))
def test_windows_of_any_size_have_the_same_turns_and_they_are_those_of_the_speed(
    program, frequency, acceleration, lock_time, cuts
):
    disc = chopper(frequency, program=program, acceleration=acceleration, lock_time=lock_time)
    whole = disc.top_dead_centres(0, 90 * SECOND)
    edges = sorted({0, *cuts, 90 * SECOND})
    parts = [disc.top_dead_centres(*window) for window in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (np.diff(whole) > 0).all()
    speeds = np.array([disc.speed.value(time) for time in range(0, 90 * SECOND, SECOND // 20)])
    assert np.all(speeds * frequency >= -1e-9), "it never turns back"
    # One at each end may lie beyond it; the speed is not known between its samples.
    missed = len(program) * abs(frequency) / 20
    assert len(whole) == pytest.approx(np.abs(speeds).sum() / 20, abs=2 + missed)


def test_a_disc_spins_up_locks_loses_its_lock_and_parks():
    program = [(0, "spin"), (30 * SECOND, "lock"), (50 * SECOND, "lose_lock"), (70 * SECOND, "park")]
    disc = chopper(-14.0, 2e7, program=program, acceleration=1.0, lock_time=5.0)
    speeds = {second: disc.speed.value(second * SECOND) for second in (0, 7, 20, 40, 60, 77, 90)}
    full = SECOND / PULSE
    expected = {0: 0, 7: -7, 20: -full, 40: -full, 60: -full * 0.999, 77: -full * 0.999 + 7, 90: 0}
    assert speeds == pytest.approx(expected, abs=1e-6)
    points = [disc.speed_set_point.value(second * SECOND) for second in (0, 40, 60, 80)]
    assert points == [-14, -14, -14, 0]
    locked = disc.top_dead_centres(36 * SECOND, 50 * SECOND)
    off = (locked - 2e7) / PULSE
    np.testing.assert_allclose(off, np.rint(off), atol=1e-6)
    lost = disc.top_dead_centres(55 * SECOND, 70 * SECOND)
    assert np.diff(lost) == pytest.approx(PULSE / 0.999, abs=1)
    assert not len(disc.top_dead_centres(90 * SECOND, 200 * SECOND))


@given(st.sampled_from([14.0, -14.0, 7.0, 28.0]), st.floats(-1e8, 1e8))
def test_phase_and_delay_are_read_back_and_say_the_same(frequency, delay):
    disc = chopper(frequency, delay)
    for time in (0, 1, 10 * SECOND, 1000 * SECOND):
        assert disc.delay_read_back.value(time) == pytest.approx(delay, abs=1)
        phase = 360 * frequency * delay / SECOND
        assert disc.phase_read_back.value(time) == pytest.approx(phase, abs=1e-5)


def test_the_delay_wanders_once_the_lock_is_lost_and_stays_when_the_disc_stands():
    disc = chopper(program=[(10 * SECOND, "lose_lock"), (13 * SECOND, "park")], acceleration=20.0)
    delays = [disc.delay_read_back.value(second * SECOND) for second in (5, 10, 11, 12, 20, 30)]
    assert delays[:2] == pytest.approx([2e7, 2e7], abs=1)
    assert delays[2:4] == pytest.approx([2e7 + 1e6, 2e7 + 2e6], rel=0.01)
    assert delays[4] == delays[5]


def test_jitter_is_that_of_top_dead_centre_and_never_turns_the_order():
    still, wild = chopper(jitter=500.0), chopper(jitter=1e9)
    times = still.top_dead_centres(0, 5000 * PULSE, np.random.default_rng(1))
    assert (times - chopper().top_dead_centres(0, 5000 * PULSE)).std() == pytest.approx(500, rel=0.05)
    times = wild.top_dead_centres(0, 5000 * PULSE, np.random.default_rng(1))
    assert (np.diff(times) > 0).all()


def test_speed_is_told_ten_times_a_second_while_it_changes():
    disc = chopper(program=[(0, "spin")], acceleration=1.0)
    told = [reading.time for reading in Log(disc.speed, 5 * SECOND).readings(0, 30 * SECOND)]
    assert len([time for time in told if time < 14 * SECOND]) == 140
    assert [time // SECOND for time in told if time > 14.1 * SECOND] == [15, 20, 25]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"frequency": 0}, "frequency must not be 0"),
        ({"frequency": 1e5}, "at most 10000 Hz, not 100000"),
        ({"delay": 1e16}, r"delay=1e\+16 ns less than"),
        ({"jitter": -1.0}, "jitter=-1 ns must be 0 or more"),
        ({"acceleration": 0.0}, "acceleration must be above 0"),
        ({"lock_time": float("nan")}, "lock_time must be above 0"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(InputError, match=said):
        chopper(**settings)
