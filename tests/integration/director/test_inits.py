"""Requests of several clients at once, Init among them: one Director is left, every run has an outcome."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, suppress

import psutil
import pytest
import tango

from helpers.orchestra import an_orchestra
from helpers.support import took, wait_until

#: How many sequences of requests are generated; more by hand: DONKI_ROUNDS=100.
ROUNDS = int(os.environ.get("DONKI_ROUNDS", "2"))

CLIENTS = 6
REQUESTS = (
    *("Init", "Init", "Start", "Start", "Arm", "Recover"),
    *("Abort", "Stop", "Pause", "Resume", "Step", "Reset"),
)
OF_A_PLAYER = ("Init", "Init", "Reload", "Stop", "Abort", "Reset")


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("inits"), "inits", "x", "y") as orchestra:
        orchestra.refresh()
        orchestra.director.Init()
        yield orchestra


def held(orchestra, name):
    """Return the threads of a server, and how many journals it has open, by the mark that each has."""
    process = psutil.Process(orchestra.children[name].pid)
    return process.num_threads(), sum(file.path.endswith(".sent") for file in process.open_files())


def at_once(orchestra, seed, requests, devices):
    """Let clients send requests, each one after another, all at the same time."""

    def client(number):
        rng = random.Random(seed * 100 + number)
        proxies = [orchestra.proxy(device) for device in devices]
        with tango.EnsureOmniThread():
            for _ in range(rng.randint(3, 8)):
                # Refused, or not answered in time where others have their turn: both are right.
                with suppress(tango.DevFailed):
                    rng.choice(proxies).command_inout(rng.choice(requests))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(110)
        assert not thread.is_alive()


def settle(orchestra):
    """Wait until nothing goes on: the last Init is over, and no run is in progress."""

    def is_idle():
        try:
            if orchestra.state() in ("RUNNING", "ALARM", "STANDBY"):
                orchestra.director.Abort()
            if orchestra.state() == "FAULT":
                orchestra.director.Reset()
            return orchestra.state() == "ON" and all(
                str(player.state()) == "ON" for player in orchestra.players.values()
            )
        except tango.DevFailed:
            return False

    wait_until("nothing goes on", is_idle, 60)


def wait_left(orchestra, name, threads):
    """Wait until a server has as many threads as before, and one for each client, and its journal once."""
    journals = 1 if name == "director" else 0
    wait_until("one journal is open", lambda: held(orchestra, name)[1] == journals)
    wait_until("its threads have ended", lambda: held(orchestra, name)[0] <= threads + 2 * CLIENTS, 20)


def outcomes(orchestra):
    with closing(sqlite3.connect(orchestra.journal)) as journal:
        return journal.execute("SELECT id, outcome FROM run ORDER BY key").fetchall()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_after_any_requests_one_director_is_left_and_every_run_has_an_outcome(orchestra, seed):
    director = orchestra.director
    director.Triggers, director.Period = -1, 0.01
    threads, _ = held(orchestra, "director")
    at_once(orchestra, seed, REQUESTS, [director.dev_name()])
    settle(orchestra)
    wait_until("every run has an outcome", lambda: None not in dict(outcomes(orchestra)).values())
    wait_left(orchestra, "director", threads)
    assert orchestra.play(3) == "ON"
    assert "Traceback" not in orchestra.children["director"].log.read_text()


def test_a_player_is_left_whole_by_requests_of_several_clients(orchestra):
    for seed in range(ROUNDS):
        threads, _ = held(orchestra, "x")
        orchestra.director.Triggers = -1
        orchestra.director.Start()
        at_once(orchestra, seed, OF_A_PLAYER, [orchestra.players["x"].dev_name()])
        settle(orchestra)
        wait_left(orchestra, "x", threads)
        assert orchestra.play(3) == "ON"
    assert "Traceback" not in orchestra.children["x"].log.read_text()


def test_init_by_many_at_once_during_a_run(orchestra):
    director = orchestra.director
    director.Triggers, director.Period = -1, 0.01
    director.Start()
    run = director.RunId
    threads, _ = held(orchestra, "director")
    at_once(orchestra, 1, ("Init",), [director.dev_name()])
    settle(orchestra)
    assert dict(outcomes(orchestra))[run] == "aborted"
    wait_left(orchestra, "director", threads)


def test_check_names_no_other_reason_while_the_director_is_initialised(orchestra):
    director, said, over = orchestra.director, set(), threading.Event()
    # Of one that was too short for the last run Check would warn.
    director.Period = 0
    wait_until("it is ready", lambda: not director.Check())

    def check():
        proxy = orchestra.proxy(director.dev_name())
        with tango.EnsureOmniThread():
            while not over.is_set():
                try:
                    said.update(proxy.Check())
                except tango.DevFailed as failed:
                    said.add(failed.args[0].desc)

    clients = [threading.Thread(target=check) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        for _ in range(30):
            director.Init()
    finally:
        over.set()
        for client in clients:
            client.join()
    assert said <= {"the Director is being initialised; try again"}, said


@contextmanager
def unwritable(journal):
    """Let nobody write to a journal in this block, as where the disk does not answer."""
    with closing(sqlite3.connect(journal, timeout=20, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


def noted(orchestra, run):
    """Return the outcome of a run, its triggers, and the turns of its Players."""
    with closing(sqlite3.connect(orchestra.journal)) as journal:
        ((key, outcome),) = journal.execute("SELECT key, outcome FROM run WHERE id = ?", (run,))
        counts = (
            journal.execute(f"SELECT COUNT(*) FROM {table} WHERE run = ?", (key,)).fetchone()[0]
            for table in ("trigger", "attempt")
        )
        return outcome, *counts


@pytest.mark.parametrize("is_over", [True, False])
def test_init_answers_while_the_journal_cannot_be_written_and_nothing_is_lost(orchestra, is_over):
    director = orchestra.proxy(orchestra.director.dev_name())
    director.set_timeout_millis(20_000)
    director.Period, director.StepTriggers = 0, 5
    director.Arm()
    run = director.RunId
    with unwritable(orchestra.journal):
        director.Step()
        wait_until("the triggers are done", lambda: orchestra.state() == "STANDBY")
        if is_over:
            director.Stop()
            wait_until("it is over", lambda: orchestra.state() == "ON")
        for _ in range(3):
            began = time.monotonic()
            director.Init()
            assert took(began) < 2.5
            assert noted(orchestra, run) == (None, 0, 0)
        with pytest.raises(tango.DevFailed, match="the end of the last run is still being written"):
            director.Start()
        assert "interrupted" not in director.Status()
    wait_until("the end is noted", lambda: noted(orchestra, run)[0])
    assert noted(orchestra, run) == ("stopped" if is_over else "aborted", 5, 10)
    wait_until("the journal is open", lambda: "being opened" not in director.Status())
    assert "interrupted" not in director.Status()
    assert orchestra.play(2) == "ON"


def test_a_server_that_ends_while_the_journal_cannot_be_written_writes_all_of_it(orchestra):
    director = orchestra.proxy(orchestra.director.dev_name())
    director.set_timeout_millis(20_000)
    director.Period, director.StepTriggers = 0, 5
    director.Arm()
    run = director.RunId
    with unwritable(orchestra.journal):
        director.Step()
        wait_until("the triggers are done", lambda: orchestra.state() == "STANDBY")
        os.kill(orchestra.children["director"].pid, signal.SIGTERM)
        assert orchestra.children["director"].wait(2.5) is None
        assert noted(orchestra, run) == (None, 0, 0)
    assert orchestra.children["director"].wait(20) is not None
    assert noted(orchestra, run) == ("aborted", 5, 10)
    orchestra.restart("director")
    assert orchestra.play(2) == "ON"
