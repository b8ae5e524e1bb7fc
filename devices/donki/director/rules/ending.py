"""How Players are asked, and how a sequence ends: all that set it up are told to leave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from donki.director.rules.effects import (
    Ask,
    Attempt,
    Cancel,
    Effect,
    Failure,
    Outcome,
    Pending,
    PlayerState,
    Task,
)
from donki.director.rules.pace import SECOND
from donki.director.rules.sequence_state import SequenceState
from donki.director.rules.states import FOLLOWING, Phase

#: How long the Players are waited for when a sequence ends because of a failure or an Abort, in ns.
GRACE = 800_000_000

#: How long a Player may take at least to set up or to stop, in ns: its Timeout is meant for an action.
SETTLING = 5 * SECOND


class EndableSequence(SequenceState):
    """A sequence that asks Players, and that can end at any moment."""

    def break_off(self, message: str) -> None:
        """End at once, in failure unless the sequence has ended, because nothing drives it any more."""
        if self.phase is not Phase.ENDED:
            self.failure = Failure("(none)", self.trigger, message)
            self.phase = Phase.ENDED

    def _enter(self, phase: Phase) -> None:
        if phase not in FOLLOWING[self.phase]:
            raise RuntimeError(f"{self.phase.name} is never followed by {phase.name}")
        self.phase = phase

    def _enabled(self) -> list[PlayerState]:
        return [member for member in self.members.values() if member.enabled]

    def _ask(
        self, task: Task, members: list[PlayerState], now: int, attempt: int = 1, limit: int | None = None
    ) -> Ask:
        self._ticket += 1
        for member in members:
            allowed = member.timeout if task is Task.TRIGGER else max(member.timeout, SETTLING)
            until = now + allowed if limit is None else limit
            self._await(member.name, Pending(self._ticket, task, attempt, now, until))
        names = tuple(member.name for member in members)
        if task is Task.TRIGGER:
            return Ask(task, names, self._ticket, self.trigger, self._reference, attempt, self._period)
        return Ask(task, names, self._ticket)

    def _ask_first(self, task: Task, members: list[PlayerState], now: int) -> list[Effect]:
        again = [member for member in members if self.trigger in member.attempts]
        usual = [member for member in members if member not in again] if again else members
        asks: list[Effect] = [self._ask(task, usual, now)] if usual else []
        return asks + [self._ask(task, [member], now, member.attempts[self.trigger]) for member in again]

    def _line_up(self, members: list[PlayerState]) -> None:
        by_priority: dict[int, list[PlayerState]] = {}
        for member in members:
            by_priority.setdefault(member.priority, []).append(member)
        self._levels = [by_priority[priority] for priority in sorted(by_priority)]

    def _miss(self, member: PlayerState, now: int) -> list[Effect]:
        """Let a Player that is not there miss the trigger."""
        member.skipped += 1
        attempt = member.attempts.get(self.trigger, 1)
        return [Attempt(self.trigger, member.name, attempt, Outcome.SKIPPED, now, now, "it is not there")]

    def _attempt(
        self,
        member: PlayerState,
        pending: Pending,
        outcome: Outcome,
        now: int,
        error: str = "",
        report: Mapping[str, Any] | None = None,
    ) -> Attempt:
        pending.noted = True
        return Attempt(self.trigger, member.name, pending.attempt, outcome, pending.sent, now, error, report)

    def _fail(
        self, player: str, message: str, now: int, *, in_flight: bool = False, attempt: int = 0
    ) -> list[Effect]:
        if not in_flight:
            self._pending.pop(player, None)
        trigger = 0 if self.phase in (Phase.SETTING_UP, Phase.AWAITING_WRITER) else self.trigger
        self.failure = Failure(player, trigger, message, attempt=attempt)
        return self._end(now, GRACE)

    def _end(self, now: int, grace: int | None = None) -> list[Effect]:
        """Wind down: the busy Players are told to give up, the others to stop.

        Each is waited for as long as its Timeout, or no longer than the grace.
        """
        effects: list[Effect] = []
        ending = self.phase is Phase.ENDING
        acting = self.phase is Phase.ACTING
        self._enter(Phase.ENDING)
        self._levels = []
        busy = [self.members[name] for name in self._pending if not self.members[name].unreachable]
        self._pending = {member.name: self._pending[member.name] for member in busy}
        if busy:
            effects.append(Cancel(tuple(member.name for member in busy)))
        if acting:
            effects += [
                self._attempt(member, self._pending[member.name], Outcome.ABORTED, now)
                for member in busy
                if not self._pending[member.name].noted
            ]
        idle = [m for m in self.members.values() if m.set_up and m.name not in self._pending]
        if idle and not ending:
            effects.append(self._ask(Task.STOP, idle, now))
        if grace is not None:
            for pending in self._pending.values():
                # An Abort while it ends does not prolong the wait.
                pending.limit = min(pending.limit, now + grace) if ending else now + grace
            self._find_deadline()
        if not self._pending:
            self._enter(Phase.ENDED)
        return effects

    def _left(
        self,
        member: PlayerState,
        pending: Pending,
        now: int,
        error: str | None,
        *,
        unreachable: bool,
        report: Mapping[str, Any] | None,
    ) -> list[Effect]:
        """Take the answer of a Player that was told to give up or to stop.

        One that fails at Stop has perhaps not delivered or written all of its data.
        """
        if error is not None and pending.task is Task.STOP and not unreachable and self.failure is None:
            self.failure = Failure(member.name, self.completed, error, at_stop=True, attempt=pending.attempt)
        if error is None and pending.task is Task.START:
            # It was told so perhaps before it was asked to set up.
            return [self._ask(Task.STOP, [member], now, limit=pending.limit)]
        if error is None and pending.task is Task.TRIGGER:
            # It had done its turn before.
            attempt = self._attempt(member, pending, Outcome.DONE, now, report=report)
            return [attempt, *self._leave(member.name)]
        return self._leave(member.name)

    def _leave(self, player: str) -> list[Effect]:
        del self._pending[player]
        if not self._pending:
            self._enter(Phase.ENDED)
        return []
