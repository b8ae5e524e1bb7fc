"""How a Player takes part in a run: set up, act at a trigger, stop. No Tango here.

Requests come from several threads; the script runs in one of them at a time, which carries out a later Stop.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from typing import Any

from donki.errors import DonkiError, NotSetUpError
from donki.player.player import Player
from donki.player.report import Report
from donki.player.runs.loader import ScriptLoader
from donki.player.runs.machine import Machine
from donki.player.runs.report_cache import Answers
from donki.player.runs.reservation import Reservation, check_director
from donki.player.runs.run_session import RunSession
from donki.player.runs.states import Phase, State
from donki.player.script.script import Script
from donki.player.telemetry.observer import Observers
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.run_output import RunOutput
from donki.threads import Threads

#: How long after an Abort the broker may still take what was sent, in s.
PATIENCE = 0.4


class ScriptRunner:
    """Runs the script of one Player.

    Parameters
    ----------
    player
        the player that the script is given
    open_run_output
        makes the run_output of a run
    threads
        where what goes wrong in threads is said
    changed
        is called when state, status and what else is shown of it have changed
    observers
        are told what the script does

    Attributes
    ----------
    machine
        where the Player stands
    loader
        has the script
    session, answers
        the run in progress, or the last one, and the answers to its triggers
    """

    def __init__(
        self,
        player: Player,
        open_run_output: Callable[[Run], RunOutput],
        threads: Threads | None = None,
        changed: Callable[[], None] = lambda: None,
        observers: Observers | None = None,
    ) -> None:
        self.player = player
        self.timeout = 60.0
        self.session = RunSession(player, player.run)
        self._open_run_output = open_run_output
        self._stop_error: DonkiError | None = None
        self._threads = threads or Threads()
        self._observers = observers or Observers((), self._threads)
        self.machine = Machine(player.name, changed)
        self.loader = ScriptLoader(player, self.machine, self._threads)
        self.answers = Answers()
        self._reservation = Reservation(player.name)

    @property
    def status(self) -> str:
        """What the state means, in a line or two."""
        script = self.loader.script.file.name if self.loader.script else ""
        match self.machine.state:
            case State.RUNNING:
                # A script that is not there yet is named by what is done with it.
                return f"{script}: {self.machine.doing}" if script else self.machine.doing
            case State.FAULT:
                return self.loader.fault
            case State.ALARM:
                return str(self.machine.failure)
            case State.STANDBY:
                return f"{script}: set up for run {self.session.run.id}, awaiting triggers"
            case _:
                return f"{script}: ready"

    def reserve(self, run: Run) -> None:
        """Keep this Player for a run that is about to begin, for a while.

        Raises
        ------
        NotAllowedError
            while it plays a run of another Director, or is kept for one
        """
        with self.machine.lock:
            if self.machine.in_run:
                check_director(self.player.name, self.session.run, run)
            self._reservation.keep(run)

    def release(self, run_id: str) -> None:
        """Keep this Player no more for a run that does not begin."""
        with self.machine.lock:
            self._reservation.release(run_id)

    def start(self, run: Run) -> dict[str, Any]:
        """Take up a run: open its run_output and call the script's setup; return its output so far.

        Another run that was not stopped is, first, unless it is another Director's; a run that this Player
        plays already goes on, whatever the script does, so that a Director that died can take it up again.
        Raises as `reserve` does.
        """
        machine = self.machine
        same_run = (run.id, run.director) == (self.session.run.id, self.session.run.director)
        if same_run and machine.in_run and not machine.stop_asked:
            self.release(run.id)
            return self.session.output
        with machine.lock:
            machine.refuse_if_busy()
            self._reservation.check(run)
            script = self.loader.usable()
            in_run = machine.in_run
            if in_run:
                check_director(self.player.name, self.session.run, run)
            self._reservation.keep(run, math.inf)
            machine.begin(Phase.STOPPING if in_run else Phase.SETTING_UP, "setup")
        phase = Phase.READY
        try:
            if in_run:
                self.session.stop(script)
                machine.go_on(Phase.SETTING_UP)
            machine.failure = self._stop_error = None
            if not same_run:
                self.answers.clear()
            self.session = RunSession(self.player, run, self.session.total)
            try:
                self.session.set_up(script, self._open_run_output, self.timeout)
            except DonkiError as error:
                failure = self.session.take_back(script, error)
                self._observers.failed("setup", failure)
                self._fail(f"setup: {failure}", error)
                machine.go_on(Phase.STOPPING)
                self._stop_error = self._stop(script)
                raise failure from error.__cause__
            phase = Phase.SET_UP
            return self.session.output
        finally:
            self.release(run.id)
            self._finish(phase)

    def trigger(self, trigger: Trigger, run_id: str | None = None) -> Report:
        """Act at a trigger; return when the action is done and all it sent is delivered.

        A trigger that was done is answered without acting twice, whatever the attempt; an attempt that
        failed, by its failure; one that is being made is waited for.

        Parameters
        ----------
        trigger
            the trigger
        run_id
            the run it belongs to; None is the present one

        Raises
        ------
        NotSetUpError, BusyError
            before Start, or for a trigger of another run; while the script does something else
        DonkiError
            what the script or the delivery said, or that it was told to give up
        """
        machine = self.machine
        machine.wait_while_acting_at(int(trigger), self.timeout)
        # Also while it acts at a later one: a Director that died asks again for all that it did not note.
        if self._plays(run_id) and (report := self.answers.recall(trigger)):
            return report
        with machine.lock:
            machine.refuse_if_busy_without_run()
            machine.refuse_if_busy()
            script = self.loader.usable()
            if not self._plays(run_id):
                reason = (
                    f"plays run {self.session.run.id}; trigger {trigger} belongs to run {run_id}"
                    if machine.in_run
                    else "is not set up, or was stopped or restarted since; Start comes before Trigger"
                )
                raise NotSetUpError(f"Player {self.player.name} {reason}")
            if report := self.answers.recall(trigger):
                return report
            machine.begin(Phase.ACTING, f"action of trigger {trigger}", int(trigger))
        try:
            self._observers.acting(self.session.run, trigger)
            report = self.session.act(script, trigger, self.timeout)
        except DonkiError as error:
            failure = self.session.take_back(script, error)
            self._observers.failed("action", failure)
            self.answers.failed(trigger, failure)
            if not self.player.aborted:
                self._fail(f"trigger {trigger}: {failure}", error)
            raise failure from error.__cause__
        else:
            self._observers.acted(report)
            machine.failure = None
            self.answers.done(trigger, report)
            return report
        finally:
            self._finish(Phase.SET_UP)

    def stop(self) -> bool:
        """Leave the run: call the script's stop, close the run_output; False where the action comes first.

        Raises
        ------
        DonkiError
            what went wrong, where it is left now; it is left all the same
        """
        machine = self.machine
        with machine.lock:
            if machine.busy:
                machine.stop_asked = True
                return False
            if not machine.in_run:
                return True
            machine.begin(Phase.STOPPING, "stop")
        try:
            error = self._stop(self.loader.usable())
        finally:
            self._finish(Phase.READY)
        if error:
            raise error
        return True

    def end(self) -> dict[str, Any]:
        """Leave the run as `stop` does; return its output when it is left.

        Raises
        ------
        BusyError, DonkiError
            where the script does not return within the Timeout; what went wrong: the run is left all the
            same, and the next `end` returns its output
        """
        if not self.stop():
            self.machine.wait_until_idle(self.timeout)
            if error := self._stop_error:
                self._stop_error = None
                raise error
        return self.session.output

    def abort(self) -> None:
        """As `stop`, and tell the script to give up, also where it waits for the broker."""
        self.player.abort()
        if self.machine.busy:
            self._threads.start_after(PATIENCE, "abort", self.session.abandon)
        self.stop()

    def close(self) -> None:
        """As `abort`, for good: another one takes over, and nothing that the script started goes on."""
        with self.machine.lock:
            self.machine.closed = True
        try:
            self.abort()
        finally:
            self.loader.close()

    def reset(self) -> None:
        """Forget the last failure."""
        self.machine.failure = None

    def _plays(self, run_id: str | None) -> bool:
        return self.machine.in_run and run_id in (None, self.session.run.id)

    def _fail(self, message: str, error: DonkiError) -> None:
        self.machine.failure = message
        if error.__cause__ is not None:
            self.player.log.info("%s", "".join(traceback.format_exception(error.__cause__)))
        self.player.log.error("%s", message)

    def _stop(self, script: Script) -> DonkiError | None:
        """Leave the run, whatever goes wrong; return that."""
        try:
            self.session.stop(script)
        except DonkiError as error:
            self._observers.failed("stop", error)
            failure = self.machine.failure
            self._fail(f"{failure}; then stop: {error}" if failure else f"stop: {error}", error)
            return error
        return None

    def _finish(self, phase: Phase) -> None:
        """Be at rest again, after a Stop that came meanwhile has been carried out."""
        if self.machine.finish(phase):
            self._stop_error = self._stop(self.loader.usable())
            self.machine.finish(Phase.READY)
