"""What faults do to a message: each function takes it whole and returns it damaged, and what was done."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from donki.streams.flatbuffer import fields, schema, target

MOST_SHOWN = 5
"""How many changed bytes are told one by one."""

_NO_PIXEL = 1 << 30
_PULSE = 71_428_571  # ns
_SECOND = 1_000_000_000

# Where each schema keeps its time, by the number of the field; of ev44 and tdct it is a vector.
_TIMES = {"f144": 1, "da00": 1, "ad00": 2, "al00": 1, "ep01": 0, "se00": 2}
_TIME_VECTORS = {"ev44": 2, "tdct": 1}
_EV44_TIMES_OF_FLIGHT, _EV44_PIXEL_IDS = 4, 5


def corrupt(message: bytearray, many: int, rng: np.random.Generator) -> tuple[bytearray, str]:
    """Change bytes anywhere in a message to other values."""
    many = min(many, len(message))
    places = np.sort(rng.choice(len(message), many, replace=False)).tolist()
    told = []
    for place in places:
        was = message[place]
        message[place] = was ^ int(rng.integers(1, 256))
        told.append(f"{place}: {was:02x} -> {message[place]:02x}")
    more = f" and {many - MOST_SHOWN} more" if many > MOST_SHOWN else ""
    return message, f"byte {', '.join(told[:MOST_SHOWN])}{more}"


def truncate(message: bytearray, rng: np.random.Generator) -> tuple[bytearray, str]:
    """Cut a message anywhere; at least one byte stays, and one is lost."""
    size = len(message)
    kept = int(rng.integers(1, max(size, 2)))
    return message[:kept], f"cut from {size} to {kept} bytes"


def wrong_pixel_ids(
    message: bytearray, events: int, share: float, rng: np.random.Generator
) -> tuple[bytearray, str]:
    """Give some events of an ev44 message pixel ids of 2**30 and more, which no detector has."""
    chosen, low = _choose(events, share, rng), _NO_PIXEL
    _column(message, _EV44_PIXEL_IDS)[chosen] = rng.integers(low, 2**31, len(chosen))
    return message, f"{len(chosen)} of {events} pixel ids from {low}"


def wrong_times_of_flight(
    message: bytearray, events: int, share: float, rng: np.random.Generator
) -> tuple[bytearray, str]:
    """Give some events of an ev44 message a time of flight before 0, or later than 1 s."""
    chosen = _choose(events, share, rng)
    early, late = rng.integers(-_PULSE, 0, len(chosen)), rng.integers(_SECOND, 2**31, len(chosen))
    _column(message, _EV44_TIMES_OF_FLIGHT)[chosen] = np.where(rng.random(len(chosen)) < 0.5, early, late)
    return message, f"{len(chosen)} of {events} times of flight below 0 or from {_SECOND} ns"


def shift_clock(message: bytearray, nanoseconds: int) -> tuple[bytearray, str]:
    """Shift the times that a message of the file writer's schemas carries; none goes below 0."""
    name = schema(message)
    if name in _TIME_VECTORS:
        field = fields(message)[_TIME_VECTORS[name]]
        start = target(message, field)
        (count,) = struct.unpack_from("<I", message, start)
        times = np.frombuffer(message, "<i8", count, start + 4)
        times[:] = np.maximum(times + nanoseconds, 0)
    elif name in _TIMES:
        field = fields(message)[_TIMES[name]]
        (time,) = struct.unpack_from("<q", message, field)
        struct.pack_into("<q", message, field, max(time + nanoseconds, 0))
    return message, f"clock {nanoseconds:+d} ns"


def _choose(events: int, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.choice(events, max(1, round(share * events)), replace=False)


def _column(message: bytearray, number: int) -> NDArray[np.int32]:
    start = target(message, fields(message)[number])
    (count,) = struct.unpack_from("<I", message, start)
    return np.frombuffer(message, "<i4", count, start + 4)
