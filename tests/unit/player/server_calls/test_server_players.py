"""Calls for several Players of a server: answers come as they are given, whoever is slow or has left."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.errors import NOT_IN_SERVER, InputError
from donki.player.server_calls import call, server_player, server_players, shared_thread
from donki.player.server_calls.server_player import ServerPlayer
from donki.player.server_calls.server_players import ServerPlayers
from donki.threads import Threads
from helpers.support import wait_until

LIMIT = 10.0


#: Ends the thread of each Player.
ENDS = []


@pytest.fixture(scope="module", autouse=True)
def _impatient():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call, "PATIENCE", 0.05)
        yield
    for end in ENDS:
        end()


class Scripted:
    """Carries out commands as it is told: waits for a gate, answers, refuses or raises; notes its thread."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.does = "answer"
        self.asked = []

    def __call__(self, command, argument):
        self.asked.append((command, argument))
        self.thread = threading.get_ident()
        assert self.gate.wait(LIMIT)
        if self.does == "raise":
            raise SystemExit("of the script")
        return ("Donki_BusyError", "busy") if self.does == "refuse" else ("", argument.upper())


@pytest.fixture
def players():
    return ServerPlayers()


def join(players, *names):
    scripted = {name: Scripted() for name in names}
    for name, script in scripted.items():
        ENDS.append(players.join(f"donki/player/{name}", ServerPlayer(script, Threads(), nullcontext)))
    return scripted


def rest(players, ident, answers, expected):
    """Await what is left of a call; return all answers by the Player's name."""
    until = time.monotonic() + LIMIT
    while len(answers) < expected and time.monotonic() < until:
        answers += players.wait(ident, len(answers))
    return {answer.player.rpartition("/")[2]: (answer.reason, answer.text) for answer in answers}


@settings(deadline=None, max_examples=25)
@given(
    does=st.lists(st.sampled_from(["answer", "refuse", "raise", "absent"]), min_size=1, max_size=8),
    slow=st.sets(st.integers(0, 7)),
    before=st.integers(0, 4),
)
def test_each_is_answered_once_as_it_does_and_a_slow_one_holds_back_none(does, slow, before):
    players = ServerPlayers()
    names = [f"p{number}" for number in range(len(does))]
    scripted = join(players, *(name for name, what in zip(names, does, strict=True) if what != "absent"))
    devices = [f"donki/player/{name}" for name in names]
    for number in range(before):
        # Those that were done at once are carried out by one thread the next time.
        rest(players, str(number), players.call(str(number), "Trigger", "x", devices), len(names))
    for name, what in zip(names, does, strict=True):
        if what != "absent":
            scripted[name].does = what
    held = {f"p{number}" for number in slow} & scripted.keys()
    for name in held:
        scripted[name].gate.clear()
    answers = players.call("one", "Trigger", "x", devices)
    told = rest(players, "one", answers, len(names) - len(held))
    assert told.keys() == set(names) - held
    for name in held:
        scripted[name].gate.set()
    told = rest(players, "one", answers, len(names))
    expected = {
        "answer": ("", "X"),
        "refuse": ("Donki_BusyError", "busy"),
        "raise": ("PyDs_PythonError", "SystemExit: of the script"),
        "absent": (NOT_IN_SERVER, "is not in this server"),
    }
    assert told == {name: expected[what] for name, what in zip(names, does, strict=True)}
    assert len(answers) == len(names)


