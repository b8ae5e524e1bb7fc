"""A trigger as an action script sees it."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Self

from donki.errors import InputError
from donki.json_text import parse_json
from donki.run import VERSION
from donki.versions import check_version

#: What the command Trigger takes.
EXPECTED = (
    'Trigger: a number from 1, or {"trigger": number from 1, "run": id, '
    '"reference_time": ns since 1970, "attempt": number from 1, "period": ns from 0}'
)


class Trigger(int):
    """The number of a trigger, from 1, that carries its reference time, its attempt and the period.

    Attributes
    ----------
    reference_time
        ns since 1970 UTC, the same for all Players
    attempt
        1, and one more each time the same trigger is sent to the Player again
    period
        from this trigger to the next, ns: the Director's; 0 where that comes as soon as it may
    """

    reference_time: int
    attempt: int
    period: int

    def __new__(cls, number: int, reference_time: int, attempt: int = 1, period: int = 0) -> Self:
        """Make a trigger of its number, its reference time, its attempt and the period."""
        trigger = super().__new__(cls, number)
        trigger.reference_time = reference_time
        trigger.attempt = attempt
        trigger.period = period
        return trigger


def parse_trigger(text: str) -> tuple[Trigger, str | None]:
    """Return the trigger that a Director sends, and the id of its run; None where it does not say.

    Parameters
    ----------
    text
        JSON: a number, or an object with ``trigger`` and perhaps ``run``, ``reference_time``, ``attempt``,
        ``period``; its ``version`` need not be told, that of the run holds for its triggers

    Raises
    ------
    InputError
        for anything else; says what is expected
    """
    number, reference, attempt, period, run_id = _read(text)
    return Trigger(number, reference or time.time_ns(), attempt, period), run_id


@lru_cache(maxsize=8)
def _read(text: str) -> tuple[int, int, int, int, str | None]:
    """Return trigger, reference time (0 where it is not told), attempt, period and run.

    The Players of one server are sent the same, in many threads.
    """
    try:
        given = parse_json(text)
    except ValueError:
        raise InputError(f"{EXPECTED}; got {text!r:.200}") from None
    fields = given if isinstance(given, dict) else {"trigger": given}
    if "version" in fields:
        check_version("the trigger", fields.pop("version"), VERSION, InputError)
    number, run_id = fields.pop("trigger", None), fields.pop("run", None)
    has_reference = "reference_time" in fields
    reference, attempt = fields.pop("reference_time", 0), fields.pop("attempt", 1)
    period = fields.pop("period", 0)
    is_whole = (
        _is_whole(number, 1)
        and _is_whole(reference, int(has_reference))
        and _is_whole(attempt, 1)
        and _is_whole(period, 0)
    )
    if fields or not is_whole or not (run_id is None or isinstance(run_id, str)):
        raise InputError(f"{EXPECTED}; got {text!r:.200}")
    return number, reference, attempt, period, run_id


def _is_whole(value: object, least: int) -> bool:
    return type(value) is int and least <= value < 1 << 63
