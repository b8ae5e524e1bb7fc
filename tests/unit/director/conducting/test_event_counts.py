"""Events of each trigger, against a plain list of all that was noted."""

from __future__ import annotations

import pytest

from donki.director.conducting.event_counts import REMEMBERED, EventCounts, LastCounts
from donki.director.rules.effects import Attempt, Outcome, TriggerDone


def sent(trigger, player, events, outcome=Outcome.DONE):
    return Attempt(trigger, player, 1, outcome, 0, 0, report={"events": events})


def done(trigger):
    return TriggerDone(trigger, 0, 0, 0, 0)


def test_before_the_first_trigger_there_are_none():
    for counts in (LastCounts(), EventCounts(["a", "b"], 0).last()):
        assert (counts.completed, counts.total.tolist()) == (0, [])
        assert counts.of(["a", "b", "c"]).shape == (3, 0)


@pytest.mark.parametrize("triggers", [1, REMEMBERED - 1, REMEMBERED, REMEMBERED + 1, 3 * REMEMBERED])
def test_the_last_triggers_are_kept_in_order(triggers):
    counts = EventCounts(["a", "b"], 0)
    for trigger in range(1, triggers + 1):
        counts.note(sent(trigger, "b", 7 * trigger))
        counts.note(sent(trigger, "a", trigger))
        counts.note(done(trigger))
    kept = range(max(1, triggers - REMEMBERED + 1), triggers + 1)
    last = counts.last()
    assert last.completed == triggers
    assert last.total.tolist() == [8 * trigger for trigger in kept]
    assert last.of(["b", "a"]).tolist() == [[7 * trigger for trigger in kept], list(kept)]


def test_a_trigger_that_a_player_missed_or_that_is_not_complete_counts_none():
    counts = EventCounts(["a", "b"], 0)
    counts.note(sent(1, "a", 5))
    counts.note(Attempt(1, "b", 1, Outcome.SKIPPED, 0, 0, "it is not there"))
    counts.note(done(1))
    counts.note(sent(2, "a", 4, Outcome.FAILED))
    counts.note(sent(2, "b", 3))
    assert counts.last().of(["a", "b", "who"]).tolist() == [[5], [0], [0]]
    counts.note(done(2))
    assert counts.last().of(["a", "b"]).tolist() == [[5, 0], [0, 3]]


def test_a_run_that_is_taken_up_goes_on_counting_its_triggers():
    counts = EventCounts(["a"], 40)
    assert counts.last().completed == 40
    counts.note(sent(41, "a", 6))
    counts.note(done(41))
    assert (counts.last().completed, counts.last().total.tolist()) == (41, [6])
