"""What a trigger costs through many Players that share servers, against a bare Group call of 32 processes.

For each layout, players:servers, the Players have empty actions and one priority. Told are how long all took
to start, the memory of their servers (proportional set size: what is shared is counted once), the median time
of a trigger as fast as the Players answer, that for each Player, and how many of the triggers at 7 Hz were
late. The floor, in the same run and in turn: a bare ``tango.Group.command_inout`` of 32 Players in a process
each, in ms a call.

    python benchmarks/many_players.py [--layouts 1:1 8:1 32:2 128:4 1000:16] [--rounds 5]
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import tango
from rich.console import Console
from rich.table import Table
from triggers import EMPTY, director_round, group_round, wait_for

from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility

#: The Players of the bare Group call.
FLOOR = 32

RATE = 7.0  # Hz


def memory(pids: list[int]) -> float:
    """Return the memory of processes, in MB."""
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3


def late_at_rate(director: tango.DeviceProxy, seconds: float) -> str:
    """Return how many of the triggers of some seconds at the rate were late."""
    director.Period = 1 / RATE
    first, late = director.CurrentTrigger, director.Overruns
    director.Resume()
    time.sleep(seconds)
    director.Pause()
    wait_for(director, "STANDBY")
    director.Period = 0
    return f"{director.Overruns - late} of {director.CurrentTrigger - first}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layouts", nargs="+", default=["1:1", "8:1", "32:2", "128:4", "1000:16"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    options = parser.parse_args()
    table = Table(title="One trigger through many Players with empty actions", box=None)
    for column in ("Players", "servers", "start s", "memory MB", "trigger ms", "a Player us"):
        table.add_column(column, justify="right")
    for column in ("Group of 32 ms", "ratio", f"late at {RATE:g} Hz"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as folder, LocalFacility(Path(folder)) as facility:
        script = Path(folder, "empty.py")
        script.write_text(EMPTY)
        host = f"tango://{facility.start_database().tango_host}"
        alone = [DeviceServer.player(f"alone{number:02}", script, priority=0) for number in range(FLOOR)]
        facility.start_servers(*alone)
        group = tango.Group("players")
        for server in alone:
            group.add(f"{host}/{server.device}")
            tango.DeviceProxy(f"{host}/{server.device}").Start()
        group.set_timeout_millis(10_000)
        numbers = itertools.count(10**9)
        group_round(group, numbers, 0.5)
        for layout in options.layouts:
            players, servers = map(int, layout.split(":"))
            held = [
                DeviceServer.together(
                    f"s{layout.replace(':', '-')}-{server}",
                    [
                        DeviceServer.player(f"p{layout.replace(':', '-')}-{number:04}", script, priority=0)
                        for number in range(server, players, servers)
                    ],
                )
                for server in range(servers)
            ]
            began = time.monotonic()
            children = facility.start_servers(*held)
            took = time.monotonic() - began
            director_server = DeviceServer.director(
                f"d{players}", PlayerDevices=[device.name for server in held for device in server.devices]
            )
            (conducting,) = facility.start_servers(director_server)
            director = tango.DeviceProxy(f"{host}/{director_server.device}")
            director.set_timeout_millis(20_000)
            director.Triggers = -1
            director.Start()
            director.Pause()
            wait_for(director, "STANDBY")
            used = memory([child.pid for child in children])
            pairs = [
                (director_round(director, options.seconds), group_round(group, numbers, options.seconds))
                for _ in range(options.rounds)
            ]
            late = late_at_rate(director, 3 * options.seconds)
            director.Stop()
            wait_for(director, "ON")
            for child in (conducting, *children):
                child.kill()
            ours, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
            table.add_row(
                *(str(players), str(servers), f"{took:.1f}", f"{used:.0f}", f"{ours / 1e3:.2f}"),
                *(f"{ours / players:.0f}", f"{bare / 1e3:.2f}", f"{ours / bare:.2f}", late),
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
