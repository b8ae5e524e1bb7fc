"""Times as NeXus files give them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_UNITS = {
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1.0),
    **dict.fromkeys(("us", "µs", "μs", "microsecond", "microseconds"), 1e3),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1e6),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1e9),
}


def nanoseconds(unit: str) -> float | None:
    """Return how many ns a unit of time is; None for what is none."""
    return _UNITS.get(unit.strip())


def since_1970(date: str) -> int:
    """Return the ns from 1970 UTC to a date in ISO 8601, exactly; without an offset it is UTC.

    Raises
    ------
    ValueError
        when it is no such date
    """
    # Python's dates end at microseconds.
    fraction = re.search(r"[.,](\d+)", date)
    whole = datetime.fromisoformat(date.replace(fraction[0], "") if fraction else date)
    if whole.tzinfo is None:
        whole = whole.replace(tzinfo=UTC)
    return int(whole.timestamp()) * 1_000_000_000 + (int(fraction[1][:9].ljust(9, "0")) if fraction else 0)
