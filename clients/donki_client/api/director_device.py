"""The Director's Tango device, its attributes and commands in plain Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tango import DevState

from donki.errors import InputError, SetUpError
from donki.json_text import to_json
from donki_client.address import Address
from donki_client.api.errors import SequenceError
from donki_client.api.proxy import Proxy
from donki_client.api.snapshot import PlayerStatus, Snapshot, seconds
from donki_client.api.trigger_events import TriggerEvents

#: The Tango classes of a Director, the usual one first.
CLASSES = ("DonkiDirector", "DonkiSection")

#: The attributes that a snapshot is made of.
SNAPSHOT = {
    "state": "State",
    "triggers": "Triggers",
    "current_trigger": "CurrentTrigger",
    "progress": "Progress",
    "remaining_time": "RemainingTime",
    "trigger_rate": "TriggerRate",
    "overruns": "Overruns",
    "run_id": "RunId",
    "last_error": "LastError",
    "last_failure": "LastFailure",
}

#: The attributes that tell the events of the last triggers.
TRIGGER_EVENTS = ("RunId", "CompletedTriggers", "Players", "PlayerTriggerEvents")


def full_name(device: str, database: str | Address | None) -> str:
    """Return the name of a device with its database; by itself where no database is named."""
    if database is None:
        return device
    if "://" in device:
        raise InputError(f"{device} names its database itself; leave {database} out")
    address = database if isinstance(database, Address) else Address.parse(database)
    return f"tango://{address.tango_host}/{device}"


class DirectorDevice:
    """The device of a Director; see `donki_client.Director`."""

    def __init__(self, device: str = "donki/director/1", database: str | Address | None = None) -> None:
        self.name = device
        self.device = full_name(device, database)
        self._proxy = Proxy(self.device)
        kind = self._proxy.tango_class
        if kind not in CLASSES:
            raise InputError(
                f"{device} is a {kind}, not a {CLASSES[0]}; name a Director, such as donki/director/1"
            )
        scheme, found, rest = self.device.partition("://")
        # What the Director's own name begins with: nothing, or tango://host:port/
        self._database = f"{scheme}://{rest.partition('/')[0]}/" if found else ""
        #: The run that was begun here last.
        self._begun: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.device!r})"

    @property
    def state(self) -> DevState:
        """The Director's state."""
        return self._proxy.state()

    @property
    def status(self) -> str:
        """The state in words."""
        return self._proxy.status()

    @property
    def triggers(self) -> int:
        """Triggers in a sequence; -1 until Stop."""
        return int(self._proxy.read("Triggers")[0])

    @triggers.setter
    def triggers(self, triggers: int) -> None:
        self._proxy.write("Triggers", triggers)

    @property
    def step_triggers(self) -> int:
        """Triggers that one step plays, at the period."""
        return int(self._proxy.read("StepTriggers")[0])

    @step_triggers.setter
    def step_triggers(self, triggers: int) -> None:
        self._proxy.write("StepTriggers", triggers)

    @property
    def period(self) -> float:
        """From trigger to trigger in s; 0 is as fast as the Players answer."""
        return float(self._proxy.read("Period")[0])

    @period.setter
    def period(self, period: float) -> None:
        self._proxy.write("Period", period)

    @property
    def run_title(self) -> str:
        """The title of the next run."""
        return str(self._proxy.read("RunTitle")[0])

    @run_title.setter
    def run_title(self, title: str) -> None:
        self._proxy.write("RunTitle", title)

    @property
    def run_metadata(self) -> dict[str, Any]:
        """What is kept with the data of the next run: a JSON object."""
        return dict(json.loads(self._proxy.read("RunMetadata")[0]))

    @run_metadata.setter
    def run_metadata(self, metadata: Mapping[str, Any]) -> None:
        self._proxy.write("RunMetadata", to_json("run_metadata", dict(metadata)))

    @property
    def run_seed(self) -> int | None:
        """The seed of the next run's random numbers; None: another at each start."""
        seed = int(self._proxy.read("RunSeed")[0])
        return None if seed < 0 else seed

    @run_seed.setter
    def run_seed(self, seed: int | None) -> None:
        self._proxy.write("RunSeed", -1 if seed is None else seed)

    @property
    def run_id(self) -> str:
        """The run in progress or the last one."""
        return str(self._proxy.read("RunId")[0])

    @property
    def journal_file(self) -> str:
        """The path of the journal of all runs on the Director's machine; the master files are beside it."""
        return str(self._proxy.read("JournalFile")[0])

    @property
    def current_trigger(self) -> int:
        """The trigger in progress or last done, from 1; 0 before the first."""
        return int(self._proxy.read("CurrentTrigger")[0])

    @property
    def progress(self) -> float:
        """How far the sequence is, in %; 0 for an endless one."""
        return float(self._proxy.read("Progress")[0])

    @property
    def last_error(self) -> str:
        """What ended the last sequence: which Player, which trigger, what it said."""
        return str(self._proxy.read("LastError")[0])

    @property
    def file_writer_state(self) -> tuple[str, ...]:
        """The jobs at the ESS file writers, a line each; none where an earlier version does not tell."""
        if not self._proxy.has("FileWriterState"):
            return ()
        return tuple(self._proxy.read("FileWriterState")[0] or ())

    @property
    def players(self) -> tuple[PlayerStatus, ...]:
        """The Players that the Director found."""
        return tuple(
            PlayerStatus(
                name=row["name"],
                priority=row["priority"],
                state=row["state"],
                median=seconds(row["median"]),
                p99=seconds(row["p99"]),
                skipped=row["skipped"],
                dropped=row["dropped"],
                device=row["device"] if "://" in row["device"] else self._database + row["device"],
            )
            for row in json.loads(self._proxy.read("PlayerTable")[0])
        )

    def snapshot(self) -> Snapshot:
        """Return where the sequence stands, read in one request."""
        told = dict(zip(SNAPSHOT, self._proxy.read(*SNAPSHOT.values()), strict=True))
        return Snapshot(**told | {"last_failure": json.loads(told["last_failure"])})

    def trigger_events(self) -> TriggerEvents:
        """Return the events of the last complete triggers, at most 4096, read in one request."""
        run_id, completed, players, events = self._proxy.read(*TRIGGER_EVENTS)
        return TriggerEvents(run_id, int(completed), dict(zip(players, events, strict=True)))

    def configure(
        self,
        triggers: int | None = None,
        period: float | None = None,
        *,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> None:
        """Set what the next run is; what is None stays as it is.

        Parameters
        ----------
        triggers
            in a sequence; -1 until Stop
        period
            from trigger to trigger in s; 0 is as fast as the Players answer
        title, metadata
            what is kept with the data
        seed
            of the run's random numbers; -1: another at each start
        """
        if triggers is not None:
            self.triggers = triggers
        if period is not None:
            self.period = period
        if title is not None:
            self.run_title = title
        if metadata is not None:
            self.run_metadata = dict(metadata)
        if seed is not None:
            self._proxy.write("RunSeed", seed)

    def start(self) -> None:
        """Begin a sequence; returns at once.

        Raises
        ------
        SequenceError
            when a Player cannot be set up: which one, and what it said
        """
        self._begin("Start")

    def arm(self) -> None:
        """Begin a sequence that is paused before its first trigger: `step` and `resume` play it until `stop`.

        Raises
        ------
        SequenceError
            when a Player cannot be set up: which one, and what it said
        """
        self._begin("Arm")

    def stop(self) -> None:
        """End the sequence after the trigger in progress; returns at once."""
        self._proxy.command("Stop")

    def abort(self) -> None:
        """End the sequence now: scripts in progress are told to give up."""
        self._proxy.command("Abort")

    def pause(self) -> None:
        """Pause after the trigger in progress."""
        self._proxy.command("Pause")

    def resume(self) -> None:
        """Go on after a pause."""
        self._proxy.command("Resume")

    def step(self) -> None:
        """Play `step_triggers` more triggers, then pause again."""
        self._proxy.command("Step")

    def recover(self) -> None:
        """Take up an interrupted run after its last complete trigger; returns at once.

        Raises
        ------
        SequenceError
            when a Player cannot be set up: which one, and what it said
        """
        self._begin("Recover")

    def reset(self) -> None:
        """Leave FAULT."""
        self._proxy.command("Reset")

    def check(self) -> list[str]:
        """Return what prevents a start, one line each with its remedy; empty is ready."""
        return list(self._proxy.command("Check"))

    def set_priority(self, player: str, priority: int) -> None:
        """Give a Player another priority from the next trigger on.

        Lower priorities act first, equal ones in parallel, -1 is left out.
        """
        self._proxy.command("SetPriority", [[priority], [player]])

    def _begin(self, command: str) -> None:
        try:
            self._proxy.command(command)
        except SetUpError as error:
            raise SequenceError(str(error), json.loads(self._proxy.read("LastFailure")[0])) from None
        self._begun = self.run_id
