"""What can be set at a Director and at a Player for it to obey, each bound written once."""

from __future__ import annotations

import math
from enum import Enum, IntEnum

from donki.errors import InputError

#: The priority of a Player that is left out.
DISABLED = -1

#: The largest priority.
MOST_PRIORITY = 2**31 - 1

#: The shortest and the longest Timeout, in s, which is kept to the ms.
LEAST_TIMEOUT, MOST_TIMEOUT = 0.001, 86_400
TIMEOUT_DECIMALS = 3

#: The most often that a trigger is sent again.
MOST_RETRIES = 1_000_000

#: The most triggers of a sequence that has an end, and of a Step; at 1 kHz they take 30 years.
MOST_TRIGGERS = 999_999_999_999

#: The longest Period, in s, which is kept to the ns.
MOST_PERIOD = 86_400
PERIOD_DECIMALS = 9


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


class FileWriterPolicy(Enum):
    """What follows where file writers do not write a run; the names are those of the property."""

    IGNORE = "only FileWriterState shows it"
    WARN = "Status, the log and the record of the run say so, and the run goes on"
    REQUIRE = "no trigger is sent before a file writer has taken the run, and the run fails"


#: For how long a file writer may be silent, in s: the least, what is usual, the most.
LEAST_SILENCE, USUAL_SILENCE, MOST_SILENCE = 1, 10, 86_400


def check_priority(priority: int) -> int:
    """Return the priority if a Player can have it, or raise InputError.

    The lower acts first at a trigger; the same act in parallel.
    """
    if not DISABLED <= priority <= MOST_PRIORITY:
        raise InputError(f"Priority: a whole number from 0, or -1 to leave the Player out; got {priority}")
    return priority


def check_timeout(seconds: float) -> float:
    """Return the timeout of an action in s, to the ms, if a Player can have it, or raise InputError."""
    rounded = round(seconds, TIMEOUT_DECIMALS) if math.isfinite(seconds) else seconds
    if not LEAST_TIMEOUT <= rounded <= MOST_TIMEOUT:
        raise InputError(f"Timeout: from {LEAST_TIMEOUT} s to {MOST_TIMEOUT} s; got {seconds}")
    return rounded


def check_retries(retries: int) -> int:
    """Return the number of retries if a Player can have it, or raise InputError."""
    if not 0 <= retries <= MOST_RETRIES:
        raise InputError(f"Retries: a whole number from 0 to {MOST_RETRIES}; got {retries}")
    return retries


def check_silence(seconds: int) -> int:
    """Return for how long a file writer may be silent, in s, or raise InputError."""
    if not LEAST_SILENCE <= seconds <= MOST_SILENCE:
        raise InputError(f"FileWriterTimeout: from {LEAST_SILENCE} s to {MOST_SILENCE} s; got {seconds}")
    return seconds


def read_file_writer_policy(name: str) -> FileWriterPolicy:
    """Return the policy of that name, or raise InputError."""
    try:
        return FileWriterPolicy[name]
    except KeyError:
        known = ", ".join(FileWriterPolicy.__members__)
        raise InputError(f"FileWriterPolicy: one of {known}; got {name!r:.80}") from None


def check_on_error(policy: int) -> OnError:
    """Return the policy of that number, or raise InputError."""
    try:
        return OnError(policy)
    except ValueError:
        known = ", ".join(f"{known.value} ({known.name})" for known in OnError)
        raise InputError(f"OnError: one of {known}; got {policy}") from None
