"""The rules of a sequence: which Player acts when, what a failure means, which state follows which.

Two rules hold in this file. It knows no Tango, no thread and no clock: times come in as nanoseconds of a
monotonic clock, what is to be done goes out as effects. And every transition of state stands in the tables at
its head.

A sequence is driven by four kinds of events: `begin`, `request` (a command of the user), `replied` (a Player
answered, or could not) and `tick` (time has passed `deadline`). Each returns the effects to carry out, in
order.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from donki.errors import InputError, NotAllowedError
from donki.priority import DISABLED

ENDLESS = -1

SECOND = 1_000_000_000

#: How long the Players are waited for when a sequence ends because of a failure or an Abort, in ns.
GRACE = 800_000_000

#: How many of the last triggers the rate and the remaining time are learned from.
REMEMBERED = 1_000

#: A trigger that starts later than this part of the period is counted as an overrun.
OVERRUN = 0.1


class State(Enum):
    """What the Director is doing; the names are Tango's."""

    ON = auto()
    RUNNING = auto()
    STANDBY = auto()
    FAULT = auto()


class Command(Enum):
    """What a user may ask of a sequence."""

    START = "Start"
    STOP = "Stop"
    ABORT = "Abort"
    PAUSE = "Pause"
    RESUME = "Resume"
    STEP = "Step"
    RESET = "Reset"


#: The states in which each command is obeyed; in any other it is refused.
ALLOWED: dict[Command, frozenset[State]] = {
    Command.START: frozenset({State.ON, State.FAULT}),
    Command.STOP: frozenset({State.RUNNING, State.STANDBY}),
    Command.ABORT: frozenset({State.RUNNING, State.STANDBY}),
    Command.PAUSE: frozenset({State.RUNNING}),
    Command.RESUME: frozenset({State.STANDBY}),
    Command.STEP: frozenset({State.STANDBY}),
    Command.RESET: frozenset({State.FAULT}),
}


class Phase(Enum):
    """Where a sequence stands."""

    SETTING_UP = auto()
    WAITING = auto()
    ACTING = auto()
    PAUSED = auto()
    ENDING = auto()
    ENDED = auto()


#: The state that a phase shows; a failure shows FAULT from the moment it is known.
SHOWN: dict[Phase, State] = {
    Phase.SETTING_UP: State.RUNNING,
    Phase.WAITING: State.RUNNING,
    Phase.ACTING: State.RUNNING,
    Phase.PAUSED: State.STANDBY,
    Phase.ENDING: State.RUNNING,
    Phase.ENDED: State.ON,
}


def check_allowed(command: Command, state: State) -> None:
    """Refuse a command that the state does not allow.

    Raises
    ------
    NotAllowedError
        naming the command, the state and the states in which it is allowed
    """
    if state not in ALLOWED[command]:
        states = " or ".join(sorted(allowed.name for allowed in ALLOWED[command]))
        raise NotAllowedError(
            f"{command.value} is not allowed while the Director is {state.name}; it is in {states}"
        )


def check_triggers(triggers: int) -> int:
    """Return the number of triggers if a sequence can have it, or raise InputError."""
    if triggers < 1 and triggers != ENDLESS:
        raise InputError(f"Triggers: a whole number from 1, or -1 for endless; got {triggers}")
    return triggers


def check_period(period: float) -> int:
    """Return the period in ns for one in s, or raise InputError."""
    if not (math.isfinite(period) and 0 <= period <= 86_400):
        raise InputError(f"Period: seconds from 0 (as fast as the Players answer) to 86400; got {period}")
    return round(period * SECOND)


@dataclass
class Member:
    """A Player as the sequence sees it: its name, its priority, and how long its action may take, in ns."""

    name: str
    priority: int
    timeout: int


class Task(Enum):
    """What a Player is asked to do, and answers when it is done; the value is the Player's command."""

    START = "Start"
    TRIGGER = "Trigger"
    STOP = "Stop"


@dataclass(frozen=True)
class Ask:
    """Effect: ask these Players, all at once, and bring each answer back as `replied` with this `ticket`.

    ``trigger``, ``reference_time`` (ns since 1970 UTC) and ``attempt`` go with the task TRIGGER.
    """

    task: Task
    players: tuple[str, ...]
    ticket: int
    trigger: int = 0
    reference_time: int = 0
    attempt: int = 1


@dataclass(frozen=True)
class GiveUp:
    """Effect: tell these busy Players to give up; their answer to what they do is still awaited."""

    players: tuple[str, ...]


