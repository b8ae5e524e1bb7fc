"""Where a Player stands, and whose turn it is: its script runs in one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from donki.busy import remedy
from donki.errors import BusyError, NotSetUpError
from donki.player.runs.states import BUSY, IN_RUN, Phase, State, state_of


class Machine:
    """Where a Player stands.

    Whoever wants the script begins a busy phase, or is refused; a Stop that comes meanwhile is carried out by
    whoever has it.

    Parameters
    ----------
    player
        its name, for the messages
    changed
        is called when the phase has changed

    Attributes
    ----------
    lock
        to hold from a check to the phase that begins on its strength
    phase
        where the Player stands
    doing
        what the script does, for Status; empty at rest
    failure
        what failed last; None where nothing did
    stop_asked
        whether a Stop came while the script runs
    closed
        whether nothing may begin any more
    """

    def __init__(self, player: str, changed: Callable[[], None]) -> None:
        self._player = player
        self._changed = changed
        self._trigger = 0
        self.lock = threading.Condition()
        self.phase = Phase.NO_SCRIPT
        self.doing = ""
        self.failure: str | None = None
        self.stop_asked = False
        self.closed = False

    @property
    def state(self) -> State:
        """The state to show."""
        return state_of(self.phase, failed=self.failure is not None)

    @property
    def busy(self) -> bool:
        """True while the script runs."""
        return self.phase in BUSY

    @property
    def in_run(self) -> bool:
        """True while a run is in progress, unless it is to be left."""
        return self.phase in IN_RUN

    def refuse_if_busy(self) -> None:
        """Raise BusyError while the script runs, and once the Player is closed."""
        if self.closed:
            raise BusyError(f"Player {self._player} is being initialised; try again")
        if self.busy:
            raise BusyError(f"Player {self._player} is busy: {self.doing}; {remedy(self.doing)}")

    def refuse_if_busy_without_run(self) -> None:
        """Raise NotSetUpError where whoever triggers is to know that the Player has left its run."""
        if self.busy and not self.in_run:
            raise NotSetUpError(
                f"Player {self._player} is not set up, or was stopped or restarted since, "
                f"and is busy: {self.doing}"
            )

    def begin(self, phase: Phase, doing: str, trigger: int = 0) -> None:
        """Begin a busy phase, with the lock held and after `refuse_if_busy`.

        Parameters
        ----------
        phase
            one of `BUSY`
        doing
            what is done, for Status
        trigger
            at which the script acts
        """
        self.stop_asked = False
        self._trigger = trigger
        self._enter(phase, doing)

    def go_on(self, phase: Phase) -> None:
        """Go from one busy phase to another, without letting anybody else in between."""
        with self.lock:
            self._enter(phase, self.doing)

    def finish(self, phase: Phase) -> bool:
        """Be at rest again; or return True where a run is to be stopped first, as it was asked meanwhile."""
        with self.lock:
            if self.stop_asked and phase is Phase.SET_UP:
                self.begin(Phase.STOPPING, "stop")
                return True
            self._trigger = 0
            self._enter(phase, "")
            self.lock.notify_all()
            return False

    def wait_until_idle(self, timeout: float) -> None:
        """Wait until the script does not run, but no longer than the timeout, in s; then raise BusyError."""
        with self.lock:
            if not self.lock.wait_for(lambda: not self.busy, timeout):
                raise BusyError(f"Player {self._player} is still busy: {self.doing}")

    def wait_while_acting_at(self, trigger: int, timeout: float) -> None:
        """Wait while the script acts at a trigger, but no longer than the timeout, in s."""
        if self._trigger == trigger:
            with self.lock:
                self.lock.wait_for(lambda: self._trigger != trigger, timeout)

    def _enter(self, phase: Phase, doing: str) -> None:
        self.phase = phase
        self.doing = doing
        self._changed()
