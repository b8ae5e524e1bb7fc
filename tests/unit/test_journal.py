"""What a journal tells of a run that was interrupted; each reopening is a Director that starts again."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from donki.director.effects import Member, Outcome, Step, TriggerDone
from donki.director.journal import Journal
from donki.director.pace import SECOND
from donki.director.roster import Entry
from donki.director.sequence import Sequence
from donki.policy import OnError
from donki.run import Run

RUN = Run("of-the-test", "ice", {"proposal": 7}, 11)
DIRECTOR = "donki/director/1"


@pytest.fixture
def opened(tmp_path):
    """Open the journal; closing it is the Director's death, after the last commit."""

    @contextmanager
    def opened():
        journal = Journal(tmp_path, DIRECTOR)
        try:
            yield journal
        finally:
            journal.close()

    return opened


def sequence(triggers=10, period=0):
    return Sequence([Member("x", 0, SECOND)], triggers, period, epoch=0)


def begin(journal, rules=None, policy=OnError.ABORT, retries=0):
    entries = [Entry(name, f"donki/player/{name}", on_error=policy, retries=retries) for name in ("x", "y")]
    journal.begin(RUN, rules or sequence(), entries)


def done(journal, *triggers, at=SECOND):
    for trigger in triggers:
        for player in ("x", "y"):
            journal.note(Step(trigger, player, 1, Outcome.DONE, at, at, report='{"attempt": 1}'))
        journal.note(TriggerDone(trigger, at, at, at, at))


def test_a_run_goes_on_after_its_last_complete_trigger(opened):
    with opened() as journal:
        begin(journal)
        done(journal, 1, 2, 3)
    with opened() as journal:
        interrupted = journal.interrupted()
    assert (interrupted.run, interrupted.triggers, interrupted.completed) == (RUN, 10, 3)
    assert interrupted.first_attempts("x", lived=True) == {}
    assert interrupted.first_attempts("x", lived=False) == dict.fromkeys(range(4, 8), 2)


@pytest.mark.parametrize("outcome", ["done", "stopped", "aborted"])
def test_a_run_that_ended_as_it_should_is_not_interrupted(opened, outcome):
    with opened() as journal:
        begin(journal)
        journal.end(outcome, "")
    with opened() as journal:
        assert journal.interrupted() is None


def test_an_attempt_that_failed_is_followed_by_the_next(opened):
    with opened() as journal:
        begin(journal)
        done(journal, 1)
        journal.note(Step(2, "x", 1, Outcome.FAILED, SECOND, SECOND, "on fire"))
        journal.note(Step(2, "y", 1, Outcome.DONE, SECOND, SECOND))
        journal.end("failed", "on fire")
    with opened() as journal:
        interrupted = journal.interrupted()
    assert interrupted.first_attempts("x", lived=True) == {2: 2}
    assert interrupted.first_attempts("y", lived=True) == {}


def test_a_player_that_dies_again_gets_an_attempt_that_it_was_never_sent(opened):
    with opened() as journal:
        begin(journal, policy=OnError.RETRY, retries=2)
        # Attempts 1 to 3 may have been sent without a note.
    with opened() as journal:
        assert journal.interrupted().first_attempts("x", lived=False) == {1: 4}
        begin(journal, policy=OnError.RETRY, retries=1)
        # 4 and 5.
    with opened() as journal:
        assert journal.interrupted().first_attempts("x", lived=False) == {1: 6}
        begin(journal)
    with opened() as journal:
        assert journal.interrupted().first_attempts("x", lived=False) == {1: 7}


def test_the_attempt_is_the_one_that_the_player_reports(opened, tmp_path):
    with opened() as journal:
        begin(journal)
        report = json.dumps({"attempt": 3, "duration": 0.5, "events": 7, "messages": 1, "bytes": 99})
        journal.note(Step(1, "x", 1, Outcome.DONE, SECOND, SECOND, report=report))
        journal.flush()
        steps = journal._connection.execute("SELECT attempt, duration, events, bytes FROM step").fetchall()
    assert steps == [(3, 0.5, 7, 99)]


def test_what_was_wanted_last_holds_when_the_run_is_taken_up(opened):
    rules = sequence(triggers=10, period=5)
    with opened() as journal:
        begin(journal, rules)
        done(journal, 1)
        rules.triggers = 3
        rules.pace.change(7)
    with opened() as journal:
        interrupted = journal.interrupted()
    assert (interrupted.triggers, interrupted.period) == (3, 7)
