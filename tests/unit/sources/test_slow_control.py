"""Logs and motors are functions of time: their bounds hold, and windows of any size tell the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import InputError
from donki.sources import (
    SECOND,
    Alarm,
    Log,
    Motor,
    RampSignal,
    Reading,
    Sine,
    Steps,
    Walk,
    alarm_changes,
)

CUTS = st.lists(st.integers(1, 60 * SECOND - 1), max_size=8)
"""Where a minute is cut into windows."""


def rng(number):
    return np.random.default_rng([7, number])


def normal(number):
    return float(rng(number).standard_normal())


def walk(**changed):
    given = {"value": 5, "low": 4.5, "high": 6, "step": 0.2, "period": SECOND, "normal": normal}
    return Walk(**(given | changed))


def motor(commands, **changed):
    given = {"velocity": 2.0, "acceleration": 3.0, "low": -10.0, "high": 10.0}
    return Motor(0.0, commands=commands, **(given | changed))


SIGNALS = {
    "constant": Steps([0], [3.0]),
    "steps": Steps([0, SECOND // 3, 5 * SECOND], [1.0, 2.0, 3.0]),
    "round": Steps([0, SECOND // 3, 5 * SECOND], [1.0, 2.0, 3.0], 7 * SECOND),
    "ramp": RampSignal(1.0, 4.0, 12.34),
    "sine": Sine(-1.0, 1.0, 9.0),
    "walk": walk(),
    "motor": motor([(SECOND, 5.0), (3 * SECOND, -9.9), (20 * SECOND, 2.0)]).read_back,
    "done": motor([(SECOND, 5.0), (3 * SECOND, -9.9)]).done_moving,
}


PERIODS = st.integers(SECOND // 10, 4 * SECOND)


@given(st.sampled_from(sorted(SIGNALS)), CUTS, st.sampled_from([0.0, 0.3]), PERIODS, st.floats(0, 0.999))
def test_a_log_tells_the_same_whatever_windows_it_is_asked_for(name, cuts, noise, period, part):
    outages = [(2 * SECOND, 5 * SECOND), (30 * SECOND, 1 << 62)]
    phase = int(part * period)
    log = Log(SIGNALS[name], period, noise, rng, outages, phase)
    told = {reading.time for reading in Log(SIGNALS[name], period, phase=phase).readings(0, 60 * SECOND)}
    assert told >= {0, *range(phase, 60 * SECOND, period)}
    whole = list(log.readings(0, 60 * SECOND))
    edges = sorted({0, *cuts, 60 * SECOND})
    assert [reading for window in pairwise(edges) for reading in log.readings(*window)] == whole
    assert all(0 <= reading.since <= reading.time for reading in whole)
    assert all(early.time < late.time and early.since <= late.since for early, late in pairwise(whole))
    for cut in cuts:
        assert log.before(cut) == max((r for r in whole if r.time < cut), default=None)


def test_a_value_that_does_not_change_is_told_again_with_its_time():
    log = Log(RampSignal(0, 10, 2), SECOND)
    told = [Reading(0, 0, 0), Reading(SECOND, SECOND, 5), Reading(2 * SECOND, 2 * SECOND, 10)]
    assert list(log.readings(0, 4 * SECOND)) == [*told, Reading(3 * SECOND, 2 * SECOND, 10)]


def test_while_it_is_not_connected_the_last_value_is_told():
    log = Log(Sine(-1, 1, 4), SECOND, outages=[(SECOND + 1, 3 * SECOND), (4 * SECOND, 1 << 62)])
    told = [(reading.time // SECOND, reading.since // SECOND) for reading in log.readings(0, 6 * SECOND)]
    assert told == [(0, 0), (1, 1), (2, 1), (3, 3), (4, 3), (5, 3)]
    assert not list(Log(Sine(-1, 1, 4), SECOND, outages=[(0, 1 << 62)]).readings(0, 6 * SECOND))


def test_noise_is_that_of_the_reading_and_is_drawn_by_its_time():
    log = Log(Steps([0], [3.0]), SECOND // 100, 0.5, rng)
    values = [reading.value for reading in log.readings(0, 20 * SECOND)]
    assert np.mean(values) == pytest.approx(3, abs=0.05)
    assert np.std(values) == pytest.approx(0.5, rel=0.1)
    assert [r.value for r in log.readings(0, 10 * SECOND)] == values[:1000]


@given(st.integers(0, 3 * SECOND - 1), CUTS)
def test_a_walk_steps_at_its_phase_and_then_at_each_period(phase, times):
    walked, shifted = walk(period=3 * SECOND), walk(period=3 * SECOND, phase=phase)
    for time in times:
        steps = -(-(time + 1 - phase) // (3 * SECOND)) if phase else time // (3 * SECOND)
        assert shifted.value(time) == walked.value(steps * 3 * SECOND)
        since = shifted.since(time)
        assert 0 <= since <= time
        assert shifted.value(since) == shifted.value(time)
        assert since == 0 or shifted.value(since - 1) != shifted.value(time)


def test_a_walk_is_a_random_walk_that_turns_back_at_its_bounds():
    free = walk(value=0, low=-1e9, high=1e9, step=1.0)
    walked = np.array([free.value(second * SECOND) for second in range(2000)])
    steps = np.diff(walked)
    assert walked[0] == 0
    assert steps.mean() == pytest.approx(0, abs=0.1)
    assert steps.std() == pytest.approx(1, rel=0.1)
    assert np.corrcoef(steps[1:], steps[:-1])[0, 1] == pytest.approx(0, abs=0.1)
    bound = walk()
    values = [bound.value(second * SECOND) for second in range(2000)]
    assert 4.5 <= min(values) < 4.6
    assert 5.9 < max(values) <= 6


def test_alarms_are_told_at_first_and_when_they_change():
    readings = [Reading(time, time, value) for time, value in enumerate([1, 2, 9, 8, 2, -1])]
    found = [
        Alarm(0, "OK", "NO_ALARM"),
        Alarm(2, "MINOR", "HIGH"),
        Alarm(4, "OK", "NO_ALARM"),
        Alarm(5, "MINOR", "LOW"),
    ]
    assert list(alarm_changes(readings, 0, 5, None)) == found
    assert list(alarm_changes(readings[3:], 0, 5, readings[2])) == found[2:]
    assert list(alarm_changes(readings, None, None, None)) == found[:1]


COMMANDS = st.lists(
    st.tuples(st.integers(0, 30 * SECOND), st.floats(-10, 10, width=32)), max_size=6, unique_by=lambda c: c[0]
).map(sorted)


@given(COMMANDS, st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0, 0.5), st.integers(0, 99))
def test_a_motor_keeps_to_its_limits_and_comes_to_rest_within_its_tolerance(
    commands, velocity, acceleration, tolerance, seed
):
    errors = rng(seed).uniform(-1, 1, len(commands))
    axis = motor(commands, velocity=velocity, acceleration=acceleration, tolerance=tolerance, errors=errors)
    legs = axis.motion.legs
    ends = [later.begin for later in legs[1:]]
    for leg, end in zip(legs, ends, strict=False):
        for time in np.linspace(leg.begin, end, 5):
            position, speed = leg.at(time)
            assert -10 - 1e-6 <= position <= 10 + 1e-6
            assert abs(speed) <= velocity * (1 + 1e-9)
        assert abs(leg.acceleration) <= acceleration
    for leg, later in pairwise(legs):
        # Neither position nor velocity jumps.
        assert leg.at(later.begin) == pytest.approx(later[1:3], abs=1e-5)
    rest = legs[-1]
    assert (rest.velocity, rest.acceleration) == (0, 0)
    target = commands[-1][1] if commands else 0.0
    assert abs(rest.position - target) <= tolerance + 1e-9
    end = int(rest.begin * SECOND) + 2 * SECOND
    assert axis.set_point.value(end) == target
    assert (axis.done_moving.value(end), axis.moving.value(end)) == (1, 0)


def test_a_move_has_a_trapezoid_of_velocity_or_a_triangle():
    axis = motor([(SECOND, 5.0), (10 * SECOND, 4.9)])
    # Speeding up takes 2/3 s and 2/3 of a unit, as slowing down does; 11/3 of a unit remain at 2 a second.
    ends = [leg.begin for leg in axis.motion.legs]
    assert ends[1:5] == pytest.approx([1, 1 + 2 / 3, 3.5, 3.5 + 2 / 3])
    duration = 2 * np.sqrt(0.1 / 3)
    assert ends[-1] - 10 == pytest.approx(duration)
    flags = [(time, axis.done_moving.value(time)) for time in axis.done_moving.steps(0, 20 * SECOND)]
    assert [flag for _, flag in flags] == [1, 0, 1, 0, 1]
    assert flags[-1][0] == pytest.approx((10 + duration) * SECOND, abs=2)


def test_the_read_back_is_told_ten_times_a_second_while_it_moves():
    told = motor([(SECOND, 5.0)]).read_back.steps(0, 20 * SECOND)
    assert told[:3] == [SECOND, SECOND + SECOND // 10, SECOND + SECOND // 5]
    assert told[-1] == pytest.approx((3.5 + 2 / 3) * SECOND, abs=2)
    assert len(told) == 33


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: motor([(0, 11.0)]), "11 lies beyond the limits, low=-10 and high=10"),
        (lambda: motor([], velocity=0), "velocity must be above 0, not 0"),
        (lambda: motor([], tolerance=-1), "tolerance must be 0 or more, not -1"),
        (lambda: walk(value=7), "begins there, not at value=7"),
        (lambda: Sine(1, 0, 1), "to a higher value, not high=0"),
        (lambda: Steps([1], [1]), "the first at 0"),
        (lambda: Steps([0, 0], [1, 2]), "the times of a value in steps rise"),
        (lambda: Steps([0, 5], [1, 2], 5), "a round of 5 ns ends before"),
        (lambda: Log(Steps([0], [1]), 0), "a period above 0, not 0 ns"),
        (lambda: Log(Steps([0], [1]), 1, 0.5), "for it, random numbers"),
        (lambda: Log(Steps([0], [1]), 5, phase=5), "within its period of 5 ns, not 5"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()
