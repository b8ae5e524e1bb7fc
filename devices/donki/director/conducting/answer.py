"""What Players answer to what the Director asks of them in a run."""

from __future__ import annotations

from typing import NamedTuple

from donki.director.players.answers import Report


class Answer(NamedTuple):
    """What a Player answered to a ticket.

    Attributes
    ----------
    given
        when it answered, ns of the monotonic clock
    error
        what went wrong; None where it did as asked
    unreachable
        whether it must be found again before it is asked anything
    report
        of a trigger: what it did
    """

    player: str
    ticket: int
    given: int
    error: str | None = None
    unreachable: bool = False
    report: Report | None = None


class Given(NamedTuple):
    """What a Player has answered in a call for several.

    Attributes
    ----------
    text
        what its command returned
    error
        what it raised in place of that; None where it did as asked
    at
        when it answered, ns of the monotonic clock
    """

    text: str
    error: Exception | None
    at: int
