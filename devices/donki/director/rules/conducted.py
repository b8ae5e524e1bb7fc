"""The rules of a sequence whose triggers come from another Director: that of a section of its orchestra."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from donki.director.rules.effects import (
    FILE_WRITER,
    Attempt,
    Cancel,
    Effect,
    Failure,
    Outcome,
    Pending,
    PlayerState,
)
from donki.director.rules.policies import POLICIES
from donki.director.rules.sequence import Sequence
from donki.director.rules.sequence_state import ENDLESS
from donki.director.rules.states import Command, Phase
from donki.errors import NotAllowedError
from donki.limits import OnError


class GivenTrigger(NamedTuple):
    """A trigger as the Director above sends it; its time is in ns since 1970 UTC, the period in ns."""

    number: int
    reference_time: int
    period: int = 0


class Reports(NamedTuple):
    """What came of a trigger that is complete: what each Player that had a turn told of it, by name."""

    trigger: int
    by_player: Mapping[str, Mapping[str, Any]]


class ConductedSequence(Sequence):
    """A sequence that rests until it is given a trigger, and then plays it by the rules of any sequence.

    Where its own policy is ABORT, a Player whose failure ends a sequence ends this one. With any other, it
    fails the trigger alone: the Players that act at it have their turn, those of later levels do not, and all
    stay set up. Given the same trigger again, who has done it is asked for what it did, by the attempt at
    which it did it; the others act at a new one.

    Parameters
    ----------
    members, epoch, completed
        as of `SequenceState`
    conductor
        the name of the Director above
    on_error, retries
        what that one does when a trigger fails here
    again
        by name: at which attempt a Player acts at triggers up to the last complete one, where it may have
        done them before and does not know

    Attributes
    ----------
    given
        the trigger that is to be played; None where there is none
    result
        of the trigger that was given last: what was done, or why it failed; None until it is known
    """

    def __init__(
        self,
        members: Iterable[PlayerState],
        epoch: int,
        conductor: str,
        on_error: OnError = OnError.ABORT,
        retries: int = 0,
        completed: int = 0,
        again: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(members, ENDLESS, 0, epoch, completed, held=True)
        self.given: GivenTrigger | None = None
        self.result: Reports | Failure | None = None
        self.rounds = 1 + retries if on_error is OnError.RETRY else 1
        self._conductor = conductor
        self._fails_alone = not POLICIES[on_error].ends or POLICIES[on_error].retries
        self._failed_trigger: Failure | None = None
        self._reports: dict[str, Mapping[str, Any]] = {}
        self._again = dict(again or {})
        self._taken_up_after = completed
        # By Player: the trigger and the attempt at which it acted last, and whether it did it.
        self._last: dict[str, tuple[int, int, bool]] = {}

    def give(self, trigger: GivenTrigger) -> None:
        """Have a trigger played, when the one in progress has come to an end."""
        self.given, self.result = trigger, None

    def request(self, command: Command, now: int) -> list[Effect]:
        """Obey a command of the user; the pace is that of the Director above."""
        if command in (Command.PAUSE, Command.RESUME, Command.STEP):
            raise NotAllowedError(
                f"{command.value} is not allowed: the triggers come from {self._conductor}; "
                f"{command.value} there"
            )
        return super().request(command, now)

    @property
    def deadline(self) -> int | None:
        """When `tick` must be called at the latest, in ns; None if nothing is due."""
        return 0 if self._is_given else super().deadline

    def tick(self, now: int) -> list[Effect]:
        """Play the trigger that is given, or give up a Player that has not answered in time."""
        return self._play(now) if self._is_given else super().tick(now)

    @property
    def _is_given(self) -> bool:
        return self.given is not None and self.phase is Phase.PAUSED

    def _play(self, now: int) -> list[Effect]:
        given, self.given = self.given, None
        if given is None:
            return []
        self.trigger, self._reference, self._period = given
        self._failed_trigger = None
        self._reports = {}
        self._sent = self._due = now
        # Of the pace, only the rate and the time from trigger to trigger count.
        self.pace.start(now)
        enabled = self._enabled()
        for member in enabled:
            if (first := self._first_attempt(member)) != member.attempts.get(self.trigger, 1):
                member.attempts = {**member.attempts, self.trigger: first}
        self._enter(Phase.ACTING)
        if not enabled:
            return self._fail("(all)", "every Player is disabled; give one a priority of 0 or more", now)
        self._line_up(enabled)
        return self._next_level(now)

    def _first_attempt(self, member: PlayerState) -> int:
        trigger, attempt, was_done = self._last.get(member.name, (0, 0, False))
        if trigger == self.trigger:
            return attempt if was_done and member.set_up else attempt + 1
        if self.trigger <= self._taken_up_after and member.name in self._again:
            return self._again[member.name]
        return member.attempts.get(self.trigger, 1)

    def _attempt(
        self,
        member: PlayerState,
        pending: Pending,
        outcome: Outcome,
        now: int,
        error: str = "",
        report: Mapping[str, Any] | None = None,
    ) -> Attempt:
        self._last[member.name] = self.trigger, pending.attempt, outcome is Outcome.DONE
        if report is not None:
            self._reports[member.name] = report
        return super()._attempt(member, pending, outcome, now, error, report)

    def _miss(self, member: PlayerState, now: int) -> list[Effect]:
        """Let a Player that is not there miss the trigger, or fail it, or wait for it, by its policy."""
        policy, attempt = POLICIES[member.on_error], member.attempts.get(self.trigger, 1)
        if not policy.ends:
            return super()._miss(member, now)
        if policy.retries and member.retries:
            return self._retry(member, attempt, now, unreachable=True)
        why = "it is not there"
        self._fail_trigger(Failure(member.name, self.trigger, why, attempt=attempt))
        return [Attempt(self.trigger, member.name, attempt, Outcome.FAILED, now, now, why)]

    def _failed(
        self, member: PlayerState, error: str, now: int, *, unreachable: bool, in_flight: bool = False
    ) -> list[Effect]:
        effects = super()._failed(member, error, now, unreachable=unreachable, in_flight=in_flight)
        if self.phase not in (Phase.ENDING, Phase.ENDED):
            # It is not asked before it is found, now that the sequence goes on.
            member.unreachable |= unreachable
        return effects

    def _fail(
        self, player: str, message: str, now: int, *, in_flight: bool = False, attempt: int = 0
    ) -> list[Effect]:
        if self.phase is not Phase.ACTING or not self._fails_alone or player == FILE_WRITER:
            effects = super()._fail(player, message, now, in_flight=in_flight, attempt=attempt)
            self.result = self.failure
            return effects
        self._fail_trigger(Failure(player, self.trigger, message, attempt=attempt))
        self._pending.pop(player, None)
        effects = [Cancel((player,))] if in_flight else []
        return effects if self._pending else [*effects, *self._done(now)]

    def _fail_trigger(self, failure: Failure) -> None:
        """Let the trigger fail when those who act have had their turn."""
        self._failed_trigger = self._failed_trigger or failure
        self._levels = []

    def _done(self, now: int) -> list[Effect]:
        if self._failed_trigger:
            self.result = self._failed_trigger
            return self._between(now)
        self.result = Reports(self.trigger, self._reports)
        return super()._done(now)

    def _between(self, now: int) -> list[Effect]:
        if self._stopping:
            return self._end(now)
        self._enter(Phase.PAUSED)
        return []
