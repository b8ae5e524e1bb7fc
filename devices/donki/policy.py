"""What the Director does when a Player's action fails or times out."""

from __future__ import annotations

from enum import IntEnum

from donki.errors import InputError


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


def check_retries(retries: int) -> int:
    """Return the number of retries if a Player can have it, or raise InputError."""
    if not 0 <= retries <= 1_000_000:
        raise InputError(f"Retries: a whole number from 0 to 1000000; got {retries}")
    return retries
