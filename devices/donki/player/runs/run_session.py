"""One run of a Player: what its script is called for, and what it sent."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from donki.errors import DonkiError
from donki.player.player import Player
from donki.player.report import Report, remainder_of, report_of
from donki.player.script.script import LOG_NAME, Script
from donki.player.trigger import Trigger
from donki.run import VERSION, Run
from donki.streams.kafka.window import Queue
from donki.streams.listing import Counts, Stream
from donki.streams.run_output import RunOutput


class RunSession:
    """One run of a Player, from its setup to its stop.

    Parameters
    ----------
    player
        the player that the script is given
    run
        the run
    earlier
        what was delivered in the runs before
    """

    def __init__(self, player: Player, run: Run, earlier: Counts = Counts()) -> None:  # noqa: B008 - frozen
        self.run = run
        self._earlier = earlier
        self._player = player
        self._run_output: RunOutput | None = None
        self._remainder: dict[str, Any] = {}

    @property
    def counts(self) -> Counts:
        """What was sent."""
        return self._run_output.counts if self._run_output else Counts()

    @property
    def total(self) -> Counts:
        """What was delivered in this run and in those before."""
        delivered = self._run_output.delivered if self._run_output else Counts()
        return self._earlier + delivered

    @property
    def queue(self) -> Queue:
        """What waits for the broker."""
        return self._run_output.queue if self._run_output else Queue()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are written, or were."""
        return self._run_output.files if self._run_output else ()

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What goes to Kafka, or went, as far as it was opened."""
        return self._run_output.streams if self._run_output else ()

    @property
    def output(self) -> dict[str, Any]:
        """What is told of a run when it begins and when it ends, as a JSON object.

        The id of the run; the host, and the files there; the streams; and, where something was delivered
        outside of triggers, by setup or at the end, the manifest of what was last, with the time when it was
        made: ``taken``, in ns since 1970 UTC.
        """
        told: dict[str, Any] = {
            "version": VERSION,
            "run": self.run.id,
            "host": socket.gethostname(),
            "files": [str(path) for path in self.files],
            "streams": [stream.as_dict() for stream in self.streams],
        }
        return told | {"manifest": self._remainder} if self._remainder else told

    def set_up(self, script: Script, open_run_output: Callable[[Run], RunOutput], timeout: float) -> None:
        """Open the run_output, call the script's setup, and deliver what that sent, within the timeout in s.

        Raises
        ------
        DonkiError
            what went wrong; `take_back` and `stop` are to follow
        """
        with script.blamed("setup"):
            self._run_output = run_output = open_run_output(self.run)
            self._player.begin(self.run, run_output)
            run_output.expect_values(script.data_names() or ())
            script.setup()
            if run_output.has_undelivered:
                # It is no part of the first trigger, which may fail.
                run_output.deliver(timeout)
                self._remainder = remainder_of(run_output.take_manifest())

    def act(self, script: Script, trigger: Trigger, timeout: float) -> Report:
        """Call the script's action, and deliver what it sent and returned, within the timeout in s.

        Raises
        ------
        DonkiError
            what went wrong, or that it was told to give up; `take_back` is to follow
        """
        run_output = cast("RunOutput", self._run_output)
        with script.blamed("action"):
            began = time.perf_counter()
            run_output.begin(trigger, trigger.attempt)
            values = script.action(trigger)
            if self._player.aborted:
                raise DonkiError(
                    f"Player {self._player.name} gave up trigger {trigger}: it was told to abort"
                )
            line = values.pop(LOG_NAME, None)
            if line is not None:
                self._player.log.info("%s", str(line))
            if values:
                run_output.values(trigger, trigger.reference_time, values)
            run_output.deliver(max(0.1, timeout - (time.perf_counter() - began)))
            manifest = run_output.take_manifest()
            return report_of(int(trigger), trigger.attempt, time.perf_counter() - began, manifest)

    def take_back(self, script: Script, error: DonkiError) -> DonkiError:
        """Have it as it was before what failed; return the failure, with what went wrong then too."""
        try:
            with script.blamed("taking back what was sent"):
                if self._run_output:
                    self._run_output.discard()
        except DonkiError as another:
            return type(error)(f"{error}; then {another}")
        return error

    def abandon(self) -> None:
        """Wait for the broker no more."""
        if self._run_output:
            self._run_output.abandon("the Player was told to abort")

    def stop(self, script: Script) -> None:
        """Call the script's stop, and close the run_output, whatever goes wrong.

        Raises
        ------
        DonkiError
            all that went wrong
        """
        failures: list[DonkiError] = []
        try:
            script.stop()
        except DonkiError as error:
            failures.append(self.take_back(script, error))
        self._player.end()
        if self._run_output:
            try:
                with script.blamed("stop"):
                    self._run_output.close()
            except DonkiError as error:
                failures.append(error)
            self._remainder = remainder_of(self._run_output.take_manifest())
        if failures:
            first = failures[0]
            raise type(first)("; then ".join(map(str, failures))) from first.__cause__
