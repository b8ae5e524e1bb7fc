"""What can be set at a Player for the Director to obey, each bound written once."""

from __future__ import annotations

import math
from enum import IntEnum

from donki.errors import InputError

#: The priority of a Player that is left out.
DISABLED = -1

#: The longest Timeout, in s.
MOST_TIMEOUT = 86_400.0

#: The most often that a trigger is sent again.
MOST_RETRIES = 1_000_000


class OnError(IntEnum):
    """The policy of a Player; the values are those of the Tango attribute OnError."""

    ABORT = 0
    """The sequence ends in FAULT."""
    SKIP = 1
    """The Player misses this trigger; the sequence goes on."""
    RETRY = 2
    """The Player gets the trigger again, at most Retries times; then as ABORT."""
    DISABLE = 3
    """The Player is left out for the rest of the run."""


def check_priority(priority: int) -> int:
    """Return the priority if a Player can have it, or raise InputError.

    The lower acts first at a trigger; the same act in parallel.
    """
    if not DISABLED <= priority <= 2**31 - 1:
        raise InputError(f"Priority: a whole number from 0, or -1 to leave the Player out; got {priority}")
    return priority


def check_timeout(seconds: float) -> float:
    """Return the timeout of an action in s if a Player can have it, or raise InputError."""
    if not (math.isfinite(seconds) and 0 < seconds <= MOST_TIMEOUT):
        raise InputError(f"Timeout: more than 0 s and at most {MOST_TIMEOUT:.0f} s; got {seconds}")
    return seconds


def check_retries(retries: int) -> int:
    """Return the number of retries if a Player can have it, or raise InputError."""
    if not 0 <= retries <= MOST_RETRIES:
        raise InputError(f"Retries: a whole number from 0 to {MOST_RETRIES}; got {retries}")
    return retries


def check_on_error(policy: int) -> OnError:
    """Return the policy of that number, or raise InputError."""
    try:
        return OnError(policy)
    except ValueError:
        known = ", ".join(f"{known.value} ({known.name})" for known in OnError)
        raise InputError(f"OnError: one of {known}; got {policy}") from None
