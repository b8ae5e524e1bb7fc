"""Where a sequence stands, and its Players, as they were at one moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tango import DevState

#: The states of a sequence that has begun and not ended.
IN_PROGRESS = frozenset({DevState.INIT, DevState.RUNNING, DevState.ALARM, DevState.STANDBY})


@dataclass(frozen=True)
class PlayerStatus:
    """A Player as its Director sees it.

    Attributes
    ----------
    name
        the last part of its device name
    priority
        lower acts first, the same acts in parallel, -1 is disabled
    state
        Tango's name of its state; UNKNOWN where it does not answer
    median, p99
        the median and 99 % time of its triggers in this run, in s; NaN before the first
    skipped
        how many triggers of this run it missed
    dropped
        whether its policy DISABLE left it out for the rest of this run
    device
        its device name, with the database where it has one
    """

    name: str
    priority: int
    state: str
    median: float
    p99: float
    skipped: int = 0
    dropped: bool = False
    device: str = ""


@dataclass(frozen=True)
class Snapshot:
    """Where a sequence stands at one moment.

    Attributes
    ----------
    state
        the Director's
    triggers
        how many were asked for; -1 is endless
    current_trigger
        the trigger in progress or last done, from 1; 0 before the first
    progress
        in %, 0 for an endless sequence
    remaining_time
        in s, NaN until known
    trigger_rate
        in Hz, over the last second
    overruns
        triggers that started late by more than 10 % of the period
    run_id
        the run in progress or the last one
    last_error
        what ended the last sequence, else empty
    last_failure
        the same as an object: player, trigger, attempt, reason, at_stop; empty where there is none
    """

    state: DevState
    triggers: int
    current_trigger: int
    progress: float
    remaining_time: float
    trigger_rate: float
    overruns: int
    run_id: str
    last_error: str
    last_failure: Mapping[str, Any] = field(default_factory=dict)

    @property
    def in_progress(self) -> bool:
        """Whether a sequence has begun and not ended (a paused one has not)."""
        return self.state in IN_PROGRESS


def seconds(time: float | None) -> float:
    """Return a time of PlayerTable in s; one that is not known yet, null there, is NaN."""
    return math.nan if time is None else time
