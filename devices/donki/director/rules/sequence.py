"""The rules of a sequence: which Player acts when, and what a failure means.

It knows no Tango, no thread and no clock: times come in as ns of a monotonic clock, what is to be done goes
out as effects. A sequence is driven by its events: `begin`, `request` (a command of the user), `replied` (a
Player answered, or could not), `found` (an unreachable Player is there again), `writer_took`, `writer_failed`
and `tick` (the `deadline` has passed). Each returns the effects to carry out. Transitions: `states`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from donki.director.rules.effects import (
    FILE_WRITER,
    Cancel,
    Effect,
    Outcome,
    Pending,
    PlayerState,
    Task,
    TriggerDone,
)
from donki.director.rules.ending import GRACE, EndableSequence
from donki.director.rules.pace import SECOND
from donki.director.rules.policies import POLICIES
from donki.director.rules.states import Command, Phase, check_allowed
from donki.errors import InputError, NotAllowedError


class Sequence(EndableSequence):
    """One sequence from `begin` to its end; parameters and attributes as of `SequenceState`."""

    def begin(self, now: int) -> list[Effect]:
        """Set the enabled Players up; the first trigger follows when all of them are ready."""
        enabled = self._enabled()
        if not enabled:
            raise InputError(
                "no Player is enabled: start one (donki player NAME HOST:PORT SCRIPT), "
                "or give one a priority of 0 or more"
            )
        self._enter(Phase.SETTING_UP)
        return [self._ask(Task.START, enabled, now)]

    def request(self, command: Command, now: int) -> list[Effect]:
        """Obey a command of the user.

        Raises
        ------
        NotAllowedError
            if the present state does not allow it, or what was asked before: `donki.director.rules.states`
        """
        check_allowed(command, self.state, self.heading)
        between_triggers = self.phase in (Phase.WAITING, Phase.PAUSED)
        match command:
            case Command.ABORT:
                self._aborted = True
                return self._end(now, GRACE)
            case Command.STOP:
                self._stopping = True
                return self._end(now) if between_triggers or self.phase is Phase.AWAITING_WRITER else []
            case Command.PAUSE:
                self._pause_after = self.completed
                if between_triggers:
                    self._enter(Phase.PAUSED)
                return []
            case Command.RESUME:
                self._pause_after = None
                return self._go_on(now)
            case Command.STEP:
                begun = self.trigger if self.phase is Phase.ACTING else self.completed
                self._pause_after = max(begun, self._pause_after or 0) + self.step
                return self._go_on(now)
            case _:
                raise NotAllowedError(f"{command.value} is not allowed while a sequence runs")

    def replied(
        self,
        player: str,
        ticket: int,
        now: int,
        error: str | None = None,
        *,
        unreachable: bool = False,
        report: Mapping[str, Any] | None = None,
        given: int | None = None,
    ) -> list[Effect]:
        """Take a Player's answer; one that comes after it was given up is passed over.

        Parameters
        ----------
        player, ticket
            who answers to what
        now
            the time, ns
        error
            what went wrong; None where it did as asked
        unreachable
            whether the Player was not there, or is no longer set up
        report
            what the Player tells of what it did
        given
            when it answered, ns, where that was before now
        """
        pending = self._pending.get(player)
        if pending is None or pending.ticket != ticket:
            return []
        member = self.members[player]
        if self.phase is Phase.ENDING:
            return self._left(member, pending, now, error, unreachable=unreachable, report=report)
        if error is not None:
            return self._failed(member, error, now, unreachable=unreachable)
        if pending.task is Task.START:
            member.set_up = True
            if self.phase is Phase.ACTING:
                return [self._ask(Task.TRIGGER, [member], now, pending.attempt)]
            del self._pending[player]
            return [] if self._pending else self._ready(now)
        attempt = self._attempt(member, pending, Outcome.DONE, given or now, report=report)
        return [attempt, *self._finished_turn(member, now)]

    def found(self, player: str, now: int) -> list[Effect]:
        """Take a Player that was unreachable back: it is set up again before its next trigger."""
        member = self.members.get(player)
        if member is None or not member.unreachable:
            return []
        member.unreachable = False
        pending = self._pending.get(player)
        if pending is not None and self.phase is Phase.ACTING:
            return [self._ask(Task.START, [member], now, pending.attempt, pending.limit)]
        if self._starved_until is not None and self.phase is Phase.WAITING:
            self._starved_until = None
            self.pace.begin(now)
            return self._next_trigger(now)
        return []

    def writer_took(self, now: int) -> list[Effect]:
        """Wait for a file writer no longer."""
        self.awaits_writer = False
        return self._ready(now) if self.phase is Phase.AWAITING_WRITER else []

    def writer_failed(self, message: str, now: int) -> list[Effect]:
        """Fail because the run is not written, unless the sequence is ending anyway."""
        if self.phase in (Phase.ENDING, Phase.ENDED):
            return []
        return self._fail(FILE_WRITER, message, now)

    def tick(self, now: int) -> list[Effect]:
        """Do what is due: send the trigger, or give up a Player that has not answered in time."""
        if self.phase is Phase.WAITING:
            if self._starved_until is None or self._is_complete:
                return self._next_trigger(now)
            if now >= self._starved_until:
                return self._fail("(all)", "no Player is there any more", now)
            return []
        late = [name for name, pending in self._pending.items() if now >= pending.limit]
        if not late:
            self._find_deadline()
            return []
        if self.phase is Phase.ENDING:
            self.silent += late
            return [effect for name in late for effect in self._leave(name)]
        member, pending = self.members[late[0]], self._pending[late[0]]
        what = "did not come back" if member.unreachable else "no answer"
        limit = f"its Timeout of {member.timeout / SECOND:g} s"
        if pending.task is not Task.TRIGGER and not member.unreachable:
            limit = f"{(pending.limit - pending.sent) / SECOND:g} s"
        error = f"{what} within {limit}"
        return self._failed(member, error, now, unreachable=True, in_flight=not member.unreachable)

    def set_priority(self, player: str, priority: int) -> None:
        """Give a Player another priority, from the next trigger on; one that was disabled is taken back."""
        self.members[player].priority = priority
        self.members[player].disabled = False

    def _ready(self, now: int) -> list[Effect]:
        """Go on when all Players are set up, and a file writer has the run, if one must."""
        if self.awaits_writer and not self._stopping:
            self._enter(Phase.AWAITING_WRITER)
            return []
        self.pace.begin(now)
        return self._between(now)

    def _between(self, now: int) -> list[Effect]:
        """Go on between two triggers, or end."""
        if self._stopping or self._is_complete:
            return self._end(now)
        if self._pause_after is not None and self.completed >= self._pause_after:
            self._enter(Phase.PAUSED)
            return []
        return self._next_trigger(now)

    def _go_on(self, now: int) -> list[Effect]:
        """Go on after a pause, on a new grid; a pause that has not come yet leaves the grid as it is."""
        if self.phase is not Phase.PAUSED:
            return []
        self._starved_until = None
        self.pace.begin(now)
        return self._next_trigger(now)

    def _next_trigger(self, now: int) -> list[Effect]:
        if self._is_complete:
            return self._end(now)
        if not self.pace.is_due(now):
            self._enter(Phase.WAITING)
            return []
        enabled = self._enabled()
        if not enabled:
            return self._fail("(all)", "every Player is disabled; give one a priority of 0 or more", now)
        if all(member.unreachable for member in enabled):
            self._starved_until = now + max(member.timeout for member in enabled)
            self._enter(Phase.WAITING)
            return []
        self._line_up(enabled)
        self._enter(Phase.ACTING)
        self.trigger = self.completed + 1
        self._sent = now
        self._due = self.pace.due if self.pace.period else now
        self._reference = self.pace.start(now)
        self._period = self.pace.period
        return self._next_level(now)

    def _next_level(self, now: int) -> list[Effect]:
        effects: list[Effect] = []
        while self._levels:
            level = self._levels.pop(0)
            for member in level:
                if member.unreachable:
                    effects += self._miss(member, now)
            new = [member for member in level if not member.unreachable and not member.set_up]
            ready = [member for member in level if not member.unreachable and member.set_up]
            effects += self._ask_first(Task.START, new, now)
            effects += self._ask_first(Task.TRIGGER, ready, now)
            if self._pending:
                return effects
        return effects + self._done(now)

    def _done(self, now: int) -> list[Effect]:
        """Go on when all had their turn at the trigger."""
        self.completed = self.trigger
        done = TriggerDone(self.trigger, self._reference, self._due, self._sent, now)
        return [done, *self._between(now)]

    def _finished_turn(self, member: PlayerState, now: int) -> list[Effect]:
        del self._pending[member.name]
        return [] if self._pending else self._next_level(now)

    def _failed(
        self, member: PlayerState, error: str, now: int, *, unreachable: bool, in_flight: bool = False
    ) -> list[Effect]:
        """Do as the Player's policy says; a failure before the first trigger ends the sequence.

        ``unreachable``: it must be found and set up again; ``in_flight``: its call has not ended.
        """
        pending = self._pending[member.name]
        if unreachable:
            member.set_up = False
        if self.phase is Phase.SETTING_UP:
            return self._fail(member.name, error, now, in_flight=in_flight, attempt=pending.attempt)
        policy = POLICIES[member.on_error]
        if policy.retries and unreachable and pending.task is Task.START and now < pending.limit:
            member.unreachable = True
            return []
        attempt = self._attempt(member, pending, policy.outcome, now, error)
        retried = pending.attempt - member.attempts.get(self.trigger, 1)
        retry = policy.retries and retried < member.retries
        if policy.ends and not retry:
            failed = self._fail(member.name, error, now, in_flight=in_flight, attempt=pending.attempt)
            return [attempt, *failed]
        effects: list[Effect] = [Cancel((member.name,)), attempt] if in_flight else [attempt]
        if retry:
            return effects + self._retry(member, pending.attempt + 1, now, unreachable=unreachable)
        member.unreachable = unreachable
        member.disabled = policy.disables
        member.skipped += policy.skips
        return effects + self._finished_turn(member, now)

    def _retry(self, member: PlayerState, attempt: int, now: int, *, unreachable: bool) -> list[Effect]:
        if unreachable:
            member.unreachable = True
            self._ticket += 1
            limit = now + member.timeout
            self._await(member.name, Pending(self._ticket, Task.START, attempt, now, limit))
            return []
        return [self._ask(Task.TRIGGER if member.set_up else Task.START, [member], now, attempt)]
