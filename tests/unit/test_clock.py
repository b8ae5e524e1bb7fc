"""The times of a run while the system's clock is set forth and back, its Director dies and takes it up."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki import clock
from donki.director.journal.sent_mark import SentMark
from donki.director.journal.writer import Journal
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Attempt, Outcome, PlayerState, TriggerDone
from donki.director.rules.pace import SECOND
from donki.director.rules.sequence import Sequence
from donki.run import Run

DIRECTOR = "donki/director/1"
RUN = Run("of-the-test", director=DIRECTOR)
DAY = 86_400 * SECOND


@dataclass
class Clocks:
    """The clocks of a machine: one that is set, one since the machine started, one that pauses with it."""

    system: int = 1_700_000_000 * SECOND
    monotonic: int = 5 * SECOND
    since_boot: int = 7 * SECOND
    boot: bytes = b"the first start."

    def go_on(self, ns):
        self.system += ns
        self.monotonic += ns
        self.since_boot += ns

    def start_again(self):
        self.monotonic, self.since_boot, self.boot = SECOND, SECOND, b"the second start"


def a_machine(monkeypatch):
    clocks = Clocks()
    monkeypatch.setattr(time, "time_ns", lambda: clocks.system)
    monkeypatch.setattr(time, "monotonic_ns", lambda: clocks.monotonic)
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _clock: clocks.since_boot)
    monkeypatch.setattr(clock, "_boot", lambda: clocks.boot)
    return clocks


class Director:
    """Notes a run as a Director does; `die` is a kill -9: what was not committed is lost."""

    def __init__(self, folder):
        self.folder = folder
        self.sent = []

    def start(self, rules=None):
        self.journal = Journal(self.folder, DIRECTOR)
        self.journal._closing.set()
        self.journal._thread.join()
        taken_up = rules is None
        if taken_up:
            interrupted = self.journal.interrupted()
            epoch = clock.resumed(interrupted.anchor, interrupted.last_time)
            rules = sequence(epoch, interrupted.completed)
        self.rules = rules
        self.journal.begin(RUN, rules, [RosterEntry("x", "donki/player/x")], taken_up=taken_up)
        self.rules.pace.begin(time.monotonic_ns())

    def trigger(self, took):
        now = time.monotonic_ns()
        number = self.rules.completed + 1
        reference = self.rules.pace.start(now)
        self.journal.sending(number, reference)
        self.sent.append(reference)
        self.clocks.go_on(took)
        done = time.monotonic_ns()
        self.journal.note(Attempt(number, "x", 1, Outcome.DONE, now, done))
        self.journal.note(TriggerDone(number, reference, now, now, done))
        self.rules.completed = number

    def die(self):
        while not self.journal._notes.empty():
            self.journal._notes.get()
        self.journal.close()

    def end(self):
        self.journal.remark(RUN.id, "over")
        self.journal.end("done", "")
        self.journal.flush()
        self.journal.close()


def sequence(epoch, completed=0):
    return Sequence([PlayerState("x", 0, SECOND)], -1, 0, epoch, completed)


moments = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(-400 * DAY, 400 * DAY)),
        st.tuples(st.just("trigger"), st.integers(1, 10 * SECOND)),
        st.tuples(st.just("commit"), st.none()),
        st.tuples(st.just("die"), st.integers(1, DAY)),
        st.tuples(st.just("sleep"), st.integers(1, DAY)),
        st.tuples(st.just("start the machine again"), st.integers(1, DAY)),
    ),
    max_size=20,
)


@given(moments=moments)
def test_times_of_a_run_are_in_order_and_durations_right_whatever_the_clock_is_set_to(moments):
    with pytest.MonkeyPatch.context() as monkeypatch, tempfile.TemporaryDirectory() as name:
        machine = a_machine(monkeypatch)
        director = Director(Path(name))
        director.clocks = machine
        director.start(sequence(clock.epoch()))
        took, real, known = {}, 0, True
        for what, value in moments:
            match what:
                case "set":
                    machine.system += value
                case "trigger":
                    director.trigger(value)
                    took[director.rules.completed] = value
                    real += value
                case "commit":
                    director.journal.flush()
                case "sleep":
                    # Of the machine: the monotonic clock pauses. A run in progress does not count it.
                    machine.system += value
                    machine.since_boot += value
                    known = False
                case _:
                    director.die()
                    machine.go_on(value)
                    real += value
                    if what != "die":
                        machine.start_again()
                        known = False
                    director.start()
        director.end()
        with closing(sqlite3.connect(Path(name, "journal.sqlite"))) as journal:
            began, ended = journal.execute("SELECT began, ended FROM run").fetchone()
            rows = journal.execute(
                "SELECT number, reference_time, due, sent, done FROM trigger ORDER BY number"
            ).fetchall()
            steps = journal.execute("SELECT trigger, sent, done FROM attempt ORDER BY trigger").fetchall()
            remarks = [time for (time,) in journal.execute("SELECT time FROM remark")]
    # Also those that were sent and never noted.
    assert all(later > sooner for sooner, later in pairwise(director.sent))
    assert all(began <= reference for reference in director.sent)
    assert ended >= max(director.sent, default=began)
    assert all(began <= remark <= ended for remark in remarks)
    last = began
    for number, reference, due, sent, done in rows:
        assert last <= due <= sent < done <= ended
        assert reference == due
        assert done - sent == took[number]
        last = done
    assert [(number, sent, done) for number, _, _, sent, done in rows] == steps
    if known:
        # In one process or several, for as long as the machine has run without a pause.
        assert ended - began == real


def test_a_mark_of_before_times_were_kept_in_it_is_read(tmp_path):
    path = tmp_path / "director.sent"
    path.write_bytes((7).to_bytes(8, "little") + (41).to_bytes(8, "little"))
    mark = SentMark(path)
    assert (mark.last(7), mark.last_reference(7), mark.anchor(7)) == (41, 0, None)
    mark.begin(7, 40, clock.Anchor(b"0123456789abcdef", 5))
    mark.move(7, 42, 99)
    mark.close()
    mark = SentMark(path)
    assert (mark.last(7), mark.last_reference(7)) == (42, 99)
    assert mark.anchor(7) == clock.Anchor(b"0123456789abcdef", 5)
    assert (mark.last(8), mark.last_reference(8), mark.anchor(8)) == (0, 0, None)
