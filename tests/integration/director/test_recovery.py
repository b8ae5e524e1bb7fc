"""Failure policies, the journal, and runs that are taken up again; real servers, really killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing

import pytest
import tango

from donki.limits import OnError
from helpers.orchestra import an_orchestra
from helpers.support import took, wait_until


def refused(call, *arguments):
    with pytest.raises(tango.DevFailed) as failed:
        call(*arguments)
    return failed.value.args[0].desc


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recovery")
    with an_orchestra(facility, folder, "rec", "x", "y") as orchestra:
        yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    for name in ("director", "x", "y"):
        if not the_orchestra.children[name].is_alive:
            the_orchestra.restart(name)
    the_orchestra.reset()
    for player in the_orchestra.players.values():
        player.OnError = OnError.ABORT
        player.Retries = 0
    the_orchestra.refresh()
    return the_orchestra


class Journal:
    def __init__(self, orchestra):
        self.path = orchestra.journal
        self.run_id = orchestra.director.RunId

    def rows(self, query, *values):
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query, values).fetchall()

    def run(self):
        fields = "triggers, ended IS NOT NULL, outcome, error, title, seed, key"
        return self.rows(f"SELECT {fields} FROM run WHERE id = ?", self.run_id)[0]

    def triggers(self):
        return [
            number
            for (number,) in self.rows(
                "SELECT number FROM trigger WHERE run = ? ORDER BY number", self.run()[-1]
            )
        ]

    def remarks(self):
        return [text for (text,) in self.rows("SELECT text FROM remark WHERE run = ?", self.run()[-1])]

    def steps(self, player):
        return self.rows(
            "SELECT trigger, attempt, attempt.outcome FROM attempt JOIN player ON player.key = attempt.player"
            " WHERE attempt.run = ? AND name = ? ORDER BY trigger, attempt",
            self.run()[-1],
            player,
        )


def journal_of(orchestra):
    journal = Journal(orchestra)
    wait_until("the run is in the journal", lambda: journal.run()[1], 3)
    return journal


def test_a_run_is_in_the_journal_with_every_step(orchestra):
    orchestra.director.RunTitle = "journaled"
    orchestra.director.RunSeed = 11
    assert orchestra.play(20) == "ON"
    journal = journal_of(orchestra)
    assert journal.run()[:6] == (20, 1, "done", "", "journaled", 11)
    assert journal.triggers() == list(range(1, 21))
    for player in ("rec-x", "rec-y"):
        assert journal.steps(player) == [(trigger, 1, "done") for trigger in range(1, 21)]
    scripts = journal.rows("SELECT script, LENGTH(script_hash) FROM player WHERE run = ?", journal.run()[-1])
    assert scripts == [("scripted.py", 64)] * 2
    for number, reference, due, sent, done in journal.rows(
        "SELECT number, reference_time, due, sent, done FROM trigger WHERE run = ?", journal.run()[-1]
    ):
        assert due <= sent < done < time.time_ns(), number
        assert abs(reference - due) < 1_000_000


def test_skip(orchestra):
    orchestra.players["x"].OnError = OnError.SKIP
    orchestra.set("x", fail_at=3)
    orchestra.set("y", sleep=0.05)
    orchestra.director.Triggers = 6
    orchestra.director.Start()
    wait_until("ALARM", lambda: orchestra.state() == "ALARM")
    assert "triggers missed: rec-x 1" in orchestra.director.Status()
    assert orchestra.ended_in_alarm() == "ON"
    assert list(orchestra.director.SkippedTriggers) == [1, 0]
    journal = journal_of(orchestra)
    assert journal.run()[2] == "done"
    assert (3, 1, "skipped") in journal.steps("rec-x")
    assert journal.triggers() == [1, 2, 3, 4, 5, 6]


def test_disable(orchestra):
    orchestra.players["x"].OnError = OnError.DISABLE
    orchestra.set("x", fail_at=3)
    orchestra.set("y", sleep=0.05)
    orchestra.director.Triggers = 6
    orchestra.director.Start()
    wait_until("it is left out", lambda: list(orchestra.director.DroppedPlayers or []) == ["rec-x"])
    assert orchestra.ended_in_alarm() == "ON"
    assert [note["trigger"] for note in orchestra.notes("begin", "x")] == [1, 2, 3]
    assert [note["trigger"] for note in orchestra.notes("end", "y")] == [1, 2, 3, 4, 5, 6]


def test_retry_and_when_it_is_used_up(orchestra):
    player = orchestra.players["x"]
    player.OnError = OnError.RETRY
    player.Retries = 2
    orchestra.set("x", fail_at=2, fails_for=2)
    assert orchestra.play(3) == "ON"
    attempts = [note["attempt"] for note in orchestra.notes("begin", "x") if note["trigger"] == 2]
    assert attempts == [1, 2, 3]
    assert journal_of(orchestra).steps("rec-x")[1:4] == [(2, 1, "failed"), (2, 2, "failed"), (2, 3, "done")]
    orchestra.set("x", fail_at=2)
    assert orchestra.play(3) == "FAULT"
    assert "rec-x, trigger 2" in orchestra.director.LastError
    assert journal_of(orchestra).run()[2] == "failed"


def test_a_player_that_died_and_came_back_gets_its_trigger_again(orchestra):
    player = orchestra.players["x"]
    player.OnError = OnError.RETRY
    player.Retries = 1
    player.Timeout = 20
    for name in ("x", "y"):
        orchestra.set(name, sleep=0.1)
    orchestra.director.Triggers = 12
    orchestra.director.Start()
    wait_until("it runs", lambda: orchestra.director.CurrentTrigger >= 3)
    os.kill(orchestra.children["x"].pid, signal.SIGKILL)
    orchestra.restart("x")
    assert orchestra.ended_in_alarm() == "ON"
    steps = journal_of(orchestra).steps("rec-x")
    failed = [(trigger, attempt) for trigger, attempt, outcome in steps if outcome == "failed"]
    assert len(failed) == 1
    ((died_at, attempt),) = failed
    assert attempt == 1
    assert (died_at, 2, "done") in steps
    assert Counter(t for t, _, outcome in steps if outcome == "done") == Counter(range(1, 13))
    assert len(orchestra.notes("setup", "x")) == 2


def test_a_silent_player_that_may_be_skipped_is_passed_over_and_comes_back(orchestra):
    player = orchestra.players["x"]
    player.OnError = OnError.SKIP
    player.Timeout = 0.5
    orchestra.set("x", sleep=0.01)
    orchestra.director.Period = 0.05
    orchestra.director.Triggers = -1
    orchestra.director.Start()
    wait_until("it runs", lambda: orchestra.director.CurrentTrigger >= 5)
    os.kill(orchestra.children["x"].pid, signal.SIGSTOP)
    try:
        wait_until("ALARM", lambda: orchestra.state() == "ALARM", 3)
        stopped_at = orchestra.director.CurrentTrigger
        wait_until("the others go on", lambda: orchestra.director.CurrentTrigger >= stopped_at + 20)
    finally:
        os.kill(orchestra.children["x"].pid, signal.SIGCONT)
    back_at = orchestra.director.CurrentTrigger
    wait_until(
        "it acts again",
        lambda: [n for n in orchestra.notes("end", "x") if n["trigger"] > back_at],
    )
    orchestra.director.Stop()
    assert orchestra.ended_in_alarm() == "ON"
    journal = journal_of(orchestra)
    assert journal.run()[2] == "stopped"
    counts = Counter(trigger for trigger, _, _ in journal.steps("rec-x"))
    assert set(counts.values()) == {1}
    assert sorted(counts) == journal.triggers()


def test_a_director_that_was_killed_takes_the_run_up_without_a_trigger_lost_or_done_twice(orchestra):
    director = orchestra.director
    orchestra.director.RunSeed = 3
    for name in ("x", "y"):
        orchestra.set(name, sleep=0.01)
    director.Triggers = 150
    director.Start()
    run_id = director.RunId
    wait_until("it runs", lambda: director.CurrentTrigger >= 40)
    os.kill(orchestra.children["director"].pid, signal.SIGKILL)
    orchestra.children["director"].wait(5)
    orchestra.restart("director")
    director = orchestra.director
    began = time.monotonic()
    assert "Recover takes it up" in director.Status()
    director.Recover()
    wait_until("the first trigger", lambda: director.CurrentTrigger > 40)
    assert took(began) < 2
    assert director.RunId == run_id
    assert orchestra.ended() == "ON"
    journal = journal_of(orchestra)
    assert journal.run()[2] == "done"
    assert journal.triggers() == list(range(1, 151))
    for name in ("x", "y"):
        acted = [note["trigger"] for note in orchestra.notes("end", name)]
        assert acted == list(range(1, 151))
        assert len(orchestra.notes("setup", name)) == 1
        assert journal.steps(orchestra.name(name)) == [(trigger, 1, "done") for trigger in range(1, 151)]
    assert journal.remarks()[0].startswith("taken up after trigger")


def test_where_a_player_died_too_its_doubtful_triggers_are_marked_by_a_second_attempt(orchestra):
    director = orchestra.director
    for name in ("x", "y"):
        orchestra.set(name, sleep=0.02)
    director.Triggers = 80
    director.Start()
    wait_until("it runs", lambda: director.CurrentTrigger >= 30)
    for name in ("director", "x"):
        os.kill(orchestra.children[name].pid, signal.SIGKILL)
        orchestra.children[name].wait(5)
    orchestra.restart("x")
    orchestra.restart("director")
    orchestra.director.Recover()
    assert orchestra.ended() == "ON"
    journal = journal_of(orchestra)
    assert journal.triggers() == list(range(1, 81))
    times = Counter(note["trigger"] for note in orchestra.notes("end", "x"))
    assert set(times) == set(range(1, 81))
    marked = {trigger for trigger, attempt, _ in journal.steps("rec-x") if attempt > 1}
    assert {trigger for trigger, count in times.items() if count > 1} <= marked
    assert [note["trigger"] for note in orchestra.notes("end", "y")] == list(range(1, 81))


def test_a_run_that_failed_is_taken_up_when_its_cause_is_mended(orchestra):
    orchestra.players["x"].Priority = 1
    orchestra.set("x", fail_at=4)
    assert orchestra.play(8) == "FAULT"
    run_id = orchestra.director.RunId
    orchestra.set("x")
    orchestra.director.Recover()
    assert orchestra.ended() == "ON"
    assert orchestra.director.RunId == run_id
    journal = journal_of(orchestra)
    assert journal.run()[2:4] == ("done", "")
    assert journal.triggers() == list(range(1, 9))
    assert [step for step in journal.steps("rec-x") if step[0] == 4] == [(4, 1, "failed"), (4, 2, "done")]
    assert [note["trigger"] for note in orchestra.notes("end", "y")] == list(range(1, 9))


def test_without_an_interrupted_run_recover_is_refused(orchestra):
    assert orchestra.play(2) == "ON"
    assert "no interrupted run" in refused(orchestra.director.Recover)
    assert orchestra.state() == "ON"


def test_pausing_keeps_the_pace_and_reference_times_go_on_from_now(orchestra):
    director = orchestra.director
    director.Period = 0.05
    director.Triggers = 12
    director.Start()
    wait_until("it runs", lambda: director.CurrentTrigger >= 5)
    director.Pause()
    wait_until("it pauses", lambda: orchestra.state() == "STANDBY")
    paused_at = director.CurrentTrigger
    time.sleep(0.6)
    director.Resume()
    assert orchestra.ended() == "ON"
    references = {note["trigger"]: note["reference_time"] for note in orchestra.notes("begin", "x")}
    gaps = {t: references[t] - references[t - 1] for t in range(2, 13)}
    assert gaps.pop(paused_at + 1) > 550_000_000
    assert set(gaps.values()) == {50_000_000}
    begins = {note["trigger"]: note["time"] for note in orchestra.notes("begin", "x")}
    after = [begins[trigger] for trigger in range(paused_at + 1, 13)]
    assert after[-1] - after[0] > (len(after) - 1.5) * 50_000_000
