"""A Player's part in a run, on a Player that is told what to do and answers as the test wants."""

from __future__ import annotations

import json
import queue
import threading
from types import SimpleNamespace

import pytest
import tango

from donki.director.conducting import player_worker as part_module
from donki.director.conducting.player_worker import PlayerWorker
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Ask, Task
from donki.run import Run
from donki.threads import Threads
from helpers.support import wait_until

RUN = Run("of-the-test", director="donki/director/1")
LIMIT = 5.0
ENTRY = RosterEntry("x", "donki/player/x")
OUTPUT = {"run": RUN.id, "files": ["a.nxs"], "streams": []}


class FakePlayer:
    """Notes the commands it gets; `held` keeps it from being reached."""

    def __init__(self):
        self.commands = []
        self.run = RUN
        self.held = threading.Event()
        self.held.set()
        self.reached_by = []

    def open(self, _device, _timeout):
        """Open a proxy, as `open_proxy` does."""
        name = threading.current_thread().name
        self.reached_by.append(name)
        if name.startswith("abort"):
            tango.Except.throw_exception("API_CantConnectToDatabase", "dead", "here")
        assert self.held.wait(LIMIT)
        return self

    def command_inout(self, name, _argument=None):
        self.commands.append(name)

    def command_inout_raw(self, name, _argument=None):
        self.command_inout(name)
        return SimpleNamespace(extract=self.output)

    def output(self):
        return json.dumps(OUTPUT | {"run": self.run.id})


@pytest.fixture
def player(monkeypatch):
    player = FakePlayer()
    monkeypatch.setattr(part_module, "open_proxy", player.open)
    return player


@pytest.fixture
def answers():
    return queue.SimpleQueue()


@pytest.fixture
def part(player, answers):
    told = []
    record = SimpleNamespace(
        introduce=lambda *about: told.append(about),
        leave=lambda *about: told.append(about),
        remark=told.append,
    )
    part = PlayerWorker(ENTRY, RUN, answers.put, record, Threads())
    part.told = told
    yield part
    part.end()


def test_a_player_that_was_given_up_before_it_could_be_reached_is_not_set_up(part, player, answers):
    player.held.clear()
    part.ask(Ask(Task.START, ("x",), 1))
    wait_until("it is called", lambda: player.reached_by)
    part.give_up().end()
    wait_until("it is told to give up, in vain", lambda: len(player.reached_by) == 2)
    player.held.set()
    answers.get(timeout=LIMIT)
    assert "Begin" not in player.commands
    assert not part.told


def test_a_player_that_was_given_up_while_it_was_set_up_is_stopped(part, player, answers):
    def give_up(name, _argument=None):
        if name == "Begin":
            part.give_up().end()
        player.commands.append(name)

    player.command_inout = give_up
    part.ask(Ask(Task.START, ("x",), 1))
    answers.get(timeout=LIMIT)
    assert [name for name in player.commands if name != "Abort"] == ["Begin", "End"]
    assert part.told == [("x", OUTPUT)]


def test_nothing_is_noted_of_a_player_that_never_was_in_the_run(part, player, answers):
    player.run = Run("another")
    part.ask(Ask(Task.STOP, ("x",), 1))
    assert answers.get(timeout=LIMIT).error is None
    assert player.commands == ["End"]
    assert not part.told


def test_what_a_player_has_written_is_noted_though_it_fails_at_the_end(part, player, answers):
    def fail(name, _argument=None):
        player.commands.append(name)
        if player.commands == ["End"]:
            tango.Except.throw_exception("Donki_FileError", "a.nxs cannot be written", "End")

    player.command_inout = fail
    part.ask(Ask(Task.STOP, ("x",), 1))
    answer = answers.get(timeout=LIMIT)
    assert (answer.error, answer.unreachable) == ("a.nxs cannot be written", False)
    assert part.told == ["Player x, End: a.nxs cannot be written", ("x", OUTPUT)]


def test_a_player_whose_answer_cannot_be_read_is_told_to_leave_the_run(part, player, answers):
    player.output = lambda: "{}" if player.commands == ["Begin"] else json.dumps(OUTPUT)
    part.ask(Ask(Task.START, ("x",), 1))
    assert answers.get(timeout=LIMIT).error.startswith("its Begin cannot be read")
    assert player.commands == ["Begin", "End"]
    assert part.told == [("x", OUTPUT)]


def test_a_player_that_is_given_up_just_after_it_has_answered_tells_what_it_delivered_last(
    part, player, answers, monkeypatch
):
    monkeypatch.setattr(part_module, "read_attributes", lambda _proxy, _names: {"Run": RUN.to_json()})
    player.output = lambda: "{}" if player.commands == ["Trigger"] else json.dumps(OUTPUT)
    part.ask(Ask(Task.TRIGGER, ("x",), 1, trigger=1))
    assert answers.get(timeout=LIMIT).error
    part.give_up().end()
    wait_until("it has told", lambda: part.told == [("x", OUTPUT)])
    assert [name for name in player.commands if name != "Abort"] == ["Trigger", "End"]


def test_a_player_that_was_told_to_give_up_before_the_trigger_came_tells_what_it_delivered_last(
    part, player, answers, monkeypatch
):
    def refuse(name, _argument=None):
        player.commands.append(name)
        if name == "Trigger":
            part.give_up().end()
            tango.Except.throw_exception("Donki_NotSetUpError", "is not set up", "Trigger")

    monkeypatch.setattr(part_module, "read_attributes", lambda _proxy, _names: {"Run": RUN.to_json()})
    player.command_inout = refuse
    part.ask(Ask(Task.TRIGGER, ("x",), 1, trigger=1))
    assert answers.get(timeout=LIMIT).unreachable
    assert part.told == [("x", OUTPUT)]
