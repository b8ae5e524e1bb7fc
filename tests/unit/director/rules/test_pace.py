"""The pace of a sequence, on clocks of the test's own."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from donki.clock import epoch
from donki.director.rules.pace import SECOND, Pace

PERIOD = SECOND // 14


@pytest.fixture
def clocks(monkeypatch):
    """The system's clock and the monotonic one, in ns; each is what the test sets it to."""
    clocks = {"time_ns": 1_700_000_000 * SECOND, "monotonic_ns": 5 * SECOND}
    for name in ("time_ns", "monotonic_ns"):
        monkeypatch.setattr(time, name, lambda name=name: clocks[name])
    return clocks


@pytest.mark.parametrize("step", [-3_600 * SECOND, 3_600 * SECOND])
def test_a_step_of_the_system_clock_moves_no_trigger_and_no_reference_time(clocks, step):
    pace = Pace(PERIOD, epoch())
    pace.begin(time.monotonic_ns())
    references = []
    for number in range(20):
        assert pace.is_due(time.monotonic_ns())
        references.append(pace.start(time.monotonic_ns()))
        assert not pace.is_due(time.monotonic_ns())
        if number == 10:
            clocks["time_ns"] += step
        for clock in clocks:
            clocks[clock] += PERIOD
    assert {later - sooner for sooner, later in pairwise(references)} == {PERIOD}
    assert references[0] == 1_700_000_000 * SECOND
    assert pace.overruns == 0


def test_after_a_long_suspension_the_grid_stays_and_what_is_late_is_counted():
    pace = Pace(PERIOD, 0)
    pace.begin(0)
    pace.start(0)
    late = 10 * PERIOD + 1
    references = []
    while pace.is_due(late):
        references.append(pace.start(late))
    assert references == [PERIOD * number for number in range(1, 11)]
    assert pace.overruns == 9
