"""What a journal tells of a run that was interrupted; each reopening is a Director that starts again."""

from __future__ import annotations

import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest

from donki.director.journal.sent_mark import SentMark
from donki.director.journal.writer import Journal
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Attempt, Outcome, PlayerState, TriggerDone
from donki.director.rules.pace import SECOND
from donki.director.rules.sequence import Sequence
from donki.errors import FileError
from donki.limits import OnError
from donki.run import Run
from helpers.support import took

DIRECTOR = "donki/director/1"
RUN = Run("of-the-test", "ice", {"proposal": 7}, 11, DIRECTOR)


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
    return Sequence([PlayerState("x", 0, SECOND)], triggers, period, epoch=0)


def begin(journal, rules=None, policy=OnError.ABORT, retries=0, **taken_up):
    entries = [
        RosterEntry(name, f"donki/player/{name}", on_error=policy, retries=retries) for name in ("x", "y")
    ]
    journal.begin(RUN, rules or sequence(), entries, **taken_up)


def done(journal, *triggers, at=SECOND):
    for trigger in triggers:
        for player in ("x", "y"):
            journal.note(Attempt(trigger, player, 1, Outcome.DONE, at, at, report={"attempt": 1}))
        journal.note(TriggerDone(trigger, at, at, at, at))


def test_a_run_goes_on_after_its_last_complete_trigger(opened):
    with opened() as journal:
        begin(journal)
        done(journal, 1, 2, 3)
    with opened() as journal:
        interrupted = journal.interrupted()
    assert (interrupted.run, interrupted.triggers, interrupted.completed) == (RUN, 10, 3)
    assert interrupted.first_attempts("x", survived=True) == {}
    assert interrupted.first_attempts("x", survived=False) == dict.fromkeys(range(4, 8), 2)


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
        journal.note(Attempt(2, "x", 1, Outcome.FAILED, SECOND, SECOND, "on fire"))
        journal.note(Attempt(2, "y", 1, Outcome.DONE, SECOND, SECOND))
        journal.end("failed", "on fire")
    with opened() as journal:
        interrupted = journal.interrupted()
    assert interrupted.first_attempts("x", survived=True) == {2: 2}
    assert interrupted.first_attempts("y", survived=True) == {}


def test_a_player_that_dies_again_gets_an_attempt_that_it_was_never_sent(opened):
    with opened() as journal:
        begin(journal, policy=OnError.RETRY, retries=2)
        # Attempts 1 to 3 may have been sent without a note.
    with opened() as journal:
        assert journal.interrupted().first_attempts("x", survived=False) == {1: 4}
        begin(journal, policy=OnError.RETRY, retries=1, taken_up=True)
        # 4 and 5.
    with opened() as journal:
        assert journal.interrupted().first_attempts("x", survived=False) == {1: 6}
        begin(journal, taken_up=True)
    with opened() as journal:
        assert journal.interrupted().first_attempts("x", survived=False) == {1: 7}


def test_every_trigger_that_was_sent_without_a_note_is_doubtful_however_many(opened):
    with opened() as journal:
        begin(journal)
        # Fast ones, all within the time of one commit.
        for trigger in range(1, 51):
            journal.sending(trigger)
    with opened() as journal:
        interrupted = journal.interrupted()
        assert interrupted.first_attempts("x", survived=False) == dict.fromkeys(range(1, 51), 2)
        begin(journal, taken_up=True)
    with opened() as journal:
        assert journal.interrupted().first_attempts("x", survived=False) == dict.fromkeys(range(1, 51), 3)
        journal.begin(Run("another", director=DIRECTOR), sequence(), [RosterEntry("x", "donki/player/x")])
    with opened() as journal:
        assert journal.interrupted().first_attempts("x", survived=False) == {1: 2}


