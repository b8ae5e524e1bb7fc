"""How long the end of a sequence is waited for, and how often it is looked for.

Clients look; they do not rely on events: a Director pushes at most ten a second, which is long for a trigger
of some milliseconds, and after a restart of its server none arrive for seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from tango import DevState

from donki_client.api.errors import SequenceError
from donki_client.api.snapshot import Snapshot

#: From one look to the next: as long as it took so far, times this, within these limits in s.
SHARE = 0.1
SHORTEST = 0.005
LONGEST = 0.2

#: At most so often it is told how far a sequence is, in s.
TELLING = 0.1

#: How long the end of a run that is given up is waited for, in s.
GIVING_UP = 2.0

Telling = Callable[[Snapshot], object]


class IfInterrupted(Enum):
    """What becomes of a run when its caller waits no longer, because of Ctrl-C, an exception or a timeout.

    The values are the Director's commands.
    """

    ABORT = "Abort"
    """It ends now; scripts in progress are told to give up."""
    STOP = "Stop"
    """It ends after the trigger in progress."""
    GO_ON = ""
    """It goes on: the Director needs no client."""


class Waiting:
    """One wait for the end of the sequence in progress; it neither asks nor sleeps itself.

    Parameters
    ----------
    device
        the Director's name, for messages
    timeout
        at most so many s; None waits as long as the Director answers
    on_progress
        called with a Snapshot when the sequence has moved on, at most ten times a second, and with the last
    """

    def __init__(self, device: str, timeout: float | None, on_progress: Telling | None) -> None:
        self._device = device
        self._timeout = timeout
        self._on_progress = on_progress
        self._began = time.monotonic()
        self._run_id: str | None = None
        self._told: Snapshot | None = None
        self._told_at = 0.0

    def pause(self, snapshot: Snapshot) -> float:
        """Return how long to wait before the next look, in s; 0 when the sequence has ended.

        Raises
        ------
        TimeoutError
            when it has not ended in time
        SequenceError
            when the Director has another run than before, or has forgotten it
        """
        now = time.monotonic()
        self._check_same_run(snapshot)
        if not snapshot.in_progress:
            return 0.0
        self._tell(snapshot, now)
        elapsed = now - self._began
        pause = min(max(SHARE * elapsed, SHORTEST), TELLING if self._on_progress else LONGEST)
        if self._timeout is None:
            return pause
        if elapsed >= self._timeout:
            raise TimeoutError(
                f"{self._device} is still {snapshot.state} after {self._timeout:g} s, "
                f"at trigger {snapshot.current_trigger}"
            )
        return min(pause, self._timeout - elapsed)

    def result(self, snapshot: Snapshot) -> Snapshot:
        """Return the last snapshot, or raise a SequenceError if the sequence failed."""
        if self._on_progress:
            self._on_progress(snapshot)
        if snapshot.state == DevState.FAULT:
            raise SequenceError(snapshot.last_error, snapshot.last_failure)
        return snapshot

    def _check_same_run(self, snapshot: Snapshot) -> None:
        if self._run_id is None:
            self._run_id = snapshot.run_id
        if snapshot.run_id == self._run_id:
            return
        if snapshot.run_id:
            raise SequenceError(f"{self._device} plays another run, {snapshot.run_id}, after {self._run_id}")
        raise SequenceError(
            f"{self._device} was restarted during run {self._run_id}: "
            "recover takes it up after its last complete trigger"
        )

    def _tell(self, snapshot: Snapshot, now: float) -> None:
        moved = self._told is None or (
            (snapshot.state, snapshot.current_trigger) != (self._told.state, self._told.current_trigger)
        )
        if self._on_progress and moved and (self._told is None or now - self._told_at >= TELLING):
            self._told, self._told_at = snapshot, now
            self._on_progress(snapshot)
