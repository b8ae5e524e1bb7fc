"""Where a Player stands: every request in every phase, and what comes of it, follow the tables.

DONKI_CASES=20000 tries more than a test run does, --hypothesis-profile=random others.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise, product
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from donki.errors import BusyError, DonkiError, NotAllowedError, NotSetUpError
from donki.player.player import Player
from donki.player.runs.script_runner import ScriptRunner
from donki.player.runs.states import BUSY, FOLLOWING, IN_RUN, Phase, State, state_of
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.run_output import RunOutput

CASES = int(os.environ.get("DONKI_CASES", "60"))
SCRIPT = """
from donki_test_states import hook

if not hook("load"):
    raise ValueError("load fails")

def setup():
    if not hook("setup"):
        raise ValueError("setup fails")

def action(trigger):
    if not hook("action"):
        raise ValueError("action fails")

def stop():
    if not hook("stop"):
        raise ValueError("stop fails")
"""

#: What of the script is called, and may fail.
FUNCTIONS = ("load", "setup", "action", "stop")

#: What may be asked of a Player.
REQUESTS = ("load", "start", "start another", "trigger", "next trigger", "stop", "abort", "reset")

#: What a busy Player refuses at once; it notes a Stop or Abort for the end.
REFUSED_WHILE_BUSY = {"load", "start another", "next trigger"}


class Played:
    """A Player whose script fails where it is told to, and asks things of its own Player meanwhile."""

    def __init__(self, folder):
        self.phases = [Phase.NO_SCRIPT]
        self.fails = ()
        self.meanwhile = ()
        self.runs = 1
        self.number = 1
        self.folder = folder
        self.answers = []
        self.runner = ScriptRunner(
            Player("p"), lambda run: RunOutput("p", run, brokers=["127.0.0.1:1"]), changed=self.changed
        )

    def changed(self):
        # The first call is of the constructor's time.
        self.phases.append(self.runner.machine.phase)

    def hook(self, function):
        """Be called by the script: answer whether it goes on, after what is asked meanwhile was."""
        asked, self.meanwhile = self.meanwhile, ()
        for request in asked:
            phase = self.runner.machine.phase
            assert phase in BUSY
            assert self.runner.machine.state is State.RUNNING
            answer = self.ask(request)
            if request in REFUSED_WHILE_BUSY:
                assert isinstance(answer, BusyError | NotSetUpError), (request, phase, answer)
            assert self.runner.machine.phase is phase
        return function not in self.fails

    def ask(self, request):
        """Return what was answered: a result, or the error that was raised."""
        runner = self.runner
        try:
            match request:
                case "load":
                    return runner.loader.load(self.folder, "script.py")
                case "start":
                    return runner.start(Run(f"run-{self.runs}"))
                case "start another":
                    self.runs += 1
                    return runner.start(Run(f"run-{self.runs}"))
                case "trigger":
                    return (
                        None
                        if runner.machine.phase is Phase.ACTING
                        else runner.trigger(Trigger(self.number, 1))
                    )
                case "next trigger":
                    self.number += 1
                    return runner.trigger(Trigger(self.number, 1))
                case _:
                    return getattr(runner, request)()
        except DonkiError as error:
            return error


@pytest.fixture
def played(tmp_path, monkeypatch):
    """Return what makes a new Player whose script calls `hook`."""
    module = ModuleType("donki_test_states")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    (tmp_path / "script.py").write_text(SCRIPT)

    def new():
        played = Played(tmp_path)
        module.hook = played.hook
        return played

    return new


def play(played, acts):
    """Ask one thing after another, check what comes of each, and return the arrows that the Player went."""
    runner = played.runner
    for request, fails, meanwhile in acts:
        played.fails, played.meanwhile = fails, meanwhile
        before = runner.machine.phase
        answer = played.ask(request)
        check(runner, request, before, answer)
    played.fails = ()
    runner.close()
    assert isinstance(played.ask("load"), BusyError)
    arrows = set(pairwise(played.phases))
    for one, another in arrows:
        assert another in FOLLOWING[one], f"{one} to {another} is not in the table"
    return arrows


def check(runner, request, before, answer):
    """Compare what came of a request at rest with what the documentation says."""
    after, failed = runner.machine.phase, isinstance(answer, DonkiError)
    assert after not in BUSY
    assert runner.machine.state is state_of(after, failed=runner.machine.state is State.ALARM)
    match request:
        case "load" if before is Phase.SET_UP:
            assert isinstance(answer, NotAllowedError)
            assert after is before
        case "load":
            assert after is (Phase.NO_SCRIPT if failed else Phase.READY)
        case "start" | "start another" if before is Phase.NO_SCRIPT:
            assert isinstance(answer, NotAllowedError)
            assert after is before
        case "start" | "start another":
            # It may have been told meanwhile to stop.
            assert after is Phase.READY if failed else after in (Phase.READY, Phase.SET_UP)
        case "trigger" | "next trigger" if before is Phase.NO_SCRIPT:
            assert isinstance(answer, NotAllowedError)
        case "trigger" | "next trigger" if before is not Phase.SET_UP:
            assert isinstance(answer, NotSetUpError)
            assert after is before
        case "trigger" | "next trigger":
            assert after in (Phase.SET_UP, Phase.READY)
        case "stop" | "abort":
            assert after is (Phase.NO_SCRIPT if before is Phase.NO_SCRIPT else Phase.READY)
        case "reset":
            assert after is before
            assert runner.machine.state is not State.ALARM


#: What brings a new Player to each phase in which it is at rest.
TO = {
    Phase.NO_SCRIPT: (),
    Phase.READY: (("load", (), ()),),
    Phase.SET_UP: (("load", (), ()), ("start", (), ())),
}


def test_whatever_is_asked_in_whatever_phase_the_player_follows_its_tables(played):
    seen = set()
    for phase, request, fails, asked in product(TO, REQUESTS, ("", *FUNCTIONS), ("", *REQUESTS)):
        meanwhile = (asked,) if asked else ()
        seen |= play(played(), [*TO[phase], (request, (fails,), meanwhile)])
    arrows = {(one, another) for one, following in FOLLOWING.items() for another in following}
    assert seen == arrows, f"in the table, but never seen: {arrows - seen}"


acts = st.tuples(
    st.sampled_from(REQUESTS),
    st.sampled_from([(), *product(FUNCTIONS), *product(FUNCTIONS, FUNCTIONS)]),
    st.lists(st.sampled_from(REQUESTS), max_size=2).map(tuple),
)


@settings(max_examples=CASES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(acts, min_size=2, max_size=12))
def test_however_often_something_is_asked_the_player_follows_its_tables(played, acts):
    play(played(), [*TO[Phase.READY], *acts])


def test_every_phase_is_at_rest_or_busy_and_shows_one_state():
    assert set(FOLLOWING) == set(Phase)
    assert {phase for phase in Phase if phase not in BUSY} == {Phase.NO_SCRIPT, Phase.READY, Phase.SET_UP}
    assert {Phase.SET_UP, Phase.ACTING} == set(IN_RUN)
    shown = {(phase, failed): state_of(phase, failed=failed) for phase in Phase for failed in (False, True)}
    assert set(shown.values()) == set(State)
    assert all(shown[phase, failed] is State.RUNNING for phase in BUSY for failed in (False, True))
    assert shown[Phase.NO_SCRIPT, True] is State.FAULT
    assert shown[Phase.SET_UP, True] is shown[Phase.READY, True] is State.ALARM
