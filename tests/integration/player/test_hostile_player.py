"""A Player that answers whatever it likes harms nobody but itself.

A real server takes its place, and a good Player plays beside it. ``DONKI_CASES`` says how many answers are
tried.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import tango

from donki.device.tango_text import carried
from donki.limits import OnError
from donki.run import VERSION
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.processes import Child
from helpers.answers import GARBAGE, OUTPUT, REPORT, RUN, hostile_text
from helpers.hostile_player import GOOD
from helpers.orchestra import Orchestra
from helpers.support import free_port, wait_until

CASES = int(os.environ.get("DONKI_CASES", "60"))
TESTS = Path(__file__).parents[2]
PREFIX = "hostile"

NUMBERS = [-(2**31), -2, -1, 0, 1, 4, 7, 2**31 - 1, 2**40]
FLOATS = [float("nan"), float("inf"), -1.0, 0.0, 1e300]
TEXTS = [*GARBAGE[:-2], "λ".encode().decode("latin-1"), "x" * 10_000, "a\nb"]


class HostileOrchestra(Orchestra):
    """A Director, its good Player ``y``, and a server ``x`` that is told what to answer."""

    def __init__(self, facility, folder):
        super().__init__(facility, folder, PREFIX)
        port = free_port()
        name = f"tango://127.0.0.1:{port}/a/b/x#dbase=no"
        self.director_server = DeviceServer.director(
            PREFIX, PlayerDevices=[name, f"donki/player/{PREFIX}-*"], RunDirectory=str(self.journal.parent)
        )
        self._arguments = ["x", "-nodb", "-dlist", "a/b/x", "-ORBendPoint", f"giop:tcp:127.0.0.1:{port}"]
        self.hostile = None
        self._name = name

    def start_hostile(self, **types):
        if "x" in self.children:
            self.children["x"].kill()
        command = [sys.executable, "-m", "helpers.hostile_player", *self._arguments]
        log = self.folder / "hostile.log"
        environment = {"PYTHONPATH": str(TESTS), "TYPES": json.dumps(types)}
        self.children["x"] = child = Child(PREFIX, command, log, environment)
        child.wait_for("Ready to accept request", 60)
        self.hostile = tango.DeviceProxy(self._name)


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory):
    orchestra = HostileOrchestra(facility, tmp_path_factory.mktemp(PREFIX))
    try:
        orchestra.start_hostile()
        orchestra.start("y")
        orchestra.players["y"].Parameters = json.dumps({"notes": str(orchestra.notes_file)})
        orchestra.director.Triggers = 2
        orchestra.director.Check()
        yield orchestra
    finally:
        for child in orchestra.children.values():
            child.kill()


COMMANDS = ("Reserve", "Release", "Begin", "Trigger", "End", "Check", "Abort")

#: What is answered in JSON, and how it should be.
JSON_ANSWERS = {
    "Trigger": REPORT | {"trigger": "@"},
    "Begin": OUTPUT,
    "End": OUTPUT,
    "Run": RUN,
    "Parameters": {"a": [1]},
}


def case(rng: random.Random) -> dict:
    """Return some answers, one of which is not what anybody expects."""
    match rng.choice(["text"] * 4 + ["number", "error", "state", "check"]):
        case "text":
            name = rng.choice(["Trigger", *JSON_ANSWERS])
            return {name: ["", carried(hostile_text(rng, JSON_ANSWERS[name]))]}
        case "number":
            name = rng.choice(["Priority", "OnError", "Retries", "Timeout"])
            return {name: ["", rng.choice(FLOATS if name == "Timeout" else NUMBERS)]}
        case "error":
            name = rng.choice([*GOOD, *COMMANDS])
            reason = rng.choice(["R", "", "API_X", "Donki_BusyError", "Donki_NotSetUpError"])
            return {name: ["error", [reason, carried(rng.choice(TEXTS)), "here"]]}
        case "state":
            return {"State": ["", rng.choice(["MOVING", "OPEN", "FAULT", "UNKNOWN", "RUNNING", "INIT"])]}
    return {"Check": ["", [carried(rng.choice(TEXTS)) for _ in range(rng.choice([1, 3, 5000]))]]}


def answered(call, *arguments):
    """Return what the Director refuses with, in time, or nothing."""
    began = time.monotonic()
    try:
        call(*arguments)
    except tango.DevFailed as failed:
        return failed.args[0].desc
    finally:
        assert time.monotonic() - began < 10
    return ""


def rows(orchestra, statement, *values):
    with closing(sqlite3.connect(orchestra.journal)) as journal:
        return journal.execute(statement, values).fetchall()


def plays_with_good_answers(orchestra):
    """Play a run in which all is as it should be, and find all of it in the journal."""
    orchestra.hostile.Tell("{}")
    director = orchestra.director
    if orchestra.state() == "FAULT":
        director.Reset()
    wait_until("the Director finds nothing", lambda: not director.Check(), 20)
    director.Start()
    wait_until("the run ends", lambda: orchestra.state() == "ON", 20)
    run = director.RunId
    done = "SELECT count(*) FROM attempt JOIN run ON run.key = run WHERE id = ? AND attempt.outcome = 'done'"
    wait_until(
        "all of it is in the journal",
        lambda: rows(orchestra, "SELECT outcome FROM run WHERE id = ?", run) == [("done",)],
    )
    assert rows(orchestra, done, run) == [(4,)]
    triggers = "SELECT number FROM trigger JOIN run ON run.key = run WHERE id = ?"
    assert rows(orchestra, triggers, run) == [(1,), (2,)]
    assert director.Status().startswith("ready; 2 Players found"), director.Status()


def test_whatever_a_player_answers_the_next_run_is_played_and_kept(orchestra):
    seed = int(os.environ.get("DONKI_SEED", "1"))
    rng = random.Random(seed)
    director = orchestra.director
    refused = failed = done = 0
    for number in range(CASES):
        answers = case(rng)
        said = f"seed {seed}, case {number}: {answers!r:.300}"
        orchestra.hostile.Tell(json.dumps(answers))
        why = answered(director.Check) or answered(director.Start)
        if why:
            refused += 1
        else:
            wait_until(said, lambda: orchestra.state() in ("ON", "FAULT"), 20)
            why = director.LastError
            failed += bool(why)
            done += not why
        assert not why or "Player x" in why, f"{said}: {why}"
        assert "Traceback" not in director.Status(), said
        orchestra.hostile.Tell("{}")
        if orchestra.state() == "FAULT":
            director.Reset()
        if number % 5 == 4 or why:
            plays_with_good_answers(orchestra)
    assert min(refused, failed, done) > 0


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"Trigger": ["", "[]"]}, "trigger 1: its Trigger cannot be read"),
        ({"Trigger": ["", json.dumps(REPORT | {"trigger": "@", "events": 2**70})]}, "events"),
        (
            {"Begin": ["", json.dumps(OUTPUT | {"streams": [{"schema": "ev44"}]})]},
            "its Begin cannot be read",
        ),
        (
            {"Begin": ["", json.dumps(OUTPUT | {"version": VERSION + 1})]},
            f"its Begin is of version {VERSION + 1}",
        ),
        ({"Trigger": ["", '{"version": 99, "all": "else"}']}, "its Trigger is of version 99"),
    ],
)
def test_a_bad_answer_is_a_failure_of_that_player(orchestra, answers, why):
    orchestra.hostile.Tell(json.dumps(answers))
    refused = answered(orchestra.director.Start)
    if not refused:
        assert orchestra.ended() == "FAULT"
    told = refused or orchestra.director.LastError
    assert told.startswith("Player x, ")
    assert why in told
    plays_with_good_answers(orchestra)


def test_a_bad_report_means_what_the_players_on_error_says(orchestra):
    orchestra.hostile.Tell(json.dumps({"Trigger": ["", "{}"], "OnError": ["", int(OnError.SKIP)]}))
    orchestra.director.Start()
    assert orchestra.ended_in_alarm() == "ON"
    run = orchestra.director.RunId
    wait_until(
        "it is in the journal",
        lambda: rows(orchestra, "SELECT outcome FROM run WHERE id = ?", run) == [("done",)],
    )
    steps = """
        SELECT attempt.outcome, attempt.error FROM attempt JOIN player ON player.key = player
        JOIN run ON run.key = attempt.run WHERE name = 'x' AND id = ? ORDER BY trigger
    """
    found = rows(orchestra, steps, run)
    assert [outcome for outcome, _ in found] == ["skipped", "skipped"]
    assert all("its Trigger cannot be read" in error for _, error in found)
    plays_with_good_answers(orchestra)


def test_what_a_later_version_tells_more_is_named_once_and_harms_nothing(orchestra):
    report = REPORT | {"trigger": "@", "later": 1, "manifest": REPORT["manifest"] | {"deeper": [2]}}
    orchestra.hostile.Tell(json.dumps({"Trigger": ["", json.dumps(report)]}))
    orchestra.director.Start()
    assert orchestra.ended() == "ON"
    run = orchestra.director.RunId
    remarks = "SELECT text FROM remark JOIN run ON run.key = run WHERE id = ?"
    wait_until("it is in the journal", lambda: rows(orchestra, remarks, run))
    [[text]] = rows(orchestra, remarks, run)
    assert text.startswith("Player x: its Trigger tells what only a later version of DonkiOrchestra knows")
    assert text.endswith("'deeper', 'later'")
    plays_with_good_answers(orchestra)


def test_what_a_stopped_player_tells_wrongly_fails_the_run(orchestra):
    gate = orchestra.gate("y", 2)
    orchestra.set("y")
    orchestra.director.Start()
    wait_until("both are set up", lambda: orchestra.director.CurrentTrigger == 2)
    orchestra.hostile.Tell(json.dumps({"End": ["", '{"run": 1}']}))
    gate.unlink()
    assert orchestra.ended() == "FAULT"
    assert "Player x" in orchestra.director.LastError
    assert "its End cannot be read" in orchestra.director.LastError, orchestra.director.LastError
    run = orchestra.director.RunId
    remarks = "SELECT text FROM remark JOIN run ON run.key = run WHERE id = ?"
    wait_until("it is in the journal", lambda: "its End" in str(rows(orchestra, remarks, run)))
    plays_with_good_answers(orchestra)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"OnError": ["", 7]}, "OnError"),
        ({"Timeout": ["", float("nan")]}, "Timeout"),
        ({"Run": ["", '{"id": "r", "of_another_version": 1}']}, "Run"),
        ({"Run": ["", "no JSON"]}, "Run"),
    ],
)
def test_what_cannot_be_read_in_the_roster_is_unknown_with_the_reason(orchestra, answers, why):
    orchestra.hostile.Tell(json.dumps(answers))
    lines = orchestra.director.Check()
    assert any(line.startswith("Player x: its ") and why in line for line in lines), lines
    director = orchestra.director
    assert dict(zip(director.Players, director.PlayerStates, strict=True))["x"] == "UNKNOWN"
    plays_with_good_answers(orchestra)


@pytest.mark.parametrize("answers", [{"OnError": ["", 7]}, {"Run": ["", '{"id": "r", "version": 2}']}])
def test_a_disabled_player_that_cannot_be_read_is_in_nobodys_way(orchestra, answers):
    orchestra.hostile.Tell(json.dumps(answers | {"Priority": ["", -1]}))
    director = orchestra.director
    assert not director.Check()
    director.Start()
    assert orchestra.ended() == "ON"
    plays_with_good_answers(orchestra)


def test_what_becomes_unreadable_during_a_run_does_not_end_it(orchestra):
    gate = orchestra.gate("y", 2)
    orchestra.set("y")
    director = orchestra.director
    director.Start()
    wait_until("trigger 2 is sent", lambda: director.CurrentTrigger == 2)
    orchestra.hostile.Tell(json.dumps({"OnError": ["", 7], "Run": ["", '{"id": "r", "version": 2}']}))
    wait_until(
        "it is seen",
        lambda: dict(zip(director.Players, director.PlayerStates, strict=True))["x"] == "UNKNOWN",
    )
    gate.unlink()
    assert orchestra.ended() == "ON"
    plays_with_good_answers(orchestra)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Priority", "strs"), ("Timeout", "str"), ("Run", "int"), ("OnError", "bool"), ("Parameters", "floats")],
)
def test_an_attribute_of_another_type_is_unknown_with_the_reason(orchestra, name, kind):
    orchestra.start_hostile(**{name: kind})
    wait_until("it is asked again", lambda: "cannot be read" in "".join(orchestra.director.Check()), 20)
    [line] = orchestra.director.Check()
    assert line.startswith("Player x: its ")
    assert name in line
    orchestra.start_hostile()
    plays_with_good_answers(orchestra)


def test_an_attribute_that_players_of_earlier_versions_lack_is_named_and_missing_to_nobody(orchestra):
    orchestra.start_hostile(Faults=None)
    wait_until("it is found", lambda: not orchestra.director.Check(), 20)
    lacking = "Player x: it has no attribute Faults, [] is taken"
    assert lacking in orchestra.director.Status().splitlines()
    orchestra.players["y"].Faults = '[{"kind": "drop", "rate": 0.5}]'
    orchestra.director.Start()
    assert orchestra.ended() == "ON"
    run = orchestra.director.RunId
    remarks = "SELECT text FROM remark JOIN run ON run.key = run WHERE id = ?"
    wait_until("it is in the journal", lambda: rows(orchestra, remarks, run) == [(lacking,)])
    faults = "SELECT name, faults FROM player JOIN run ON run.key = run WHERE id = ?"
    assert dict(rows(orchestra, faults, run)) == {"x": "[]", f"{PREFIX}-y": '[{"kind": "drop", "rate": 0.5}]'}
    orchestra.players["y"].Faults = "[]"
    orchestra.start_hostile()
    plays_with_good_answers(orchestra)
