"""A real Player, alone: its script, its attributes, what it answers while it acts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import tango

from donki.run import Run
from helpers.orchestra import SCRIPTS, an_orchestra
from helpers.support import took, wait_until


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory):
    folder = tmp_path_factory.mktemp("player")
    with an_orchestra(facility, folder, "solo", "p", director=False) as orchestra:
        yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    player = the_orchestra.players["p"]
    wait_until("it is idle", lambda: str(player.state()) != "RUNNING", 40)
    player.Stop()
    player.Reset()
    player.set_timeout_millis(3000)
    player.Script = "scripted.py"
    the_orchestra.notes_file.unlink(missing_ok=True)
    the_orchestra.set("p")
    return the_orchestra


@pytest.fixture
def player(orchestra):
    return orchestra.players["p"]


@pytest.fixture
def bad_script():
    """Write a script of a test's own under the script path."""
    file = SCRIPTS / "of_a_test.py"

    def write(text):
        file.write_text(text)
        return file.name

    yield write
    file.unlink(missing_ok=True)


def refused(call, *arguments):
    with pytest.raises(tango.DevFailed) as failed:
        call(*arguments)
    return failed.value.args[0].desc


def test_start_trigger_stop(orchestra, player):
    assert str(player.state()) == "ON"
    player.Start()
    assert str(player.state()) == "STANDBY"
    report = json.loads(player.Trigger("1"))
    assert (report["trigger"], report["attempt"]) == (1, 1)
    assert player.LastTrigger == 1
    assert player.LastDuration == report["duration"]
    player.Stop()
    assert str(player.state()) == "ON"
    assert [note["what"] for note in orchestra.notes()] == ["setup", "begin", "end", "stop"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("def action(trigger):\n    return (\n", 2, "was never closed"),
        ("import nothing_of_that_name\n", 1, "ModuleNotFoundError"),
        ("x = 1\n\nraise RuntimeError('no crate')\n", 3, "RuntimeError: no crate"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit"),
        ("def setup():\n    pass\n", None, "has no function action"),
        ("action = 3\n", None, "action is not a function"),
        ("\ndef action():\n    pass\n", 2, "action() cannot be called"),
        ("def action(t):\n    pass\n\n\ndef setup(a, b):\n    pass\n", 5, "setup(a, b) cannot be called"),
        ("", None, "has no function action"),
        ("\0", None, "null bytes"),
    ],
)
def test_an_unusable_script_is_a_fault_that_says_where_and_reload_mends_it(
    player, bad_script, text, line, says
):
    name = bad_script(text)
    said = refused(setattr, player, "Script", name)
    assert "of_a_test.py" in said
    assert says in said
    if line:
        assert f"of_a_test.py, line {line}" in said
    assert str(player.state()) == "FAULT"
    assert player.Status() == said
    assert "has no usable script" in refused(player.Start)
    assert player.Priority == 0
    assert "of_a_test.py" in refused(player.Reload)
    bad_script("def action(trigger):\n    pass\n")
    player.Reload()
    assert str(player.state()) == "ON"


@pytest.mark.parametrize(
    "name", ["../orchestra.py", "/etc/passwd", "missing.py", "a/../../orchestra.py", "."]
)
def test_nothing_outside_the_script_path_is_loaded(player, name):
    said = refused(setattr, player, "Script", name)
    assert "script path" in said or "no such script" in said
    assert str(player.state()) == "FAULT"


def test_a_link_out_of_the_script_path_is_not_followed(player):
    link = SCRIPTS / "link_of_a_test.py"
    link.symlink_to(SCRIPTS.parent / "conftest.py")
    try:
        assert "leads outside the script path" in refused(setattr, player, "Script", link.name)
    finally:
        link.unlink()


def test_a_changed_script_is_taken_up_by_reload(player, bad_script):
    player.Script = bad_script("def action(trigger):\n    return {'playerlog': 'first'}\n")
    player.Start()
    player.Trigger("1")
    wait_until("the log", lambda: player.LastLog == "first")
    script = player.Script
    assert "Stop it first" in refused(player.Reload)
    assert "Stop it first" in refused(setattr, player, "Script", "scripted.py")
    assert player.Script == script
    player.Stop()
    bad_script("def action(trigger):\n    return {'playerlog': 'then'}\n")
    player.Reload()
    player.Start()
    player.Trigger("1")
    assert player.LastLog == "then"


