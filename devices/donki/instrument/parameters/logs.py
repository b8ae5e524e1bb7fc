"""What the script logs.py is told."""

from __future__ import annotations

from typing import Literal

from donki.errors import InputError
from donki.instrument.parameters.reading import Section
from donki.instrument.parameters.values import (
    DType,
    NotNegative,
    Period,
    Positive,
    Source,
    Topic,
    TriggerNumber,
    check_rising,
)

Status = Literal[
    "UNKNOWN",
    "NEVER_CONNECTED",
    "CONNECTED",
    "DISCONNECTED",
    "DESTROYED",
    "CANCELLED",
    "FINISHED",
    "REMOTE_ERROR",
]
"""The states of a connection, as ep01 has them."""


class LogParameters(Section):
    """A value that is logged."""

    topic: Topic
    """The Kafka topic."""

    source: Source
    """The name that its messages carry."""

    module: Literal["f144", "al00", "ep01"] = "f144"
    """What is sent of it: its values, or its alarms or its connection alone."""

    units: str = "dimensionless"
    """Of the value."""

    dtype: DType = "float64"
    """The type of the value; whole numbers are rounded."""

    signal: Literal["constant", "ramp", "walk", "noise", "sine", "replay"] = "constant"
    """How the value changes: not at all; from low to high in ``duration``, and it stays there; at random from
    sample to sample, between low and high; not at all but for ``noise``; between low and high in a ``cycle``;
    as it was recorded in ``file``, over and over."""

    value: float | None = None
    """Of a constant, 0 by default; where a walk begins, by default in the middle."""

    low: float | None = None
    """Where a ramp begins, and a walk or a sine turns back."""

    high: float | None = None
    """Where a ramp ends, and a walk or a sine turns back."""

    noise: NotNegative | None = None
    """Standard deviation of a reading; 0 by default, of the signal ``noise`` 1."""

    step: Positive | None = None
    """Of a walk: standard deviation from sample to sample; a hundredth of the way from low to high by
    default."""

    duration: Positive = 60.0
    """Of a ramp, in s."""

    cycle: Positive = 60.0
    """Of a sine, in s."""

    period: Period = 1.0
    """From sample to sample, in s. A value that has not changed is told again with the time of its change, as
    the EPICS forwarder repeats it."""

    alarms: bool = False
    """Whether its alarms are sent too (al00): the first, and each that differs from the one before."""

    limits: tuple[float, float] | None = None
    """Below the first and above the second a reading has an alarm; by default those of ``low`` and ``high``
    that are given."""

    connection: bool | tuple[tuple[TriggerNumber, Status], ...] = False
    """Whether the state of its connection is sent too (ep01): at the beginning, and at the triggers of a
    program, as ``[[1, CONNECTED], [50, DISCONNECTED], [60, CONNECTED]]``. While it is not CONNECTED, the last
    value is repeated."""

    file: str | None = None
    """Of a replay: the NeXus file, under the property DataPath."""

    path: str | None = None
    """Of a replay: the log in the file, a group with value and time."""

    def check(self) -> None:
        """Refuse what does not fit together; see `Section`."""
        if self.signal in ("ramp", "walk", "sine"):
            self._check_range()
        if self.signal == "replay" and (self.file is None or self.path is None):
            raise InputError("a replay needs file, and path: the log in it")
        if self.limits and not self.limits[0] <= self.limits[1]:
            raise InputError(f"limits rise; got {list(self.limits)}")
        if not isinstance(self.connection, bool):
            check_rising("connection", (trigger for trigger, _ in self.connection))

    def _check_range(self) -> None:
        low, high = self.low, self.high
        if low is None or high is None:
            raise InputError(f"a {self.signal} goes between low and high; give both")
        if self.signal != "ramp" and not low < high:
            raise InputError(f"low={low:g} must be below high={high:g}")
        if self.signal == "walk" and self.value is not None and not low <= self.value <= high:
            raise InputError(f"a walk begins between low and high, not at value={self.value:g}")


class LogsParameters(Section):
    """The Parameters of logs.py."""

    logs: dict[str, LogParameters]
    """The logs, by name."""
