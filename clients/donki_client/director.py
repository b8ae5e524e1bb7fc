"""The Director for scripts, notebooks and the command line: plain Python over its Tango device."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tango
from tango import DevState

from donki.errors import InputError
from donki_client.errors import SequenceError, translated
from donki_client.facility.address import Address

POLL = 0.05  # s

#: The Tango class of a Director.
CLASS = "DonkiDirector"

#: The states of a sequence that has begun and not ended.
IN_PROGRESS = frozenset({DevState.INIT, DevState.RUNNING, DevState.ALARM, DevState.STANDBY})


@dataclass(frozen=True)
class PlayerStatus:
    """A Player as its Director sees it.

    Attributes
    ----------
    name
        the last part of its device name
    priority
        lower acts first, the same acts in parallel, -1 is disabled
    state
        Tango's name of its state; UNKNOWN where it does not answer
    median, p99
        the median and 99 % time of its triggers in this run, in s; NaN before the first
    skipped
        how many triggers of this run it missed
    dropped
        whether its policy DISABLE left it out for the rest of this run
    device
        its device name, with the database where it has one
    """

    name: str
    priority: int
    state: str
    median: float
    p99: float
    skipped: int = 0
    dropped: bool = False
    device: str = ""


@dataclass(frozen=True)
class Snapshot:
    """Where a sequence stands at one moment.

    Attributes
    ----------
    state
        the Director's
    triggers
        how many were asked for; -1 is endless
    current_trigger
        the trigger in progress or last done, from 1; 0 before the first
    progress
        in %, 0 for an endless sequence
    remaining_time
        in s, NaN until known
    trigger_rate
        in Hz, over the last second
    overruns
        triggers that started late by more than 10 % of the period
    run_id
        the run in progress or the last one
    last_error
        what ended the last sequence, else empty
    """

    state: DevState
    triggers: int
    current_trigger: int
    progress: float
    remaining_time: float
    trigger_rate: float
    overruns: int
    run_id: str
    last_error: str

    @property
    def in_progress(self) -> bool:
        """Whether a sequence has begun and not ended (a paused one has not)."""
        return self.state in IN_PROGRESS


class Director:
    """A Director that runs somewhere.

    Every property and method asks the device, and raises `donki.errors.NotAllowedError`,
    `donki.errors.InputError` or `donki_client.errors.UnreachableError` with the device's own words.

    Parameters
    ----------
    device
        the name in the Tango database, or a full ``tango://host:port/...`` name
    database
        ``HOST:PORT`` of the Tango database; by default what ``TANGO_HOST`` names

    Attributes
    ----------
    name
        as it was given
    device
        the full name, with the database

    Examples
    --------
    ::

        director = Director("donki/director/1", database="localhost:50010")
        director.triggers = 100
        director.start()
        director.wait(timeout=60)
    """

    def __init__(self, device: str = "donki/director/1", database: str | Address | None = None) -> None:
        name = self.name = device
        if database is not None:
            address = database if isinstance(database, Address) else Address.parse(database)
            device = f"tango://{address.tango_host}/{device}"
        self.device = device
        with translated(self.device):
            self._proxy = tango.DeviceProxy(device)
            self._proxy.ping()
            kind = self._proxy.info().dev_class
        if kind != CLASS:
            raise InputError(f"{name} is a {kind}, not a {CLASS}; name a Director, such as donki/director/1")
        scheme, found, rest = self.device.partition("://")
        # What the Director's own name begins with: nothing, or tango://host:port/
        self._database = f"{scheme}://{rest.partition('/')[0]}/" if found else ""

    def __repr__(self) -> str:
        return f"Director({self.device!r})"

    @property
    def state(self) -> DevState:
        """The Director's state."""
        with translated(self.device):
            return self._proxy.state()

    @property
    def status(self) -> str:
        """The state in words."""
        with translated(self.device):
            return str(self._proxy.status())

    @property
    def triggers(self) -> int:
        """Triggers in a sequence; -1 until Stop."""
        return int(self._read("Triggers")[0])

    @triggers.setter
    def triggers(self, triggers: int) -> None:
        self._write("Triggers", triggers)

    @property
    def period(self) -> float:
        """From trigger to trigger in s; 0 is as fast as the Players answer."""
        return float(self._read("Period")[0])

    @period.setter
    def period(self, period: float) -> None:
        self._write("Period", period)

    @property
    def run_title(self) -> str:
        """The title of the next run."""
        return str(self._read("RunTitle")[0])

    @run_title.setter
    def run_title(self, title: str) -> None:
        self._write("RunTitle", title)

    @property
    def run_metadata(self) -> dict[str, Any]:
        """What is kept with the data of the next run: a JSON object."""
        return dict(json.loads(self._read("RunMetadata")[0]))

    @run_metadata.setter
    def run_metadata(self, metadata: Mapping[str, Any]) -> None:
        self._write("RunMetadata", json.dumps(dict(metadata)))

    @property
    def run_seed(self) -> int | None:
        """The seed of the next run's random numbers; None: another at each start."""
        seed = int(self._read("RunSeed")[0])
        return None if seed < 0 else seed

    @run_seed.setter
    def run_seed(self, seed: int | None) -> None:
        self._write("RunSeed", -1 if seed is None else seed)

    @property
    def run_id(self) -> str:
        """The run in progress or the last one."""
        return str(self._read("RunId")[0])

    @property
    def current_trigger(self) -> int:
        """The trigger in progress or last done, from 1; 0 before the first."""
        return int(self._read("CurrentTrigger")[0])

    @property
    def progress(self) -> float:
        """How far the sequence is, in %; 0 for an endless one."""
        return float(self._read("Progress")[0])

    @property
    def last_error(self) -> str:
        """What ended the last sequence: which Player, which trigger, what it said."""
        return str(self._read("LastError")[0])

    @property
    def players(self) -> tuple[PlayerStatus, ...]:
        """The Players that the Director found."""
        names, devices, priorities, states, medians, p99s, skipped, dropped = self._read(
            "Players",
            "PlayerDeviceNames",
            "Priorities",
            "PlayerStates",
            "PlayerMedians",
            "PlayerP99s",
            "SkippedTriggers",
            "DroppedPlayers",
        )
        # A Player may come while they are read one after the other.
        columns = zip(names, devices, priorities, states, medians, p99s, skipped, strict=False)
        return tuple(
            PlayerStatus(
                name=name,
                priority=int(priority),
                state=state,
                median=float(median),
                p99=float(p99),
                skipped=int(missed),
                dropped=name in dropped,
                device=device if "://" in device else self._database + device,
            )
            for name, device, priority, state, median, p99, missed in columns
        )

    def snapshot(self) -> Snapshot:
        """Return where the sequence stands, read in one request."""
        state, triggers, current, progress, remaining, rate, overruns, run_id, last_error = self._read(
            "State",
            "Triggers",
            "CurrentTrigger",
            "Progress",
            "RemainingTime",
            "TriggerRate",
            "Overruns",
            "RunId",
            "LastError",
        )
        return Snapshot(
            state, int(triggers), int(current), progress, remaining, rate, int(overruns), run_id, last_error
        )

    def start(self) -> None:
        """Begin a sequence; returns at once."""
        self._command("Start")

    def stop(self) -> None:
        """End the sequence after the trigger in progress; returns at once."""
        self._command("Stop")

    def abort(self) -> None:
        """End the sequence now: scripts in progress are told to give up."""
        self._command("Abort")

    def pause(self) -> None:
        """Pause after the trigger in progress."""
        self._command("Pause")

    def resume(self) -> None:
        """Go on after a pause."""
        self._command("Resume")

    def step(self) -> None:
        """Play one more trigger, then pause again."""
        self._command("Step")

    def recover(self) -> None:
        """Take up an interrupted run after its last complete trigger; returns at once."""
        self._command("Recover")

    def reset(self) -> None:
        """Leave FAULT."""
        self._command("Reset")

    def check(self) -> list[str]:
        """Return what stands in the way of a start, one line each with its remedy; empty is ready."""
        return list(self._command("Check"))

    def set_priority(self, player: str, priority: int) -> None:
        """Give a Player another priority from the next trigger on.

        Lower priorities act first, equal ones in parallel, -1 is left out.
        """
        self._command("SetPriority", [[priority], [player]])

    def watch(self, interval: float = 0.1) -> Iterator[Snapshot]:
        """Yield where the sequence stands every `interval` s, the last time when it has ended."""
        while (snapshot := self.snapshot()).in_progress:
            yield snapshot
            time.sleep(interval)
        yield snapshot

    def wait(self, timeout: float | None = None) -> Snapshot:
        """Wait until the sequence in progress has ended, and return where it stands.

        A sequence that was stopped before its last trigger ends well too: compare `Snapshot.current_trigger`.

        Parameters
        ----------
        timeout
            at most so many s; None waits as long as the Director answers

        Raises
        ------
        SequenceError
            when it failed (also when the last one had failed before the call); says what LastError says
        UnreachableError
            when the Director no longer answers
        TimeoutError
            when it has not ended in time; it goes on
        """
        end = None if timeout is None else time.monotonic() + timeout
        for snapshot in self.watch(POLL):
            if end is not None and snapshot.in_progress and time.monotonic() > end:
                raise TimeoutError(
                    f"{self.device} is still {snapshot.state} after {timeout:g} s, "
                    f"at trigger {snapshot.current_trigger}"
                )
        if snapshot.state == DevState.FAULT:
            raise SequenceError(snapshot.last_error)
        return snapshot

    def _read(self, *attributes: str) -> list[Any]:
        with translated(self.device):
            answers = self._proxy.read_attributes(list(attributes))
            for answer in answers:
                if answer.has_failed:
                    raise tango.DevFailed(*answer.get_err_stack())
        return [answer.value for answer in answers]

    def _write(self, attribute: str, value: object) -> None:
        with translated(self.device):
            self._proxy.write_attribute(attribute, value)

    def _command(self, name: str, argument: object = None) -> Any:
        with translated(self.device):
            return self._proxy.command_inout(name, argument)
