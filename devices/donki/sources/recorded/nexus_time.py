"""Times as NeXus files give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from donki.errors import InputError

_UNITS = {
    **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), 1.0),
    **dict.fromkeys(("us", "usec", "µs", "μs", "microsecond", "microseconds"), 1e3),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1e6),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1e9),
}
_TIMES = ("event_time_offset", "event_time_zero")

PROFILES = {"ISIS": {"event_time_offset": "us", "event_time_zero": "s"}}
"""The units of facilities that do not write them into their files."""


def nanoseconds(unit: str) -> float | None:
    """Return how many ns a unit of time is; None for what is none."""
    return _UNITS.get(unit.strip().lower())


def stated_units(units: Mapping[str, str] | str | None) -> dict[str, str]:
    """Return the units that are stated for a file without, by field.

    Parameters
    ----------
    units
        by the name of a field, or the name of a profile; None for none

    Raises
    ------
    InputError
        when there is no such profile, field or unit of time
    """
    if units is None:
        return {}
    known = f"{{{', '.join(f'{field!r}: unit' for field in _TIMES)}}}, or one of {', '.join(PROFILES)}"
    if isinstance(units, str):
        if units not in PROFILES:
            raise InputError(f"units={units!r:.100}: expected {known}")
        return PROFILES[units]
    if not isinstance(units, Mapping):
        raise InputError(f"units={units!r:.100}: expected {known}")
    for field, unit in units.items():
        if field not in _TIMES:
            raise InputError(f"units: no unit is needed of {field!r:.100}; expected {known}")
        if not isinstance(unit, str) or nanoseconds(unit) is None:
            raise InputError(f"units: {field} in {unit!r:.100}; expected s, ms, us or ns")
    return dict(units)


def since_1970(date: str) -> int:
    """Return the ns from 1970 UTC to a date in ISO 8601, exactly; without an offset it is UTC.

    Raises
    ------
    ValueError
        when it is not such a date
    """
    # Python's dates end at microseconds.
    fraction = re.search(r"[.,](\d+)", date)
    whole = datetime.fromisoformat(date.replace(fraction[0], "") if fraction else date)
    if whole.tzinfo is None:
        whole = whole.replace(tzinfo=UTC)
    return int(whole.timestamp()) * 1_000_000_000 + (int(fraction[1][:9].ljust(9, "0")) if fraction else 0)
