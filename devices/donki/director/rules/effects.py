"""What goes into a sequence, and what it wants done: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from donki.limits import DISABLED, OnError


@dataclass
class PlayerState:
    """A Player as the sequence sees it.

    Attributes
    ----------
    name, priority
        who, and in which level it acts
    timeout
        how long its action may take, ns
    on_error, retries
        what its failure means
    set_up
        whether its script's setup was run in this run
    unreachable
        whether it was not there when it was last asked, and has not been found since
    disabled
        whether it is left out for the rest of the run
    skipped
        how many triggers it missed
    attempts
        by trigger: its first attempt, where that is not 1 because the trigger may have been done before
    """

    name: str
    priority: int
    timeout: int
    on_error: OnError = OnError.ABORT
    retries: int = 0
    set_up: bool = False
    unreachable: bool = False
    disabled: bool = False
    skipped: int = 0
    attempts: Mapping[int, int] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """Whether it takes part."""
        return self.priority != DISABLED and not self.disabled


class Task(Enum):
    """What a Player is asked to do, and answers when it is done; the value is the Player's command."""

    START = "Start"
    TRIGGER = "Trigger"
    STOP = "Stop"


class Outcome(Enum):
    """The result of a Player's turn at a trigger."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    DISABLED = "disabled"
    ABORTED = "aborted"


@dataclass
class Pending:
    """A Player that is waited for: what it was asked when, and until when it is waited for, in ns.

    ``noted`` tells whether the outcome of this attempt is in the journal already.
    """

    ticket: int
    task: Task
    attempt: int
    sent: int
    limit: int
    noted: bool = False


class Ask(NamedTuple):
    """Effect: ask these Players, all at once, and bring each answer back with this `ticket`.

    ``trigger``, ``reference_time`` (ns since 1970 UTC), ``attempt`` and ``period`` (ns) go with the task
    TRIGGER.
    """

    task: Task
    players: tuple[str, ...]
    ticket: int
    trigger: int = 0
    reference_time: int = 0
    attempt: int = 1
    period: int = 0


class Cancel(NamedTuple):
    """Effect: tell these busy Players to give up; their answer to what they do is still awaited."""

    players: tuple[str, ...]


class Attempt(NamedTuple):
    """Effect, for the journal: a Player's turn at a trigger has an outcome; times are ns, monotonic.

    ``report`` is what the Player told of what it did, checked; None where it did not answer.
    """

    trigger: int
    player: str
    attempt: int
    outcome: Outcome
    sent: int
    done: int
    error: str = ""
    report: Mapping[str, Any] | None = None


class TriggerDone(NamedTuple):
    """Effect, for the journal: a trigger is complete; ``due``, ``sent`` and ``done`` are ns, monotonic."""

    trigger: int
    reference_time: int
    due: int
    sent: int
    done: int


Effect = Ask | Cancel | Attempt | TriggerDone


#: Whose failure it is where the policy for file writers ended the sequence.
FILE_WRITER = "(file writer)"


@dataclass(frozen=True)
class Failure:
    """Why a sequence failed.

    Attributes
    ----------
    player
        whose; in brackets where it was nobody's alone
    trigger
        at which; 0 where it failed before the first
    at_stop
        whether the Player failed at Stop, after that trigger was complete
    attempt
        which attempt at the trigger; 0 where no Player acted
    """

    player: str
    trigger: int
    message: str
    at_stop: bool = False
    attempt: int = 0

    def __str__(self) -> str:
        when = f"trigger {self.trigger}" if self.trigger or self.at_stop else "set-up"
        if self.at_stop:
            when = f"Stop after {when}"
        who = "File writer" if self.player == FILE_WRITER else f"Player {self.player}"
        return f"{who}, {when}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object; the player is null where it was nobody's alone."""
        player = None if self.player.startswith("(") else self.player
        return {
            "player": player,
            "trigger": self.trigger,
            "attempt": self.attempt,
            "reason": self.message,
            "at_stop": self.at_stop,
        }
