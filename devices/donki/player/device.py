"""The Tango device of a Player; what it does is in `donki.player.performer`."""

from __future__ import annotations

import contextlib
import json
import logging
import math
from pathlib import Path
from typing import Any

import tango
from tango import AttrWriteType, DevState, DispLevel
from tango.server import Device, attribute, device_property

from donki.described import command
from donki.devfailed import as_dev_failed
from donki.device_log import DeviceLog
from donki.errors import DonkiError, InputError, NotAllowedError, ScriptError
from donki.json_text import parse_json
from donki.player.check import findings
from donki.player.performer import Performer
from donki.player.player import Player
from donki.player.script import shipped_scripts
from donki.player.trigger import parse_trigger
from donki.policy import OnError, check_retries
from donki.priority import check_priority
from donki.publisher import Publisher
from donki.run import Run as RunIdentity
from donki.set_points import show_set_points
from donki.streams.aliases import read_aliases
from donki.streams.compression import check_compression
from donki.streams.faults.rule import read_rules
from donki.streams.file_names import FILE_NAME, MOST_FILES, check_file_name, check_file_triggers
from donki.streams.kafka import CLIENTS
from donki.streams.outlet import Outlet

MEMORIZED: dict[str, Any] = {"access": AttrWriteType.READ_WRITE, "memorized": True, "hw_memorized": True}


