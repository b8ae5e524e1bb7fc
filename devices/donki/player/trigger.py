"""A trigger as an action script sees it."""

from __future__ import annotations

from typing import Self


class Trigger(int):
    """The number of a trigger, from 1, that carries its reference time and its attempt.

    Attributes
    ----------
    reference_time
        ns since 1970 UTC, the same for all Players
    attempt
        1, and one more each time the same trigger is sent to the Player again
    """

    reference_time: int
    attempt: int

    def __new__(cls, number: int, reference_time: int, attempt: int = 1) -> Self:
        """Make a trigger of its number, its reference time and its attempt."""
        trigger = super().__new__(cls, number)
        trigger.reference_time = reference_time
        trigger.attempt = attempt
        return trigger
