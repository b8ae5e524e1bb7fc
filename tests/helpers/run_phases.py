"""Moments of a run, for tests: each brings a run of four triggers to a moment, and holds it there."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from donki.limits import OnError
from helpers.support import wait_until


def acted(orchestra, name):
    """Return trigger and attempt of each action that a Player began."""
    return [(note["trigger"], note["attempt"]) for note in orchestra.notes("begin", name)]


def ended(orchestra):
    """Wait for the end; return the state, how the journal says that it ended, and the last trigger."""
    state = orchestra.ended_in_alarm()
    query = "SELECT outcome, (SELECT MAX(number) FROM trigger WHERE run = key) FROM run WHERE id = ?"
    with closing(sqlite3.connect(orchestra.journal)) as journal:

        def row():
            return journal.execute(query, (orchestra.director.RunId,)).fetchone()

        wait_until("the end is noted", lambda: row()[0])
        return state, *row()


class Moment:
    """Brings a run of four triggers to a moment, and holds it there until `go_on`.

    Attributes
    ----------
    obeyed
        the requests that are obeyed then; the others are refused
    says
        what a refusal says
    """

    obeyed: frozenset[str]
    says = "is not allowed while the Director is"

    def __init__(self, orchestra):
        self.orchestra = orchestra
        self.director = orchestra.director

    def begin(self):
        self.gate = self.orchestra.gate("x", 2)
        self.director.Start()
        self.wait_acting(2)

    def go_on(self):
        self.gate.unlink(missing_ok=True)

    def wait_acting(self, trigger):
        wait_until(
            f"x acts at {trigger}, y has done it",
            lambda: (
                (trigger, 1) in acted(self.orchestra, "x")
                and f"waiting for {self.orchestra.name('x')}" in self.director.Status()
            ),
        )


class SettingUp(Moment):
    """During Start: x is being set up."""

    obeyed = frozenset({"Stop", "Abort", "Pause"})
    says = "already starting|is not allowed while the Director is"

    def begin(self):
        self.gate = self.orchestra.gate("x", "setup")
        self.asked = self.orchestra.proxy(self.director.dev_name())
        self.ticket = self.asked.command_inout_asynch("Start")
        wait_until("it sets up", lambda: "setting up" in self.director.Status())
        wait_until("x is set up", lambda: self.orchestra.notes("setup", "x"))
        for name in ("y", "z"):
            wait_until(
                f"{name} is set up", lambda name=name: str(self.orchestra.players[name].state()) == "STANDBY"
            )

    def go_on(self):
        super().go_on()
        if self.ticket:
            self.asked.command_inout_reply(self.ticket, timeout=3000)
            self.ticket = 0


class Acting(Moment):
    """X acts at the second trigger, y has done it, z is to follow."""

    obeyed = frozenset({"Stop", "Abort", "Pause"})


class Waiting(Moment):
    """Between two triggers an hour apart."""

    obeyed = frozenset({"Stop", "Abort", "Pause"})

    def begin(self):
        super().begin()
        self.director.Period = 3600
        self.gate.unlink()
        wait_until("it waits", lambda: "waiting: trigger 2" in self.director.Status())

    def go_on(self):
        self.director.Period = 0


class Paused(Moment):
    """After the second trigger."""

    obeyed = frozenset({"Stop", "Abort", "Resume", "Step"})

    def begin(self):
        super().begin()
        self.director.Pause()
        self.gate.unlink()
        wait_until("it pauses", lambda: self.orchestra.state() == "STANDBY")

    def go_on(self):
        self.director.Resume()


class Lost(Moment):
    """X has died at the second trigger, and is waited for; it comes back."""

    obeyed = frozenset({"Stop", "Abort", "Pause"})

    def begin(self):
        self.orchestra.players["x"].OnError = OnError.RETRY
        self.orchestra.players["x"].Retries = 1
        self.orchestra.refresh()
        super().begin()
        self.orchestra.children["x"].kill()
        self.gate.unlink()
        noted = "SELECT 1 FROM attempt JOIN run ON run = run.key WHERE id = ? AND attempt.outcome = 'failed'"
        with closing(sqlite3.connect(self.orchestra.journal)) as journal:
            wait_until("it is lost", lambda: journal.execute(noted, (self.director.RunId,)).fetchone())

    def go_on(self):
        if not self.orchestra.children["x"].is_alive:
            self.orchestra.restart("x")


class Stopping(Moment):
    """The sequence ends, and x takes its time to stop."""

    obeyed = frozenset({"Abort"})
    says = "is already ending|is not allowed while the Director is RUNNING"

    def begin(self):
        self.gate = self.orchestra.gate("x", "stop")
        self.director.Start()
        wait_until("x stops", lambda: self.orchestra.notes("stop", "x"))


class Failed(Moment):
    """Z has raised at the second trigger, which x and y have done, and all is over."""

    obeyed = frozenset({"Start", "Recover", "Reset", "Check"})

    def begin(self):
        self.orchestra.set("z", fail_at=2)
        self.director.Start()
        assert self.orchestra.ended() == "FAULT"

    def go_on(self):
        self.orchestra.set("z")
        self.director.Recover()
