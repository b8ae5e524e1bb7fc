"""How fast raw readouts are sent over loopback: each kind of front end, for pulses of 12,400 events.

The floor sends the same packets, made before, by ``sendto`` in a loop; both take turns, and the best round of
each counts. Nothing holds the senders back, so what is not read in time is lost: another process reads as
fast as Python may, and the share of packets that came is shown.

    python benchmarks/readouts.py [--pulses 100] [--rounds 5]
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import time
from collections.abc import Callable
from ctypes import c_int64

import numpy as np
from rich.console import Console
from rich.table import Table

from donki.streams.readouts.ess_time import ess_time
from donki.streams.readouts.front_end import FrontEnd
from donki.streams.readouts.front_ends import FRONT_ENDS
from donki.streams.readouts.packet import Pulse, by_packet, packet, readouts_of
from donki.streams.readouts.pulses import ReadoutPulses
from donki.streams.readouts.sender import ReadoutSender

EVENTS = 12_400
PULSE = 71_428_571  # ns
START = 1_700_000_000_000_000_000
#: Beyond what any loopback does.
NO_LIMIT = 100_000_000_000


def receive(buffer: socket.socket, count: c_int64) -> None:
    """Count packets as they come, in a process of its own."""
    while True:
        buffer.recv(9000)
        count.value += 1


def packets_of(front_end: type[FrontEnd], tof: np.ndarray, pixel: np.ndarray) -> list[bytes]:
    time = ess_time(START)
    return [
        packet(front_end.detector_type, Pulse(time, time), queue, 0, records)
        for queue, records in by_packet(readouts_of(front_end, time, tof, pixel))
    ]


def seconds(send: Callable[[], None]) -> float:
    began = time.perf_counter()
    send()
    return time.perf_counter() - began


def measure(name: str, address: tuple[str, int], count: c_int64, pulses: int, rounds: int) -> list[str]:
    """Return a row of the table."""
    front_end = FRONT_ENDS.find(name)
    assert front_end
    rng = np.random.default_rng(1)
    first, last = front_end.pixels
    pixel = rng.integers(first, last, EVENTS, dtype=np.int32, endpoint=True)
    tof = rng.integers(0, PULSE, EVENTS, dtype=np.int32)
    packets = packets_of(front_end, tof, pixel)
    sender = ReadoutSender("{}:{}".format(*address), NO_LIMIT)
    stream = ReadoutPulses(front_end, sender, name, first, last)
    bare = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def ours() -> None:
        for number in range(pulses):
            stream.send(START + number * PULSE, PULSE, tof, pixel)

    def floor() -> None:
        for _ in range(pulses):
            for made in packets:
                bare.sendto(made, address)

    before = count.value
    times = [(seconds(ours), seconds(floor)) for _ in range(rounds)]
    time.sleep(0.2)
    came = (count.value - before) / (2 * sender.counts.packets)
    sender.close()
    bare.close()
    best, best_floor = (min(column) for column in zip(*times, strict=True))
    size = sum(map(len, packets))
    return [
        name,
        f"{len(packets)}",
        f"{1e3 * best / pulses:.2f}",
        f"{pulses * EVENTS / best / 1e6:.1f}",
        f"{pulses * size / best / 1e6:.0f}",
        f"{best_floor / best:.2f}",
        f"{100 * came:.0f} %",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pulses", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    table = Table(title=f"Readouts of pulses of {EVENTS:,} events, best of {asked.rounds} rounds")
    for column in ("front ends", "packets\na pulse", "ms\na pulse", "10⁶ readouts\na second", "MB/s"):
        table.add_column(column, justify="left" if column == "front ends" else "right")
    table.add_column("/ floor:\nsendto", justify="right")
    table.add_column("came", justify="right")
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 26)
    receiver.bind(("127.0.0.1", 0))
    count = multiprocessing.Value(c_int64, lock=False)
    multiprocessing.get_context("fork").Process(target=receive, args=(receiver, count), daemon=True).start()
    for name in FRONT_ENDS:
        table.add_row(*measure(name, receiver.getsockname(), count, asked.pulses, asked.rounds))
    Console().print(table)


if __name__ == "__main__":
    main()