def test_everything_answers_while_an_action_runs(orchestra, player):
    orchestra.set("p", sleep=60, listen=True)
    player.Start()
    other = orchestra.proxy(player.dev_name())
    ticket = player.command_inout_asynch("Trigger", "1")
    wait_until("it acts", lambda: orchestra.notes("begin"))
    slowest = 0.0
    for _ in range(50):
        began = time.monotonic()
        assert str(other.state()) == "RUNNING"
        assert "action of trigger 1" in other.Status()
        other.read_attributes(["Priority", "Script", "Parameters", "Timeout", "LastTrigger", "EventsSent"])
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 0.5
    other.Priority = 4
    assert other.Priority == 4
    other.Priority = 0
    for call in (other.Start, other.Reload, lambda: other.Trigger("2")):
        assert "is busy: action of trigger 1" in refused(call)
    other.Abort()
    wait_until("it has given up", lambda: str(other.state()) == "ON")
    said = refused(lambda: player.command_inout_reply(ticket, timeout=3000))
    assert said.endswith("gave up trigger 1: it was told to abort")
    assert orchestra.notes("end")[0]["aborted"]
    assert orchestra.notes("stop")
    assert str(player.state()) == "ON"


def test_stop_while_it_acts_returns_at_once_and_is_carried_out_after_the_action(orchestra, player):
    orchestra.set("p", sleep=0.5)
    player.Start()
    ticket = player.command_inout_asynch("Trigger", "1")
    wait_until("it acts", lambda: orchestra.notes("begin"))
    began = time.monotonic()
    player.Stop()
    assert took(began) < 0.3
    assert not orchestra.notes("stop")
    player.command_inout_reply(ticket, timeout=3000)
    assert [note["what"] for note in orchestra.notes()][-2:] == ["end", "stop"]
    assert str(player.state()) == "ON"


def test_a_trigger_that_was_done_is_answered_without_acting_twice(orchestra, player):
    player.Start()
    first = player.Trigger('{"trigger": 7, "attempt": 1}')
    assert player.Trigger('{"trigger": 7, "attempt": 1}') == first
    assert len(orchestra.notes("begin")) == 1
    assert player.Trigger('{"trigger": 7, "attempt": 2}') == first
    assert len(orchestra.notes("begin")) == 1


def test_a_trigger_of_another_run_is_refused(orchestra, player):
    mine = Run.new("mine", {"a": [1]}, 3)
    begun = json.loads(player.Begin(mine.to_json()))
    assert begun == {"version": 1, "run": mine.id, "host": socket.gethostname(), "files": [], "streams": []}
    assert Run.from_json(player.Run) == mine
    player.Trigger(json.dumps({"trigger": 1, "run": mine.id, "reference_time": 17, "attempt": 1}))
    assert orchestra.notes("begin")[0]["reference_time"] == 17
    said = refused(player.Trigger, '{"trigger": 2, "run": "another"}')
    assert mine.id in said
    assert "another" in said
    assert len(orchestra.notes("begin")) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "0", "-1", "1.5", "true", "null", "[]", "{}", '{"trigger": 0}', '{"trigger": "1"}'),
        *('{"trigger": 1, "attempt": 0}', '{"trigger": 1, "run": 3}', '{"trigger": 1, "bad": 1}', str(2**63)),
    ],
)
def test_what_is_no_trigger_is_refused(player, text):
    player.Start()
    assert "Trigger: a number from 1" in refused(player.Trigger, text)
    assert str(player.state()) == "STANDBY"


@pytest.mark.parametrize("text", ["", "[1]", "{", "3", '"text"', "nan"])
def test_parameters_are_a_json_object(orchestra, player, text):
    before = player.Parameters
    assert "Parameters: a JSON object" in refused(setattr, player, "Parameters", text)
    assert player.Parameters == before


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"id": "a/b"}', '{"id": "../x"}', '{"id": 1}', '{"id": "a", "seed": -1}']
)
def test_a_run_needs_an_identity(player, text):
    assert "a run is a JSON object" in refused(player.Begin, text)


