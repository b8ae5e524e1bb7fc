"""The alarm of a value that leaves its limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from donki.sources.slow_control.log import Reading


class Alarm(NamedTuple):
    """An alarm as EPICS has it.

    Attributes
    ----------
    time
        when it came, in ns since the beginning of a run
    severity
        OK, or MINOR beyond a limit
    message
        NO_ALARM, or the limit: LOW, HIGH
    """

    time: int
    severity: str
    message: str


def alarm_of(reading: Reading, low: float | None, high: float | None) -> Alarm:
    """Return the alarm of a reading; None is no limit."""
    if low is not None and reading.value < low:
        return Alarm(reading.since, "MINOR", "LOW")
    if high is not None and reading.value > high:
        return Alarm(reading.since, "MINOR", "HIGH")
    return Alarm(reading.since, "OK", "NO_ALARM")


def alarm_changes(
    readings: Iterable[Reading], low: float | None, high: float | None, before: Reading | None
) -> Iterator[Alarm]:
    """Yield the alarms of readings that differ from the one before.

    Parameters
    ----------
    readings
        in order
    low, high
        the limits; None is none
    before
        the last reading before them; None at the beginning, where the first alarm is told whatever it is
    """
    last = alarm_of(before, low, high) if before else None
    for reading in readings:
        alarm = alarm_of(reading, low, high)
        if last is None or alarm[1:] != last[1:]:
            yield alarm
        last = alarm
