"""A Player's performance without Tango: which attempt acts, and which is answered from memory."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from donki.errors import BusyError, DonkiError, NotAllowedError, NotSetUpError, ScriptError
from donki.player.performer import Performer, State
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.outlet import Outlet

SCRIPT = """
acted = []

def action(trigger, player):
    acted.append((int(trigger), trigger.attempt))
    what = player.parameters.get("what", lambda trigger: None)
    what(trigger)
"""
RUN = Run("of-the-test")
LIMIT = 5.0


@pytest.fixture
def player():
    return Player("p")


@pytest.fixture
def performer(player, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    performer = Performer(player, lambda run: Outlet("p", run, brokers=["127.0.0.1:1"]))
    performer.load(tmp_path, "script.py")
    performer.start(RUN)
    yield performer
    performer.abort()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def trigger(number, attempt=1):
    return Trigger(number, 1_000, attempt)


def acted():
    """Return trigger and attempt of each action of the script."""
    return sys.modules["donki_script_script"].acted


def fail(player, message="on fire"):
    def what(_trigger):
        raise ValueError(message)

    player.parameters = {"what": what}


class Gate:
    """Holds actions back until it is opened."""

    def __init__(self, player):
        self.entered = threading.Event()
        self.open = threading.Event()
        player.parameters = {"what": self}

    def __call__(self, _trigger):
        self.entered.set()
        assert self.open.wait(LIMIT)


def test_a_trigger_that_was_done_is_answered_without_acting_twice_whatever_the_attempt(performer):
    report = performer.trigger(trigger(1), RUN.id)
    assert performer.trigger(trigger(1), RUN.id) == report
    assert performer.trigger(trigger(1, attempt=2), RUN.id) == report
    performer.stop()
    performer.start(RUN)
    assert performer.trigger(trigger(1, attempt=3), RUN.id) == report
    assert acted() == [(1, 1)]


def test_a_player_of_one_director_is_not_taken_over_by_another(performer):
    mine, another = Run("mine", director="donki/director/1"), Run("another", director="donki/director/2")
    performer.start(mine)
    for run in (another, Run("by-hand")):
        with pytest.raises(NotAllowedError, match="plays run mine of donki/director/1; Stop it there"):
            performer.start(run)
    assert performer.trigger(trigger(1), "mine").trigger == 1
    performer.start(Run("mine-too", director="donki/director/1"))
    performer.stop()
    performer.start(another)


def test_an_attempt_that_failed_is_answered_by_its_failure_and_only_the_next_one_acts(performer, player):
    fail(player)
    for _ in range(2):
        with pytest.raises(ScriptError, match="on fire"):
            performer.trigger(trigger(1), RUN.id)
    player.parameters = {}
    assert performer.trigger(trigger(1, attempt=2), RUN.id).attempt == 2
    assert acted() == [(1, 1), (1, 2)]


def test_another_run_forgets_what_was_done_and_what_failed(performer, player):
    performer.trigger(trigger(1), RUN.id)
    fail(player)
    with pytest.raises(ScriptError):
        performer.trigger(trigger(2), RUN.id)
    player.parameters = {}
    performer.start(Run("the-next"))
    for number in (1, 2):
        performer.trigger(trigger(number), "the-next")
    assert acted() == [(1, 1), (2, 1), (1, 1), (2, 1)]


def test_what_was_done_before_is_answered_while_the_script_acts_at_a_later_trigger(
    performer, player, threads
):
    done = performer.trigger(trigger(1), RUN.id)
    gate = Gate(player)
    acting = threads.submit(performer.trigger, trigger(2), RUN.id)
    assert gate.entered.wait(LIMIT)
    assert performer.trigger(trigger(1), RUN.id) == done
    with pytest.raises(BusyError, match="action of trigger 2"):
        performer.trigger(trigger(3), RUN.id)
    gate.open.set()
    assert acting.result(LIMIT).trigger == 2


def test_a_run_is_taken_up_again_while_the_script_still_acts_in_it(performer, player, threads):
    gate = Gate(player)
    acting = threads.submit(performer.trigger, trigger(1), RUN.id)
    assert gate.entered.wait(LIMIT)
    performer.start(RUN)
    again = threads.submit(performer.trigger, trigger(1), RUN.id)
    with pytest.raises(BusyError):
        performer.start(Run("another"))
    gate.open.set()
    assert again.result(LIMIT) == acting.result(LIMIT)
    assert acted() == [(1, 1)]


def test_an_action_that_was_told_to_give_up_is_not_done(performer, player, threads):
    gate = Gate(player)
    acting = threads.submit(performer.trigger, trigger(1), RUN.id)
    assert gate.entered.wait(LIMIT)
    performer.abort()
    with pytest.raises(BusyError):
        performer.start(RUN)
    gate.open.set()
    with pytest.raises(DonkiError, match="gave up trigger 1: it was told to abort"):
        acting.result(LIMIT)
    assert performer.state is State.ON
    assert performer.last is None
    with pytest.raises(NotSetUpError):
        performer.trigger(trigger(1), RUN.id)
