"""What the Director says in its Tango log streams, as LogViewer and ``-v4`` show them."""

from __future__ import annotations

import os
import re
import signal

import pytest
import tango

from helpers.orchestra import an_orchestra
from helpers.support import wait_until

LIMIT = 20.0


@pytest.fixture(scope="module")
def the_orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("log"), "log", "a", "b") as orchestra:
        yield orchestra


@pytest.fixture
def orchestra(the_orchestra):
    the_orchestra.reset()
    for player in the_orchestra.players.values():
        player.OnError = "ABORT"
        player.Retries = 0
    return the_orchestra


@pytest.fixture
def said(orchestra, tmp_path):
    """Listen as LogViewer does; the returned function waits for a line of a level."""
    file = tmp_path / "director.log"
    device, target = orchestra.director.dev_name(), f"file::{file}"
    admin = tango.DeviceProxy(orchestra.director.adm_name())
    admin.AddLoggingTarget([device, target])
    admin.SetLoggingLevel([[4], [device]])

    def wait(level, pattern):
        def found():
            return file.exists() and re.search(rf'level="{level}".*\n.*{pattern}', file.read_text())

        wait_until(f"the log has {level} {pattern}", found, LIMIT)

    yield wait
    admin.RemoveLoggingTarget([device, target])


def test_a_run_is_said_to_begin_and_to_end(orchestra, said):
    assert orchestra.play(3) == "ON"
    run = orchestra.director.RunId
    said("INFO", rf"run {run} begins: 3 triggers, Players log-a, log-b")
    said("INFO", rf"run {run} done after trigger 3")


def test_a_run_that_is_stopped_is_said_to_be(orchestra, said):
    orchestra.director.Triggers = -1
    orchestra.director.Start()
    wait_until("it plays", lambda: orchestra.director.CurrentTrigger > 2)
    orchestra.director.Stop()
    assert orchestra.ended() == "ON"
    said("INFO", r"begins: triggers until Stop")
    said("INFO", rf"run {orchestra.director.RunId} stopped after trigger \d+")


def test_a_failure_is_an_error_in_the_player_s_words(orchestra, said):
    orchestra.set("b", fail_at=2)
    assert orchestra.play(3) == "FAULT"
    said("ERROR", rf"run {orchestra.director.RunId} failed: Player log-b, trigger 2: .*on fire")


@pytest.mark.parametrize(
    ("policy", "words"),
    [("SKIP", "failed and is skipped"), ("RETRY", "failed"), ("DISABLE", "is left out for the rest")],
)
def test_what_goes_on_all_the_same_is_a_warning(orchestra, said, policy, words):
    orchestra.set("b", fail_at=2, fails_for=1)
    orchestra.players["b"].OnError = policy
    orchestra.players["b"].Retries = 1
    orchestra.refresh()
    orchestra.play(3)
    assert orchestra.ended_in_alarm() == "ON"
    said("WARN", rf"Player log-b, trigger 2, attempt 1 .*{words}.*: .*on fire")


def test_a_start_that_is_refused_is_an_error(orchestra, said):
    orchestra.set("a", fail_in="setup")
    with pytest.raises(tango.DevFailed):
        orchestra.director.Start()
    said("ERROR", r"Start: Player log-a, set-up: .*no detector")


def test_a_player_is_said_to_be_lost_and_found(orchestra, said):
    orchestra.children["b"].kill()
    said("WARN", "Player log-b is lost: cannot be reached")
    orchestra.restart("b")
    said("INFO", "Player log-b is found: donki/player/log-b")


def test_a_silent_listener_keeps_no_trigger_waiting(orchestra, facility):
    """A log viewer that hangs is a Player here, stopped: it takes the call and never answers."""
    device = orchestra.director.dev_name()
    admin = tango.DeviceProxy(orchestra.director.adm_name())
    with an_orchestra(facility, orchestra.folder, "viewer", "x", director=False) as viewer:
        child = viewer.children["x"]
        target = f"device::{viewer.players['x'].dev_name()}"
        admin.AddLoggingTarget([device, target])
        admin.SetLoggingLevel([[4], [device]])
        try:
            os.kill(child.pid, signal.SIGSTOP)
            orchestra.director.Period = 0.01
            assert orchestra.play(50, limit=5) == "ON"
        finally:
            os.kill(child.pid, signal.SIGCONT)
            admin.RemoveLoggingTarget([device, target])
