"""The Director for scripts, notebooks and the command line."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from donki.errors import DonkiError, NotAllowedError
from donki_client.api.director_device import DirectorDevice
from donki_client.api.errors import SequenceError
from donki_client.api.snapshot import Snapshot
from donki_client.api.waiting import GIVING_UP, IfInterrupted, Telling, Waiting


class Director(DirectorDevice):
    """A Director that runs somewhere.

    Every property and method asks the device, and raises `donki.errors.NotAllowedError`,
    `donki.errors.InputError` or `donki_client.api.errors.UnreachableError` with the device's own words.

    As a context manager it looks after the run that it began: where the block is left by an exception, Ctrl-C
    too, the run is aborted; where it is left otherwise, the run goes on.

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
        director.run(triggers=100, period=1 / 14, on_progress=print)

        director.triggers = -1
        with director:
            director.start()
            while good(data):
                ...
            director.stop()
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind and self._begun is not None:
            with suppress(DonkiError):  # what the block was left with is what its user must know
                if self.run_id == self._begun:
                    self.give_up(IfInterrupted.ABORT)

    def watch(self, interval: float = 0.1) -> Iterator[Snapshot]:
        """Yield where the sequence stands every `interval` s, the last time when it has ended."""
        while (snapshot := self.snapshot()).in_progress:
            yield snapshot
            time.sleep(interval)
        yield snapshot

    def wait(self, timeout: float | None = None, on_progress: Telling | None = None) -> Snapshot:
        """Wait until the sequence in progress has ended, and return where it stands.

        A sequence that was stopped before its last trigger ends well too: compare `Snapshot.current_trigger`.

        Parameters
        ----------
        timeout
            at most so many s; None waits as long as the Director answers
        on_progress
            called with a `Snapshot` when the sequence has moved on, at most ten times a second, and at
            its end

        Raises
        ------
        SequenceError
            when it failed (also when the last one had failed before the call), or was lost because the
            Director was restarted; says which Player, which trigger, what it said
        UnreachableError
            when the Director no longer answers
        TimeoutError
            when it has not ended in time; it goes on
        """
        waiting = Waiting(self.device, timeout, on_progress)
        while pause := waiting.pause(snapshot := self.snapshot()):
            time.sleep(pause)
        return waiting.result(snapshot)

    def run(
        self,
        triggers: int | None = None,
        period: float | None = None,
        *,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        on_progress: Telling | None = None,
        if_interrupted: IfInterrupted = IfInterrupted.ABORT,
    ) -> Snapshot:
        """Play a sequence, and return where it stands at its end.

        Parameters
        ----------
        triggers, period, title, metadata
            as for `configure`
        timeout, on_progress
            as for `wait`
        if_interrupted
            what becomes of the run when the wait is left by Ctrl-C, the timeout, or an exception of
            `on_progress`

        Raises
        ------
        NotAllowedError
            when a sequence is in progress; nothing is changed then
        SequenceError, UnreachableError, TimeoutError
            as from `wait`
        """
        self.check_idle()
        self.configure(triggers, period, title=title, metadata=metadata)
        try:
            self.start()
            return self.wait(timeout, on_progress)
        except (NotAllowedError, SequenceError):  # what is in progress now, if anything, is another's
            raise
        except BaseException:
            with suppress(DonkiError):  # why the wait was left is what its user must know
                self.give_up(if_interrupted)
            raise

    def check_idle(self) -> None:
        """Raise NotAllowedError if a sequence is in progress."""
        now = self.snapshot()
        if now.in_progress:
            raise NotAllowedError(
                f"{self.device} is {now.state}, at trigger {now.current_trigger} of run {now.run_id}: "
                "wait for its end, or stop it, before another run"
            )

    def give_up(self, how: IfInterrupted) -> None:
        """End the sequence in progress, if there is one, and wait a moment for its end."""
        if how is IfInterrupted.GO_ON or not self.snapshot().in_progress:
            return
        self._proxy.command(how.value)
        with suppress(TimeoutError, SequenceError):
            self.wait(GIVING_UP)
