"""The priority of a Player: lower acts first at a trigger, the same acts in parallel."""

from __future__ import annotations

from donki.errors import InputError

#: The priority of a Player that is left out.
DISABLED = -1


def check_priority(priority: int) -> int:
    """Return the priority if a Player can have it, or raise InputError."""
    if not DISABLED <= priority <= 2**31 - 1:
        raise InputError(f"Priority: a whole number from 0, or -1 to leave the Player out; got {priority}")
    return priority
