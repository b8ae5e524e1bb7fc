"""Players that share a server are called by one call, and each keeps what is its own."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing

import pytest

from donki.limits import OnError
from donki_client.facility.device_server import DeviceServer
from helpers.orchestra import an_orchestra
from helpers.run_phases import acted, ended
from helpers.support import took, wait_until

TOGETHER = ("a", "b", "c", "d")
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def the_bank(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("bank"), "bank", "z") as orchestra:
        orchestra.start(*TOGETHER, director=False, server="one")
        yield orchestra


@pytest.fixture
def bank(the_bank):
    """Four Players in one server, and one alone; all as new, for three triggers."""
    for name in list(the_bank.children):
        if not the_bank.children[name].is_alive:
            the_bank.restart(name)
    the_bank.reset()
    for player in the_bank.players.values():
        player.OnError = OnError.ABORT
        player.Retries = 0
    the_bank.director.Triggers = 3
    the_bank.refresh()
    return the_bank


def attempts(orchestra):
    """Return of each attempt of the last run: player, trigger, attempt, outcome and duration, in s."""
    with closing(sqlite3.connect(orchestra.journal)) as journal:
        rows = journal.execute(
            "SELECT player.name, trigger, attempt, attempt.outcome, attempt.done - attempt.sent FROM attempt"
            " JOIN player ON player.key = attempt.player JOIN run ON run.key = player.run WHERE run.id = ?",
            (orchestra.director.RunId,),
        ).fetchall()
    return [(name.rpartition("-")[2], *rest, taken / SECOND) for name, *rest, taken in rows]


def set_policy(orchestra, name, on_error, retries=0, timeout=60.0):
    player = orchestra.players[name]
    player.OnError, player.Retries, player.Timeout = on_error, retries, timeout


def received(orchestra, name):
    """Return which commands a device has received last."""
    lines = orchestra.players[name].black_box(200)
    return [line.partition("Operation command_inout")[2] for line in lines if "command_inout" in line]


def test_the_players_of_a_server_are_called_by_one_call(bank):
    assert bank.play(3) == "ON"
    commands = {name: " ".join(received(bank, name)) for name in (*TOGETHER, "z")}
    doors = [name for name in TOGETHER if "CallPlayers" in commands[name]]
    assert len(doors) == 1
    assert not any(" Trigger " in commands[name].replace("(", " ").replace("=", " ") for name in TOGETHER)
    assert "Trigger" in commands["z"]
    assert all(acted(bank, name) == [(1, 1), (2, 1), (3, 1)] for name in (*TOGETHER, "z"))
    assert all(len(bank.notes("setup", name)) == len(bank.notes("stop", name)) == 1 for name in TOGETHER)


def test_each_keeps_its_own_result_and_time_beside_a_slow_one(bank):
    bank.set("b", sleep=0.6)
    bank.set("c", fail_at=2)
    set_policy(bank, "c", OnError.SKIP)
    bank.refresh()
    bank.director.Start()
    assert ended(bank) == ("ON", "done", 3)
    told = attempts(bank)
    assert sorted(row[:4] for row in told) == sorted(
        (name, trigger, 1, "skipped" if (name, trigger) == ("c", 2) else "done")
        for name in (*TOGETHER, "z")
        for trigger in (1, 2, 3)
    )
    times = {name: sorted(row[4] for row in told if row[0] == name) for name in TOGETHER}
    assert times["b"][0] >= 0.6
    # On a busy machine any may take long once; the slow one would hold all of them back each time.
    assert all(times[name][0] < 0.5 for name in "acd")


@pytest.mark.parametrize(
    ("on_error", "acts", "end"),
    [
        (OnError.SKIP, [(1, 1), (2, 1), (3, 1)], ("ON", "done", 3)),
        (OnError.DISABLE, [(1, 1), (2, 1)], ("ON", "done", 3)),
        (OnError.RETRY, [(1, 1), (2, 1), (2, 2), (3, 1)], ("ON", "done", 3)),
        (OnError.ABORT, [(1, 1), (2, 1)], ("FAULT", "failed", 1)),
    ],
)
def test_one_that_fails_is_treated_by_its_own_policy(bank, on_error, acts, end):
    bank.set("b", fail_at=2, fails_for=1)
    set_policy(bank, "b", on_error, retries=2 if on_error is OnError.RETRY else 0)
    bank.refresh()
    bank.director.Start()
    assert ended(bank) == end
    assert acted(bank, "b") == acts
    others = [(trigger, 1) for trigger in range(1, 4 if end[2] == 3 else 3)]
    assert acted(bank, "a") == acted(bank, "z") == others


@pytest.mark.parametrize("on_error", [OnError.SKIP, OnError.RETRY, OnError.DISABLE])
def test_one_that_does_not_answer_in_its_timeout_holds_no_neighbour_back(bank, on_error):
    bank.set("b", deaf_at=2, deaf_for=2.0)
    set_policy(bank, "b", on_error, retries=5 if on_error is OnError.RETRY else 0, timeout=0.5)
    bank.refresh()
    bank.director.Start()
    assert ended(bank) == ("ON", "done", 3)
    told = attempts(bank)
    assert [row[:4] for row in told if row[0] == "a"] == [("a", trigger, 1, "done") for trigger in (1, 2, 3)]
    outcome = {OnError.SKIP: "skipped", OnError.RETRY: "failed", OnError.DISABLE: "disabled"}[on_error]
    (first,) = [row for row in told if row[:3] == ("b", 2, 1)]
    assert first[3] == outcome
    assert 0.4 < first[4] < 1.9


def test_a_server_that_dies_is_one_failure_of_each_of_its_players(bank):
    set_policy(bank, "a", OnError.SKIP)
    set_policy(bank, "b", OnError.RETRY, retries=9)
    set_policy(bank, "c", OnError.DISABLE)
    set_policy(bank, "d", OnError.SKIP)
    bank.refresh()
    gates = [bank.gate(name, 2) for name in TOGETHER]
    bank.director.Start()
    wait_until("all act at 2", lambda: all((2, 1) in acted(bank, name) for name in TOGETHER))
    bank.children["a"].kill()
    for gate in gates:
        gate.unlink()
    bank.restart("a")
    assert ended(bank)[1:] == ("done", 3)
    told = {row[:3]: row[3] for row in attempts(bank)}
    at_2 = {name: told[name, 2, 1] for name in (*TOGETHER, "z")}
    assert at_2 == {"a": "skipped", "b": "failed", "c": "disabled", "d": "skipped", "z": "done"}
    assert ("c", 3, 1) not in told
    # The others may not have been found again by then.
    assert (told["b", 3, 1], told["z", 3, 1]) == ("done", "done")


def test_a_server_that_is_silent_is_noticed_at_the_first_timeout(bank):
    for name in TOGETHER:
        set_policy(bank, name, OnError.ABORT, timeout=30)
    set_policy(bank, "c", OnError.ABORT, timeout=1)
    bank.refresh()
    gate = bank.gate("c", 2)
    bank.director.Start()
    wait_until("c acts at 2", lambda: (2, 1) in acted(bank, "c"))
    pid = bank.children["c"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert ended(bank)[:2] == ("FAULT", "failed")
        assert time.monotonic() - began < 15
        assert "bank-c, trigger 2: no answer within its Timeout of 1 s" in bank.director.LastError
    finally:
        os.kill(pid, signal.SIGCONT)
        gate.unlink()


def test_an_abort_reaches_all_of_them(bank):
    for name in TOGETHER:
        bank.set(name, sleep=60, listen=True)
    bank.director.Start()
    wait_until("all act", lambda: all((1, 1) in acted(bank, name) for name in TOGETHER))
    began = time.monotonic()
    bank.director.Abort()
    assert ended(bank)[1] == "aborted"
    assert took(began) < 10
    wait_until("all are told", lambda: all(bank.notes("stop", name) for name in TOGETHER))
    assert all(note["aborted"] for name in TOGETHER for note in bank.notes("end", name))


def test_a_player_that_has_moved_to_another_server_is_called_there(bank):
    """The Director takes it as gone, finds it again, and calls it by itself."""
    set_policy(bank, "b", OnError.RETRY, retries=9)
    for name in "acd":
        set_policy(bank, name, OnError.RETRY, retries=9)
    bank.refresh()
    gate = bank.gate("b", 2)
    bank.director.Start()
    wait_until("b acts at 2", lambda: (2, 1) in acted(bank, "b"))
    bank.children["b"].kill()
    gate.unlink()
    alone = bank.player_server("b")
    others = DeviceServer.together("bank-one", [bank.player_server(name) for name in "acd"])
    for server, child in zip((alone, others), bank.facility.start_servers(alone, others), strict=True):
        for device in server.devices:
            bank.children[device.name.rpartition("-")[2]] = child
    assert ended(bank)[1:] == ("done", 3)
    assert (3, 1) in acted(bank, "b")
    bank.children["b"].kill()
    bank.children["a"].kill()
    bank.restart("a")