Effect = Ask | GiveUp


@dataclass
class Pending:
    """A Player that has been asked: by which ticket, and until when it is waited for."""

    ticket: int
    limit: int


@dataclass(frozen=True)
class Failure:
    """Why a sequence failed; the trigger is 0 where it failed before the first."""

    player: str
    trigger: int
    message: str

    def __str__(self) -> str:
        when = f"trigger {self.trigger}" if self.trigger else "set-up"
        return f"Player {self.player}, {when}: {self.message}"


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
    """

    def __init__(self, members: Iterable[Member], triggers: int, period: int, epoch: int) -> None:
        self.members = {member.name: member for member in members}
        self.triggers = triggers
        self.period = period
        self.epoch = epoch
        self.phase = Phase.ENDED
        self.trigger = 0
        self.completed = 0
        self.overruns = 0
        self.failure: Failure | None = None
        self.silent: list[str] = []
        self.due = 0
        self.starts: deque[int] = deque(maxlen=REMEMBERED)
        self._reference = 0
        self._levels: list[tuple[str, ...]] = []
        self._pending: dict[str, Pending] = {}
        self._ticket = 0
        self._set_up: set[str] = set()
        self._stopping = False
        self._pausing = False
        self._begun = False

    @property
    def state(self) -> State:
        """The state to show."""
        return State.FAULT if self.failure else SHOWN[self.phase]

    @property
    def progress(self) -> float:
        """How much is done, in %; 0 for an endless sequence."""
        return 0.0 if self.triggers == ENDLESS else min(100.0, 100.0 * self.completed / self.triggers)

    def rate(self, now: int) -> float:
        """Return how many triggers were sent in the second before now, in Hz."""
        return float(sum(1 for start in self.starts.copy() if now - start <= SECOND))

    def remaining(self) -> float:
        """Return the time left in s, learned from the last triggers; NaN until known, 0 at the end."""
        if self.phase is Phase.ENDED:
            return 0.0
        left = self.triggers - self.completed
        starts = self.starts.copy()
        if self.triggers == ENDLESS or len(starts) < 2:
            return math.nan
        return left * (starts[-1] - starts[0]) / (len(starts) - 1) / SECOND

    @property
    def acting(self) -> frozenset[str]:
        """The Players that are asked and have not answered."""
        return frozenset(self._pending)

    @property
    def deadline(self) -> int | None:
        """When `tick` must be called at the latest, in ns; None if nothing is due."""
        if self.phase is Phase.WAITING:
            return self.due
        return min((pending.limit for pending in self._pending.values()), default=None)

    def begin(self, now: int) -> list[Effect]:
        """Set the enabled Players up; the first trigger follows when all of them are ready."""
        if not self._enabled():
            raise InputError(
                "no Player is enabled: start one (donki player NAME HOST:PORT SCRIPT), "
                "or give one a priority of 0 or more"
            )
        self.phase = Phase.SETTING_UP
        return self._set_up_missing(now)

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
        match command:
            case Command.ABORT:
                return self._end(now, GRACE)
            case Command.STOP:
                self._stopping = True
                return self._end(now) if self.phase in (Phase.WAITING, Phase.PAUSED) else []
            case Command.PAUSE:
                self._pausing = True
                if self.phase is Phase.WAITING:
                    self.phase = Phase.PAUSED
                return []
            case Command.RESUME | Command.STEP:
                self._pausing = command is Command.STEP
                self.due = now
                self.starts.clear()
                return self._next_trigger(now)
            case _:
                raise NotAllowedError(f"{command.value} is not allowed while a sequence runs")

    def replied(self, player: str, ticket: int, error: str | None, now: int) -> list[Effect]:
        """Take a Player's answer; one that comes after it was given up is passed over."""
        pending = self._pending.get(player)
        if pending is None or pending.ticket != ticket:
            return []
        del self._pending[player]
        if self.phase is Phase.ENDING:
            return self._ended_if_quiet()
        if error is not None:
            return self._fail(player, error, now)
        if self.phase is Phase.SETTING_UP:
            self._set_up.add(player)
        return [] if self._pending else self._advance(now)

    def tick(self, now: int) -> list[Effect]:
        """Do what is due: send the trigger, or give a Player up that has not answered in time."""
        if self.phase is Phase.WAITING:
            return self._next_trigger(now)
        late = [player for player, pending in self._pending.items() if now >= pending.limit]
        if not late:
            return []
        if self.phase is Phase.ENDING:
            for player in late:
                del self._pending[player]
            self.silent += late
            return self._ended_if_quiet()
        return self._fail(late[0], f"no answer within its Timeout of {self._timeout(late[0])}", now)

    def break_off(self, message: str) -> None:
        """End at once, in failure unless the sequence has ended, because nothing drives it any more."""
        if self.phase is not Phase.ENDED:
            self.failure = Failure("(none)", self.trigger, message)
            self.phase = Phase.ENDED

    def set_priority(self, player: str, priority: int) -> None:
        """Give a Player another priority, from the next trigger on."""
        self.members[player].priority = priority

    def set_period(self, period: int) -> None:
        """Change the pace, from the next trigger on."""
        if self.phase is Phase.WAITING:
            self.due += period - self.period
        self.period = period

    def _enabled(self) -> list[Member]:
        return [member for member in self.members.values() if member.priority != DISABLED]

    def _timeout(self, player: str) -> str:
        return f"{self.members[player].timeout / SECOND:g} s"

    def _ask(self, task: Task, players: Iterable[str], now: int) -> Ask:
        self._ticket += 1
        names = tuple(players)
        for name in names:
            self._pending[name] = Pending(self._ticket, now + self.members[name].timeout)
        if task is not Task.TRIGGER:
            return Ask(task, names, self._ticket)
        return Ask(task, names, self._ticket, self.trigger, self._reference)

    def _set_up_missing(self, now: int) -> list[Effect]:
        missing = [member.name for member in self._enabled() if member.name not in self._set_up]
        if not missing:
            return []
        self.phase = Phase.SETTING_UP
        return [self._ask(Task.START, missing, now)]

    def _advance(self, now: int) -> list[Effect]:
        """Go on after all Players asked have answered: the next level, or the next trigger."""
        if self._levels:
            return [self._ask(Task.TRIGGER, self._levels.pop(0), now)]
        if self.phase is Phase.ACTING:
            self.completed = self.trigger
            self.due += self.period
        elif not self._begun:
            self.due = now
        # Players that were enabled in mid-run are set up as part of the trigger that a Step asked for.
        newcomers = self.phase is Phase.SETTING_UP and self._begun
        self._begun = True
        if self._stopping:
            return self._end(now)
        if self._pausing and not newcomers and not self._finished():
            self.phase = Phase.PAUSED
            return []
        return self._next_trigger(now)

    def _finished(self) -> bool:
        return self.triggers != ENDLESS and self.completed >= self.triggers

    def _next_trigger(self, now: int) -> list[Effect]:
        if self._finished():
            return self._end(now)
        if self.period and now < self.due:
            self.phase = Phase.WAITING
            return []
        newcomers = self._set_up_missing(now)
        if newcomers:
            return newcomers
        by_priority: dict[int, list[str]] = {}
        for member in self._enabled():
            by_priority.setdefault(member.priority, []).append(member.name)
        self._levels = [tuple(by_priority[priority]) for priority in sorted(by_priority)]
        if not self._levels:
            return self._fail("(none)", "every Player is disabled; give one a priority of 0 or more", now)
        if self.period:
            self.overruns += now - self.due > self.period * OVERRUN
        else:
            self.due = now
        self.phase = Phase.ACTING
        self.trigger = self.completed + 1
        self._reference = max(self.epoch + self.due, self._reference + 1)
        self.starts.append(now)
        return [self._ask(Task.TRIGGER, self._levels.pop(0), now)]

    def _fail(self, player: str, message: str, now: int) -> list[Effect]:
        self.failure = Failure(player, self.trigger, message)
        return self._end(now, GRACE)

    def _end(self, now: int, grace: int | None = None) -> list[Effect]:
        """Wind down: the busy Players are told to give up, the others to stop.

        Each is waited for as long as its Timeout, or no longer than the grace.
        """
        effects: list[Effect] = []
        busy = tuple(self._pending)
        if busy:
            effects.append(GiveUp(busy))
        idle = [name for name in self.members if name in self._set_up and name not in self._pending]
        if self.phase is not Phase.ENDING and idle:
            effects.append(self._ask(Task.STOP, idle, now))
        self.phase = Phase.ENDING
        self._levels = []
        if grace is not None:
            for pending in self._pending.values():
                pending.limit = now + grace
        self._ended_if_quiet()
        return effects

    def _ended_if_quiet(self) -> list[Effect]:
        if not self._pending:
            self.phase = Phase.ENDED
        return []
