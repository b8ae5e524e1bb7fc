"""The Tango device of the Director; its rules are in `donki.director.sequence`."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tango
from tango import AttrWriteType, DevState, DispLevel
from tango.server import Device, attribute, command, device_property

from donki.devfailed import as_dev_failed
from donki.director.check import findings, too_short
from donki.director.conductor import Conductor, epoch, member_of
from donki.director.journal import default_directory
from donki.director.pace import check_period
from donki.director.recorder import Recorder, Topics
from donki.director.roster import Entry, Roster
from donki.director.sequence import Sequence, check_triggers
from donki.director.states import Command, State, check_allowed
from donki.errors import DonkiError, FileError, InputError, NotAllowedError
from donki.json_text import parse_json
from donki.priority import DISABLED
from donki.publisher import Publisher
from donki.run import Run
from donki.set_points import show_set_points

Value = TypeVar("Value")

READ_WRITE: dict[str, Any] = {"access": AttrWriteType.READ_WRITE}
MEMORIZED: dict[str, Any] = {**READ_WRITE, "memorized": True, "hw_memorized": True}

#: The most Players that an attribute can list.
MAX_PLAYERS = 4096

#: How long Start waits for the Players' set-up, so that it can say itself what is wrong; a client waits 3 s.
START_PATIENCE = 2.4

#: How long the record of each ended run is waited for when the server ends, in s.
RECORD_PATIENCE = 3.0

#: How often the Director asks who is there, in s.
ROSTER_INTERVAL = 1.0


class DonkiDirector(Device):
    """Sends triggers to the Players, one after another, level by level."""

    PlayerDevices = device_property(
        dtype=(str,),
        default_value=["donki/player/*"],
        doc="Names or patterns of devices of class DonkiPlayer in the Tango database, or full names "
        "tango://host:port/domain/family/member#dbase=no.",
    )

    RunDirectory = device_property(
        dtype=str,
        default_value="",
        doc="Folder of the journal of all runs and of the master file of each; empty: donkiorchestra/runs "
        "under XDG_DATA_HOME (~/.local/share).",
    )

    KafkaBrokers = device_property(
        dtype=(str,), default_value=["localhost:9092"], doc="Kafka brokers, host:port each."
    )

    KafkaOptions = device_property(
        dtype=str,
        default_value="{}",
        doc="JSON object of options for the Kafka client: security and the like.",
    )

    RunTopic = device_property(
        dtype=str,
        default_value="",
        doc="Kafka topic on which ESS file writers are told of each run (pl72, 6s4t); empty: nowhere.",
    )

    TimingTopic = device_property(
        dtype=str,
        default_value="",
        doc="Kafka topic to which it is sent when each trigger was (da00); empty: nowhere.",
    )

    # What was set outlives the command Init, which takes up changed properties.
    _triggers = 1
    _period_ns = 0
    _period = 0.0
    _title = ""
    _metadata = "{}"
    _seed = -1

    def init_device(self) -> None:
        """Look for Players, and go on doing so."""
        super().init_device()
        self._start_error = ""
        self._conductor: Conductor | None = None
        directory = Path(self.RunDirectory).expanduser() if self.RunDirectory else default_directory()
        topics = Topics(list(self.KafkaBrokers), self.KafkaOptions, self.RunTopic, self.TimingTopic)
        self._recorder = Recorder(self.get_name(), directory, topics)
        self._starting = threading.Lock()
        self._prioritizing = threading.Lock()
        self._roster = Roster(list(self.PlayerDevices))
        self._roster_problem = ""
        self._interrupted = self._look_for_interrupted()
        self._ended = threading.Event()
        self._look_again = threading.Event()
        watched = (self._roster, self._ended)
        threading.Thread(target=self._watch_roster, args=watched, name="roster", daemon=True).start()
        names = (
            *("Triggers", "Period", "CurrentTrigger", "Progress"),
            *("Players", "PlayerDeviceNames", "Priorities", "PlayerStates"),
            *("RemainingTime", "TriggerRate", "Overruns", "RunId", "RunTitle", "RunMetadata", "RunSeed"),
            *("LastError", "PlayerMedians", "PlayerP99s", "SkippedTriggers", "DroppedPlayers", "JournalFile"),
        )
        writable = ("Triggers", "Period", "RunTitle", "RunMetadata", "RunSeed")
        show_set_points(self, {name: getattr(self, f"_read_{name}")() for name in writable})
        self._publisher = Publisher(
            self,
            {"State": self.dev_state, "Status": self.dev_status}
            | {name: getattr(self, f"_read_{name}") for name in names},
        )

    def delete_device(self) -> None:
        """End a sequence that runs: the Players are told to stop."""
        self._publisher.end()
        self._ended.set()
        self._look_again.set()
        conductor = self._conductor
        if conductor and self._state in (State.RUNNING, State.ALARM, State.STANDBY):
            with tango.AutoTangoAllowThreads(self):
                try:
                    conductor.request(Command.ABORT)
                except DonkiError as error:
                    self.info_stream(str(error))
                conductor.wait_ended(2)
        self._roster.close()
        with tango.AutoTangoAllowThreads(self):
            if not self._recorder.close(RECORD_PATIENCE):
                self.warn_stream("the record of a run is not complete")
        super().delete_device()

    @property
    def _state(self) -> State:
        return self._conductor.sequence.state if self._conductor else State.ON

    def dev_state(self) -> DevState:
        """Return the state; never waits for a Player."""
        return getattr(DevState, self._state.name)

    def dev_status(self) -> str:
        """Return what the state means."""
        sequence = self._sequence
        if sequence is None or self._state is State.ON:
            found = len(self._roster.entries)
            lines = [
                f"ready; {found} Player{'' if found == 1 else 's'} found",
                self._roster_problem,
                self._interrupted,
                self._troubles(),
                *self._recorder.problems,
            ]
            return "\n".join(line for line in lines if line)
        if self._state is State.FAULT:
            return "\n".join([self._read_LastError(), *self._recorder.problems])
        many = "endless" if sequence.triggers < 0 else f"of {sequence.triggers}"
        acting = ", ".join(sorted(sequence.acting))
        line = f"{sequence.phase.name.lower().replace('_', ' ')}: trigger {sequence.trigger} {many}"
        lines = [
            f"{line}; waiting for {acting}" if acting else line,
            self._troubles(),
            *self._recorder.problems,
        ]
        return "\n".join(line for line in lines if line)

    def _look_for_interrupted(self) -> str:
        """Say whether a run of this Director was interrupted, when it starts again."""
        try:
            interrupted = self._recorder.interrupted()
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
        members = self._sequence.members.values() if self._sequence else ()
        skipped = [f"{member.name} {member.skipped}" for member in members if member.skipped]
        missed = f"triggers missed: {', '.join(skipped)}" if skipped else ""
        dropped = [
            f"{member.name} is left out for the rest of the run" for member in members if member.dropped
        ]
        return "; ".join(filter(None, (missed, *dropped)))

    def _read_Triggers(self) -> int:
        return self._triggers

    def _write_Triggers(self, triggers: int) -> None:
        with as_dev_failed("Triggers"):
            self._triggers = check_triggers(int(triggers))
            self._change(lambda sequence: setattr(sequence, "triggers", self._triggers))

    Triggers = attribute(
        fget=_read_Triggers,
        fset=_write_Triggers,
        dtype=int,
        doc="Triggers in a sequence, from 1; -1: until Stop. A change reaches the sequence in progress.",
        **MEMORIZED,
    )

    def _read_Period(self) -> float:
        return self._period

    def _write_Period(self, period: float) -> None:
        with as_dev_failed("Period"):
            self._period_ns = check_period(float(period))
            self._period = float(period)
            self._change(lambda sequence: sequence.pace.change(self._period_ns))

    Period = attribute(
        fget=_read_Period,
        fset=_write_Period,
        dtype=float,
        unit="s",
        format="%13.9f",
        doc="From trigger to trigger, kept to the ns; 0: as fast as the Players answer.",
        **MEMORIZED,
    )

    def _read_CurrentTrigger(self) -> int:
        return self._of_sequence(lambda sequence: sequence.trigger, 0)

    CurrentTrigger = attribute(
        fget=_read_CurrentTrigger,
        dtype=int,
        doc="The trigger in progress or last done, from 1; 0 before the first.",
    )

    def _read_Players(self) -> list[str]:
        return [entry.name for entry in self._roster.entries]

    Players = attribute(
        fget=_read_Players, dtype=(str,), max_dim_x=MAX_PLAYERS, doc="Names of the Players found."
    )

    def _read_PlayerDeviceNames(self) -> list[str]:
        return [entry.device for entry in self._roster.entries]

    PlayerDeviceNames = attribute(
        fget=_read_PlayerDeviceNames,
        dtype=(str,),
        max_dim_x=MAX_PLAYERS,
        doc="Device names of the Players in the order of Players: in the Director's own database, or full.",
    )

    def _read_Priorities(self) -> list[int]:
        return [entry.priority for entry in self._roster.entries]

    Priorities = attribute(
        fget=_read_Priorities,
        dtype=(int,),
        max_dim_x=MAX_PLAYERS,
        doc="Priorities in the order of Players: lower acts first, the same act in parallel, -1 is left out.",
    )

    def _read_PlayerStates(self) -> list[str]:
        return [entry.state for entry in self._roster.entries]

    PlayerStates = attribute(
        fget=_read_PlayerStates,
        dtype=(str,),
        max_dim_x=MAX_PLAYERS,
        doc="States in the order of Players; UNKNOWN: does not answer.",
    )

    def _read_PlayerMedians(self) -> list[float]:
        return [median for median, _ in self._player_times()]

    PlayerMedians = attribute(
        fget=_read_PlayerMedians,
        dtype=(float,),
        max_dim_x=MAX_PLAYERS,
        unit="s",
        format="%.4f",
        doc="Median time of a Player's last 1000 triggers in the order of Players; NaN before the first.",
    )

    def _read_PlayerP99s(self) -> list[float]:
        return [p99 for _, p99 in self._player_times()]

    PlayerP99s = attribute(
        fget=_read_PlayerP99s,
        dtype=(float,),
        max_dim_x=MAX_PLAYERS,
        unit="s",
        format="%.4f",
        doc="99 % time of a Player's last 1000 triggers in the order of Players; NaN before the first.",
    )

    def _read_Progress(self) -> float:
        return self._of_sequence(lambda sequence: sequence.progress, 0.0)

    Progress = attribute(
        fget=_read_Progress,
        dtype=float,
        unit="%",
        min_value=0,
        max_value=100,
        format="%.1f",
        doc="How much of the sequence is done; 0 for an endless one.",
    )

    def _read_RemainingTime(self) -> float:
        return self._of_sequence(lambda sequence: sequence.remaining, math.nan)

    RemainingTime = attribute(
        fget=_read_RemainingTime,
        dtype=float,
        unit="s",
        format="%.1f",
        doc="Time left, learned from this sequence's own triggers; NaN until known.",
    )

    def _read_TriggerRate(self) -> float:
        return self._of_sequence(lambda sequence: sequence.pace.rate(time.monotonic_ns()), 0.0)

    TriggerRate = attribute(
        fget=_read_TriggerRate, dtype=float, unit="Hz", format="%.1f", doc="Triggers in the last second."
    )

    def _read_Overruns(self) -> int:
        return self._of_sequence(lambda sequence: sequence.pace.overruns, 0)

    Overruns = attribute(
        fget=_read_Overruns, dtype=int, doc="Triggers that started late by more than 10 % of Period."
    )

    def _read_RunId(self) -> str:
        return self._conductor.run.id if self._conductor else ""

    RunId = attribute(fget=_read_RunId, dtype=str, doc="Id of the run in progress or last done.")

    def _read_JournalFile(self) -> str:
        return self._recorder.journal_file

    JournalFile = attribute(
        fget=_read_JournalFile,
        dtype=str,
        display_level=DispLevel.EXPERT,
        doc="Path of the journal of all runs; the master files are beside it. Empty if it cannot be written.",
    )

    def _read_RunTitle(self) -> str:
        return self._title

    def _write_RunTitle(self, title: str) -> None:
        self._title = title

    RunTitle = attribute(
        fget=_read_RunTitle, fset=_write_RunTitle, dtype=str, doc="Title of the next run.", **READ_WRITE
    )

    def _read_RunMetadata(self) -> str:
        return self._metadata

    def _write_RunMetadata(self, text: str) -> None:
        with as_dev_failed("RunMetadata"):
            try:
                metadata = parse_json(text)
            except ValueError:
                metadata = None
            if not isinstance(metadata, dict):
                raise InputError(f'RunMetadata: a JSON object, as {{"sample": "ice"}}; got {text!r:.200}')
            self._metadata = text

    RunMetadata = attribute(
        fget=_read_RunMetadata,
        fset=_write_RunMetadata,
        dtype=str,
        doc="JSON object that is kept with the data of the next run.",
        **READ_WRITE,
    )

    def _read_RunSeed(self) -> int:
        return self._seed

    def _write_RunSeed(self, seed: int) -> None:
        with as_dev_failed("RunSeed"):
            if seed < -1:
                raise InputError(
                    f"RunSeed: a whole number from 0, or -1 to draw one at each Start; got {seed}"
                )
            self._seed = int(seed)

    RunSeed = attribute(
        fget=_read_RunSeed,
        fset=_write_RunSeed,
        dtype=int,
        doc="Seed of the next run's random numbers; -1: another at each Start.",
        **READ_WRITE,
    )

    def _read_LastError(self) -> str:
        sequence = self._sequence
        if sequence is None or sequence.failure is None:
            return self._start_error
        silent = ", ".join(sequence.silent)
        return f"{sequence.failure}; given up waiting for {silent}" if silent else str(sequence.failure)

    LastError = attribute(
        fget=_read_LastError, dtype=str, doc="Which Player, which trigger, and what it said; empty if none."
    )

    def _read_SkippedTriggers(self) -> list[int]:
        members = self._sequence.members if self._sequence else {}
        return [members[entry.name].skipped if entry.name in members else 0 for entry in self._roster.entries]

    SkippedTriggers = attribute(
        fget=_read_SkippedTriggers,
        dtype=(int,),
        max_dim_x=MAX_PLAYERS,
        doc="How many triggers of this run each Player missed, in the order of Players.",
    )

    def _read_DroppedPlayers(self) -> list[str]:
        return [m.name for m in (self._sequence.members.values() if self._sequence else ()) if m.dropped]

    DroppedPlayers = attribute(
        fget=_read_DroppedPlayers,
        dtype=(str,),
        max_dim_x=MAX_PLAYERS,
        doc="Players that their policy DISABLE left out for the rest of this run.",
    )

    @command
    def Start(self) -> None:
        """Set the Players up and send the sequence of triggers."""
        with as_dev_failed("Start"), tango.AutoTangoAllowThreads(self), self._alone():
            self._start(time.monotonic() + START_PATIENCE)

    @command
    def Recover(self) -> None:
        """Take up the last run, if it was interrupted or failed, after its last complete trigger."""
        with as_dev_failed("Recover"), tango.AutoTangoAllowThreads(self), self._alone():
            self._recover(time.monotonic() + START_PATIENCE)

    @command
    def Stop(self) -> None:
        """End after the trigger in progress."""
        self._request(Command.STOP)

    @command
    def Abort(self) -> None:
        """Tell the scripts in progress to give up, and end now."""
        self._request(Command.ABORT)

    @command
    def Pause(self) -> None:
        """Pause after the trigger in progress."""
        self._request(Command.PAUSE)

    @command
    def Resume(self) -> None:
        """Go on after a pause; the next trigger is due now."""
        self._request(Command.RESUME)

    @command
    def Step(self) -> None:
        """Send one more trigger, then pause again."""
        self._request(Command.STEP)

    @command
    def Reset(self) -> None:
        """Forget the failure: FAULT becomes ON."""
        with as_dev_failed("Reset"), tango.AutoTangoAllowThreads(self):
            check_allowed(Command.RESET, self._state)
            conductor = self._conductor
            if conductor and conductor.wait_ended(2):
                conductor.sequence.failure = None
            self._start_error = ""

    @command(
        dtype_in=tango.DevVarLongStringArray,
        doc_in="[[priority, ...], [player, ...]]: as many priorities as names of Players",
    )
    def SetPriority(self, argument: tuple[np.ndarray, list[str]]) -> None:
        """Set the priorities of Players, from the next trigger on."""
        with as_dev_failed("SetPriority"), tango.AutoTangoAllowThreads(self):
            priorities, players = argument
            if not len(priorities) == len(players) >= 1:
                raise InputError(
                    "SetPriority: [[priority, ...], [player, ...]], as many priorities as players; "
                    f"got {len(priorities)} and {len(players)}"
                )
            for name in players:
                self._roster.find(name)
            for name, priority in zip(players, priorities, strict=True):
                with self._prioritizing:
                    entry = self._roster.set_priority(name, int(priority))
                    self._change(partial(_take_priority, entry.name, entry.priority))

    @command(dtype_out=(str,), doc_out="one line a finding, with its remedy; empty: ready to start")
    def Check(self) -> list[str]:
        """Say what stands in the way of Start."""
        with as_dev_failed("Check"), tango.AutoTangoAllowThreads(self):
            check_allowed(Command.CHECK, self._state)
            entries = self._roster.refresh()
            durations = self._recorder.last_durations()
            return self._findings(entries) or too_short(self._period_ns, entries, durations)

    @property
    def _sequence(self) -> Sequence | None:
        return self._conductor.sequence if self._conductor else None

    def _of_sequence(self, read: Callable[[Sequence], Value], otherwise: Value) -> Value:
        sequence = self._sequence
        return otherwise if sequence is None else read(sequence)

    def _player_times(self) -> list[tuple[float, float]]:
        conductor = self._conductor
        return [
            conductor.times(entry.name) if conductor else (math.nan, math.nan)
            for entry in self._roster.entries
        ]

    def _start(self, limit: float) -> None:
        self._check_idle(Command.START)
        entries = self._roster.refresh()
        if problems := self._findings(entries):
            raise DonkiError("; ".join(problems))
        seed = None if self._seed < 0 else self._seed
        identity = Run.new(self._title, json.loads(self._metadata), seed)
        members = [member_of(entry) for entry in entries]
        self._launch(limit, identity, entries, Sequence(members, self._triggers, self._period_ns, epoch()))

    def _recover(self, limit: float) -> None:
        self._check_idle(Command.RECOVER)
        interrupted = self._recorder.interrupted()
        if interrupted is None:
            raise NotAllowedError("there is no interrupted run to recover; Start begins a new one")
        entries = self._roster.refresh()
        lived = self._roster.lived_through(interrupted.run.id)
        if problems := self._findings(entries, lived):
            raise DonkiError("; ".join(problems))
        members = [
            member_of(entry, interrupted.first_attempts(entry.name, lived=entry.name in lived))
            for entry in entries
        ]
        sequence = Sequence(members, interrupted.triggers, interrupted.period, epoch(), interrupted.completed)
        died = sorted({entry.name for entry in entries} - lived)
        remark = f"taken up after trigger {interrupted.completed}" + (
            f"; died meanwhile: {', '.join(died)}" if died else ""
        )
        self._launch(limit, interrupted.run, entries, sequence, remark)

    def _findings(self, entries: list[Entry], lived: Container[str] = ()) -> list[str]:
        """Return what keeps a sequence from starting: first what the Director sees, then what Players say."""
        asked = {entry.name for entry in entries if entry.priority != DISABLED and entry.name not in lived}
        return findings(entries, lived) or self._roster.check(asked)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one Start or Recover through at a time, and keep what it says."""
        if not self._starting.acquire(blocking=False):
            raise NotAllowedError("the Director is already starting")
        try:
            yield
        except DonkiError as error:
            self._start_error = str(error)
            raise
        finally:
            self._starting.release()

    def _check_idle(self, command: Command) -> None:
        check_allowed(command, self._state)
        last = self._conductor
        if last and not last.wait_ended(2):
            raise NotAllowedError(
                f"{command.value} is not allowed: the last sequence is still ending; try again"
            )

    def _launch(
        self, limit: float, identity: Run, entries: list[Entry], sequence: Sequence, remark: str = ""
    ) -> None:
        """Conduct a run; raise where the Players cannot be set up, with the state as it was."""
        record = self._recorder.begin(identity, sequence, entries, remark)

        def ended() -> None:
            record.end(sequence.outcome, self._read_LastError())
            self._look_again.set()

        last, conductor = self._conductor, Conductor(identity, entries, sequence, record, ended)
        self._start_error = ""
        self._interrupted = ""
        self._conductor = conductor
        conductor.start()
        # A priority that was set since the Players were asked holds from the first trigger on.
        self._follow(self._roster.entries)
        failed = conductor.wait_armed(max(0.1, limit - time.monotonic())) and sequence.failure
        if failed and failed.trigger == 0:
            self._conductor = last
            raise DonkiError(str(failed))

    def _request(self, request: Command) -> None:
        with as_dev_failed(request.value), tango.AutoTangoAllowThreads(self):
            check_allowed(request, self._state)
            if self._conductor:
                self._conductor.request(request)

    def _change(self, change: Callable[[Sequence], None]) -> None:
        """Bring a change to the sequence in progress, if there is one."""
        if self._conductor and self._state in (State.RUNNING, State.ALARM, State.STANDBY):
            # It may end at this very moment; then there is nothing to change.
            with suppress(NotAllowedError):
                self._conductor.change(change)

    def _watch_roster(self, roster: Roster, ended: threading.Event) -> None:
        with tango.EnsureOmniThread():
            while not ended.is_set():
                try:
                    self._follow(roster.refresh())
                    self._roster_problem = ""
                except DonkiError as error:
                    self._roster_problem = str(error)
                self._look_again.wait(ROSTER_INTERVAL)
                self._look_again.clear()

    def _follow(self, entries: list[Entry]) -> None:
        """Tell the sequence what the Players say of themselves: new priorities, and who is there again."""
        conductor = self._conductor
        if conductor is None or self._state not in (State.RUNNING, State.ALARM, State.STANDBY):
            return
        for entry in entries:
            member = conductor.sequence.members.get(entry.name)
            if member is None or entry.state in ("UNKNOWN", "RUNNING", "FAULT"):
                continue
            if member.lost:
                with suppress(NotAllowedError):
                    conductor.found(entry.name)
            with self._prioritizing:
                # As it is now: a priority may have been set since the Players were asked.
                priority = self._roster.find(entry.device).priority
                if member.priority != priority:
                    self._change(partial(_take_priority, entry.name, priority))


def _take_priority(name: str, priority: int, sequence: Sequence) -> None:
    if name in sequence.members:
        sequence.set_priority(name, priority)


def main() -> None:
    """Run the device server, as every Tango server is run: ``DonkiDirector INSTANCE``."""
    DonkiDirector.run_server()


if __name__ == "__main__":
    main()
