"""A Player's part in a run, on a Player that is told what to do and answers as the test wants."""

from __future__ import annotations

import queue
import threading
from types import SimpleNamespace

import pytest
import tango

from donki.director import part as part_module
from donki.director.effects import Ask, Task
from donki.director.part import Part
from donki.director.roster import Entry
from donki.run import Run
from support import wait_until

RUN = Run("of-the-test", director="donki/director/1")
LIMIT = 5.0
ENTRY = Entry("x", "donki/player/x")


class FakePlayer:
    """Notes the commands it gets; `held` keeps it from being reached."""

    def __init__(self):
        self.commands = []
        self.run = RUN.to_json()
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

    def ping(self):
        pass

    def write_attribute(self, _name, text):
        pass

    def command_inout(self, name, _argument=None):
        self.commands.append(name)

    def read_attributes(self, names):
        values = {"Files": None, "Streams": "[]", "Run": self.run}
        return [SimpleNamespace(has_failed=False, value=values[name]) for name in names]


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
    part = Part(ENTRY, RUN, answers.put, SimpleNamespace(introduce=lambda *about: told.append(about)))
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
    assert "Start" not in player.commands
    assert not part.told


def test_a_player_that_was_given_up_while_it_was_set_up_is_stopped(part, player, answers):
    def give_up(name, _argument=None):
        if name == "Start":
            part.give_up().end()
        player.commands.append(name)

    player.command_inout = give_up
    part.ask(Ask(Task.START, ("x",), 1))
    answers.get(timeout=LIMIT)
    assert [name for name in player.commands if name != "Abort"] == ["Start", "Stop"]


def test_a_player_that_dies_before_its_run_is_written_is_lost(part, player, answers):
    def die(_name, _text):
        raise TypeError("unsupported data_format.")

    player.write_attribute = die
    part.ask(Ask(Task.START, ("x",), 1))
    answer = answers.get(timeout=LIMIT)
    assert answer.lost
    assert answer.error == "cannot be reached: its server does not run or has died"


def test_a_player_that_another_director_has_started_meanwhile_is_named(part, player, answers):
    player.run = Run("another", director="donki/director/2").to_json()
    part.ask(Ask(Task.START, ("x",), 1))
    answer = answers.get(timeout=LIMIT)
    assert answer.error == "it plays run another of donki/director/2; Stop it"
    assert not answer.lost
    assert not part.told
