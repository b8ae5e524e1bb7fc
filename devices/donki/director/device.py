"""The Tango device of the Director: a door to `donki.director.runs.runs`."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tango
from tango import DevState

from donki.device.calls import full_name
from donki.device.commands import command, readers
from donki.device.errors import as_dev_failed
from donki.device.properties.rules import read_folder
from donki.device.publisher import Publisher
from donki.device.serving import serve
from donki.device.telemetry.tracing import is_traced
from donki.director.interface.event_attributes import EventAttributes
from donki.director.interface.player_attributes import PlayerAttributes
from donki.director.interface.properties import DirectorProperties
from donki.director.interface.run_attributes import RunAttributes
from donki.director.interface.sequence_attributes import SequenceAttributes
from donki.director.interface.view import View
from donki.director.journal.place import default_directory
from donki.director.log import RunLog
from donki.director.output.recorder import Recorder, Topics
from donki.director.players.roster import Roster
from donki.director.rules.sequence import Sequence
from donki.director.rules.states import Command, State
from donki.director.runs.runs import Runs
from donki.director.runs.status import Standing
from donki.director.settings import Settings
from donki.director.telemetry.observer import RunObserver
from donki.errors import DonkiError, InputError, NotAllowedError
from donki.run import Run

#: How long Init waits for the end of what goes on, in s. A client waits 3 s for both, this and the beginning.
CLOSE_PATIENCE = 1.2

#: How long the server waits for it when it ends, in s.
EXIT_PATIENCE = 30.0


class DonkiDirector(SequenceAttributes, PlayerAttributes, EventAttributes, RunAttributes, DirectorProperties):
    """Sends triggers to the Players, one after another, level by level."""

    def __init__(self, *args: Any) -> None:
        # What was set outlives the command Init, which applies changed properties.
        self.run_settings = Settings()
        # By thread; a thread-local would not do: Tango's threads are new to Python at each of its calls.
        self._views: dict[int, View] = {}
        self._closed: Recorder | None = None
        self._inits = 0
        super().__init__(*args)

    def _begin(self) -> None:
        self._inits += 1
        self.restore(self._memorized)
        directory = read_folder(self.RunDirectory) if self.RunDirectory else default_directory()
        topics = Topics(
            list(self.KafkaBrokers),
            self.KafkaOptions,
            self.file_writers(),
            self.TimingTopic,
            self.TopicReplication,
        )
        # What the one before has not written by now it goes on writing.
        recorder = Recorder(self.get_name(), directory, topics, self._threads, self._closed)
        roster = Roster(list(self.PlayerDevices), self._threads)
        self.runs = self._make_runs(
            full_name(self.get_name()),
            roster,
            recorder,
            self.run_settings,
            RunLog(self._log),
            self._threads,
            self.changed.set,
            self._observers(),
        )
        self._closing.callback(self._close)
        self._publisher = Publisher(
            self,
            {"State": self._published_state, "Status": self.shown_status, **readers(self)},
            self.changed,
            self.asked,
            self._threads,
        )
        self._closing.callback(self._publisher.end)
        self.start_heartbeat(
            {
                "state": self._published_state,
                "status": self.shown_status,
                "run_id": lambda: self.runs.run_id,
            }
        )

    @property
    def _memorized(self) -> dict[str, Callable[[str], None]]:
        """By memorized attribute: what takes up its text, or raises an InputError."""
        return self.run_settings.from_text

    def _make_runs(self, *of: Any) -> Runs:
        """Return what begins and follows runs; parameters as of `Runs`."""
        return Runs(*of)

    def _observers(self) -> Callable[[Run, Sequence], list[RunObserver]]:
        """Return what gives those who are told what is done in a run."""
        makers: list[Callable[[Run, Sequence], RunObserver]] = []
        if self.MetricsPort:
            from donki.director.telemetry.metrics import DirectorMetrics  # noqa: PLC0415 - an extra

            if metrics := self.open_metrics(DirectorMetrics):
                makers.append(lambda _run, sequence: metrics.observer(self.get_name(), sequence))
        if is_traced():
            from donki.director.telemetry.trace import RunTrace  # noqa: PLC0415 - an extra

            makers.append(lambda run, sequence: RunTrace(self.get_telemetry_tracer(), run, sequence))
        return lambda run, sequence: [make(run, sequence) for make in makers]

    def _close(self) -> None:
        """End a sequence that runs: the Players are told to stop."""
        self._closed = self.runs.recorder
        closing = self._threads.start("close", self.runs.close, lambda _problem: None)
        closing.join(CLOSE_PATIENCE)
        if closing.is_alive():
            self._log.warning("the record of a run is not complete; it is still being written")
            atexit.register(closing.join, EXIT_PATIENCE)

    def always_executed_hook(self) -> None:
        """Look once for each request: Tango asks for the state only after all other attributes."""
        super().always_executed_hook()
        if not self._init_failure:
            self._look()

    def _look(self) -> View:
        view = self._views[threading.get_ident()] = View(self._stand(), self.runs)
        return view

    @property
    def view(self) -> View:
        """What this thread looks at: each request is carried out by one."""
        return self._views.get(threading.get_ident()) or self._look()

    def _state(self) -> DevState:
        return getattr(DevState, self.view.standing.state.name)

    def _status(self) -> str:
        return self.view.standing.status

    def _stand(self) -> Standing:
        """Return the state and its words, which a wrong property or memorized value changes."""
        standing, problems = self.runs.standing, self.problems
        if not problems:
            return standing
        return Standing(
            State.FAULT if standing.state is State.ON else standing.state,
            standing.last_error or "; ".join(problems),
            "\n".join([*problems, standing.status]),
        )

    def _published_state(self) -> DevState:
        """Return the state to publish; what is read after it goes with it."""
        self._look()
        return self.shown_state()

    @command()
    def Start(self) -> None:
        """Set the Players up and send the sequence of triggers."""
        with self._answering("Start"):
            self.refuse_problems()
            self.runs.start()

    @command()
    def Arm(self) -> None:
        """Set the Players up and pause before the first trigger: Step or Resume send triggers, until Stop."""
        with self._answering("Arm"):
            self.refuse_problems()
            self.runs.start(held=True)

    @command()
    def Recover(self) -> None:
        """Continue the last run, if it was interrupted or failed, after its last complete trigger."""
        with self._answering("Recover"):
            self.refuse_problems()
            self.runs.recover()

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
            if self.runs.state is State.ON:
                self.refuse_problems()
            self.runs.reset()

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
            self.runs.watch.set_priorities(dict(zip(players, map(int, priorities), strict=True)))

    @command(dtype_out=(str,), doc_out="one finding per line, with its remedy; empty: ready to start")
    def Check(self) -> list[str]:
        """List what prevents Start."""
        with self._answering("Check"):
            inits = self._inits
            found = [*self.problems, *self.runs.check()]
            self._refuse_at_init(inits)
            return found

    def _request(self, request: Command) -> None:
        with self._answering(request.value):
            self.runs.request(request)

    @contextmanager
    def _answering(self, command_name: str) -> Iterator[None]:
        """Answer other requests meanwhile, and say an error as Tango does."""
        with as_dev_failed(command_name), tango.AutoTangoAllowThreads(self):
            inits = self._inits
            self._refuse_at_init(inits)
            try:
                yield
            except DonkiError:
                # What an Init closes meanwhile is no reason that helps anybody.
                self._refuse_at_init(inits)
                raise

    def _refuse_at_init(self, inits: int) -> None:
        """Refuse where an Init is under way, or has begun since there were so many."""
        if self._turn.is_taken or inits != self._inits:
            raise NotAllowedError("the Director is being initialised; try again")


def main() -> None:
    """Run the device server, as every Tango server is run: ``DonkiDirector INSTANCE``."""
    serve(DonkiDirector)


if __name__ == "__main__":
    main()
