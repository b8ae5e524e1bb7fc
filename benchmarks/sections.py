"""What one trigger costs through a section, and through sections of sections, against a Director alone.

The same Players with empty actions, each in a process of its own, play for one Director after the other: for
one directly, for one whose only Player is a section that has them, and for one above that. A bare
``tango.Group.command_inout`` calls them in the same rounds.

    python benchmarks/sections.py [--players 8] [--seconds 1.0] [--rounds 5]
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

LEVELS = ("directly", "through a section", "through two levels")


def a_round(director: tango.DeviceProxy, seconds: float) -> float:
    """Return the mean time of a trigger in a run of its own, in µs."""
    end = time.monotonic() + 60
    while True:
        try:
            director.Arm()
            break
        except tango.DevFailed:
            # On a busy machine somebody may have been silent, or is still ending.
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
    wait_for(director, "STANDBY")
    taken = director_round(director, seconds)
    director.Stop()
    wait_for(director, "ON")
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--players", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, LocalFacility(Path(folder)) as facility:
        script = Path(folder, "empty.py")
        script.write_text(EMPTY)
        host = f"tango://{facility.start_database().tango_host}"
        names = [f"p{number:02}" for number in range(options.players)]
        facility.start_servers(*(DeviceServer.player(name, script, priority=0) for name in names))
        runs = str(Path(folder, "runs"))
        facility.start_servers(
            DeviceServer.director("0", RunDirectory=runs),
            DeviceServer.section("1", RunDirectory=runs),
            DeviceServer.director("1", PlayerDevices="donki/section/1", RunDirectory=runs),
            DeviceServer.section("2", PlayerDevices="donki/section/1", RunDirectory=runs),
            DeviceServer.director("2", PlayerDevices="donki/section/2", RunDirectory=runs),
        )
        directors = [tango.DeviceProxy(f"{host}/donki/director/{level}") for level in range(len(LEVELS))]
        group = tango.Group("players")
        for name in names:
            group.add(f"{host}/donki/player/{name}")
            tango.DeviceProxy(f"{host}/donki/player/{name}").command_inout("Start")
        group.set_timeout_millis(10_000)
        numbers = itertools.count(10**9)
        rounds = []
        for _ in range(options.rounds):
            for name in names:
                tango.DeviceProxy(f"{host}/donki/player/{name}").command_inout("Start")
            bare = group_round(group, numbers, options.seconds)
            for name in names:
                tango.DeviceProxy(f"{host}/donki/player/{name}").command_inout("Stop")
            rounds.append((bare, *(a_round(director, options.seconds) for director in directors)))

    table = Table(title=f"One trigger through {options.players} Players with empty actions (median, µs)")
    for column in ("how", "µs", "of bare", "of direct"):
        table.add_column(column, justify="right")
    bare, alone, *_ = (statistics.median(side) for side in zip(*rounds, strict=True))
    table.add_row("bare Group", f"{bare:.0f}", "1", "")
    for level, how in enumerate(LEVELS, start=1):
        taken = statistics.median(each[level] for each in rounds)
        table.add_row(how, f"{taken:.0f}", f"{taken / bare:.2f}", f"{taken / alone:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
