"""Two things at once: each test brings about one race on the way of a trigger."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager

import psutil
import pytest
import tango

from donki.director.journal.reading.reader import JournalReader
from donki.limits import OnError
from donki_client.facility.local import LocalFacility
from helpers.orchestra import an_orchestra
from helpers.support import took, wait_until

#: Within what every command is answered, in s.
ANSWER_LIMIT = 3.0

NAMES = ("x", "y", "z")


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("races"), "race", *NAMES) as orchestra:
        yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    for name in ("director", *NAMES):
        if not the_orchestra.children[name].is_alive:
            the_orchestra.restart(name)
    the_orchestra.reset()
    for player in the_orchestra.players.values():
        player.OnError = OnError.ABORT
        player.Retries = 0
    the_orchestra.refresh()
    return the_orchestra


@contextmanager
def silent(*children):
    for child in children:
        os.kill(child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for child in children:
            os.kill(child.pid, signal.SIGCONT)


def answered(call, *arguments):
    """Return what a command says, and make sure that the device itself says it, in time."""
    began = time.monotonic()
    reason = "Donki_"
    try:
        said = call(*arguments)
    except tango.DevFailed as failed:
        reason, said = failed.args[0].reason, failed.args[0].desc
    seconds = took(began)
    assert reason.startswith("Donki_"), said
    assert seconds < ANSWER_LIMIT, f"took {seconds:.1f} s: {said}"
    return said


def test_every_command_is_answered_in_time_while_a_player_is_silent(orchestra):
    director = orchestra.director
    with silent(orchestra.children["y"]):
        for _ in range(3):
            assert any("race-y: does not answer" in line for line in answered(director.Check))
            assert "race-y: does not answer" in answered(director.Start)
            assert "race-y" in answered(director.SetPriority, [[1], ["race-y"]])
            assert answered(director.SetPriority, [[1], ["race-x"]]) is None
            assert "no interrupted run" in answered(director.Recover)
    wait_until("y answers", lambda: not any("does not answer" in line for line in director.Check()))
    assert orchestra.play(2) == "ON"


def test_every_command_is_answered_in_time_while_the_database_is_silent(tmp_path):
    with LocalFacility(tmp_path / "facility") as facility:
        facility.start_database()
        with an_orchestra(facility, tmp_path, "quiet", "x") as orchestra:
            director = orchestra.director
            orchestra.set("x", sleep=0.01)
            director.Period = 0.05
            director.Triggers = -1
            director.Start()
            with silent(facility._base._children[0]):
                for _ in range(3):
                    assert answered(director.Pause) is None
                    wait_until("it pauses", lambda: orchestra.state() == "STANDBY")
                    assert answered(director.Resume) is None
                assert answered(director.Stop) is None
                assert orchestra.ended() == "ON"
                for _ in range(3):
                    assert "the Tango database does not answer" in answered(director.Check)
                    assert "the Tango database does not answer" in answered(director.Start)
                assert orchestra.state() == "ON"
            director.Triggers = 2
            wait_until("it starts again", lambda: answered(director.Start) is None)
            assert orchestra.ended() == "ON"


def test_a_priority_is_not_undone_by_what_the_players_said_before(orchestra):
    director = orchestra.director
    orchestra.players["y"].OnError = OnError.SKIP
    orchestra.players["y"].Timeout = 0.3
    director.Period = 0.02
    director.Triggers = -1
    director.Start()
    wait_until("it runs", lambda: director.CurrentTrigger >= 3)
    wanted = []
    with silent(orchestra.children["y"]):
        # A refresh of the roster waits for y now, with what x said some time ago.
        for turn in range(24):
            priority = 5 + turn % 2
            assert answered(director.SetPriority, [[priority], ["race-x"]]) is None
            wanted.append((time.time_ns(), priority))
            end = time.monotonic() + 0.15
            while time.monotonic() < end:
                assert director.Priorities[0] == priority
                time.sleep(0.01)
    director.Stop()
    assert orchestra.ended_in_alarm() == "ON"


def test_levels_are_those_of_the_last_priorities_that_were_set(orchestra):
    director = orchestra.director
    for name in NAMES:
        orchestra.set(name, sleep=0.004)
    director.Period = 0.02
    director.Triggers = -1
    director.Start()
    wait_until("it runs", lambda: director.CurrentTrigger >= 3)
    orders = []
    for first, second in [("x", "y"), ("y", "x")] * 10:
        director.SetPriority([[0, 1], [orchestra.name(first), orchestra.name(second)]])
        since = director.CurrentTrigger + 1
        wait_until("three more triggers", lambda since=since: director.CurrentTrigger >= since + 3)
        orders.append((since, since + 2, orchestra.name(first), orchestra.name(second)))
    director.Stop()
    assert orchestra.ended() == "ON"
    begins = {(note["player"], note["trigger"]): note["time"] for note in orchestra.notes("begin")}
    ends = {(note["player"], note["trigger"]): note["time"] for note in orchestra.notes("end")}
    for since, until, first, second in orders:
        for trigger in range(since, until + 1):
            assert ends[first, trigger] <= begins[second, trigger], (trigger, first, second)


def test_a_player_that_is_still_busy_with_what_it_was_given_up_for_does_not_use_up_its_retries(orchestra):
    director, x, y = orchestra.director, orchestra.players["x"], orchestra.players["y"]
    x.OnError, x.Retries, x.Timeout = OnError.RETRY, 10, 0.5
    y.OnError, y.Timeout = OnError.SKIP, 0.3
    orchestra.set("x", deaf_at=2, deaf_for=1.5)
    director.Triggers = 3
    director.Start()
    # While y is silent, the roster takes its time and tells of x as it was before.
    with silent(orchestra.children["y"]):
        assert orchestra.ended_in_alarm() == "ON", director.LastError
    attempts = [note["attempt"] for note in orchestra.notes("begin", "x") if note["trigger"] == 2]
    assert attempts[0] == 1
    # On a busy machine the second attempt may take longer than the Timeout too.


@pytest.mark.parametrize("policy", [OnError.SKIP, OnError.RETRY])
def test_a_player_that_was_restarted_between_two_triggers_is_set_up_again(orchestra, policy):
    director, x = orchestra.director, orchestra.players["x"]
    x.OnError, x.Retries, x.Timeout = policy, 1, 20.0
    director.Period = 0.2
    director.Triggers = -1
    director.Start()
    wait_until("it runs", lambda: director.CurrentTrigger >= 2)
    orchestra.children["x"].kill()
    orchestra.restart("x")
    wait_until("x is set up again", lambda: len(orchestra.notes("setup", "x")) == 2)
    again = director.CurrentTrigger + 2
    wait_until("two more triggers", lambda: director.CurrentTrigger > again)
    director.Stop()
    assert orchestra.ended_in_alarm() == "ON"
    acted = [note["trigger"] for note in orchestra.notes("end", "x")]
    assert len(set(acted)) == len(acted)
    assert again in acted
    if policy is OnError.RETRY:
        assert acted == list(range(1, director.CurrentTrigger + 1))


@pytest.mark.parametrize("command", ["Abort", "Stop"])
def test_a_sequence_can_be_ended_during_set_up(orchestra, command):
    director = orchestra.director
    director.Triggers = 1_000_000
    for delay in (0.0, 0.001, 0.003, 0.01, 0.03):
        for name in NAMES:
            orchestra.set(name, setup_sleep=0.05)
        ticket = director.command_inout_asynch("Start")
        wait_until("it begins", lambda: orchestra.state() == "RUNNING")
        time.sleep(delay)
        answered(director.command_inout, command)
        director.command_inout_reply(ticket, timeout=3000)
        assert orchestra.ended() == "ON"
        for name, player in orchestra.players.items():
            wait_until(f"{name} is left", lambda player=player: str(player.state()) == "ON", 3)


def test_a_player_that_was_silent_when_it_was_to_be_set_up_and_given_up_is_left_when_it_is_back(orchestra):
    director = orchestra.director
    orchestra.players["y"].Priority = -1
    orchestra.refresh()
    director.Period = 0.02
    director.Triggers = 1_000_000
    for _ in range(3):
        director.Start()
        director.Pause()
        wait_until("it pauses", lambda: orchestra.state() == "STANDBY")
        assert answered(director.SetPriority, [[0], ["race-y"]]) is None
        with silent(orchestra.children["y"]):
            director.Resume()
            wait_until("y is waited for", lambda: "waiting for race-y" in director.Status())
            assert answered(director.Abort) is None
            assert orchestra.ended() == "ON"
        wait_until("y has answered", lambda: orchestra.players["y"].command_inout("State") is not None)
        wait_until("y is left", lambda: str(orchestra.players["y"].state()) == "ON", 5)
        orchestra.players["y"].Priority = -1
        orchestra.refresh()


def test_a_priority_that_is_set_during_start_holds_from_the_next_trigger_on(orchestra):
    director = orchestra.director
    orchestra.set("x", sleep=0.005)
    director.Triggers = 30
    for turn in range(20):
        orchestra.notes_file.unlink(missing_ok=True)
        orchestra.players["z"].Priority = 0
        asked = orchestra.proxy(director.dev_name())
        ticket = asked.command_inout_asynch("Start")
        time.sleep(turn * 0.005)
        assert answered(director.SetPriority, [[-1], ["race-z"]]) is None
        since = time.time_ns()
        asked.command_inout_reply(ticket, timeout=3000)
        assert orchestra.ended() == "ON"
        # The first that x begins after the answer may have been on its way before it; no later one was.
        begun = sorted(note["trigger"] for note in orchestra.notes("begin", "x") if note["time"] > since)
        later = set(begun[1:])
        acted = {note["trigger"] for note in orchestra.notes("begin", "z")}
        assert later
        assert not later & acted, f"after {turn * 5} ms"


def test_whoever_is_given_up_at_any_moment_tells_what_it_delivered_last(orchestra):
    director = orchestra.director
    director.Triggers = -1
    moments = random.Random(1)
    for _ in range(40):
        director.Start()
        wait_until("it plays", lambda: director.CurrentTrigger >= 2)
        time.sleep(moments.uniform(0, 0.005))
        assert answered(director.Abort) is None
        assert orchestra.ended() == "ON"
        with JournalReader(orchestra.journal.parent) as reader:
            run = reader.run(director.RunId)
            told = {player.key for player in reader.players(run)}
            wait_until("all have told", lambda run=run, told=told: reader.parted(run) == told, 5)


def test_of_many_starts_at_once_one_is_obeyed(orchestra):
    director = orchestra.director
    orchestra.set("x", sleep=0.3)
    director.Triggers = 2
    for _ in range(3):
        orchestra.notes_file.unlink(missing_ok=True)
        tickets = [orchestra.proxy(director.dev_name()) for _ in range(6)]
        asked = [(proxy, proxy.command_inout_asynch("Start")) for proxy in tickets]
        obeyed = 0
        for proxy, ticket in asked:
            try:
                proxy.command_inout_reply(ticket, timeout=3000)
                obeyed += 1
            except tango.DevFailed as failed:
                said = failed.args[0].desc
                assert "already starting" in said or "not allowed while the Director is RUNNING" in said
        assert obeyed == 1
        assert orchestra.ended() == "ON"
        assert len(orchestra.notes("setup", "x")) == 1


def test_a_start_right_after_the_end_begins_a_run_of_its_own(orchestra):
    director = orchestra.director
    director.Triggers = 1
    runs = []
    for number in range(40):
        director.RunTitle = f"run {number}"
        assert answered(director.Start) is None
        runs.append(director.RunId)
        while orchestra.state() != "ON":
            pass
    assert len(set(runs)) == 40
    with closing(sqlite3.connect(orchestra.journal)) as journal:
        query = "SELECT title, outcome, error, ended IS NOT NULL FROM run WHERE id = ?"
        wait_until("the last is noted", lambda: journal.execute(query, (runs[-1],)).fetchone()[3])
        for number, run in enumerate(runs):
            assert journal.execute(query, (run,)).fetchone() == (f"run {number}", "done", "", 1)


def test_a_start_while_the_last_sequence_fails_waits_for_its_end(orchestra):
    director = orchestra.director
    orchestra.players["x"].Timeout = 0.2
    # So much longer that it is late, too, where a busy machine lets nobody act for a second.
    orchestra.set("x", sleep=2.0)
    for _ in range(2):
        director.Triggers = 1
        director.Start()
        assert orchestra.ended() == "FAULT"
        failed = director.RunId
        said = answered(director.Start)
        assert said is None or "busy" in said
        if said is None:
            assert director.RunId != failed
        assert orchestra.ended() == "FAULT"
        wait_until("x is idle", lambda: str(orchestra.players["x"].state()) != "RUNNING")


def test_settings_are_taken_at_the_very_end_of_a_sequence(orchestra):
    director = orchestra.director
    for turn in range(60):
        director.Triggers = 2
        director.Start()
        while orchestra.state() == "RUNNING":
            assert answered(director.SetPriority, [[turn % 3], ["race-x"]]) is None
            director.Triggers = 2
            director.Period = 0
        assert orchestra.state() == "ON"


def test_a_second_death_is_marked_again(orchestra):
    director = orchestra.director
    for name in NAMES:
        orchestra.set(name, sleep=0.02)
    director.Triggers = 60
    director.Start()
    for at in (10, 25):
        wait_until("it runs", lambda at=at: orchestra.director.CurrentTrigger >= at)
        for name in ("director", "x"):
            orchestra.children[name].kill()
        orchestra.restart("x")
        orchestra.restart("director")
        orchestra.director.Recover()
    assert orchestra.ended() == "ON"
    acted = Counter((note["trigger"], note["attempt"]) for note in orchestra.notes("begin", "x"))
    assert {trigger for trigger, _ in acted} == set(range(1, 61))
    assert set(acted.values()) == {1}
    assert len(acted) > 60


def test_init_in_mid_run_ends_it_and_leaves_nothing_behind(orchestra):
    director = orchestra.director
    process = psutil.Process(orchestra.children["director"].pid)
    sizes = []
    for _ in range(8):
        director.Triggers = -1
        director.Period = 0.01
        director.Start()
        wait_until("it runs", lambda: director.CurrentTrigger >= 3)
        answered(director.Init)
        assert orchestra.state() == "ON"
        for name, player in orchestra.players.items():
            wait_until(f"{name} is left", lambda player=player: str(player.state()) == "ON", 3)
        orchestra.refresh()
        sizes.append(process.num_threads())
    wait_until(f"threads end, {sizes}", lambda: process.num_threads() <= sizes[1] + 2, 10)


def test_a_player_that_a_user_aborts_has_not_done_its_trigger(orchestra):
    director = orchestra.director
    orchestra.set("x", sleep=20, listen=True)
    director.Triggers = 2
    director.Start()
    wait_until("it acts", lambda: orchestra.notes("begin", "x"))
    orchestra.players["x"].Abort()
    assert orchestra.ended() == "FAULT"
    assert (
        director.LastError
        == "Player race-x, trigger 1: Player race-x gave up trigger 1: it was told to abort"
    )


def test_a_director_that_was_itself_silent_does_not_blame_the_players(orchestra):
    director = orchestra.director
    for name in NAMES:
        orchestra.set(name, sleep=0.05)
        orchestra.players[name].Timeout = 1.5
    director.Triggers = 10
    director.Start()
    wait_until("it runs", lambda: director.CurrentTrigger >= 2)
    with silent(orchestra.children["director"]):
        time.sleep(3.0)
    assert orchestra.ended() == "ON", director.LastError
    assert [note["trigger"] for note in orchestra.notes("end", "x")] == list(range(1, 11))


def test_fault_is_never_seen_without_its_reason(orchestra):
    """By reads in one request and by events, over many failures, Starts and Resets."""
    director = orchestra.director
    orchestra.set("x", fail_at=1)
    orchestra.refresh()
    seen, heard = [], {}
    over = threading.Event()

    def read():
        proxy = orchestra.proxy(director.dev_name())
        while not over.is_set():
            answers = proxy.read_attributes(["State", "LastError", "Status"])
            values = {answer.name: answer.value for answer in answers}
            seen.append((str(values["State"]), values["LastError"], values["Status"]))

    def hear(event):
        if not event.err:
            heard[event.attr_value.name.lower()] = event.attr_value.value
            seen.append((str(heard.get("state")), heard.get("lasterror", ""), None))

    ids = [
        director.subscribe_event(name, tango.EventType.CHANGE_EVENT, hear) for name in ("LastError", "State")
    ]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(25):
            director.Start()
            assert orchestra.ended() == "FAULT"
            # Now and then an event tells of it first.
            if turn % 3 == 0:
                wait_until("it is heard", lambda: str(heard.get("state")) == "FAULT")
            if turn % 2:
                director.Reset()
    finally:
        over.set()
        for reader in readers:
            reader.join()
        for event_id in ids:
            director.unsubscribe_event(event_id)
    faults = [(error, status) for state, error, status in seen if state == "FAULT"]
    assert len(faults) > 50
    bad = [each for each in faults if "race-x, trigger 1" not in each[0]]
    assert not bad, f"{len(bad)} of {len(faults)}: {bad[0]}"
    assert all("race-x, trigger 1" in status for _, status in faults if status is not None)


#: A Director whose last sequence has failed at every other look, and what is read of it in one request.
_FLICKERING = """
import itertools, json
from tango.server import Device
from tango.test_context import DeviceTestContext
from donki.director.device import DonkiDirector
from donki.director.runs.status import Standing
from donki.director.rules.states import State

