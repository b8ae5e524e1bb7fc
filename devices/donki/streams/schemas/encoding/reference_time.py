"""The time that a message carries."""

from __future__ import annotations

from typing import Protocol

from donki.errors import InputError, shown
from donki.numeric import whole_number


class Timed(Protocol):
    """What carries a reference time; a trigger does."""

    @property
    def reference_time(self) -> int:
        """Nanoseconds since 1970 UTC."""


def as_reference_time(trigger: Timed, given: int | None, stream: object) -> int:
    """Return the time that a script gave, or else the trigger's.

    Parameters
    ----------
    trigger
        whose reference time holds where none is given
    given
        ns since 1970 UTC
    stream
        what to call the stream in an error

    Raises
    ------
    InputError
        when it is not an integer from 0 to 2**63 - 1
    """
    time = getattr(trigger, "reference_time", None) if given is None else given
    if type(time) is int and 0 <= time < 2**63:
        return time
    # What else counts as an integer is found out more slowly than a message is sent.
    whole = whole_number(time)
    if whole is None or not 0 <= whole < 2**63:
        raise InputError(
            f"{stream}: a reference time is an integer, ns since 1970 UTC, below 2**63; got {shown(time)}"
        )
    return whole
