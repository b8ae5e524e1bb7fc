"""The runs of one Director: begun, taken up, steered and followed. The Tango device is a door to this."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

import tango

from donki.director.check import findings, too_short
from donki.director.conductor import Conductor, epoch, member_of
from donki.director.effects import Member
from donki.director.recorder import Recorder
from donki.director.roster import Entry, Roster
from donki.director.run_log import RunLog
from donki.director.sequence import ENDLESS, Sequence
from donki.director.settings import Settings
from donki.director.states import Command, State, check_allowed
from donki.errors import DonkiError, FileError, InputError, NotAllowedError
from donki.priority import DISABLED
from donki.run import Run

#: How long Start waits for the Players' set-up, so that it can say itself what is wrong; a client waits 3 s.
START_PATIENCE = 2.4

#: How long the end of a sequence is waited for by who needs it, in s.
END_PATIENCE = 2.0

#: How often the Director asks who is there, in s.
ROSTER_INTERVAL = 1.0

#: The states in which a sequence is in progress.
IN_PROGRESS = (State.RUNNING, State.ALARM, State.STANDBY)


class Runs:
    """The run in progress, or the last one, and the way to the next.

    Every method may be called from any thread; none waits for a Player longer than its docstring says.

    Parameters
    ----------
    roster
        the Players
    recorder
        keeps what the runs did
    settings
        of the next run
    log
        says what happens

    Attributes
    ----------
    roster, recorder
        as given
    roster_problem
        why the Players could not be looked for; empty if they could
    """

    def __init__(self, roster: Roster, recorder: Recorder, settings: Settings, log: RunLog) -> None:
        self.roster = roster
        self.recorder = recorder
        self.roster_problem = ""
        self._settings = settings
        self._log = log
        self._conductor: Conductor | None = None
        self._start_error = ""
        self._interrupted = self._look_for_interrupted()
        self._starting = threading.Lock()
        self._prioritizing = threading.Lock()
        self._closed = threading.Event()
        self._look_again = threading.Event()
        threading.Thread(target=self._watch_roster, name="roster", daemon=True).start()

    @property
    def state(self) -> State:
        """What the Director is doing."""
        sequence = self.sequence
        return sequence.state if sequence else State.ON

    @property
    def sequence(self) -> Sequence | None:
        """The rules of the run in progress, or of the last one; None before the first."""
        conductor = self._conductor
        return conductor.sequence if conductor else None

    @property
    def members(self) -> Mapping[str, Member]:
        """By name: the Players' parts in the run in progress, or in the last one."""
        sequence = self.sequence
        return sequence.members if sequence else {}

    @property
    def run_id(self) -> str:
        """The id of the run in progress, or of the last one; empty before the first."""
        conductor = self._conductor
        return conductor.run.id if conductor else ""

    @property
    def last_error(self) -> str:
        """What ended the last sequence, or kept it from starting; empty if nothing did."""
        sequence = self.sequence
        if sequence is None or sequence.failure is None:
            return self._start_error
        silent = ", ".join(sequence.silent)
        return f"{sequence.failure}; given up waiting for {silent}" if silent else str(sequence.failure)

    @property
    def status(self) -> str:
        """What the state means, and all that is not as it should be, in lines."""
        sequence = self.sequence
        problems = self.recorder.problems
        if sequence is None or self.state is State.ON:
            found = len(self.roster.entries)
            ready = f"ready; {found} Player{'' if found == 1 else 's'} found"
            lines = [ready, self.roster_problem, self._interrupted, self._troubles(), *problems]
        elif self.state is State.FAULT:
            lines = [self.last_error, *problems]
        else:
            many = "endless" if sequence.triggers < 0 else f"of {sequence.triggers}"
            line = f"{sequence.phase.name.lower().replace('_', ' ')}: trigger {sequence.trigger} {many}"
            acting = ", ".join(sorted(sequence.acting))
            lines = [f"{line}; waiting for {acting}" if acting else line, self._troubles(), *problems]
        return "\n".join(filter(None, lines))

    @property
    def triggers(self) -> int:
        """How many triggers the sequence in progress has, or the next one; `ENDLESS`: until Stop."""
        sequence = self.sequence
        in_progress = sequence is not None and sequence.state in IN_PROGRESS
        return sequence.triggers if sequence and in_progress else self._settings.triggers

    def times(self, player: str) -> tuple[float, float]:
        """Return the median and 99 % time of a Player's last triggers in s; NaN before the first."""
        conductor = self._conductor
        return conductor.times(player) if conductor else (math.nan, math.nan)

    def start(self, *, held: bool = False) -> None:
        """Begin a run; return when all Players are set up, or set up for longer than START_PATIENCE.

        Parameters
        ----------
        held
            whether it pauses before its first trigger, and then goes on until Stop

        Raises
        ------
        DonkiError
            if something stands in its way; the state is as it was
        """
        with self._alone(Command.START) as limit:
            self._check_idle(Command.START)
            entries = self.roster.refresh()
            self._check(entries)
            settings = self._settings
            seed = None if settings.seed < 0 else settings.seed
            run = Run.new(settings.title, settings.read_metadata(), seed, self.recorder.director)
            entries = _of_one_name(entries)
            members = [member_of(entry) for entry in entries]
            triggers = ENDLESS if held else settings.triggers
            sequence = Sequence(members, triggers, settings.period_ns, epoch(), step=settings.step, held=held)
            self._launch(limit, run, entries, sequence, begun=partial(self._take_settings, held=held))

    def recover(self) -> None:
        """Take up the last run, if it was interrupted or failed, after its last complete trigger.

        Raises
        ------
        DonkiError
            if there is none, or something stands in its way; the state is as it was
        """
        with self._alone(Command.RECOVER) as limit:
            self._check_idle(Command.RECOVER)
            interrupted = self.recorder.interrupted()
            if interrupted is None:
                raise NotAllowedError("there is no interrupted run to recover; Start begins a new one")
            entries = self.roster.refresh()
            lived = self.roster.lived_through(interrupted.run.id)
            self._check(entries, lived)
            entries = _of_one_name(entries)
            # One that has left a run that never ended was told to give up, and no note of that may be left.
            left = set() if interrupted.failed else {entry.name for entry in entries if entry.state == "ON"}
            members = [
                member_of(entry, interrupted.first_attempts(entry.name, lived=entry.name in lived - left))
                for entry in entries
            ]
            completed = interrupted.completed
            triggers, period = interrupted.triggers, interrupted.period
            sequence = Sequence(members, triggers, period, epoch(), completed, self._settings.step)
            died = sorted({entry.name for entry in entries} - lived)
            remark = f"taken up after trigger {completed}" + (
                f"; died meanwhile: {', '.join(died)}" if died else ""
            )
            self._launch(limit, interrupted.run, entries, sequence, remark=remark)

    def request(self, command: Command) -> None:
        """Pass a command of the user on to the sequence; NotAllowedError where the state forbids it."""
        check_allowed(command, self.state)
        conductor = self._conductor
        if conductor:
            conductor.request(command)

    def reset(self) -> None:
        """Forget a failure; NotAllowedError where there is none, or its sequence is still ending."""
        conductor = self._conductor
        check_allowed(Command.RESET, conductor.sequence.state if conductor else State.ON)
        if conductor:
            _wait_ended(conductor, Command.RESET)
            conductor.sequence.failure = None
        self._start_error = ""

    def check(self) -> list[str]:
        """Return what stands in the way of a start, one line each, with its remedy."""
        check_allowed(Command.CHECK, self.state)
        entries = self.roster.refresh()
        durations = self.recorder.last_durations()
        return self._findings(entries) or too_short(self._settings.period_ns, entries, durations)

    def set_priorities(self, priorities: Mapping[str, int]) -> None:
        """Set the priorities of Players, from the next trigger on; none where a name is unknown."""
        try:
            for name in priorities:
                self.roster.find(name)
        except InputError:
            # It may have come since the Players were last asked.
            self.roster.refresh()
            for name in priorities:
                self.roster.find(name)
        for name, priority in priorities.items():
            with self._prioritizing:
                entry = self.roster.set_priority(name, priority)
                conductor = self._conductor
                if conductor and conductor.conducts(entry):
                    self.change(partial(_take_priority, entry.name, entry.priority))

    def change(self, change: Callable[[Sequence], None]) -> None:
        """Bring a change to the sequence in progress, if there is one."""
        conductor = self._conductor
        if conductor and conductor.sequence.state in IN_PROGRESS:
            # It may end at this very moment; then there is nothing to change.
            with suppress(NotAllowedError):
                conductor.change(change)

    def close(self, patience: float) -> bool:
        """End a sequence in progress: the Players are told to stop; return whether every record is whole.

        Parameters
        ----------
        patience
            how long the record of each ended run is waited for, in s
        """
        self._closed.set()
        self._look_again.set()
        until = time.monotonic() + END_PATIENCE
        # A start that is under way is refused, or ended as soon as it has begun; none comes after it.
        while not self._starting.acquire(timeout=0.05) and time.monotonic() < until:
            self._abort()
        self._abort()
        self.roster.close()
        return self.recorder.close(patience)

    def _abort(self) -> None:
        conductor = self._conductor
        if conductor:
            if conductor.sequence.state in IN_PROGRESS:
                with suppress(NotAllowedError):
                    conductor.request(Command.ABORT)
            conductor.wait_ended(END_PATIENCE)

    def _take_settings(self, sequence: Sequence, *, held: bool) -> None:
        """Take up what was set while the sequence was made."""
        settings = self._settings
        sequence.step = settings.step
        if not held:
            sequence.triggers = settings.triggers
        if sequence.pace.period != settings.period_ns:
            sequence.pace.change(settings.period_ns)

    def _look_for_interrupted(self) -> str:
        """Say whether a run of this Director was interrupted, when it starts again."""
        try:
            interrupted = self.recorder.interrupted()
        except FileError as error:
            return str(error)
        if interrupted is None:
            return ""
        return (
            f"run {interrupted.run.id} was interrupted after trigger {interrupted.completed}: "
            "Recover takes it up, Start begins a new one"
        )

    def _troubles(self) -> str:
        """Name the Players that were skipped or disabled in this run, or the last one."""
        members = self.members.values()
        skipped = ", ".join(f"{member.name} {member.skipped}" for member in members if member.skipped)
        dropped = [
            f"{member.name} is left out for the rest of the run" for member in members if member.dropped
        ]
        return "; ".join([f"triggers missed: {skipped}", *dropped] if skipped else dropped)

    def _check(self, entries: list[Entry], lived: Container[str] = ()) -> None:
        if problems := self._findings(entries, lived):
            raise DonkiError("; ".join(problems))

    def _findings(self, entries: list[Entry], lived: Container[str] = ()) -> list[str]:
        """Return what keeps a sequence from starting: first what the Director sees, then what Players say."""
        asked = {entry.name for entry in entries if entry.priority != DISABLED and entry.name not in lived}
        return findings(entries, self.recorder.director, lived) or self.roster.check(asked)

    @contextmanager
    def _alone(self, command: Command) -> Iterator[float]:
        """Let one start through at a time, and keep what it says; give the time by which it should answer."""
        limit = time.monotonic() + START_PATIENCE
        if not self._starting.acquire(blocking=False):
            raise NotAllowedError(f"{command.value} is not allowed: the Director is already starting")
        try:
            yield limit
        except NotAllowedError:
            raise
        except DonkiError as error:
            self._start_error = str(error)
            self._log.refused(command.value, str(error))
            raise
        finally:
            self._starting.release()

    def _check_idle(self, command: Command) -> None:
        check_allowed(command, self.state)
        last = self._conductor
        if last:
            _wait_ended(last, command)

    def _launch(
        self,
        limit: float,
        run: Run,
        entries: list[Entry],
        sequence: Sequence,
        *,
        remark: str = "",
        begun: Callable[[Sequence], None] | None = None,
    ) -> None:
        """Conduct a run; raise where the Players cannot be set up, with the state as it was."""
        if self._closed.is_set():
            raise NotAllowedError("the Director is ending")
        record = self.recorder.begin(run, sequence, entries, remark)

        def ended() -> None:
            self._log.ended(run, sequence, self.last_error)
            record.end(sequence.outcome, self.last_error)
            self._look_again.set()

        last, conductor = self._conductor, Conductor(run, entries, sequence, record, self._log, ended)
        self._start_error = ""
        self._interrupted = ""
        self._conductor = conductor
        self._log.begun(run, sequence, entries, remark)
        conductor.start()
        if begun:
            self.change(begun)
        # A priority that was set since the Players were asked holds from the first trigger on.
        self._follow(self.roster.entries)
        failed = conductor.wait_armed(max(0.1, limit - time.monotonic())) and sequence.failure
        if failed and failed.trigger == 0:
            self._conductor = last
            raise DonkiError(str(failed))

    def _watch_roster(self) -> None:
        with tango.EnsureOmniThread():
            while not self._closed.is_set():
                try:
                    self._follow(self.roster.refresh())
                    self.roster_problem = ""
                except DonkiError as error:
                    self.roster_problem = str(error)
                self._log.seen(self.roster.entries, self.roster_problem)
                self._look_again.wait(ROSTER_INTERVAL)
                self._look_again.clear()

    def _follow(self, entries: list[Entry]) -> None:
        """Tell the sequence what the Players say of themselves: new priorities, and who is there again."""
        conductor = self._conductor
        if conductor is None or conductor.sequence.state not in IN_PROGRESS:
            return
        for entry in entries:
            if not conductor.conducts(entry) or entry.state in ("UNKNOWN", "RUNNING", "FAULT"):
                continue
            member = conductor.sequence.members[entry.name]
            if member.lost:
                with suppress(NotAllowedError):
                    conductor.found(entry.name)
            with self._prioritizing:
                # As it is now: a priority may have been set since the Players were asked.
                priority = self.roster.latest(entry).priority
                if member.priority != priority:
                    self.change(partial(_take_priority, entry.name, priority))


def _wait_ended(conductor: Conductor, command: Command) -> None:
    if not conductor.wait_ended(END_PATIENCE):
        raise NotAllowedError(f"{command.value} is not allowed: the last sequence is still ending; try again")


def _of_one_name(entries: list[Entry]) -> list[Entry]:
    """Leave out the disabled Players that share their name with an enabled one."""
    enabled = {entry.name for entry in entries if entry.priority != DISABLED}
    return [entry for entry in entries if entry.priority != DISABLED or entry.name not in enabled]


def _take_priority(name: str, priority: int, sequence: Sequence) -> None:
    if name in sequence.members:
        sequence.set_priority(name, priority)