class Flickering(DonkiDirector):
    looks = 0
    runs = property(lambda self: self)

    @property
    def standing(self):
        self.looks += 1
        if self.looks % 2:
            return Standing(State.ON, "", "ready")
        return Standing(State.FAULT, "no beam", "failed: no beam")

    def init_device(self):
        Device.init_device(self)

    def delete_device(self):
        Device.delete_device(self)

names = ["State", "LastError", "Status"]
seen = []
with DeviceTestContext(Flickering) as proxy:
    for order in 2 * [*itertools.permutations(names)]:
        answers = {answer.name: str(answer.value) for answer in proxy.read_attributes(order)}
        seen.append([answers[name] for name in names])
# The server's own thread prints, too, as long as there is one.
print(json.dumps(seen))
"""


def test_one_request_is_answered_from_one_moment():
    command = [sys.executable, "-c", _FLICKERING]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert {tuple(each) for each in seen} == {("ON", "", "ready"), ("FAULT", "no beam", "failed: no beam")}
    assert len(seen) == 12


def test_what_one_request_reads_is_of_one_moment(orchestra):
    director = orchestra.director
    director.Triggers = -1
    director.Start()
    wait_until("it runs", lambda: director.CurrentTrigger > 20)
    tables = set()
    for _ in range(200):
        answers = director.read_attributes(["PlayerMedians", "PlayerP99s", "PlayerTable", "Players"])
        medians, p99s, table, names = (answer.value for answer in answers)
        tables.add(table)
        rows = [(row["name"], row["median"], row["p99"]) for row in json.loads(table)]
        assert rows == list(zip(names, medians, p99s, strict=True))
    assert len(tables) > 10
    director.Stop()
    assert orchestra.ended() == "ON"
