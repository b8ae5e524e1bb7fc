"""What goes into a sequence, and what it wants done: plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from donki.policy import OnError
from donki.priority import DISABLED


@dataclass
class Member:
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
    lost
        whether it was not there when it was last asked, and has not been found since
    dropped
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
    lost: bool = False
    dropped: bool = False
    skipped: int = 0
    attempts: Mapping[int, int] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """Whether it takes part."""
        return self.priority != DISABLED and not self.dropped


class Task(Enum):
    """What a Player is asked to do, and answers when it is done; the value is the Player's command."""

    START = "Start"
    TRIGGER = "Trigger"
    STOP = "Stop"


class Outcome(Enum):
    """What became of a Player's turn at a trigger."""

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

    ``trigger``, ``reference_time`` (ns since 1970 UTC) and ``attempt`` go with the task TRIGGER.
    """

    task: Task
    players: tuple[str, ...]
    ticket: int
    trigger: int = 0
    reference_time: int = 0
    attempt: int = 1


class GiveUp(NamedTuple):
    """Effect: tell these busy Players to give up; their answer to what they do is still awaited."""

    players: tuple[str, ...]


class Step(NamedTuple):
    """Effect, for the journal: a Player's turn at a trigger has an outcome; times are ns, monotonic."""

    trigger: int
    player: str
    attempt: int
    outcome: Outcome
    sent: int
    done: int
    error: str = ""
    report: str = ""


class TriggerDone(NamedTuple):
    """Effect, for the journal: a trigger is complete; ``due``, ``sent`` and ``done`` are ns, monotonic."""

    trigger: int
    reference_time: int
    due: int
    sent: int
    done: int


Effect = Ask | GiveUp | Step | TriggerDone


@dataclass(frozen=True)
class Failure:
    """Why a sequence failed; the trigger is 0 where it failed before the first."""

    player: str
    trigger: int
    message: str

    def __str__(self) -> str:
        when = f"trigger {self.trigger}" if self.trigger else "set-up"
        return f"Player {self.player}, {when}: {self.message}"

    @classmethod
    def read(cls, text: str) -> Failure | None:
        """Return the failure that was written as text; None where it is something else."""
        found = re.fullmatch(r"Player (.+?), (?:trigger (\d+)|set-up): (.*)", text, re.DOTALL)
        return cls(found[1], int(found[2] or 0), found[3]) if found else None
