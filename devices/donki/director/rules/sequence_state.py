"""Where a sequence stands: what others read of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Set

from donki.director.rules.effects import Failure, Pending, PlayerState
from donki.director.rules.pace import Pace
from donki.director.rules.states import Heading, Phase, State, state_of
from donki.errors import InputError
from donki.limits import MOST_TRIGGERS

ENDLESS = -1


def check_step(triggers: int) -> int:
    """Return the number of triggers if one Step can send so many, or raise InputError."""
    if not 1 <= triggers <= MOST_TRIGGERS:
        raise InputError(f"StepTriggers: a whole number from 1 to {MOST_TRIGGERS}; got {triggers}")
    return triggers


def check_triggers(triggers: int) -> int:
    """Return the number of triggers if a sequence can have it, or raise InputError."""
    if not 1 <= triggers <= MOST_TRIGGERS and triggers != ENDLESS:
        raise InputError(
            f"Triggers: a whole number from 1 to {MOST_TRIGGERS}, or {ENDLESS} for endless; got {triggers}"
        )
    return triggers


class SequenceState:
    """Where a sequence stands; `donki.director.rules.sequence` moves it.

    Parameters
    ----------
    members
        the Players, disabled ones too: they can be enabled while the sequence runs
    triggers
        how many, or ENDLESS
    period
        from trigger to trigger in ns; 0 is as fast as the Players answer
    epoch
        ns since 1970 UTC at the zero of the monotonic clock, for reference times
    completed
        the last trigger that is complete already, where an interrupted run is taken up
    step
        triggers of one Step
    held
        whether it pauses before its first trigger

    Attributes
    ----------
    members
        by name
    triggers
        as given; it may be changed while the sequence runs
    step
        as given; a change holds from the next Step on
    pace
        when triggers are due
    phase
        where it stands
    trigger
        in progress, or the last one; 0 before the first
    completed
        the last trigger that is complete; 0 before the first
    failure
        why it failed; None if it did not
    silent
        the Players that did not answer until the end
    awaits_writer
        whether no trigger is sent before a file writer has taken the run; to be set before it begins
    rounds
        how often the same trigger may be played; more than once where another Director sends it again
    """

    def __init__(
        self,
        members: Iterable[PlayerState],
        triggers: int,
        period: int,
        epoch: int,
        completed: int = 0,
        step: int = 1,
        *,
        held: bool = False,
    ) -> None:
        self.members = {member.name: member for member in members}
        self.triggers = triggers
        self.pace = Pace(period, epoch)
        self.phase = Phase.ENDED
        self.trigger = completed
        self.completed = completed
        self.failure: Failure | None = None
        self.silent: list[str] = []
        self.awaits_writer = False
        self.rounds = 1
        self.step = step
        self._reference = 0
        self._period = 0
        self._sent = 0
        self._due = 0
        self._levels: list[list[PlayerState]] = []
        self._pending: dict[str, Pending] = {}
        # No limit of theirs is earlier. To find it at each answer takes longer the more Players there are.
        self._no_limit_before = 0
        self._ticket = 0
        self._starved_until: int | None = None
        self._stopping = False
        # It pauses when this trigger is complete.
        self._pause_after = completed if held else None
        self._aborted = False

    @property
    def state(self) -> State:
        """The state to show."""
        troubled = any(member.skipped or member.disabled for member in self.members.values())
        return state_of(self.phase, failed=self.failure is not None, troubled=troubled)

    @property
    def heading(self) -> Heading | None:
        """Where it goes by a request that has not taken effect yet; None where it just goes on."""
        if self.phase is Phase.ENDING:
            return Heading.ENDED
        if self.phase not in (Phase.SETTING_UP, Phase.AWAITING_WRITER, Phase.WAITING, Phase.ACTING):
            return None
        if self._stopping:
            return Heading.END
        return None if self._pause_after is None else Heading.PAUSE

    @property
    def progress(self) -> float:
        """How much is done, in %; 0 for an endless sequence."""
        return 0.0 if self.triggers == ENDLESS else min(100.0, 100.0 * self.completed / self.triggers)

    @property
    def remaining(self) -> float:
        """The time left in s, learned from the last triggers; NaN until known, 0 at the end."""
        if self.phase is Phase.ENDED:
            return 0.0
        if self.triggers == ENDLESS:
            return math.nan
        return (self.triggers - self.completed) * self.pace.interval()

    @property
    def outcome(self) -> str:
        """How the sequence ended: done, stopped, aborted or failed."""
        if self.failure:
            return "failed"
        if self._aborted:
            return "aborted"
        return "done" if self._is_complete else "stopped"

    @property
    def _is_complete(self) -> bool:
        return self.triggers != ENDLESS and self.completed >= self.triggers

    @property
    def acting(self) -> Set[str]:
        """The Players that are waited for, at any time."""
        return self._pending.keys()

    @property
    def deadline(self) -> int | None:
        """When `tick` must be called, in ns; None if nothing is due.

        It may be when one had to answer that has, and nothing is due then.
        """
        if self.phase is Phase.WAITING:
            if self._is_complete:
                # Fewer triggers are wanted since.
                return 0
            return self.pace.due if self._starved_until is None else self._starved_until
        return self._no_limit_before if self._pending else None

    def _await(self, player: str, pending: Pending) -> None:
        """Wait for a Player."""
        earliest = min(self._no_limit_before, pending.limit) if self._pending else pending.limit
        self._no_limit_before = earliest
        self._pending[player] = pending

    def _find_deadline(self) -> None:
        """Find the earliest limit of those that are waited for."""
        self._no_limit_before = min((pending.limit for pending in self._pending.values()), default=0)
