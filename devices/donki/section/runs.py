"""The runs of a section: its own, begun by a person, and those that it plays for the Director above."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, cast

from donki.clock import epoch, resumed
from donki.director.conducting.conductor import Conductor, member_of
from donki.director.log import RunLog
from donki.director.output.recorder import Recorder
from donki.director.players.roster import Roster
from donki.director.rules.conducted import ConductedSequence
from donki.director.rules.ending import SETTLING
from donki.director.rules.pace import SECOND
from donki.director.rules.sequence import Sequence
from donki.director.rules.states import OVER, Command, Phase
from donki.director.runs.check import of_one_name
from donki.director.runs.recovery import members_taken_up
from donki.director.runs.runs import Runs
from donki.director.runs.status import Standing
from donki.director.settings import Settings as RunSettings
from donki.director.telemetry.observer import RunObserver
from donki.errors import BusyError, DonkiError, NotAllowedError
from donki.player.report import Report
from donki.player.runs.reservation import Reservation, check_director
from donki.player.settings import Settings
from donki.player.trigger import Trigger
from donki.run import VERSION, Run
from donki.section.given_triggers import GivenTriggers, follow_triggers, learn_triggers
from donki.section_place import SectionPlace, circle, is_below, is_run_of, run_below, sections_of
from donki.threads import Threads


class SectionRuns(Runs):
    """The run in progress, or the last one, and the way to the next.

    Parameters
    ----------
    name
        of the section, as the Director above has it for a Player's
    settings
        what is set of it as a Player
    director, roster, recorder, run_settings, log, threads, changed, observers
        as of `RunsState`
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        director: str,
        roster: Roster,
        recorder: Recorder,
        run_settings: RunSettings,
        log: RunLog,
        threads: Threads,
        changed: Callable[[], None],
        observers: Callable[[Run, Sequence], Iterable[RunObserver]],
    ) -> None:
        self._name = name
        self._player_settings = settings
        self._above = self._none = Run.new()
        self._own_id = ""
        self._told_of: Conductor | None = None
        self._reservation = Reservation(name)
        self._given = GivenTriggers(name, settings)
        self._reserving = threading.Lock()
        self._beginning = threading.Lock()

        def has_moved() -> None:
            self._given.look(self.sequence)
            changed()

        super().__init__(director, roster, recorder, run_settings, log, threads, has_moved, observers)

    @property
    def place(self) -> SectionPlace:
        """Where the section is, and which sections play in it."""
        sections = [*sections_of([entry.parameters for entry in self.roster.entries])]
        below = {name for section in sections for name in (section.director, *section.below)}
        return SectionPlace(self._director, socket.gethostname(), self.recorder.journal_file, sorted(below))

    @property
    def present(self) -> Run:
        """The run in progress, or the last one: that of the Director above, where it is one of its."""
        conductor = self._conductor
        if conductor is None:
            return self._none
        return self._above if conductor.run.id == self._own_id else conductor.run

    @property
    def standing(self) -> Standing:
        """State, LastError and Status of one moment."""
        standing = super().standing
        if self._conducted() is None:
            return standing
        above = self._above
        line = f"plays run {above.id} of {above.director or 'whoever began it'}"
        return replace(standing, status=f"{line}\n{standing.status}")

    def start(self, *, held: bool = False) -> None:
        """Begin a run of the section alone, as of `Runs`."""
        self._refuse_while_conducted(Command.START)
        super().start(held=held)

    def recover(self) -> None:
        """Continue the last run, as of `Runs`; one of the Director above is continued there."""
        self._refuse_while_conducted(Command.RECOVER)
        interrupted = self.recorder.journal().interrupted()
        if interrupted and is_run_of(interrupted.run.id, self._name):
            raise NotAllowedError(
                f"run {interrupted.run.id} is part of one that another Director conducts; Recover there"
            )
        super().recover()

    def _remedy(self, run_id: str) -> str:
        if is_run_of(run_id, self._name):
            return "the Director above takes it up by its Recover, Start begins one of the section alone"
        return super()._remedy(run_id)

    def check(self) -> list[str]:
        """Return what prevents a start; of a section that plays already, nothing."""
        return [] if self._conducted() else super().check()

    def reserve(self, run: Run) -> None:
        """Keep the section for a run of the Director above that is about to begin, for a while.

        Raises
        ------
        NotAllowedError
            while it plays a run of its own or of another Director, or is kept for one; or where it is, itself
            or by its sections, the Director above
        """
        with self._reserving:
            self._refuse(run)
            self._reservation.keep(run)

    def release(self, run_id: str) -> None:
        """Keep the section no more for a run that does not begin."""
        with self._reserving:
            self._reservation.release(run_id)

    def begin(self, run: Run) -> dict[str, Any]:
        """Take part in a run of the Director above: set the Players up; return what is told of that.

        A run that the section plays already goes on, one that it played before is taken up. Another one of
        the same Director is ended first.

        Raises
        ------
        DonkiError
            as `reserve` and `start` do, or where the Players are not set up in time
        """
        limit = time.monotonic() + max(self._player_settings.timeout, SETTLING / SECOND)
        if not self._beginning.acquire(timeout=max(0.0, limit - time.monotonic())):
            raise BusyError(f"Player {self._name} is busy: it begins a run; try again")
        try:
            own = run_below(replace(run, director=self._director), self._name)
            conductor = self._conducted()
            is_present = (run.id, run.director) == (self._above.id, self._above.director)
            if conductor and is_present and conductor.sequence.phase not in OVER:
                self.release(run.id)
                self.recorder.journal().raise_sent()
            else:
                with self._reserving:
                    self._refuse(run)
                if conductor:
                    self._end(conductor, limit)
                conductor = self._take_up(run, own)
        finally:
            self._beginning.release()
        if not conductor.wait_armed(max(0.0, limit - time.monotonic())):
            raise BusyError(f"Player {self._name} is busy: its Players are being set up")
        if failure := conductor.sequence.failure:
            raise DonkiError(f"its Player {failure.player}, set-up: {failure.message}")
        return self._output(conductor)

    def play(self, trigger: Trigger, run_id: str | None) -> Report:
        """Play a trigger of the Director above, as of `GivenTriggers.play`."""
        return self._given.play(self._conducted, trigger, None if run_id == self._above.id else run_id)

    def end(self) -> dict[str, Any]:
        """Leave the run of the Director above, if it plays one; return what is told of it when it is left.

        Raises
        ------
        BusyError
            where the Players do not stop in time
        DonkiError
            what went wrong as they stopped; the next `end` returns what is told
        """
        conductor = self._conductor
        if conductor is None or conductor.run.id != self._own_id:
            return self._output(None)
        if conductor.sequence.phase not in OVER:
            # Whether it was complete shows by that.
            learn_triggers(conductor, self._above.director)
        self._end(conductor, time.monotonic() + max(self._player_settings.timeout, SETTLING / SECOND))
        failure = conductor.sequence.failure
        if failure and failure.at_stop and self._told_of is not conductor:
            self._told_of = conductor
            raise DonkiError(f"its Player {failure.player}: {failure.message}")
        return self._output(conductor)

    def _conducted(self) -> Conductor | None:
        """Return the conductor of the Director above's run in progress; None where there is none."""
        conductor = self._conductor
        if conductor is None or not isinstance(conductor.sequence, ConductedSequence):
            return None
        return None if conductor.sequence.phase is Phase.ENDED else conductor

    def _refuse(self, run: Run) -> None:
        """Refuse a run of a Director above where another one is in progress, or that would be a circle."""
        if run.director == self._director:
            raise NotAllowedError(f"Player {self._name}: {circle(self._director, run.director)}")
        conductor = self._conductor
        if conductor is None or conductor.sequence.phase is Phase.ENDED:
            return
        if is_below(run.id, conductor.run.id):
            raise NotAllowedError(f"Player {self._name}: {circle(self._director, run.director)}")
        check_director(self._name, self.present, run)

    def _refuse_while_conducted(self, command: Command) -> None:
        if self._conducted():
            above = self._above
            raise NotAllowedError(
                f"{command.value} is not allowed: {self._name} plays run {above.id} of {above.director}; "
                "Stop it there, or here where that Director is gone"
            )
        with self._reserving:
            self._reservation.check(replace(self._none, director=self._director))

    def _take_up(self, run: Run, own: Run) -> Conductor:
        """Begin to conduct a run, or go on where it was left."""
        with self._alone(Command.START) as limit:
            with self._reserving:
                self._reservation.keep(run, math.inf)
            try:
                self._check_idle(Command.START)
                if run.id != self._above.id:
                    self._given.forget()
                interrupted = self.recorder.journal().interrupted(own.id)
                entries = self.roster.refresh()
                survivors = self.roster.survivors_of(own.id) if interrupted else set()
                self._check(entries, survivors)
                entries = of_one_name(entries)
                settings = self._player_settings
                policy = run.director, settings.on_error, settings.retries
                remark = ""
                if interrupted:
                    members, again, remark = members_taken_up(interrupted, entries, survivors)
                    present = resumed(interrupted.anchor, interrupted.last_time)
                    sequence = ConductedSequence(members, present, *policy, interrupted.completed, again)
                else:
                    sequence = ConductedSequence([member_of(entry) for entry in entries], epoch(), *policy)
                self._above, self._own_id = run, own.id
                self._launch(limit, own, entries, sequence, remark=remark)
            finally:
                self.release(run.id)
        conductor = cast("Conductor", self._conductor)
        how = f"conducted by {run.director or 'whoever began it'}, in its run {run.id}"
        self.recorder.journal().remark(own.id, f"{how}, as its Player {self._name}")
        self._threads.start("triggers of the run", partial(follow_triggers, conductor, run.director))
        return conductor

    def _end(self, conductor: Conductor, limit: float) -> None:
        """Let a run end after the trigger in progress, and wait for that until a time."""
        with suppress(NotAllowedError):
            conductor.request(Command.STOP)
        if not conductor.wait_ended(max(0.1, limit - time.monotonic())):
            acting = ", ".join(sorted(conductor.sequence.acting))
            raise BusyError(f"Player {self._name} is still busy: waiting for {acting}")

    def _output(self, conductor: Conductor | None) -> dict[str, Any]:
        """Return what is told of a run: of its data, the journal of the section tells."""
        streams = conductor.record.streams if conductor else []
        return {
            "version": VERSION,
            "run": self.present.id,
            "files": [],
            "streams": [stream.as_dict() for stream in streams],
        }
