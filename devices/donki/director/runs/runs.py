"""The runs of one Director: begun, continued, steered and followed. The Tango device translates."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from donki.clock import epoch
from donki.director.conducting.conductor import Conductor, member_of
from donki.director.players.entry import RosterEntry
from donki.director.players.reserving import reserved
from donki.director.rules.sequence import Sequence
from donki.director.rules.sequence_state import ENDLESS
from donki.director.rules.states import IN_PROGRESS, Command, State, check_allowed
from donki.director.runs.check import all_findings, of_one_name, too_short
from donki.director.runs.recovery import taken_up
from donki.director.runs.runs_state import RunsState
from donki.director.runs.status import describe_failure
from donki.director.settings import DRAWN_SEED
from donki.errors import DonkiError, FileError, NotAllowedError, SetUpError
from donki.run import Run

#: How long the end of a sequence is waited for by who needs it, in s.
END_PATIENCE = 2.0


class Runs(RunsState):
    """The run in progress, or the last one, and the way to the next; parameters as of `RunsState`."""

    def start(self, *, held: bool = False) -> None:
        """Begin a run; return when all Players are set up, or set up for longer than START_PATIENCE.

        Parameters
        ----------
        held
            whether it pauses before its first trigger, and then goes on until Stop

        Raises
        ------
        SetUpError
            if a Player could not be set up: then the run has failed
        DonkiError
            if something else prevents it; the state is as it was
        """
        with self._alone(Command.START) as limit:
            self._check_idle(Command.START)
            entries = self.roster.refresh()
            self._check(entries)
            settings = self._settings
            seed = None if settings.seed == DRAWN_SEED else settings.seed
            run = Run.new(settings.title, settings.read_metadata(), seed, self._director)
            entries = of_one_name(entries)
            members = [member_of(entry) for entry in entries]
            triggers = ENDLESS if held else settings.triggers
            sequence = Sequence(members, triggers, settings.period_ns, epoch(), step=settings.step, held=held)
            self._launch(limit, run, entries, sequence, begun=partial(self._take_settings, held=held))

    def recover(self) -> None:
        """Continue the last run, if it was interrupted or failed, after its last complete trigger.

        Raises
        ------
        DonkiError
            if there is none, or something prevents it; as of `start`
        """
        with self._alone(Command.RECOVER) as limit:
            self._check_idle(Command.RECOVER)
            interrupted = self.recorder.journal().interrupted()
            if interrupted is None:
                raise NotAllowedError("there is no interrupted run to recover; Start begins a new one")
            entries = self.roster.refresh()
            survivors = self.roster.survivors_of(interrupted.run.id)
            self._check(entries, survivors)
            entries = of_one_name(entries)
            sequence, remark = taken_up(interrupted, entries, survivors, self._settings.step)
            run = replace(interrupted.run, director=self._director)
            self._launch(limit, run, entries, sequence, remark=remark)

    def request(self, command: Command) -> None:
        """Pass a command of the user on to the sequence; NotAllowedError where the state forbids it.

        Stop and Abort withdraw a start that is under way; the others wait until it has begun its run.
        """
        ends = command in (Command.STOP, Command.ABORT)
        if ends and self._starting.withdraw(f"{command.value} came before the run had begun"):
            return
        self._starting.wait()
        conductor = self._conductor
        if conductor is None or self.state not in IN_PROGRESS:
            check_allowed(command, self.state)
        else:
            conductor.request(command)

    def reset(self) -> None:
        """Forget a failure; NotAllowedError where there is none, or its sequence is still ending."""
        conductor = self._conductor
        check_allowed(Command.RESET, conductor.sequence.state if conductor else State.ON)
        if conductor:
            _wait_ended(conductor, Command.RESET)
            conductor.sequence.failure = None
        self._refusal = ""
        self._threads.forget()

    def check(self) -> list[str]:
        """Return what prevents a start, one line each, with its remedy."""
        check_allowed(Command.CHECK, self.state)
        entries = self.roster.refresh()
        try:
            durations = self.recorder.journal().last_durations()
        except FileError as error:
            return [str(error), *all_findings(self.roster, entries, self._director)]
        return all_findings(self.roster, entries, self._director) or too_short(
            self._settings.period_ns, entries, durations
        )

    def change(self, change: Callable[[Sequence], None]) -> None:
        """Bring a change to the sequence in progress, if there is one."""
        conductor = self._conductor
        if conductor:
            conductor.change_if_in_progress(change)

    def close(self) -> None:
        """End a sequence in progress: the Players are told to stop; return when all records are whole."""
        try:
            self.watch.close()
            self._starting.close("the Director is ending")
            while not self._starting.wait_over(0.05):
                self._abort()
            self._abort()
            self.roster.close()
        finally:
            self.recorder.close()

    def _abort(self) -> None:
        conductor = self._conductor
        if conductor:
            if conductor.sequence.state in IN_PROGRESS:
                with suppress(DonkiError):
                    conductor.request(Command.ABORT)
            if not conductor.wait_ended(END_PATIENCE):
                conductor.record.end("aborted", "it had not ended when its Director did")

    def _unwritten(self, conductor: Conductor, trouble: str) -> None:
        """Say that a run is not written; where it must be, it fails."""
        self._log.unwritten(conductor.run, trouble)
        if conductor.record.requires_writer:
            conductor.writer_failed(trouble)

    def _take_settings(self, sequence: Sequence, *, held: bool) -> None:
        """Apply what was set while the sequence was made."""
        settings = self._settings
        sequence.step = settings.step
        if not held:
            sequence.triggers = settings.triggers
        if sequence.pace.period != settings.period_ns:
            sequence.pace.change(settings.period_ns)

    def _check(self, entries: list[RosterEntry], survivors: Container[str] = ()) -> None:
        if problems := all_findings(self.roster, entries, self._director, survivors):
            raise DonkiError("; ".join(problems))

    @contextmanager
    def _alone(self, command: Command) -> Iterator[float]:
        """Let one start through at a time, and keep what it says; give the time by which it should answer."""
        with self._starting.turn(command) as limit:
            try:
                yield limit
            except NotAllowedError:
                raise
            except DonkiError as error:
                # Of a run that was conducted, its sequence tells.
                self._refusal = "" if isinstance(error, SetUpError) else str(error)
                self._log.refused(command.value, str(error))
                raise
            except BaseException as error:
                self._refusal = f"{command.value}: {self._threads.caught(command.value, error)}"
                raise

    def _check_idle(self, command: Command) -> None:
        self._starting.begin(lambda: check_allowed(command, self.state))
        last = self._conductor
        if last:
            _wait_ended(last, command)

    def _launch(
        self,
        limit: float,
        run: Run,
        entries: list[RosterEntry],
        sequence: Sequence,
        *,
        remark: str = "",
        begun: Callable[[Sequence], None] | None = None,
    ) -> None:
        """Conduct a run; raise a SetUpError where the Players cannot be set up: then the run has failed."""
        self._starting.check_wanted()
        self._threads.begin()
        with reserved(self.roster, entries, run):
            record = self.recorder.begin(run, sequence, entries, remark)
            sequence.awaits_writer = record.requires_writer

            def ended() -> None:
                error = describe_failure(sequence.failure, sequence.silent) if sequence.failure else ""
                self._log.ended(run, sequence, error)
                record.end(sequence.outcome, error)
                self.watch.look_again()

            try:
                with self._starting.conducting():
                    conductor = Conductor(
                        run,
                        entries,
                        sequence,
                        record,
                        self._log,
                        ended,
                        self._threads,
                        self._changed,
                        self._observers(run, sequence),
                    )
                    record.watch_writer(conductor.writer_took, partial(self._unwritten, conductor))
                    self._refusal = ""
                    self._conductor = conductor
            except NotAllowedError as withdrawn:
                record.end("aborted", str(withdrawn))
                raise
        self._log.begun(run, sequence, entries, remark)
        conductor.start()
        if begun:
            self.change(begun)
        # A priority that was set since the Players were asked holds from the first trigger on.
        with self._threads.guard("roster"):
            self.watch.follow(self.roster.entries)
        conductor.wait_armed(max(0.1, limit - time.monotonic()))
        failure = sequence.failure
        if failure and failure.trigger == 0 and not failure.at_stop:
            raise SetUpError(describe_failure(failure, sequence.silent))


def _wait_ended(conductor: Conductor, command: Command) -> None:
    if not conductor.wait_ended(END_PATIENCE):
        raise NotAllowedError(f"{command.value} is not allowed: the last sequence is still ending; try again")
