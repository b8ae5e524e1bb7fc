"""How a Player performs: load the script, set up, act at a trigger, stop. No Tango here.

Requests come from several threads. The script runs in one of them at a time; every other request is answered
at once, and a Stop or Abort that comes while the script runs is carried out by the thread that runs it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

from donki.errors import BusyError, DonkiError, NotAllowedError, NotSetUpError, ScriptError
from donki.player.memory import Memory
from donki.player.player import Player
from donki.player.script import LOG_NAME, Script, find_script
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.manifest import Manifest
from donki.streams.outlet import Counts, Outlet, Stream

#: How long after an Abort the broker may still take what an action has sent, in s.
PATIENCE = 0.4


class State(Enum):
    """What a Player is doing; the names are Tango's."""

    ON = auto()
    STANDBY = auto()
    RUNNING = auto()
    ALARM = auto()
    FAULT = auto()


@dataclass(frozen=True)
class Report:
    """What a Player did at a trigger; the duration in s, the events, messages and bytes of this trigger.

    What was delivered is listed in the manifest.
    """

    trigger: int
    attempt: int
    duration: float
    events: int
    messages: int
    bytes: int
    manifest: Manifest = field(default_factory=Manifest)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object; without a manifest where nothing was sent."""
        manifest = self.manifest.as_dict()
        counts = {name: value for name, value in vars(self).items() if name != "manifest"}
        return counts | {"manifest": manifest} if manifest else counts


class Performer:
    """Runs the script of one Player.

    Parameters
    ----------
    player
        the player that the script is given
    open_outlet
        makes the outlet of a run
    """

    def __init__(self, player: Player, open_outlet: Callable[[Run], Outlet]) -> None:
        self.player = player
        self.timeout = 60.0
        self._open_outlet = open_outlet
        self._outlet: Outlet | None = None
        self._remainder = Manifest()
        self._script: Script | None = None
        self._fault = "no script is set"
        self._failure: str | None = None
        self._ready = False
        self._busy_with: str | None = None
        self._acting_at = 0
        self._stop_asked = False
        self._reports: Memory[Report] = Memory()
        self._failures: Memory[tuple[int, DonkiError]] = Memory()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)

    @property
    def state(self) -> State:
        """The state to show."""
        if self._busy_with:
            return State.RUNNING
        if self._script is None:
            return State.FAULT
        if self._failure:
            return State.ALARM
        return State.STANDBY if self._ready else State.ON

    @property
    def status(self) -> str:
        """What the state means, in a line or two."""
        script = self._script.file.name if self._script else ""
        match self.state:
            case State.RUNNING:
                return f"{script}: {self._busy_with}"
            case State.FAULT:
                return self._fault
            case State.ALARM:
                return str(self._failure)
            case State.STANDBY:
                return f"{script}: set up for run {self.player.run.id}, awaiting triggers"
            case _:
                return f"{script}: ready"

    @property
    def last(self) -> Report | None:
        """What was done at the last trigger of this run; None before the first."""
        return self._reports.newest

    @property
    def has_script(self) -> bool:
        """True where a usable script is loaded."""
        return self._script is not None

    @property
    def script_hash(self) -> str:
        """The SHA-256 of the script that is loaded, in hexadecimal; empty where there is none."""
        return self._script.hash if self._script else ""

    @property
    def counts(self) -> Counts:
        """What was sent in the run in progress, or in the last one."""
        return self._outlet.counts if self._outlet else Counts()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are written in the run in progress, or were in the last one."""
        return self._outlet.files if self._outlet else ()

    @property
    def remainder(self) -> Manifest:
        """What was delivered after the last trigger of the run that was stopped last."""
        return self._remainder

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What goes to Kafka in the run in progress, or went in the last one, as far as it was opened."""
        return self._outlet.streams if self._outlet else ()

    def load(self, script_path: Path, name: str) -> None:
        """Load a script, or load it again; without a usable one the Player is in FAULT.

        Raises
        ------
        ScriptError
            saying which file and line
        NotAllowedError
            while the script acts or is set up
        """
        with self._busy("loading the script"):
            if self._ready:
                raise NotAllowedError(f"Player {self.player.name} is set up for a run; Stop it first")
            self._script = None
            self._failure = None
            try:
                self._script = Script(find_script(script_path, name), self.player)
            except ScriptError as error:
                self._fault = str(error)
                raise

    def start(self, run: Run) -> None:
        """Take up a run: open its outlet and call the script's setup.

        Another run that was not stopped is, first, unless it is another Director's; a run that this Player
        plays already goes on, whatever the script does, so that a Director that died can take it up again.

        Raises
        ------
        NotAllowedError
            while it plays a run of another Director
        """
        if self._is_set_up(run.id) and not self._stop_asked:
            return
        with self._busy("setup"):
            script = self._usable()
            if self._ready:
                self._refuse_another_director(run)
                self._stop(script)
            self._failure = None
            if run.id != self.player.run.id:
                self._reports.clear()
                self._failures.clear()
            try:
                self._remainder = Manifest()
                self._outlet = self._open_outlet(run)
                self.player.begin(run, self._outlet)
                script.data_names()
                script.setup()
            except DonkiError as error:
                self._fail(f"setup: {error}")
                self._stop_quietly(script)
                raise
            self._ready = True

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
        NotSetUpError
            before Start, or for a trigger of another run
        BusyError
            while the script does something else
        DonkiError
            what the script or the delivery said, or that the action was told to give up
        """
        self._wait_while_acting_at(int(trigger))
        # Also while it acts at a later one: a Director that died asks again for all that it did not note.
        if self._is_set_up(run_id) and (report := self._recall(trigger)):
            return report
        with self._busy(f"action of trigger {trigger}", int(trigger)):
            script = self._usable()
            outlet = self._outlet
            if not self._ready or outlet is None:
                raise NotSetUpError(
                    f"Player {self.player.name} is not set up, or was stopped or restarted since; "
                    "Start comes before Trigger"
                )
            if not self._is_set_up(run_id):
                raise NotSetUpError(
                    f"Player {self.player.name} plays run {self.player.run.id}; "
                    f"trigger {trigger} belongs to run {run_id}"
                )
            if report := self._recall(trigger):
                return report
            try:
                report = self._act(script, outlet, trigger)
            except DonkiError as error:
                self._failures.remember(trigger, (trigger.attempt, error))
                outlet.discard()
                if not self.player.aborted:
                    self._fail(f"trigger {trigger}: {error}")
                raise
            self._failure = None
            self._reports.remember(trigger, report, report.manifest.size)
            return report

    def stop(self) -> None:
        """Leave the run: call the script's stop, close the outlet; now, or when the action returns."""
        with self._lock:
            if self._busy_with:
                self._stop_asked = True
                return
            self._claim("stop")
        with self._claimed():
            if self._ready and self._script:
                try:
                    self._stop(self._script)
                except DonkiError as error:
                    self._fail_stop(error)
                    raise

    def abort(self) -> None:
        """As `stop`, and tell the script to give up, also where it waits for the broker."""
        self.player.abort()
        if self._outlet and self._busy_with:
            patience = threading.Timer(PATIENCE, self._outlet.abandon, ["the Player was told to abort"])
            patience.daemon = True
            patience.start()
        self.stop()

    def reset(self) -> None:
        """Forget the last failure."""
        self._failure = None

    def _act(self, script: Script, outlet: Outlet, trigger: Trigger) -> Report:
        began = time.perf_counter()
        before = outlet.counts
        outlet.begin(trigger)
        values = dict(script.action(trigger))
        if self.player.aborted:
            raise DonkiError(f"Player {self.player.name} gave up trigger {trigger}: it was told to abort")
        line = values.pop(LOG_NAME, None)
        if line is not None:
            self.player.log.info("%s", line)
        if values:
            outlet.values(trigger, trigger.reference_time, values)
        outlet.deliver(max(0.1, self.timeout - (time.perf_counter() - began)))
        after = outlet.counts
        return Report(
            trigger=int(trigger),
            attempt=trigger.attempt,
            duration=time.perf_counter() - began,
            events=after.events - before.events,
            messages=after.messages - before.messages,
            bytes=after.bytes - before.bytes,
            manifest=outlet.take_manifest(),
        )

    def _is_set_up(self, run_id: str | None) -> bool:
        return self._ready and run_id in (None, self.player.run.id)

    def _recall(self, trigger: Trigger) -> Report | None:
        """Return what was done at a trigger, or raise why an attempt that was already made failed."""
        if report := self._reports.recall(trigger):
            return report
        attempt, error = self._failures.recall(trigger) or (0, None)
        if error and attempt >= trigger.attempt:
            raise error
        return None

    def _refuse_another_director(self, run: Run) -> None:
        present = self.player.run
        if present.director and run.director != present.director:
            raise NotAllowedError(
                f"Player {self.player.name} plays run {present.id} of {present.director}; Stop it there, "
                "or Stop this Player where that Director is gone"
            )

    def _wait_while_acting_at(self, trigger: int) -> None:
        with self._idle:
            self._idle.wait_for(lambda: self._acting_at != trigger, self.timeout)

    def _usable(self) -> Script:
        if self._script is None:
            raise NotAllowedError(f"Player {self.player.name} has no usable script: {self._fault}")
        return self._script

    def _fail(self, message: str) -> None:
        self._failure = message
        self.player.log.error("%s", message)

    def _stop(self, script: Script) -> None:
        self._ready = False
        try:
            script.stop()
        finally:
            self.player.end()
            if self._outlet:
                self._outlet.close()
                self._remainder = self._outlet.take_manifest()

    def _stop_quietly(self, script: Script) -> None:
        try:
            self._stop(script)
        except DonkiError as error:
            self._fail_stop(error)

    def _fail_stop(self, error: DonkiError) -> None:
        self._fail(f"{self._failure}; then stop: {error}" if self._failure else f"stop: {error}")

    @contextmanager
    def _busy(self, what: str, trigger: int = 0) -> Iterator[None]:
        """Have the script to oneself; refuse to wait for it."""
        with self._lock:
            if self._busy_with:
                raise BusyError(
                    f"Player {self.player.name} is busy: {self._busy_with}; wait for its end, or Abort it"
                )
            self._claim(what)
            self._acting_at = trigger
        with self._claimed():
            yield

    def _claim(self, what: str) -> None:
        self._busy_with = what
        self._stop_asked = False

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        """Give the script back at the end, after a Stop that came meanwhile has been carried out."""
        try:
            yield
        finally:
            while True:
                with self._lock:
                    if not (self._stop_asked and self._ready and self._script):
                        self._busy_with = None
                        self._acting_at = 0
                        self._idle.notify_all()
                        break
                    self._claim("stop")
                self._stop_quietly(self._script)
