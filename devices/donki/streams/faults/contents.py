"""Faults by which something in a message is wrong, or in its time stamp."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from donki.streams.faults.kind import FaultKind, Occasion, Setting, is_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from donki.streams.faults.message import StreamMessage

    Columns = tuple[NDArray[np.int32], NDArray[np.int32]]
    """Times of flight and pixel ids, which can be changed in place."""

_NO_PIXEL = 1 << 30
_PULSE = 71_428_571  # ns
_SECOND = 1_000_000_000

_SHARE = Setting(
    "a number above 0 and at most 1",
    lambda value: is_number(value) and 0 < value <= 1,  # type: ignore[operator]
    0.01,
    "of the events",
)
_LONGEST = 86_400  # s
_OFFSET = Setting(
    f"a number of s from -{_LONGEST} to {_LONGEST}, not 0",
    lambda value: is_number(value) and 0 < abs(value) <= _LONGEST,  # type: ignore[arg-type]
    None,
    "a time",
    is_time=True,
)


def _span(default: float) -> Setting:
    """Return a setting that is a length of time."""
    return Setting(
        f"a number of s above 0 and at most {_LONGEST}",
        lambda value: is_number(value) and 0 < value <= _LONGEST,  # type: ignore[operator]
        default,
        "a time, in s",
        is_time=True,
    )


class EventFault(FaultKind):
    """Changes some of the events of a message."""

    accepted: ClassVar = {"share": _SHARE}
    of_events = True

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:
        """Change events in place."""
        if (columns := message.event_columns) is None:
            return message, ""
        many = max(1, round(self.settings["share"] * message.events))
        chosen = occasion.rng.choice(message.events, many, replace=False)
        return message, f"{many} of {message.events} {self._change(columns, chosen, occasion.rng)}"

    def _change(self, columns: Columns, chosen: NDArray[np.int64], rng: np.random.Generator) -> str:
        """Change the chosen events; return what of them is how now."""
        raise NotImplementedError


class PixelIds(EventFault):
    """Gives some events pixel ids of 2**30 and more, which no detector has."""

    name = "pixel_ids"
    does = "they have pixel ids of 2\\ :sup:`30` and more"

    def _change(self, columns: Columns, chosen: NDArray[np.int64], rng: np.random.Generator) -> str:
        _, pixel_ids = columns
        pixel_ids[chosen] = rng.integers(_NO_PIXEL, 2**31, len(chosen))
        return f"pixel ids from {_NO_PIXEL}"


class TimesOfFlight(EventFault):
    """Gives some events a time of flight before 0, or later than 1 s."""

    name = "times_of_flight"
    does = "they have times below 0, or of 1 s and more"

    def _change(self, columns: Columns, chosen: NDArray[np.int64], rng: np.random.Generator) -> str:
        times, _ = columns
        early, late = rng.integers(-_PULSE, 0, len(chosen)), rng.integers(_SECOND, 2**31, len(chosen))
        is_early = rng.random(len(chosen)) < 0.5
        late[is_early] = early[is_early]
        times[chosen] = late
        return f"times of flight below 0 or from {_SECOND} ns"


class ClockOffset(FaultKind):
    """Shifts the times that a message carries, and its time stamp; none goes below 0."""

    name = "clock_offset"
    does = "its times and its time stamp are shifted"
    accepted: ClassVar = {"offset": _OFFSET}
    may_be_constant = True

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:
        """Shift times in place."""
        shift = round(occasion.total * self.settings["offset"] * _SECOND)
        if (times := message.times) is not None:
            times[:] = (times + shift).clip(min=0)
        return replace(message, timestamp=max(message.timestamp + shift, 0)), f"clock {shift:+d} ns"


class ClockJump(ClockOffset):
    """Shifts them from a trigger on."""

    name = "clock_jump"
    does = "as for clock_offset, from a trigger on; each further jump adds up"
    adds_up = True
    may_be_constant = False


class Stale(FaultKind):
    """Has a message carry times of long ago; its time stamp is that of now."""

    name = "stale"
    does = "its times are older by so much, its time stamp is not"
    accepted: ClassVar = {"age": _span(60.0)}
    may_be_constant = True

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:  # noqa: ARG002
        """Shift times in place; a message that carries none stays as it is."""
        times = message.times
        if times is None or not len(times):
            return message, ""
        shift = round(self.settings["age"] * _SECOND)
        times[:] = (times - shift).clip(min=0)
        return message, f"times {-shift:+d} ns"


class Future(FaultKind):
    """Has a message's time stamp lie far ahead; the times that it carries are right."""

    name = "future"
    does = "its time stamp alone is so far ahead"
    accepted: ClassVar = {"ahead": _span(1800.0)}

    def apply(self, message: StreamMessage, occasion: Occasion) -> tuple[StreamMessage, str]:  # noqa: ARG002
        """Shift the time stamp."""
        shift = round(self.settings["ahead"] * _SECOND)
        return replace(message, timestamp=message.timestamp + shift), f"time stamp {shift:+d} ns"
