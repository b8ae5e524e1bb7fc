"""What one trigger costs: the Director through 1, 8 and 32 Players with empty actions, against bare floors.

Each Player runs in a process of its own. In the same run, in turn with the Director, a bare
``tango.Group.command_inout`` calls the same command of the same Players; TCP and pyzmq ping-pongs stand
beside.

    python benchmarks/triggers.py [--players 1 8 32] [--seconds 1.0] [--rounds 7]
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import socket
import statistics
import tempfile
import time
from pathlib import Path

import tango
import zmq
from rich.console import Console
from rich.table import Table

from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility

EMPTY = "def action(trigger):\n    pass\n"


def wait_for(proxy: tango.DeviceProxy, state: str) -> None:
    end = time.monotonic() + 30
    while str(proxy.state()) != state:
        if time.monotonic() > end:
            raise SystemExit(f"the Director did not become {state}: {proxy.LastError or proxy.Status()}")
        time.sleep(0.01)


def director_round(director: tango.DeviceProxy, seconds: float) -> float:
    """Return the mean time of a trigger in µs while the Director sends as fast as it can."""
    director.Resume()
    time.sleep(0.1)
    first, began = director.CurrentTrigger, time.perf_counter()
    time.sleep(seconds)
    last, ended = director.CurrentTrigger, time.perf_counter()
    director.Pause()
    wait_for(director, "STANDBY")
    return (ended - began) / (last - first) * 1e6


def group_round(group: tango.Group, numbers: itertools.count[int], seconds: float) -> float:
    """Return the mean time of one call of the whole group in µs."""
    began = time.perf_counter()
    calls = 0
    while (ended := time.perf_counter()) - began < seconds:
        for reply in group.command_inout("Trigger", str(next(numbers))):
            reply.get_data()
        calls += 1
    return (ended - began) / calls * 1e6


def echo_tcp(connection: multiprocessing.connection.Connection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection.send(server.getsockname()[1])
        peer, _ = server.accept()
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := peer.recv(64):
                peer.sendall(data)


def echo_zmq(connection: multiprocessing.connection.Connection) -> None:
    with zmq.Context() as context, context.socket(zmq.REP) as peer:
        connection.send(peer.bind_to_random_port("tcp://127.0.0.1"))
        while data := peer.recv():
            peer.send(data)
        peer.send(b"")


def ping_pong(echo, exchange_with) -> float:
    """Return the median time of a round trip of 16 bytes in µs."""
    here, there = multiprocessing.Pipe()
    peer = multiprocessing.Process(target=echo, args=(there,), daemon=True)
    peer.start()
    with exchange_with(here.recv()) as exchange:
        times = []
        for _ in range(5000):
            began = time.perf_counter()
            exchange(b"0123456789abcdef")
            times.append(time.perf_counter() - began)
    peer.terminate()
    peer.join()
    return statistics.median(times) * 1e6


class TcpExchange:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __call__(self, data: bytes) -> None:
        self._socket.sendall(data)
        self._socket.recv(64)

    def __exit__(self, *_: object) -> None:
        self._socket.close()


class ZmqExchange:
    def __init__(self, port: int) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REQ)
        self._socket.connect(f"tcp://127.0.0.1:{port}")

    def __enter__(self):
        return self

    def __call__(self, data: bytes) -> None:
        self._socket.send(data)
        self._socket.recv()

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--players", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=1.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    table = Table(title="One trigger through N Players with empty actions (median of the rounds' means, µs)")
    for column in ("Players", "Director", "bare Group", "ratio", "ratio min-max"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as folder, LocalFacility(Path(folder)) as facility:
        script = Path(folder, "empty.py")
        script.write_text(EMPTY)
        host = f"tango://{facility.start_database().tango_host}"
        names = [f"p{number:02}" for number in range(max(options.players))]
        players = [DeviceServer.player(name, script, priority=0) for name in names]
        facility.start_servers(DeviceServer.director())
        for first in range(0, len(players), 8):
            facility.start_servers(*players[first : first + 8])
        director = tango.DeviceProxy(f"{host}/donki/director/1")
        numbers = itertools.count(10**9)
        for count in options.players:
            priorities = [0 if number < count else -1 for number in range(len(names))]
            director.Check()
            director.SetPriority([priorities, names])
            director.Triggers = -1
            director.Start()
            director.Pause()
            wait_for(director, "STANDBY")
            group = tango.Group("players")
            for name in names[:count]:
                group.add(f"{host}/donki/player/{name}")
            group.set_timeout_millis(10_000)
            group_round(group, numbers, 0.2)
            pairs = [
                (director_round(director, options.seconds), group_round(group, numbers, options.seconds))
                for _ in range(options.rounds)
            ]
            director.Stop()
            wait_for(director, "ON")
            ratios = sorted(ours / bare for ours, bare in pairs)
            ours, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
            spread = f"{ratios[0]:.2f}-{ratios[-1]:.2f}"
            table.add_row(
                str(count), f"{ours:.0f}", f"{bare:.0f}", f"{statistics.median(ratios):.2f}", spread
            )
    floors = Table(title="Floors: one round trip on loopback, two processes (p50, µs)")
    floors.add_column("what")
    floors.add_column("µs", justify="right")
    floors.add_row("TCP ping-pong", f"{ping_pong(echo_tcp, TcpExchange):.0f}")
    floors.add_row("pyzmq REQ/REP", f"{ping_pong(echo_zmq, ZmqExchange):.0f}")
    console = Console()
    console.print(table)
    console.print(floors)


if __name__ == "__main__":
    main()