@pytest.mark.parametrize(("name", "value"), [("Priority", -2), ("Timeout", 0.0), ("Timeout", float("nan"))])
def test_values_out_of_range_are_refused(player, name, value):
    before = getattr(player, name)
    assert name in refused(setattr, player, name, value)
    assert getattr(player, name) == before


def test_trigger_before_start_is_refused(player):
    assert "Start comes before Trigger" in refused(player.Trigger, "1")


def test_a_failed_action_is_an_alarm_until_the_next_success(orchestra, player):
    orchestra.set("p", fail_at=2)
    player.Start()
    player.Trigger("1")
    said = refused(player.Trigger, "2")
    assert "scripted.py, line" in said
    assert "ValueError: the detector of solo-p is on fire" in said
    assert str(player.state()) == "ALARM"
    assert "trigger 2" in player.Status()
    assert player.LastTrigger == 1
    player.Trigger("3")
    assert str(player.state()) == "STANDBY"
    refused(player.Trigger, "2")
    player.Reset()
    assert str(player.state()) == "STANDBY"


def test_what_an_action_may_not_return_is_said(player, bad_script):
    player.Script = bad_script("def action(trigger):\n    return 3\n")
    player.Start()
    assert "action returns None or {name: value}; got 3" in refused(player.Trigger, "1")


def test_a_script_of_the_original_runs_as_it_is(player, bad_script):
    player.Script = bad_script(
        "def get_data_names():\n    return ['current']\n\n\n"
        "def action(trg):\n    return {'current': [1.5, trg], 'playerlog': 'trigger %d' % trg}\n"
    )
    player.Start()
    player.Trigger("3")
    wait_until("the log", lambda: player.LastLog == "trigger 3")


def test_a_run_that_was_not_stopped_is_stopped_by_the_next_start(orchestra, player):
    player.Start()
    player.Start()
    assert [note["what"] for note in orchestra.notes()] == ["setup", "stop", "setup"]


def test_what_is_memorized_is_there_after_a_restart(facility, tmp_path):
    with an_orchestra(facility, tmp_path, "memo", "p", director=False) as orchestra:
        player = orchestra.players["p"]
        player.Priority = 5
        player.Timeout = 2.5
        player.Parameters = '{"sleep": 0}'
        os.kill(orchestra.children["p"].pid, signal.SIGKILL)
        orchestra.children["p"].wait(5)
        server = orchestra.player_server("p")
        # Started by its name alone, as Astor would.
        process = facility._servers.start(
            "again",
            [sys.executable, "-m", server.module, server.instance],
            {"TANGO_HOST": facility.database.tango_host},
        )
        orchestra.children["again"] = process

        def is_back():
            try:
                return player.ping() >= 0
            except tango.DevFailed:
                return False

        wait_until("it is back", is_back, 20)
        assert (player.Priority, player.Timeout, player.Parameters) == (5, 2.5, '{"sleep": 0}')
        assert player.Script == "scripted.py"
        assert str(player.state()) == "ON"


def test_without_a_database(tmp_path):
    """Both servers run with -nodb, the Director given the Player's full name."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    end_point = ["-ORBendPoint", f"giop:tcp:127.0.0.1:{port}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "donki.player.device", "x", "-nodb", "-dlist", "a/b/solo", *end_point],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        player = None

        def answers():
            nonlocal player
            try:
                player = tango.DeviceProxy(f"tango://127.0.0.1:{port}/a/b/solo#dbase=no")
                return player.ping() >= 0
            except tango.DevFailed:
                return False

        wait_until("the Player answers", answers, 20)
        assert str(player.state()) == "FAULT"
        assert "no script is set" in player.Status()
        player.Script = "just_action.py"
        player.Start()
        player.Trigger("1")
        assert player.LastLog == "trigger 1 done"
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) is not None
    finally:
        process.kill()
        process.wait()
