"""How long triggers took, against the definition of median and quantile."""

from __future__ import annotations

import math
import statistics

from hypothesis import given
from hypothesis import strategies as st

from donki.director.conducting.durations import REMEMBERED, Durations


def test_before_the_first_nothing_is_known():
    assert all(math.isnan(time) for time in Durations().median_and_p99())


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.integers(0, REMEMBERED))
def test_median_and_p99_are_those_of_the_last(times, before):
    durations = Durations()
    kept = [0.5] * before + times
    for time in kept:
        durations.add(time)
    last = sorted(kept[-REMEMBERED:])
    assert durations.median_and_p99() == (statistics.median(last), last[int(0.99 * (len(last) - 1))])


def test_more_than_are_remembered_push_the_oldest_out():
    durations = Durations()
    for time in range(3 * REMEMBERED):
        durations.add(float(time))
    assert durations.median_and_p99() == (2.5 * REMEMBERED - 0.5, 3 * REMEMBERED - 11.0)
