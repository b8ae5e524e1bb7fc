"""An event formation unit for tests: what its public headers and geometries say, and nothing of ours.

Written from the sources of ess-dmsc/event-formation-unit: ``common/readout/ess/Parser``,
``common/time/ESSTime``, the parsers of the modules caen and dream, the geometries of loki, bifrost and dream.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from streaming_data_types.eventdata_ev44 import EventData

TICKS = 88_052_500
MOST_BYTES = 8972
QUEUES = 12
LOKI, BIFROST, DREAM = 0x30, 0x34, 0x60

HEADER = struct.Struct("<BBIHBBIIIIIH")
CAEN = struct.Struct("<BBHIIBBHhhhh")
CDT = struct.Struct("<BBHIIBBBB")
RECORDS = {LOKI: CAEN, BIFROST: CAEN, DREAM: CDT}


class Time(NamedTuple):
    high: int
    low: int

    @property
    def ns(self) -> int:
        return self.high * 1_000_000_000 + int(self.low * (1e9 / TICKS))

    @property
    def ticks(self) -> int:
        return self.high * TICKS + self.low


class Packet(NamedTuple):
    detector_type: int
    queue: int
    number: int
    pulse: Time
    previous: Time
    readouts: list[tuple[int, ...]]
    size: int


def parse(data: bytes) -> Packet:
    """Read a packet as the unit does; it would count an error where this fails."""
    assert HEADER.size == 32 <= len(data) <= MOST_BYTES
    padding, version, cookie, length, queue, source, *times, number, more_padding = HEADER.unpack_from(data)
    assert (padding, version, more_padding) == (0, 1, 0)
    assert cookie & 0xFFFFFF == 0x535345  # "ESS", little-endian
    assert length == len(data)
    assert queue < QUEUES
    assert not source & 0b10101011
    pulse, previous = Time(*times[:2]), Time(*times[2:])
    assert max(pulse.low, previous.low) < TICKS
    assert 0 <= pulse.ns - previous.ns <= 5 * 71_428_571
    record = RECORDS[cookie >> 24]
    assert (length - HEADER.size) % record.size == 0
    readouts = [record.unpack_from(data, at) for at in range(HEADER.size, length, record.size)]
    for fiber, fen, size, _, low, *_ in readouts:
        assert size == record.size
        assert fiber <= 23
        assert fen <= (12 if cookie >> 24 == DREAM else 23)
        assert low < TICKS
    return Packet(cookie >> 24, queue, number, pulse, previous, readouts, len(data))


# Topology of LoKI: by bank its first straw and tubes in a layer, by ring its bank, front ends and the first.
LOKI_BANKS = [
    *[(0, 56), (1568, 16), (2016, 12), (2352, 16), (2800, 12), (3136, 28), (3920, 32), (4816, 20)],
    (5376, 32),
]
LOKI_RINGS = [
    *[(0, 16, 0), (0, 12, 16), (1, 8, 0), (2, 6, 0), (3, 8, 0), (4, 6, 0), (5, 14, 0), (6, 16, 0)],
    *[(7, 10, 0), (8, 16, 0)],
]
LOKI_STRAWS = [
    *[(0.0, 0.143), (0.144, 0.286), (0.287, 0.429), (0.43, 0.571), (0.572, 0.714), (0.715, 0.857)],
    (0.858, 1.0),
]
BIFROST_TUBES = [(0.0, 0.333), (0.334, 0.667), (0.668, 1.0)]


def interval_of(intervals: list[tuple[float, float]], place: float) -> int:
    (found,) = [number for number, (low, high) in enumerate(intervals) if low <= place <= high]
    return found


def loki_pixel(readout: tuple[int, ...]) -> int:
    fiber, fen, _, _, _, _, group, _, a, b, c, d = readout
    bank, fens, first = LOKI_RINGS[fiber // 2]
    assert fen < fens
    straws, tubes = LOKI_BANKS[bank]
    total = a + b + c + d
    assert min(a, b, c, d) >= 0
    straw = interval_of(LOKI_STRAWS, (b + d) / total)
    y = straws + group % 4 * tubes * 7 + (first + fen) * 2 * 7 + 7 * (group // 4) + straw
    return y * 512 + round((a + b) / total * 511) + 1


def bifrost_pixel(readout: tuple[int, ...]) -> int:
    fiber, fen, _, _, _, _, group, _, a, b, c, d = readout
    assert fen == c == d == 0
    assert group <= 15
    assert 0 < a + b <= 32767
    tube = interval_of(BIFROST_TUBES, a / (a + b))
    low, high = BIFROST_TUBES[tube]
    x = fiber // 2 * 300 + group % 3 * 100 + int((a / (a + b) - low) / (high - low) * 99)
    return (group // 3 * 3 + tube) * 900 + x + 1


def dream_pixel(readout: tuple[int, ...]) -> int:
    fiber, fen, _, _, _, _, unit, cathode, anode = readout
    ring = fiber // 2
    if ring <= 2:
        return end_cap_pixel(ring, fen, unit, cathode, anode)
    mounting, cassette = (4, fen - 6) if fen >= 6 else (ring - 3, fen)
    assert cassette < 6
    assert fen < 6 or ring == 6
    wire, counter = anode % 32, anode // 32 % 2
    return 229376 + (60 * wire + 12 * mounting + 2 * cassette + counter) * 256 + cathode + 1


def end_cap_pixel(ring: int, fen: int, sumo: int, cathode: int, anode: int) -> int:
    sector = fen // 2 + 6 * (ring == 1)
    assert (fen % 2 == 0) == (sumo in (6, 5))
    offset, cassettes = {3: (48, 4), 4: (36, 6), 5: (20, 8), 6: (0, 10)}[sumo]
    block, pair = anode // 32, cathode // 16
    cassette = {
        6: -block + 2 * pair,
        5: block + 2 * pair,
        4: block + 2 * pair - 1,
        3: block + 2 * (cathode // 32),
    }[sumo]
    assert 0 <= cassette < cassettes
    x = sector * 56 + offset + 2 * cassette + anode // 16 % 2
    y = cathode % 16 * 16 + anode % 16
    first, width, sectors = (0, 280, 5) if ring == 2 else (71680, 616, 11)
    assert sector < sectors
    return first + y * width + x + 1


PIXELS = {LOKI: loki_pixel, BIFROST: bifrost_pixel, DREAM: dream_pixel}


@dataclass
class Unit:
    """Forms events from packets, and counts what is missing between them.

    Attributes
    ----------
    events
        how often there was an event: ticks of its pulse, ticks of its time of flight, pixel id
    in_ns
        the same with times in ns, as the unit gives them to Kafka
    heartbeats
        the pulses of packets without readouts
    lost
        packets whose numbers were passed over
    """

    events: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    in_ns: list[tuple[int, int, int]] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    heartbeats: list[Time] = field(default_factory=list)
    lost: int = 0
    _next: Counter[int] = field(default_factory=Counter)

    def take(self, data: bytes) -> None:
        packet = parse(data)
        self.packets.append(packet)
        assert packet.number >= self._next[packet.queue]
        self.lost += packet.number - self._next[packet.queue]
        self._next[packet.queue] = packet.number + 1
        if not packet.readouts:
            self.heartbeats.append(packet.pulse)
        for readout in packet.readouts:
            assert readout[0] // 2 == packet.queue
            at, pixel = Time(*readout[3:5]), PIXELS[packet.detector_type](readout)
            self.events[packet.pulse.ticks, at.ticks - packet.pulse.ticks, pixel] += 1
            self.in_ns.append((packet.pulse.ns, at.ns - packet.pulse.ns, pixel))

    @property
    def readouts(self) -> int:
        return sum(self.events.values())


def ticks(ns: int) -> int:
    """Return the nearest tick."""
    return round(ns * TICKS / 1e9)


def ticks_of(ns: int) -> int:
    """Return the nearest tick of a time since 1970, which is too large for a float."""
    seconds, rest = divmod(int(ns), 1_000_000_000)
    return seconds * TICKS + ticks(rest)


def events_of(messages: Iterable[EventData]) -> Counter[tuple[int, int, int]]:
    """Return how often there is an event in ev44 messages, as `Unit.events` has it."""
    return Counter(
        (ticks_of(message.reference_time[0]), ticks(tof), pixel)
        for message in messages
        for tof, pixel in zip(message.time_of_flight.tolist(), message.pixel_id.tolist(), strict=True)
    )


class Receiver:
    """A socket that packets come to, with a buffer for so many bytes.

    Attributes
    ----------
    address
        HOST:PORT
    """

    def __init__(self, buffer: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # As root more than the system allows others.
        for option in (getattr(socket, "SO_RCVBUFFORCE", 33), socket.SO_RCVBUF):
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, option, buffer)
                break
            except PermissionError:
                pass
        self._socket.bind(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._socket.getsockname())

    def waiting(self, limit: float = 0.0) -> Iterator[bytes]:
        """Yield what has come; what is sent over loopback has come when the sending returns."""
        deadline = time.monotonic() + limit
        while True:
            self._socket.settimeout(max(0.0, deadline - time.monotonic()))
            try:
                yield self._socket.recv(65_536)
            except (BlockingIOError, TimeoutError):
                return

    def read(self, unit: Unit) -> Unit:
        """Let a unit take what has come."""
        for data in self.waiting():
            unit.take(data)
        return unit

    def close(self) -> None:
        self._socket.close()


@contextmanager
def a_receiver(buffer: int = 64_000_000) -> Iterator[Receiver]:
    receiver = Receiver(buffer)
    try:
        yield receiver
    finally:
        receiver.close()