def test_the_mark_outlives_a_director_that_is_killed(tmp_path):
    code = """
import os, pathlib, signal, sys
from donki.director.journal.sent_mark import SentMark
mark = SentMark(pathlib.Path(sys.argv[1]))
mark.begin(7, 0)
for trigger in range(1, 100_001):
    mark.move(7, trigger)
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "director.sent"
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    mark = SentMark(path)
    assert (mark.last(7), mark.last(8)) == (100_000, 0)


def test_a_player_that_lives_only_since_the_run_was_taken_up_keeps_its_mark(opened):
    with opened() as journal:
        begin(journal)
        done(journal, 1)
    with opened() as journal:
        # x has died; the Director dies again before it has sent anything.
        rules = sequence()
        rules.members["x"].attempts = journal.interrupted().first_attempts("x", survived=False)
        begin(journal, rules, taken_up=True)
    with opened() as journal:
        assert journal.interrupted().first_attempts("x", survived=True) == {2: 2, 3: 2}
        assert journal.interrupted().first_attempts("y", survived=True) == {}
        begin(journal, rules, taken_up=True)
        journal.note(Attempt(2, "x", 2, Outcome.FAILED, SECOND, SECOND, "on fire"))
    with opened() as journal:
        assert journal.interrupted().first_attempts("x", survived=True) == {2: 3, 3: 2}


def test_the_attempt_is_the_one_that_the_player_reports(opened, tmp_path):
    with opened() as journal:
        begin(journal)
        report = {"attempt": 3, "duration": 0.5, "events": 7, "messages": 1, "bytes": 99}
        journal.note(Attempt(1, "x", 1, Outcome.DONE, SECOND, SECOND, report=report))
        journal.flush()
        steps = journal._connection.execute("SELECT attempt, duration, events, bytes FROM attempt").fetchall()
    assert steps == [(3, 0.5, 7, 99)]


def test_an_attempt_that_was_given_up_and_was_done_all_the_same_is_noted_as_done(opened):
    with opened() as journal:
        begin(journal)
        journal.note(Attempt(1, "y", 1, Outcome.ABORTED, SECOND, 2 * SECOND))
        journal.note(Attempt(1, "x", 1, Outcome.FAILED, SECOND, 2 * SECOND, "on fire"))
        journal.end("failed", "on fire")
    with opened() as journal:
        # y is sent the attempt that it was not sent yet, and answers by what it did at the first.
        assert journal.interrupted().first_attempts("y", survived=True) == {1: 2}
        begin(journal, taken_up=True)
        report = {"attempt": 1, "duration": 0.5, "events": 7, "messages": 1, "bytes": 99}
        journal.note(Attempt(1, "y", 2, Outcome.DONE, 5 * SECOND, 6 * SECOND, report=report))
        journal.note(Attempt(1, "x", 2, Outcome.DONE, 5 * SECOND, 6 * SECOND, report={"attempt": 2}))
        journal.flush()
        steps = journal._connection.execute(
            "SELECT name, attempt, outcome, events FROM attempt JOIN player ON player = key ORDER BY 1, 2"
        ).fetchall()
    assert steps == [("x", 1, "failed", 0), ("x", 2, "done", 0), ("y", 1, "done", 7)]


def test_a_run_of_an_id_that_is_in_the_journal_is_refused_and_the_first_stays_as_it_was(opened, tmp_path):
    with opened() as journal:
        begin(journal)
        done(journal, 1, 2)
        journal.end("failed", "on fire")
        for other in (RUN, Run(RUN.id, director="donki/director/2")):
            with pytest.raises(FileError, match="of-the-test is in the journal already"):
                journal.begin(other, sequence(), [])
        assert journal.interrupted().completed == 2
        # The journal goes on with the run that it was told of last.
        journal.begin(Run("another", director=DIRECTOR), sequence(), [RosterEntry("x", "donki/player/x")])
        journal.end("done", "")
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection:
        outcomes = connection.execute("SELECT id, outcome FROM run ORDER BY key").fetchall()
    assert outcomes == [("of-the-test", "failed"), ("another", "done")]


def test_a_run_that_is_not_in_the_journal_cannot_be_taken_up(opened):
    with opened() as journal, pytest.raises(FileError, match="of-the-test is not in the journal"):
        begin(journal, taken_up=True)


@pytest.fixture
def full_disk():
    """Let no file grow while the block lasts."""

    @contextmanager
    def full_disk(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full_disk


def test_what_could_not_be_written_while_the_disk_was_full_is_written_when_there_is_room(opened, full_disk):
    with opened() as journal:
        begin(journal)
        log = journal.path.with_name(f"{journal.path.name}-wal")
        with full_disk(log.stat().st_size):
            done(journal, *range(1, 500))
            assert not journal.flush()
            assert f"the journal {journal.path} cannot be written" in journal.problem
            with pytest.raises(FileError, match="mend the property RunDirectory"):
                journal.begin(Run("another"), sequence(), [])
        assert journal.flush()
        assert not journal.problem
        assert journal.interrupted().completed == 499


def test_a_mark_that_somebody_cuts_short_is_written_again(opened):
    with opened() as journal:
        begin(journal)
        (mark,) = journal.path.parent.glob("*.sent")
        mark.write_bytes(b"")
        journal.sending(7)
    with opened() as journal:
        assert journal.interrupted().unsure == 7


def test_a_journal_that_is_locked_is_said_in_time_and_written_when_it_is_free(opened):
    with opened() as journal, closing(sqlite3.connect(journal.path, isolation_level=None)) as another:
        begin(journal)
        another.execute("BEGIN IMMEDIATE")
        done(journal, 1)
        began = time.monotonic()
        assert not journal.flush()
        assert took(began) < 2
        assert "locked" in journal.problem
        another.execute("ROLLBACK")
        assert journal.flush()
        assert journal.interrupted().completed == 1


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