class DonkiPlayer(Device):
    """Answers triggers by running an action script."""

    ScriptPath = device_property(
        dtype=str,
        default_value="",
        doc="Folder of the action scripts; nothing outside it is ever loaded. Empty: the shipped scripts.",
    )
    KafkaBrokers = device_property(
        dtype=(str,), default_value=["localhost:9092"], doc="Kafka brokers, host:port each."
    )
    KafkaOptions = device_property(
        dtype=str,
        default_value="{}",
        doc="JSON object of options for the Kafka client: security and the like.",
    )
    KafkaClient = device_property(
        dtype=str,
        default_value=CLIENTS[0],
        doc=f"The Kafka client library: {' or '.join(CLIENTS)}, which is faster and an extra.",
    )
    ValuesTopic = device_property(
        dtype=str, default_value="", doc="Kafka topic of the values that action returns; empty: nowhere."
    )
    FileDirectory = device_property(
        dtype=str, default_value="", doc="Folder of the NeXus/HDF5 files; empty: no file."
    )
    FileName = device_property(
        dtype=str,
        default_value=FILE_NAME,
        doc="Pattern of the files' names: {run} the run's id, {player} the Player's name, {first} the number "
        "of the file's first trigger ({first:06d}: with zeros). A name that is taken gets +2, +3 and so on.",
    )
    FileTriggers = device_property(
        dtype=int,
        default_value=0,
        doc="How many triggers go into a file before the next one is begun; 0: all, one file a run.",
    )
    FileCompression = device_property(
        dtype=str,
        default_value="",
        doc="What a file is compressed with when it is finished: gzip or lzf; bitshuffle, blosc, blosc2, lz4 "
        "or zstd with the package hdf5plugin; empty: not at all.",
    )
    Aliases = device_property(
        dtype=(str,),
        default_value=[],
        doc="Other names for values that action returns, in files and in Kafka: name=alias each.",
    )

    # What was set outlives the command Init, which takes up changed properties.
    _priority = 0
    _script_name = ""
    _parameters = "{}"
    _timeout = 60.0
    _on_error = OnError.ABORT
    _retries = 0

    def init_device(self) -> None:
        """Take up the properties; the memorized Script is loaded right after."""
        super().init_device()
        self._next_run: RunIdentity | None = None
        self._last_log = ""
        self._player = Player(self.get_name().rsplit("/", 1)[-1])
        self._player.log.addHandler(_LastLog(self))
        self._player.log.addHandler(DeviceLog(self))
        self._player.parameters = json.loads(self._parameters)
        self._performer = Performer(self._player, self._open_outlet)
        self._performer.timeout = self._timeout
        names = ("Priority", "Script", "ScriptHash", "Parameters", "Timeout", "OnError", "Retries", "Run")
        counters = ("LastTrigger", "LastDuration", "EventsSent", "MessagesSent", "BytesSent", "LastLog")
        places = ("Files", "Streams", "Remainder")
        writable = ("Priority", "Script", "Parameters", "Timeout", "OnError", "Retries", "Run")
        show_set_points(self, {name: getattr(self, f"_read_{name}")() for name in writable})
        self._publisher = Publisher(
            self,
            {"State": self.dev_state, "Status": self.dev_status}
            | {name: getattr(self, f"_read_{name}") for name in (*names, *counters, *places)},
        )
        self._was_initialised = bool(self._script_name)
        if self._script_name:
            with contextlib.suppress(tango.DevFailed):  # Status says what is wrong with the script
                self.Reload()

    def delete_device(self) -> None:
        """Stop the script when the server ends or Init is called."""
        self._publisher.end()
        try:
            self._performer.abort()
        except DonkiError as error:
            self.error_stream(str(error))
        for handler in self._player.log.handlers:
            handler.close()
        super().delete_device()

    def dev_state(self) -> DevState:
        """Return the state; never waits for the script."""
        return getattr(DevState, self._performer.state.name)

    def dev_status(self) -> str:
        """Return what the state means."""
        return self._performer.status

    def _read_Priority(self) -> int:
        return self._priority

    def _write_Priority(self, priority: int) -> None:
        with as_dev_failed("Priority"):
            self._priority = check_priority(int(priority))

    Priority = attribute(
        fget=_read_Priority,
        fset=_write_Priority,
        dtype=int,
        label="Priority",
        min_value=-1,
        max_value=2**31 - 1,
        doc="Lower acts first at a trigger, the same acts in parallel; -1 leaves the Player out.",
        **MEMORIZED,
    )

    def _read_Script(self) -> str:
        return self._script_name

    def _write_Script(self, name: str) -> None:
        present, self._script_name = self._script_name, name
        # Tango writes what is memorized when the server starts, and after the command Init.
        restored = tango.Util.instance().is_svr_starting() or (self._was_initialised and name == present)
        self._was_initialised = False
        if not name and not self._performer.has_script:
            return
        with as_dev_failed("Script"), tango.AutoTangoAllowThreads(self):
            try:
                self._load_script()
            except ScriptError:
                # Status says it. Tango hides State and Script behind a value that it could not restore.
                if not restored:
                    raise
            except NotAllowedError:
                # The run in progress goes on with the script that it has.
                self._script_name = present
                raise

    Script = attribute(
        fget=_read_Script,
        fset=_write_Script,
        dtype=str,
        label="Action script",
        doc="File name of the action script under the property ScriptPath; writing it loads the script.",
        **MEMORIZED,
    )

    def _read_ScriptHash(self) -> str:
        return self._performer.script_hash

    ScriptHash = attribute(
        fget=_read_ScriptHash,
        dtype=str,
        label="Hash of the script",
        display_level=DispLevel.EXPERT,
        doc="SHA-256 of the script that is loaded; empty where there is none.",
    )

    def _read_Parameters(self) -> str:
        return self._parameters

    def _write_Parameters(self, text: str) -> None:
        with as_dev_failed("Parameters"):
            self._player.parameters = _json_object("Parameters", text)
        self._parameters = text

    Parameters = attribute(
        fget=_read_Parameters,
        fset=_write_Parameters,
        dtype=str,
        label="Parameters",
        doc="JSON object that is handed to the script. The key faults lists what is to befall its data on "
        "their way to Kafka.",
        **MEMORIZED,
    )

    def _read_Timeout(self) -> float:
        return self._timeout

    def _write_Timeout(self, seconds: float) -> None:
        with as_dev_failed("Timeout"):
            if not (math.isfinite(seconds) and 0 < seconds <= 86_400):
                raise InputError(f"Timeout: more than 0 s and at most 86400 s; got {seconds}")
        self._timeout = self._performer.timeout = float(seconds)

    Timeout = attribute(
        fget=_read_Timeout,
        fset=_write_Timeout,
        dtype=float,
        label="Timeout",
        min_value=0,
        max_value=86_400,
        unit="s",
        format="%8.2f",
        doc="How long one action may take, its data delivered.",
        **MEMORIZED,
    )

    def _read_OnError(self) -> OnError:
        return self._on_error

    def _write_OnError(self, policy: int) -> None:
        self._on_error = OnError(policy)

    OnError = attribute(
        fget=_read_OnError,
        fset=_write_OnError,
        dtype=OnError,
        label="On error",
        doc="What the Director does when an action fails or times out: end the sequence (ABORT), let this "
        "Player miss the trigger (SKIP), send it again (RETRY), leave the Player out from then on (DISABLE).",
        **MEMORIZED,
    )

    def _read_Retries(self) -> int:
        return self._retries

    def _write_Retries(self, retries: int) -> None:
        with as_dev_failed("Retries"):
            self._retries = check_retries(int(retries))

    Retries = attribute(
        fget=_read_Retries,
        fset=_write_Retries,
        dtype=int,
        label="Retries",
        min_value=0,
        max_value=1_000_000,
        doc="How often a failed trigger is sent again with the policy RETRY; then as with ABORT.",
        **MEMORIZED,
    )

    def _read_Run(self) -> str:
        return (self._next_run or self._player.run).to_json()

    def _write_Run(self, text: str) -> None:
        with as_dev_failed("Run"):
            self._next_run = RunIdentity.from_json(text)

    Run = attribute(
        fget=_read_Run,
        fset=_write_Run,
        dtype=str,
        label="Next run",
        access=AttrWriteType.READ_WRITE,
        display_level=DispLevel.EXPERT,
        doc="JSON object with id, title, metadata, seed and director: the run that the next Start takes up.",
    )

    def _read_LastTrigger(self) -> int:
        return self._performer.last.trigger if self._performer.last else 0

    LastTrigger = attribute(
        fget=_read_LastTrigger,
        dtype=int,
        label="Last trigger",
        doc="The last trigger that was done in this run; 0 before the first.",
    )

    def _read_LastDuration(self) -> float:
        return self._performer.last.duration if self._performer.last else math.nan

    LastDuration = attribute(
        fget=_read_LastDuration,
        dtype=float,
        label="Last duration",
        unit="s",
        format="%.4f",
        doc="How long the last trigger took, from its arrival until its data were delivered.",
    )

    def _read_EventsSent(self) -> int:
        return self._performer.counts.events

    EventsSent = attribute(
        fget=_read_EventsSent, dtype=int, label="Events sent", doc="Events that were sent in this run."
    )

    def _read_MessagesSent(self) -> int:
        return self._performer.counts.messages

    MessagesSent = attribute(
        fget=_read_MessagesSent,
        dtype=int,
        label="Messages sent",
        doc="Kafka messages that were sent in this run.",
    )

    def _read_BytesSent(self) -> int:
        return self._performer.counts.bytes

    BytesSent = attribute(
        fget=_read_BytesSent,
        dtype=int,
        label="Bytes sent",
        unit="B",
        doc="Bytes of the Kafka messages that were sent in this run.",
    )

    def _read_Files(self) -> list[str]:
        return [str(path) for path in self._performer.files]

    Files = attribute(
        fget=_read_Files,
        dtype=(str,),
        label="Files",
        max_dim_x=MOST_FILES,
        doc="Paths of the NeXus files of this run, or the last one, in order; more than one by FileTriggers, "
        "or where the Player was set up again in it.",
    )

    def _read_Streams(self) -> str:
        return json.dumps([stream.as_dict() for stream in self._performer.streams])

    Streams = attribute(
        fget=_read_Streams,
        dtype=str,
        label="Streams",
        display_level=DispLevel.EXPERT,
        doc="JSON list of what goes to Kafka in this run, or went in the last one, as far as it was opened: "
        "schema, topic and source of each.",
    )

    def _read_Remainder(self) -> str:
        return json.dumps(self._performer.remainder.as_dict())

    Remainder = attribute(
        fget=_read_Remainder,
        dtype=str,
        label="Remainder",
        display_level=DispLevel.EXPERT,
        doc="JSON manifest of what was delivered after the last trigger of the run that was stopped last, as "
        "by the script's stop.",
    )

    def _read_LastLog(self) -> str:
        return self._last_log

    LastLog = attribute(
        fget=_read_LastLog, dtype=str, label="Last log line", doc="The last line of the script's log."
    )

    @command(display_level=DispLevel.EXPERT)
    def Start(self) -> None:
        """Take up the run in the attribute Run, or a new one: run the script's setup."""
        with as_dev_failed("Start"), tango.AutoTangoAllowThreads(self):
            identity, self._next_run = self._next_run or RunIdentity.new(), None
            self._performer.start(identity)

    @command()
    def Stop(self) -> None:
        """Run the script's stop and close what it opened; while it acts, as soon as the action returns."""
        with as_dev_failed("Stop"), tango.AutoTangoAllowThreads(self):
            self._performer.stop()

    @command()
    def Abort(self) -> None:
        """Tell the script to give up (player.aborted), then as Stop."""
        with as_dev_failed("Abort"), tango.AutoTangoAllowThreads(self):
            self._performer.abort()

    @command(
        dtype_in=str,
        doc_in='JSON: a number, or {"trigger": number, "run": id, "reference_time": ns since 1970 UTC, '
        '"attempt": number from 1}, of which only the trigger is needed',
        dtype_out=str,
        doc_out="JSON object: trigger, attempt, duration in s, events, messages, bytes; and a manifest of "
        "what was delivered, where something was",
        display_level=DispLevel.EXPERT,
    )
    def Trigger(self, text: str) -> str:
        """Act at one trigger; returns when the action is done and its data are delivered."""
        with as_dev_failed("Trigger"), tango.AutoTangoAllowThreads(self):
            trigger, run_id = parse_trigger(text)
            return json.dumps(self._performer.trigger(trigger, run_id).as_dict())

    @command(display_level=DispLevel.EXPERT)
    def Reload(self) -> None:
        """Load the script again, after its file was changed."""
        with as_dev_failed("Reload"), tango.AutoTangoAllowThreads(self):
            self._load_script()

    @command(dtype_out=(str,), doc_out="one line a finding, with its remedy; empty: ready to start")
    def Check(self) -> list[str]:
        """Say what stands in the way of Start, as far as is known without running the script."""
        with as_dev_failed("Check"), tango.AutoTangoAllowThreads(self):
            topics = {stream.topic for stream in self._performer.streams}
            return findings(
                list(self.KafkaBrokers),
                self._kafka_options(),
                self.KafkaClient,
                topics | {self.ValuesTopic} if self.ValuesTopic else topics,
                self._file_directory(),
                self._player.parameters.get("faults"),
                {
                    "FileName": lambda: check_file_name(self.FileName),
                    "FileTriggers": lambda: check_file_triggers(self.FileTriggers),
                    "FileCompression": lambda: check_compression(self.FileCompression),
                    "Aliases": lambda: read_aliases(self.Aliases),
                },
            )

    @command()
    def Reset(self) -> None:
        """Forget the last failure."""
        self._performer.reset()

    def _load_script(self) -> None:
        folder = Path(self.ScriptPath).expanduser() if self.ScriptPath else shipped_scripts()
        self._performer.load(folder, self._script_name)

    def _open_outlet(self, identity: RunIdentity) -> Outlet:
        return Outlet(
            self._player.name,
            identity,
            brokers=list(self.KafkaBrokers),
            kafka_options=self._kafka_options(),
            kafka_client=self.KafkaClient,
            values_topic=self.ValuesTopic,
            file_directory=self._file_directory(),
            file_name=self.FileName,
            file_triggers=self.FileTriggers,
            file_compression=self.FileCompression,
            aliases=read_aliases(self.Aliases),
            faults=read_rules(self._player.parameters.get("faults")),
        )

    def _kafka_options(self) -> dict[str, Any]:
        return _json_object("the property KafkaOptions", self.KafkaOptions, secret=True)

    def _file_directory(self) -> Path | None:
        return Path(self.FileDirectory).expanduser() if self.FileDirectory else None

    def show_log(self, line: str) -> None:
        """Show a line of the script's log as LastLog."""
        self._last_log = line


class _LastLog(logging.Handler):
    """Shows each line of a script's log at its device."""

    def __init__(self, device: DonkiPlayer) -> None:
        super().__init__()
        self._device = device

    def emit(self, record: logging.LogRecord) -> None:
        self._device.show_log(self.format(record))


def _json_object(name: str, text: str, *, secret: bool = False) -> dict[str, Any]:
    try:
        value = parse_json(text)
    except ValueError as error:
        value = f"text that is no JSON ({error})"
    if not isinstance(value, dict):
        shown = "something else" if secret else f"{text!r:.200}"
        raise InputError(f'{name}: a JSON object, as {{"events": 1000}}; got {shown}')
    return value


def main() -> None:
    """Run the device server, as every Tango server is run: ``DonkiPlayer INSTANCE``."""
    DonkiPlayer.run_server()


if __name__ == "__main__":
    main()
