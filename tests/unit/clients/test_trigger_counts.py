"""The events of a run as bluesky's documents tell them: each trigger once."""

from __future__ import annotations

import numpy as np
import pytest

from donki.errors import DonkiError
from donki_client import SequenceError, TriggerEvents
from donki_client.bluesky.trigger_counts import CountedRun, TriggerCounts


def told(completed, run_id="run", **by_player):
    return TriggerEvents(run_id, completed, {name: np.array(each) for name, each in by_player.items()})


def test_each_trigger_is_told_once():
    run = CountedRun("run", ["a", "b"])
    assert run.new(told(2, a=[1, 2], b=[10, 20])) == [
        TriggerCounts(1, 11, (1, 10)),
        TriggerCounts(2, 22, (2, 20)),
    ]
    assert run.new(told(2, a=[1, 2], b=[10, 20])) == []
    assert run.new(told(3, a=[2, 3], b=[20, 30])) == [TriggerCounts(3, 33, (3, 30))]


def test_one_that_came_later_counts_in_the_sum_alone():
    run = CountedRun("run", ["a"], completed=4)
    counts = run.new(told(6, a=[1, 1, 1, 1, 2, 3], late=[0, 0, 0, 0, 0, 7]))
    assert counts == [TriggerCounts(5, 2, (2,)), TriggerCounts(6, 10, (3,))]
    assert run.together(counts) == TriggerCounts(6, 12, (5,))
    assert run.together([]) == TriggerCounts(6, 0, (0,))


def test_triggers_that_the_director_no_longer_knows_are_missed_by_number():
    run = CountedRun("run", ["a"])
    with pytest.raises(DonkiError, match=r"the events of triggers 1 to 1 .* those of the last 2;"):
        run.new(told(3, a=[2, 3]))


def test_another_run_is_not_counted():
    with pytest.raises(SequenceError, match="the Director has run another, no longer run"):
        CountedRun("run", ["a"]).new(told(1, "another", a=[1]))


def test_a_dot_in_a_name_is_none_in_a_data_key():
    assert CountedRun("run", ["cam.1"]).keys("det") == ["det-cam_1_events"]
