"""The packets of the ESS readout system: a header, then as many readouts as fit.

The layout is that of version 1 of the header in the event formation unit (ess-dmsc/event-formation-unit,
``src/common/readout/ess/Parser.h``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from donki.streams.readouts.ess_time import EssTime, times_after
from donki.streams.readouts.front_end import FrontEnd

MOST_BYTES = 8972
"""Of a packet: what an Ethernet frame of 9000 bytes has room for, and the event formation unit takes."""

#: Padding, version, cookie, detector type, length, output queue, time source, the pulse and the one before
#: (seconds and ticks each), sequence number, padding. The time source is 0: in order.
_HEADER = struct.Struct("<BB3sBHBBIIIIIH")
_VERSION = 1
_COOKIE = b"ESS"


class Pulse(NamedTuple):
    """Which pulse a packet belongs to, and which was before."""

    time: EssTime
    previous: EssTime


class QueuedReadouts(NamedTuple):
    """The readouts that one packet has, and the output queue that it leaves by."""

    queue: int
    records: NDArray[np.void]


def readouts_of(
    front_end: type[FrontEnd], pulse: EssTime, time_of_flight: NDArray[np.int32], pixel_id: NDArray[np.int32]
) -> NDArray[np.void]:
    """Return what front ends tell of the events of a pulse, in their order, shape (n,).

    Parameters
    ----------
    front_end
        the kind of front ends
    pulse
        when the pulse was
    time_of_flight, pixel_id
        of the events, ns after the pulse and pixels that the front ends read out, shape (n,) each
    """
    records = np.zeros(len(pixel_id), front_end.record)
    records["length"] = front_end.record.itemsize
    records["time_high"], records["time_low"] = times_after(pulse, time_of_flight)
    front_end.read_out(pixel_id, records)
    return records


def by_packet(records: NDArray[np.void]) -> Iterator[QueuedReadouts]:
    """Share readouts, at least one, out among packets: each ring has its queue, where their order stays."""
    most = (MOST_BYTES - _HEADER.size) // records.dtype.itemsize
    queues = records["fiber"] // 2
    counts = np.bincount(queues).tolist()
    if len(records) != counts[-1]:
        # As they lie in memory: field by field it takes ten times as long.
        whole = records.view(f"V{records.dtype.itemsize}")
        records = whole.take(queues.argsort(kind="stable")).view(records.dtype)
    begin = 0
    for queue, count in enumerate(counts):
        for first in range(begin, begin + count, most):
            yield QueuedReadouts(queue, records[first : min(first + most, begin + count)])
        begin += count


def packet(detector_type: int, pulse: Pulse, queue: int, number: int, records: NDArray[np.void]) -> bytes:
    """Return a packet; one without readouts is a heartbeat, which tells of the pulse alone.

    Parameters
    ----------
    detector_type
        of the front ends
    pulse
        that it belongs to
    queue, number
        the output queue, and how many packets left by it before
    records
        the readouts, shape (n,)
    """
    length = _HEADER.size + records.nbytes
    head = (0, _VERSION, _COOKIE, detector_type, length, queue, 0, *pulse.time, *pulse.previous)
    return _HEADER.pack(*head, number % 2**32, 0) + records.tobytes()
