"""The Tango device of the Director: a door to `donki.director.runs`."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tango
from tango import AttrWriteType, DevState, DispLevel
from tango.server import Device, attribute, device_property

from donki.described import command
from donki.devfailed import as_dev_failed
from donki.device_log import DeviceLog
from donki.director.journal import default_directory
from donki.director.recorder import Recorder, Topics
from donki.director.roster import Roster
from donki.director.run_log import RunLog
from donki.director.runs import Runs
from donki.director.sequence import Sequence
from donki.director.settings import Settings
from donki.director.states import Command
from donki.errors import InputError
from donki.publisher import Publisher
from donki.set_points import show_set_points

Value = TypeVar("Value")

READ_WRITE: dict[str, Any] = {"access": AttrWriteType.READ_WRITE}
MEMORIZED: dict[str, Any] = {**READ_WRITE, "memorized": True, "hw_memorized": True}

#: The most Players that an attribute can list.
MAX_PLAYERS = 4096

#: How long the record of each ended run is waited for when the server ends, in s.
RECORD_PATIENCE = 3.0

#: The attributes, beside State and Status, that push events.
PUBLISHED = (
    *("Triggers", "StepTriggers", "Period", "CurrentTrigger", "Progress"),
    *("Players", "PlayerDeviceNames", "Priorities", "PlayerStates"),
    *("RemainingTime", "TriggerRate", "Overruns", "RunId", "RunTitle", "RunMetadata", "RunSeed"),
    *("LastError", "PlayerMedians", "PlayerP99s", "SkippedTriggers", "DroppedPlayers", "JournalFile"),
)


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

    def __init__(self, *args: Any) -> None:
        # What was set outlives the command Init, which takes up changed properties.
        self._settings = Settings()
        super().__init__(*args)

    def init_device(self) -> None:
        """Look for Players, and go on doing so."""
        super().init_device()
        directory = Path(self.RunDirectory).expanduser() if self.RunDirectory else default_directory()
        topics = Topics(list(self.KafkaBrokers), self.KafkaOptions, self.RunTopic, self.TimingTopic)
        recorder = Recorder(self.get_name(), directory, topics)
        self._log = logging.Logger(self.get_name())
        self._log.addHandler(DeviceLog(self))
        self._runs = Runs(Roster(list(self.PlayerDevices)), recorder, self._settings, RunLog(self._log))
        writable = ("Triggers", "StepTriggers", "Period", "RunTitle", "RunMetadata", "RunSeed")
        show_set_points(self, {name: getattr(self, f"_read_{name}")() for name in writable})
        self._publisher = Publisher(
            self,
            {"State": self.dev_state, "Status": self.dev_status}
            | {name: getattr(self, f"_read_{name}") for name in PUBLISHED},
        )

    def delete_device(self) -> None:
        """End a sequence that runs: the Players are told to stop."""
        self._publisher.end()
        with tango.AutoTangoAllowThreads(self):
            if not self._runs.close(RECORD_PATIENCE):
                self._log.warning("the record of a run is not complete")
            for handler in self._log.handlers:
                handler.close()
        super().delete_device()

    def dev_state(self) -> DevState:
        """Return the state; never waits for a Player."""
        return getattr(DevState, self._runs.state.name)

    def dev_status(self) -> str:
        """Return what the state means."""
        return self._runs.status

    def _read_Triggers(self) -> int:
        return self._runs.triggers

    def _write_Triggers(self, triggers: int) -> None:
        with as_dev_failed("Triggers"):
            self._settings.set_triggers(int(triggers))
            self._runs.change(lambda sequence: setattr(sequence, "triggers", int(triggers)))

    Triggers = attribute(
        fget=_read_Triggers,
        fset=_write_Triggers,
        dtype=int,
        label="Triggers",
        min_value=-1,
        doc="Triggers in a sequence, from 1; -1: until Stop, as reads one begun by Arm. A change reaches the "
        "sequence in progress.",
        **MEMORIZED,
    )

    def _read_StepTriggers(self) -> int:
        return self._settings.step

    def _write_StepTriggers(self, triggers: int) -> None:
        with as_dev_failed("StepTriggers"):
            self._settings.set_step(int(triggers))
            self._runs.change(lambda sequence: setattr(sequence, "step", int(triggers)))

    StepTriggers = attribute(
        fget=_read_StepTriggers,
        fset=_write_StepTriggers,
        dtype=int,
        label="Triggers of a step",
        min_value=1,
        doc="Triggers that one Step sends, from 1, at the Period; then the sequence is paused again.",
        **READ_WRITE,
    )

    def _read_Period(self) -> float:
        return self._settings.period

    def _write_Period(self, period: float) -> None:
        with as_dev_failed("Period"):
            self._settings.set_period(float(period))
            period_ns = self._settings.period_ns
            self._runs.change(lambda sequence: sequence.pace.change(period_ns))

    Period = attribute(
        fget=_read_Period,
        fset=_write_Period,
        dtype=float,
        label="Period",
        min_value=0,
        max_value=86_400,
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
        label="Current trigger",
        doc="The trigger in progress or last done, from 1; 0 before the first.",
    )

    def _read_Players(self) -> list[str]:
        return [entry.name for entry in self._runs.roster.entries]

    Players = attribute(
        fget=_read_Players,
        dtype=(str,),
        label="Players",
        max_dim_x=MAX_PLAYERS,
        doc="Names of the Players found.",
    )

    def _read_PlayerDeviceNames(self) -> list[str]:
        return [entry.device for entry in self._runs.roster.entries]

    PlayerDeviceNames = attribute(
        fget=_read_PlayerDeviceNames,
        dtype=(str,),
        label="Device names of the players",
        max_dim_x=MAX_PLAYERS,
        doc="Device names of the Players in the order of Players: in the Director's own database, or full.",
    )

    def _read_Priorities(self) -> list[int]:
        return [entry.priority for entry in self._runs.roster.entries]

    Priorities = attribute(
        fget=_read_Priorities,
        dtype=(int,),
        label="Priorities",
        max_dim_x=MAX_PLAYERS,
        doc="Priorities in the order of Players: lower acts first, the same act in parallel, -1 is left out.",
    )

    def _read_PlayerStates(self) -> list[str]:
        return [entry.state for entry in self._runs.roster.entries]

    PlayerStates = attribute(
        fget=_read_PlayerStates,
        dtype=(str,),
        label="States of the players",
        max_dim_x=MAX_PLAYERS,
        doc="States in the order of Players; UNKNOWN: does not answer.",
    )

    def _read_PlayerMedians(self) -> list[float]:
        return [median for median, _ in self._player_times()]

    PlayerMedians = attribute(
        fget=_read_PlayerMedians,
        dtype=(float,),
        label="Median times",
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
        label="P99 times",
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
        label="Progress",
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
        label="Remaining time",
        unit="s",
        format="%.1f",
        doc="Time left, learned from this sequence's own triggers; NaN until known.",
    )

    def _read_TriggerRate(self) -> float:
        return self._of_sequence(lambda sequence: sequence.pace.rate(time.monotonic_ns()), 0.0)

    TriggerRate = attribute(
        fget=_read_TriggerRate,
        dtype=float,
        label="Trigger rate",
        unit="Hz",
        format="%.1f",
        doc="Triggers in the last second.",
    )

    def _read_Overruns(self) -> int:
        return self._of_sequence(lambda sequence: sequence.pace.overruns, 0)

    Overruns = attribute(
        fget=_read_Overruns,
        dtype=int,
        label="Late triggers",
        doc="Triggers that started late by more than 10 % of Period.",
    )

    def _read_RunId(self) -> str:
        return self._runs.run_id

    RunId = attribute(
        fget=_read_RunId, dtype=str, label="Run ID", doc="Id of the run in progress or last done."
    )

    def _read_JournalFile(self) -> str:
        return self._runs.recorder.journal_file

    JournalFile = attribute(
        fget=_read_JournalFile,
        dtype=str,
        label="Journal",
        display_level=DispLevel.EXPERT,
        doc="Path of the journal of all runs; the master files are beside it. Empty if it cannot be written.",
    )

    def _read_RunTitle(self) -> str:
        return self._settings.title

    def _write_RunTitle(self, title: str) -> None:
        self._settings.title = title

    RunTitle = attribute(
        fget=_read_RunTitle,
        fset=_write_RunTitle,
        dtype=str,
        label="Title of the run",
        doc="Title of the next run.",
        **READ_WRITE,
    )

    def _read_RunMetadata(self) -> str:
        return self._settings.metadata

    def _write_RunMetadata(self, text: str) -> None:
        with as_dev_failed("RunMetadata"):
            self._settings.set_metadata(text)

    RunMetadata = attribute(
        fget=_read_RunMetadata,
        fset=_write_RunMetadata,
        dtype=str,
        label="Metadata of the run",
        doc="JSON object that is kept with the data of the next run.",
        **READ_WRITE,
    )

    def _read_RunSeed(self) -> int:
        return self._settings.seed

    def _write_RunSeed(self, seed: int) -> None:
        with as_dev_failed("RunSeed"):
            self._settings.set_seed(int(seed))

    RunSeed = attribute(
        fget=_read_RunSeed,
        fset=_write_RunSeed,
        dtype=int,
        label="Seed of the run",
        min_value=-1,
        doc="Seed of the next run's random numbers; -1: another at each Start.",
        **READ_WRITE,
    )

    def _read_LastError(self) -> str:
        return self._runs.last_error

    LastError = attribute(
        fget=_read_LastError,
        dtype=str,
        label="Last error",
        doc="Which Player, which trigger, and what it said; empty if none.",
    )

    def _read_SkippedTriggers(self) -> list[int]:
        members = self._runs.members
        return [
            members[entry.name].skipped if entry.name in members else 0 for entry in self._runs.roster.entries
        ]

    SkippedTriggers = attribute(
        fget=_read_SkippedTriggers,
        dtype=(int,),
        label="Triggers missed",
        max_dim_x=MAX_PLAYERS,
        doc="How many triggers of this run each Player missed, in the order of Players.",
    )

    def _read_DroppedPlayers(self) -> list[str]:
        return [member.name for member in self._runs.members.values() if member.dropped]

    DroppedPlayers = attribute(
        fget=_read_DroppedPlayers,
        dtype=(str,),
        label="Players left out",
        max_dim_x=MAX_PLAYERS,
        doc="Players that their policy DISABLE left out for the rest of this run.",
    )

    @command()
    def Start(self) -> None:
        """Set the Players up and send the sequence of triggers."""
        with self._answering("Start"):
            self._runs.start()

    @command()
    def Arm(self) -> None:
        """Set the Players up and pause before the first trigger: Step or Resume send triggers, until Stop."""
        with self._answering("Arm"):
            self._runs.start(held=True)

    @command()
    def Recover(self) -> None:
        """Take up the last run, if it was interrupted or failed, after its last complete trigger."""
        with self._answering("Recover"):
            self._runs.recover()

    @command()
    def Stop(self) -> None:
        """End after the trigger in progress."""
        self._request(Command.STOP)

    @command()
    def Abort(self) -> None:
        """Tell the scripts in progress to give up, and end now."""
        self._request(Command.ABORT)

    @command()
    def Pause(self) -> None:
        """Pause after the trigger in progress."""
        self._request(Command.PAUSE)

    @command()
    def Resume(self) -> None:
        """Go on after a pause; the next trigger is due now."""
        self._request(Command.RESUME)

    @command()
    def Step(self) -> None:
        """Send StepTriggers more triggers, then pause again."""
        self._request(Command.STEP)

    @command()
    def Reset(self) -> None:
        """Forget the failure: FAULT becomes ON."""
        with self._answering("Reset"):
            self._runs.reset()

    @command(
        dtype_in=tango.DevVarLongStringArray,
        doc_in="[[priority, ...], [player, ...]]: as many priorities as names of Players",
    )
    def SetPriority(self, argument: tuple[np.ndarray, list[str]]) -> None:
        """Set the priorities of Players, from the next trigger on."""
        with self._answering("SetPriority"):
            priorities, players = argument
            if not len(priorities) == len(players) >= 1:
                raise InputError(
                    "SetPriority: [[priority, ...], [player, ...]], as many priorities as players; "
                    f"got {len(priorities)} and {len(players)}"
                )
            self._runs.set_priorities(dict(zip(players, map(int, priorities), strict=True)))

    @command(dtype_out=(str,), doc_out="one line a finding, with its remedy; empty: ready to start")
    def Check(self) -> list[str]:
        """Say what stands in the way of Start."""
        with self._answering("Check"):
            return self._runs.check()

    def _request(self, request: Command) -> None:
        with self._answering(request.value):
            self._runs.request(request)

    @contextmanager
    def _answering(self, command_name: str) -> Iterator[None]:
        """Answer other requests meanwhile, and say an error as Tango does."""
        with as_dev_failed(command_name), tango.AutoTangoAllowThreads(self):
            yield

    def _of_sequence(self, read: Callable[[Sequence], Value], otherwise: Value) -> Value:
        sequence = self._runs.sequence
        return otherwise if sequence is None else read(sequence)

    def _player_times(self) -> list[tuple[float, float]]:
        return [self._runs.times(entry.name) for entry in self._runs.roster.entries]


def main() -> None:
    """Run the device server, as every Tango server is run: ``DonkiDirector INSTANCE``."""
    DonkiDirector.run_server()


if __name__ == "__main__":
    main()
