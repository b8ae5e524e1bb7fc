"""The Tango device of a Player; what it does is in `donki.player.runs.script_runner`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tango
from tango import DevState, DispLevel

from donki.device.commands import attribute, command, readers
from donki.device.errors import as_dev_failed
from donki.device.properties.kafka import read_kafka_options
from donki.device.properties.rules import read_folders
from donki.device.publisher import ARCHIVED, Publisher
from donki.device.serving import serve
from donki.device.set_points import MEMORIZED, show_set_points
from donki.device.telemetry.tracing import is_traced
from donki.errors import DonkiError, NotAllowedError
from donki.player.check import findings
from donki.player.interface.run_attributes import LastLog, RunAttributes
from donki.player.interface.run_commands import RunCommands
from donki.player.interface.script_files import ScriptFiles
from donki.player.interface.settings_attributes import SettingsAttributes
from donki.player.player import Player
from donki.player.runs.script_runner import ScriptRunner
from donki.player.runs.states import State
from donki.player.script import workers
from donki.player.settings import Settings
from donki.player.telemetry.observer import Observers, ScriptObserver
from donki.run import Run as RunIdentity
from donki.streams.faults.rule import read_rules
from donki.streams.run_output import RunOutput

if TYPE_CHECKING:
    from donki.player.telemetry.metrics import PlayerMetrics

#: How long Script and Reload wait for a script to load, so that they can say what is wrong with it, in s; a
#: client waits 3 s.
LOAD_PATIENCE = 2.4


class DonkiPlayer(ScriptFiles, SettingsAttributes, RunAttributes, RunCommands):
    """Answers triggers by running an action script."""

    def __init__(self, *args: Any) -> None:
        # What was set outlives the command Init, which takes up changed properties.
        self.settings = Settings()
        super().__init__(*args)

    def _begin(self) -> None:
        self.restore(self.settings.from_text)
        self._last_log = LastLog(self.changed)
        self._log.addHandler(self._last_log)
        folders = read_folders(self.DataPath) or [self.script_path()]
        self._player = Player(self.get_name().rsplit("/", 1)[-1], folders)
        self._player.log.parent = self._log
        metrics, name = self._open_metrics(), self.get_name()
        observers: list[ScriptObserver] = [metrics.observer(name)] if metrics else []
        if is_traced():
            from donki.player.telemetry.trace import ActionSpans  # noqa: PLC0415 - an extra

            observers.append(ActionSpans(self.get_telemetry_tracer, self._player.name))
        self._script_runner = ScriptRunner(
            self._player,
            self._open_run_output,
            self._threads,
            self.changed.set,
            Observers(observers, self._threads),
        )
        if metrics:
            metrics.read_from(name, self._script_runner)
        self._closing.callback(self._close)
        self.join_server()
        self.use_settings()
        self._publisher = Publisher(
            self,
            {"State": self.shown_state, "Status": self.shown_status, **readers(self)},
            self.changed,
            self.asked,
            self._threads,
        )
        self._closing.callback(self._publisher.end)
        if self.settings.script:
            # State and Status tell the result; the device answers meanwhile.
            self._script_runner.loader.begin(
                self.script_path(), self.settings.script, within=tango.EnsureOmniThread
            )
        self.start_heartbeat(
            {
                "state": self.shown_state,
                "status": self.shown_status,
                "run_id": lambda: self._script_runner.session.run.id,
            }
        )

    def _open_metrics(self) -> PlayerMetrics | None:
        if not self.MetricsPort:
            return None
        from donki.player.telemetry.metrics import PlayerMetrics  # noqa: PLC0415 - an extra

        return self.open_metrics(PlayerMetrics)

    def _close(self) -> None:
        """Stop the script."""
        try:
            self._script_runner.close()
        except DonkiError as error:
            self._player.log.warning("%s", error)

    def _state(self) -> DevState:
        state = self._script_runner.machine.state
        if self.problems and state is not State.RUNNING:
            return DevState.FAULT
        return getattr(DevState, state.name)

    def _status(self) -> str:
        return "\n".join([*self.problems, self._script_runner.status, *self._threads.problems])

    def _read_Script(self) -> str:
        return self.settings.script

    def _write_Script(self, name: str) -> None:
        with self.setting("Script"):
            present = self.settings.script
            self.settings.set_script(name)
            self._wrong_memorized.pop("Script", None)
            if not name and not self._script_runner.loader.script:
                return
            # An event that is pushed while the script loads has both.
            show_set_points(self, {"Script": name})
            try:
                with tango.AutoTangoAllowThreads(self):
                    self._load_script()
            except NotAllowedError:
                # The run in progress goes on with the script that it has.
                self.settings.script = present
                raise

    Script = attribute(
        fget=_read_Script,
        fset=_write_Script,
        dtype=str,
        label="Action script",
        doc="File name of the action script under the property ScriptPath; writing it loads the script.",
        **MEMORIZED,
        **ARCHIVED,
    )

    def _read_ScriptHash(self) -> str:
        return self._script_runner.loader.hash

    ScriptHash = attribute(
        fget=_read_ScriptHash,
        dtype=str,
        label="Hash of the script",
        display_level=DispLevel.EXPERT,
        doc="SHA-256 of the script that is loaded, without the modules beside it; empty where there is none.",
        **ARCHIVED,
    )

    @command(display_level=DispLevel.EXPERT)
    def Start(self) -> None:
        """Begin a run of this Player alone: run the script's setup."""
        with as_dev_failed("Start"), tango.AutoTangoAllowThreads(self):
            self.start_run(RunIdentity.new())

    @command()
    def Stop(self) -> None:
        """Run the script's stop and close what it opened; while it acts, as soon as the action returns."""
        with as_dev_failed("Stop"), tango.AutoTangoAllowThreads(self):
            self._script_runner.stop()

    @command()
    def Abort(self) -> None:
        """Tell the script to give up (player.aborted), then as Stop."""
        with as_dev_failed("Abort"), tango.AutoTangoAllowThreads(self):
            self._script_runner.abort()

    @command(display_level=DispLevel.EXPERT)
    def Reload(self) -> None:
        """Load the script again, and the modules beside it, after a file was changed."""
        with as_dev_failed("Reload"), tango.AutoTangoAllowThreads(self):
            self._load_script()

    @command(dtype_out=(str,), doc_out="one finding per line, with its remedy; empty: ready to start")
    def Check(self) -> list[str]:
        """List what prevents Start, as far as is known without running the script."""
        with as_dev_failed("Check"), tango.AutoTangoAllowThreads(self):
            return self.findings()

    @command()
    def Reset(self) -> None:
        """Forget the last failure."""
        self._script_runner.reset()
        self._threads.forget()

    def findings(self) -> list[str]:
        """Return what prevents Start, a line each."""
        topics = {self.ValuesTopic} - {""}
        return [
            *self.problems,
            *self._script_runner.loader.findings,
            *findings(
                list(self.KafkaBrokers),
                read_kafka_options(self.KafkaOptions),
                self.KafkaClient,
                topics | {stream.topic for stream in self._script_runner.session.streams},
                self.file_directory(),
                None if self.settings.rules else self._player.parameters.get("faults"),
                self.ReadoutAddress,
                self.topic_settings,
            ),
        ]

    def _open_run_output(self, identity: RunIdentity) -> RunOutput:
        # The key of Parameters is where they stood before 1.0.
        faults = self.settings.rules or read_rules(self._player.parameters.get("faults"))
        return self.open_run_output(self._player.name, identity, faults, self._player.log.warning)

    def use_settings(self) -> None:
        """Let the script have what was set."""
        self._player.parameters = self.settings.parsed
        self._script_runner.timeout = self.settings.timeout

    def _load_script(self) -> None:
        self._script_runner.loader.load(
            self.script_path(), self.settings.script, LOAD_PATIENCE, within=tango.EnsureOmniThread
        )


def main() -> None:
    """Run the device server, as every Tango server is run: ``DonkiPlayer INSTANCE``."""
    workers.prepare()
    serve(DonkiPlayer)


if __name__ == "__main__":
    main()
