"""A Player's performance without Tango: which attempt acts, and which is answered from memory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from socket import gethostname

import pytest

from donki.errors import BusyError, DonkiError, InputError, NotAllowedError, NotSetUpError, ScriptError
from donki.player.player import Player
from donki.player.runs.script_runner import ScriptRunner
from donki.player.runs.states import State
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.run_output import RunOutput

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
def script_runner(player, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    script_runner = ScriptRunner(player, lambda run: RunOutput("p", run, brokers=["127.0.0.1:1"]))
    script_runner.loader.load(tmp_path, "script.py")
    script_runner.start(RUN)
    yield script_runner
    script_runner.abort()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def trigger(number, attempt=1):
    return Trigger(number, 1_000, attempt)


def acted():
    """Return trigger and attempt of each action of the script."""
    *_, name = (name for name in sys.modules if name.endswith(".script%2Epy"))
    return sys.modules[name].acted


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


def test_a_trigger_that_was_done_is_answered_without_acting_twice_whatever_the_attempt(script_runner):
    report = script_runner.trigger(trigger(1), RUN.id)
    assert script_runner.trigger(trigger(1), RUN.id) == report
    assert script_runner.trigger(trigger(1, attempt=2), RUN.id) == report
    script_runner.stop()
    script_runner.start(RUN)
    assert script_runner.trigger(trigger(1, attempt=3), RUN.id) == report
    assert acted() == [(1, 1)]


def test_a_player_of_one_director_is_not_taken_over_by_another(script_runner):
    mine, another = Run("mine", director="donki/director/1"), Run("another", director="donki/director/2")
    script_runner.start(mine)
    for run in (another, Run("by-hand")):
        with pytest.raises(NotAllowedError, match="plays run mine of donki/director/1; Stop it there"):
            script_runner.start(run)
    assert script_runner.trigger(trigger(1), "mine").trigger == 1
    script_runner.start(Run("mine-too", director="donki/director/1"))
    script_runner.stop()
    script_runner.start(another)


def test_an_attempt_that_failed_is_answered_by_its_failure_and_only_the_next_one_acts(script_runner, player):
    fail(player)
    for _ in range(2):
        with pytest.raises(ScriptError, match="on fire"):
            script_runner.trigger(trigger(1), RUN.id)
    player.parameters = {}
    assert script_runner.trigger(trigger(1, attempt=2), RUN.id).attempt == 2
    assert acted() == [(1, 1), (1, 2)]


def test_the_end_of_a_run_waits_for_the_action_and_tells_what_goes_wrong(
    script_runner, player, threads, tmp_path
):
    assert script_runner.end() == {
        "version": 1,
        "run": RUN.id,
        "host": gethostname(),
        "files": [],
        "streams": [],
    }
    (tmp_path / "script.py").write_text(SCRIPT + "\ndef stop():\n    1 / 0\n")
    script_runner.loader.load(tmp_path, "script.py")
    script_runner.start(RUN)
    gate = Gate(player)
    acting = threads.submit(script_runner.trigger, trigger(1), RUN.id)
    assert gate.entered.wait(LIMIT)
    script_runner.timeout = 0.01
    with pytest.raises(BusyError, match="still busy: action of trigger 1"):
        script_runner.end()
    script_runner.timeout = LIMIT
    ending = threads.submit(script_runner.end)
    gate.open.set()
    acting.result(LIMIT)
    with pytest.raises(ScriptError, match="ZeroDivisionError"):
        ending.result(LIMIT)
    assert script_runner.end()["run"] == RUN.id


class MuteError(Exception):
    """Cannot say what it is."""

    def __str__(self):
        raise TypeError("no text")

    __repr__ = __str__


class Endless(dict):
    def __iter__(self):
        raise GeneratorExit


RAISED = [
    (asyncio.CancelledError(), "CancelledError"),
    (KeyboardInterrupt(), "KeyboardInterrupt"),
    (GeneratorExit(), "GeneratorExit"),
    (SystemExit(3), "SystemExit: 3"),
    (StopIteration(), "StopIteration"),
    (BaseException("base"), "BaseException: base"),
    (
        BaseExceptionGroup("several", [KeyboardInterrupt("a"), ValueError("b")]),
        r"BaseExceptionGroup: several \(2 sub-exceptions\): KeyboardInterrupt: a; ValueError: b",
    ),
    (pytest.fail.Exception("no good"), "Failed: no good"),
    (MuteError(), "MuteError: its text cannot be had: TypeError"),
    (MemoryError(), "MemoryError"),
    (InputError("of a send"), "InputError: of a send"),
    (ValueError("x" * 10_000), r"ValueError: x{4000} \.\.\.$"),
]


@pytest.mark.parametrize(("raised", "said"), RAISED, ids=lambda what: type(what).__name__)
def test_whatever_an_action_raises_is_one_failure_of_its_trigger(script_runner, player, raised, said):
    def what(_trigger):
        raise raised

    done = script_runner.trigger(trigger(1), RUN.id)
    player.parameters = {"what": what}
    with pytest.raises(ScriptError, match=rf"script\.py, line 7: action failed: {said}"):
        script_runner.trigger(trigger(2), RUN.id)
    assert script_runner.machine.state is State.ALARM
    assert script_runner.status.startswith("trigger 2: ")
    assert script_runner.answers.last == done
    player.parameters = {}
    assert script_runner.trigger(trigger(2, attempt=2), RUN.id).trigger == 2
    assert script_runner.machine.state is State.STANDBY


@pytest.mark.parametrize("function", ["get_data_names", "setup", "stop"])
def test_whatever_another_function_raises_is_its_failure(tmp_path, player, function):
    (tmp_path / "script.py").write_text(
        f"def action(trigger): pass\ndef {function}(): raise GeneratorExit('gone')\n"
    )
    script_runner = ScriptRunner(player, lambda run: RunOutput("p", run, brokers=["127.0.0.1:1"]))
    script_runner.loader.load(tmp_path, "script.py")
    expected = rf"script\.py, line 2: {function} failed: GeneratorExit: gone"
    if function == "stop":
        script_runner.start(RUN)
    with pytest.raises(ScriptError, match=expected):
        script_runner.stop() if function == "stop" else script_runner.start(RUN)
    assert script_runner.machine.state is State.ALARM


@pytest.mark.parametrize("returned", [Endless(a=1), {"playerlog": MuteError()}, [MuteError()]])
def test_what_an_action_returns_may_fail_itself(tmp_path, player, returned):
    (tmp_path / "script.py").write_text("def action(trigger, player): return player.parameters['returned']\n")
    player.parameters = {"returned": returned}
    script_runner = ScriptRunner(player, lambda run: RunOutput("p", run, brokers=["127.0.0.1:1"]))
    script_runner.loader.load(tmp_path, "script.py")
    script_runner.start(RUN)
    with pytest.raises(ScriptError, match=r"script\.py.*: action failed: "):
        script_runner.trigger(trigger(1), RUN.id)
    assert script_runner.machine.state is State.ALARM
    script_runner.stop()


def test_another_run_forgets_what_was_done_and_what_failed(script_runner, player):
    script_runner.trigger(trigger(1), RUN.id)
    fail(player)
    with pytest.raises(ScriptError):
        script_runner.trigger(trigger(2), RUN.id)
    player.parameters = {}
    script_runner.start(Run("the-next"))
    for number in (1, 2):
        script_runner.trigger(trigger(number), "the-next")
    assert acted() == [(1, 1), (2, 1), (1, 1), (2, 1)]


def test_what_was_done_before_is_answered_while_the_script_acts_at_a_later_trigger(
    script_runner, player, threads
):
    done = script_runner.trigger(trigger(1), RUN.id)
    gate = Gate(player)
    acting = threads.submit(script_runner.trigger, trigger(2), RUN.id)
    assert gate.entered.wait(LIMIT)
    assert script_runner.trigger(trigger(1), RUN.id) == done
    with pytest.raises(BusyError, match="action of trigger 2"):
        script_runner.trigger(trigger(3), RUN.id)
    gate.open.set()
    assert acting.result(LIMIT).trigger == 2


def test_a_run_is_taken_up_again_while_the_script_still_acts_in_it(script_runner, player, threads):
    gate = Gate(player)
    acting = threads.submit(script_runner.trigger, trigger(1), RUN.id)
    assert gate.entered.wait(LIMIT)
    script_runner.start(RUN)
    again = threads.submit(script_runner.trigger, trigger(1), RUN.id)
    with pytest.raises(BusyError):
        script_runner.start(Run("another"))
    gate.open.set()
    assert again.result(LIMIT) == acting.result(LIMIT)
    assert acted() == [(1, 1)]


def test_an_action_that_was_told_to_give_up_is_not_done(script_runner, player, threads):
    gate = Gate(player)
    acting = threads.submit(script_runner.trigger, trigger(1), RUN.id)
    assert gate.entered.wait(LIMIT)
    script_runner.abort()
    with pytest.raises(BusyError):
        script_runner.start(RUN)
    gate.open.set()
    with pytest.raises(DonkiError, match="gave up trigger 1: it was told to abort"):
        acting.result(LIMIT)
    assert script_runner.machine.state is State.ON
    assert script_runner.answers.last is None
    with pytest.raises(NotSetUpError):
        script_runner.trigger(trigger(1), RUN.id)


def test_a_first_trigger_imports_nothing(tmp_path):
    (tmp_path / "script.py").write_text(
        "import numpy as np\n"
        "def action(trigger, player):\n"
        "    player.rng(trigger)\n"
        "    return {'x': 1.5, 'a': np.ones(3), 't': 'text', 'playerlog': 'line'}\n"
    )
    program = """
import sys
from pathlib import Path
import donki.player.device
from donki.player.runs.script_runner import ScriptRunner
from donki.player.player import Player
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.run_output import RunOutput
folder = Path(sys.argv[1])
player = Player("p")
script_runner = ScriptRunner(
    player, lambda run: RunOutput("p", run, brokers=["localhost:9"], file_directory=folder)
)
script_runner.loader.load(folder, "script.py")
script_runner.start(Run.new())
before = set(sys.modules)
script_runner.trigger(Trigger(1, 1))
print(*sorted(set(sys.modules) - before))
script_runner.stop()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
