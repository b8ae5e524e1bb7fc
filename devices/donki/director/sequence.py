"""The rules of a sequence: which Player acts when, and what a failure means.

It knows no Tango, no thread and no clock: times come in as ns of a monotonic clock, what is to be done goes
out as effects. A sequence is driven by its events: `begin`, `request` (a command of the user), `replied` (a
Player answered, or could not), `found` (a Player that was lost is there again) and `tick` (the `deadline` has
passed). Each returns the effects to carry out, in order. States and transitions: `donki.director.states`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from donki.director.effects import (
    Ask,
    Effect,
    Failure,
    GiveUp,
    Member,
    Outcome,
    Pending,
    Step,
    Task,
    TriggerDone,
)
from donki.director.pace import SECOND, Pace
from donki.director.states import FOLLOWING, Command, Phase, State, check_allowed, state_of
from donki.errors import InputError, NotAllowedError
from donki.policy import OnError

ENDLESS = -1

#: How long the Players are waited for when a sequence ends because of a failure or an Abort, in ns.
GRACE = 800_000_000

#: How long a Player may take at least to set up or to stop, in ns: its Timeout is meant for an action.
SETTLING = 5 * SECOND

_OUTCOMES = {OnError.SKIP: Outcome.SKIPPED, OnError.DISABLE: Outcome.DISABLED}


def check_step(triggers: int) -> int:
    """Return the number of triggers if one Step can have it, or raise InputError."""
    if triggers < 1:
        raise InputError(f"StepTriggers: a whole number from 1; got {triggers}")
    return triggers


def check_triggers(triggers: int) -> int:
    """Return the number of triggers if a sequence can have it, or raise InputError."""
    if triggers < 1 and triggers != ENDLESS:
        raise InputError(f"Triggers: a whole number from 1, or -1 for endless; got {triggers}")
    return triggers


class Sequence:
    """One sequence from `begin` to its end.

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
    """

    def __init__(
        self,
        members: Iterable[Member],
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
        self.step = step
        self._reference = 0
        self._sent = 0
        self._due = 0
        self._levels: list[list[Member]] = []
        self._pending: dict[str, Pending] = {}
        self._ticket = 0
        self._starved_until: int | None = None
        self._stopping = False
        # It pauses when this trigger is complete.
        self._pause_after = completed if held else None
        self._aborted = False

    @property
    def state(self) -> State:
        """The state to show."""
        troubled = any(member.skipped or member.dropped for member in self.members.values())
        return state_of(self.phase, failed=self.failure is not None, troubled=troubled)

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
    def acting(self) -> frozenset[str]:
        """The Players that are waited for."""
        return frozenset(self._pending)

    @property
    def deadline(self) -> int | None:
        """When `tick` must be called at the latest, in ns; None if nothing is due."""
        if self.phase is Phase.WAITING:
            if self._is_complete:
                # Fewer triggers are wanted since.
                return 0
            return self.pace.due if self._starved_until is None else self._starved_until
        return min((pending.limit for pending in self._pending.values()), default=None)

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
            if the present state does not allow it, or the sequence is already ending
        """
        check_allowed(command, self.state)
        if self.phase is Phase.ENDING and command is not Command.ABORT:
            raise NotAllowedError(f"{command.value} is not allowed: the sequence is already ending")
        between_triggers = self.phase in (Phase.WAITING, Phase.PAUSED)
        match command:
            case Command.ABORT:
                self._aborted = True
                return self._end(now, GRACE)
            case Command.STOP:
                self._stopping = True
                return self._end(now) if between_triggers else []
            case Command.PAUSE:
                self._pause_after = self.completed
                if between_triggers:
                    self._enter(Phase.PAUSED)
                return []
            case Command.RESUME | Command.STEP:
                self._pause_after = self.completed + self.step if command is Command.STEP else None
                self._starved_until = None
                self.pace.begin(now)
                return self._next_trigger(now)
            case _:
                raise NotAllowedError(f"{command.value} is not allowed while a sequence runs")

    def replied(
        self,
        player: str,
        ticket: int,
        now: int,
        error: str | None = None,
        *,
        lost: bool = False,
        report: str | None = None,
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
        lost
            whether the Player was not there, or is no longer set up
        report
            what the Player tells of what it did
        """
        pending = self._pending.get(player)
        if pending is None or pending.ticket != ticket:
            return []
        member = self.members[player]
        if self.phase is Phase.ENDING:
            return self._left(member, pending, now, error, report)
        if error is not None:
            return self._failed(member, error, now, lost=lost)
        if pending.task is Task.START:
            member.set_up = True
            if self.phase is Phase.ACTING:
                return [self._ask(Task.TRIGGER, [member], now, pending.attempt)]
            del self._pending[player]
            return [] if self._pending else self._ready(now)
        step = self._step(member, pending, Outcome.DONE, now, report=report)
        return [step, *self._finished_turn(member, now)]

    def found(self, player: str, now: int) -> list[Effect]:
        """Take a Player that was lost back: it is set up again before its next trigger."""
        member = self.members.get(player)
        if member is None or not member.lost:
            return []
        member.lost = False
        pending = self._pending.get(player)
        if pending is not None and self.phase is Phase.ACTING:
            return [self._ask(Task.START, [member], now, pending.attempt, pending.limit)]
        if self._starved_until is not None and self.phase is Phase.WAITING:
            self._starved_until = None
            self.pace.begin(now)
            return self._next_trigger(now)
        return []

    def tick(self, now: int) -> list[Effect]:
        """Do what is due: send the trigger, or give up a Player that has not answered in time."""
        if self.phase is Phase.WAITING:
            if self._starved_until is None or self._is_complete:
                return self._next_trigger(now)
            if now >= self._starved_until:
                return self._fail("(all)", "no Player is there any more", now)
            return []
        late = [name for name, pending in self._pending.items() if now >= pending.limit]
        if self.phase is Phase.ENDING:
            self.silent += late
            return [effect for name in late for effect in self._leave(name)]
        if not late:
            return []
        member = self.members[late[0]]
        pending = self._pending[member.name]
        what = "did not come back" if member.lost else "no answer"
        limit = f"its Timeout of {member.timeout / SECOND:g} s"
        if pending.task is not Task.TRIGGER and not member.lost:
            limit = f"{(pending.limit - pending.sent) / SECOND:g} s"
        error = f"{what} within {limit}"
        return self._failed(member, error, now, lost=True, in_flight=not member.lost)

    def break_off(self, message: str) -> None:
        """End at once, in failure unless the sequence has ended, because nothing drives it any more."""
        if self.phase is not Phase.ENDED:
            self.failure = Failure("(none)", self.trigger, message)
            self.phase = Phase.ENDED

    def set_priority(self, player: str, priority: int) -> None:
        """Give a Player another priority, from the next trigger on; one that was dropped is taken back."""
        self.members[player].priority = priority
        self.members[player].dropped = False

    def _enter(self, phase: Phase) -> None:
        if phase not in FOLLOWING[self.phase]:
            raise RuntimeError(f"{self.phase.name} is never followed by {phase.name}")
        self.phase = phase

    def _enabled(self) -> list[Member]:
        return [member for member in self.members.values() if member.enabled]

    def _ask(
        self, task: Task, members: list[Member], now: int, attempt: int = 1, limit: int | None = None
    ) -> Ask:
        self._ticket += 1
        for member in members:
            allowed = member.timeout if task is Task.TRIGGER else max(member.timeout, SETTLING)
            until = now + allowed if limit is None else limit
            self._pending[member.name] = Pending(self._ticket, task, attempt, now, until)
        names = tuple(member.name for member in members)
        if task is Task.TRIGGER:
            return Ask(task, names, self._ticket, self.trigger, self._reference, attempt)
        return Ask(task, names, self._ticket)

    def _ask_first(self, task: Task, members: list[Member], now: int) -> list[Effect]:
        again = [member for member in members if self.trigger in member.attempts]
        usual = [member for member in members if member not in again] if again else members
        asks: list[Effect] = [self._ask(task, usual, now)] if usual else []
        return asks + [self._ask(task, [member], now, member.attempts[self.trigger]) for member in again]

    def _ready(self, now: int) -> list[Effect]:
        """Go on when all Players are set up."""
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

    def _next_trigger(self, now: int) -> list[Effect]:
        if self._is_complete:
            return self._end(now)
        if not self.pace.is_due(now):
            self._enter(Phase.WAITING)
            return []
        enabled = self._enabled()
        if not enabled:
            return self._fail("(all)", "every Player is disabled; give one a priority of 0 or more", now)
        if all(member.lost for member in enabled):
            self._starved_until = now + max(member.timeout for member in enabled)
            self._enter(Phase.WAITING)
            return []
        by_priority: dict[int, list[Member]] = {}
        for member in enabled:
            by_priority.setdefault(member.priority, []).append(member)
        self._levels = [by_priority[priority] for priority in sorted(by_priority)]
        self._enter(Phase.ACTING)
        self.trigger = self.completed + 1
        self._sent = now
        self._due = self.pace.due if self.pace.period else now
        self._reference = self.pace.start(now)
        return self._next_level(now)

    def _next_level(self, now: int) -> list[Effect]:
        effects: list[Effect] = []
        while self._levels:
            level = self._levels.pop(0)
            for member in level:
                if member.lost:
                    member.skipped += 1
                    attempt = member.attempts.get(self.trigger, 1)
                    why = "it is not there"
                    effects.append(Step(self.trigger, member.name, attempt, Outcome.SKIPPED, now, now, why))
            new = [member for member in level if not member.lost and not member.set_up]
            ready = [member for member in level if not member.lost and member.set_up]
            effects += self._ask_first(Task.START, new, now)
            effects += self._ask_first(Task.TRIGGER, ready, now)
            if self._pending:
                return effects
        self.completed = self.trigger
        effects.append(TriggerDone(self.trigger, self._reference, self._due, self._sent, now))
        return effects + self._between(now)

    def _finished_turn(self, member: Member, now: int) -> list[Effect]:
        del self._pending[member.name]
        return [] if self._pending else self._next_level(now)

    def _failed(
        self, member: Member, error: str, now: int, *, lost: bool, in_flight: bool = False
    ) -> list[Effect]:
        """Do as the Player's policy says; a failure before the first trigger ends the sequence.

        ``lost``: it must be found and set up again; ``in_flight``: its call has not ended.
        """
        pending = self._pending[member.name]
        if lost:
            member.set_up = False
        if self.phase is Phase.SETTING_UP:
            return self._fail(member.name, error, now, in_flight=in_flight)
        retry = member.on_error is OnError.RETRY
        if retry and lost and pending.task is Task.START and now < pending.limit:
            member.lost = True
            return []
        outcome = _OUTCOMES.get(member.on_error, Outcome.FAILED)
        step = self._step(member, pending, outcome, now, error)
        retried = pending.attempt - member.attempts.get(self.trigger, 1)
        if outcome is Outcome.FAILED and not (retry and retried < member.retries):
            return [step, *self._fail(member.name, error, now, in_flight=in_flight)]
        effects: list[Effect] = [GiveUp((member.name,)), step] if in_flight else [step]
        if retry:
            return effects + self._retry(member, pending.attempt + 1, now, lost=lost)
        member.lost = lost
        member.dropped = outcome is Outcome.DISABLED
        member.skipped += outcome is Outcome.SKIPPED
        return effects + self._finished_turn(member, now)

    def _retry(self, member: Member, attempt: int, now: int, *, lost: bool) -> list[Effect]:
        if lost:
            member.lost = True
            self._ticket += 1
            limit = now + member.timeout
            self._pending[member.name] = Pending(self._ticket, Task.START, attempt, now, limit)
            return []
        return [self._ask(Task.TRIGGER if member.set_up else Task.START, [member], now, attempt)]

    def _step(
        self,
        member: Member,
        pending: Pending,
        outcome: Outcome,
        now: int,
        error: str = "",
        report: str | None = None,
    ) -> Step:
        pending.noted = True
        return Step(
            self.trigger, member.name, pending.attempt, outcome, pending.sent, now, error, report or ""
        )

    def _fail(self, player: str, message: str, now: int, *, in_flight: bool = False) -> list[Effect]:
        if not in_flight:
            self._pending.pop(player, None)
        self.failure = Failure(player, 0 if self.phase is Phase.SETTING_UP else self.trigger, message)
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
        busy = [self.members[name] for name in self._pending if not self.members[name].lost]
        self._pending = {member.name: self._pending[member.name] for member in busy}
        if busy:
            effects.append(GiveUp(tuple(member.name for member in busy)))
        if acting:
            effects += [
                self._step(member, self._pending[member.name], Outcome.ABORTED, now)
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
        if not self._pending:
            self._enter(Phase.ENDED)
        return effects

    def _left(
        self, member: Member, pending: Pending, now: int, error: str | None, report: str | None
    ) -> list[Effect]:
        """Take the answer of a Player that was told to give up or to stop."""
        if error is None and pending.task is Task.START:
            # It was told so perhaps before it was asked to set up.
            return [self._ask(Task.STOP, [member], now, limit=pending.limit)]
        if error is None and pending.task is Task.TRIGGER:
            # It had done its turn before.
            step = self._step(member, pending, Outcome.DONE, now, report=report)
            return [step, *self._leave(member.name)]
        return self._leave(member.name)

    def _leave(self, player: str) -> list[Effect]:
        del self._pending[player]
        if not self._pending:
            self._enter(Phase.ENDED)
        return []