def test_players_share_a_thread_until_one_takes_long_and_leave_it_if_they_mostly_do(players, monkeypatch):
    monkeypatch.setattr(server_player, "SHORT", LIMIT)
    scripted = join(players, *"abcd")
    devices = [f"donki/player/{name}" for name in "abcd"]

    def trigger(ident):
        return rest(players, ident, players.call(ident, "Trigger", "x", devices), 4)

    def threads():
        return {script.thread for script in scripted.values()}

    with monkeypatch.context() as patch:
        patch.setattr(shared_thread, "STUCK", LIMIT)
        trigger("first")
        trigger("second")
    assert len(threads()) == 1
    scripted["b"].gate.clear()
    answers = players.call("third", "Trigger", "x", devices)
    assert rest(players, "third", answers, 3).keys() == {"a", "c", "d"}
    # While it is busy, what else it is asked waits for its turn, in its own thread.
    again = players.call("fourth", "Trigger", "x", devices)
    assert rest(players, "fourth", again, 3).keys() == {"a", "c", "d"}
    monkeypatch.setattr(server_player, "SHORT", 0.0)
    scripted["b"].gate.set()
    assert rest(players, "third", answers, 4)["b"] == rest(players, "fourth", again, 4)["b"] == ("", "X")
    for number in range(server_player.CHANCES):
        trigger(f"slow {number}")
    trigger("last")
    assert len(threads()) == 4


def test_a_reply_that_did_not_arrive_can_be_had_again(players):
    join(players, "a", "b")
    names = ["donki/player/a", "donki/player/b"]
    first = players.call("one", "Trigger", "x", names)
    wait_until("both have answered", lambda: len(players.wait("one", 0)) == 2)
    assert players.wait("one", 0)[: len(first)] == first
    for number in range(server_players.REMEMBERED + 2):
        rest(players, str(number), players.call(str(number), "Trigger", "y", names), 2)
    with pytest.raises(InputError, match="call one: unknown here, or over for long"):
        players.wait("one", 0)


def test_a_call_that_comes_later_than_who_awaits_it_is_awaited(players):
    join(players, "a")
    later = threading.Timer(0.05, players.call, ("one", "Trigger", "x", ["donki/player/a"]))
    later.start()
    assert rest(players, "one", players.wait("one", 0), 1) == {"a": ("", "X")}
    later.join()


def test_an_abort_passes_what_a_player_is_busy_with_and_a_quick_command_waits_for_nothing(players):
    a = join(players, "a")["a"]
    a.gate.clear()
    busy = players.call("busy", "Trigger", "x", ["donki/player/a"])
    assert not busy
    wait_until("it is busy", lambda: a.asked)
    aborting = players.call("abort", "Abort", "", ["donki/player/a"])
    wait_until("it is told", lambda: ("Abort", "") in a.asked)
    a.gate.set()
    assert rest(players, "abort", aborting, 1) == {"a": ("", "")}
    assert rest(players, "busy", busy, 1) == {"a": ("", "X")}
    assert [answer.text for answer in players.call("read", "Read", "y", ["DONKI/player/A"])] == ["Y"]


def test_reserving_players_is_not_interrupted_by_another_director(players):
    """Of two that want the same, the calls follow one another."""
    scripted = join(players, "a", "b")
    names = ["donki/player/a", "donki/player/b"]
    for script in scripted.values():
        script.gate.clear()
    order = []

    def reserve(run):
        players.call(run, "Reserve", run, names)
        order.append(run)

    threads = [threading.Thread(target=reserve, args=(run,)) for run in ("r", "s")]
    for thread in threads:
        thread.start()
    wait_until("one is at it", lambda: scripted["a"].asked)
    for script in scripted.values():
        script.gate.set()
    for thread in threads:
        thread.join(LIMIT)
    assert [run for _, run in scripted["a"].asked] == [run for _, run in scripted["b"].asked] == order


def test_one_that_has_left_is_not_here_and_what_it_was_asked_before_is_answered(players):
    script = Scripted()
    script.gate.clear()
    leave = players.join("donki/player/a", ServerPlayer(script, Threads(), nullcontext))
    answers = players.call("one", "Trigger", "x", ["donki/player/a"])
    leave()
    assert players.call("two", "Trigger", "x", ["donki/player/a"])[0].reason == NOT_IN_SERVER
    script.gate.set()
    assert rest(players, "one", answers, 1) == {"a": ("", "X")}
    # Another one of its name takes its place, and is not taken out by the one before.
    join(players, "a")
    leave()
    answers = players.call("three", "Trigger", "x", ["donki/player/a"])
    assert rest(players, "three", answers, 1) == {"a": ("", "X")}


def test_every_process_has_a_token_of_its_own(players):
    assert players.token == players.token != ServerPlayers().token
