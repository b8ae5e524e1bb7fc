"""A scenario on several hosts, each with its own Starter, compared with the same on this machine alone.

The hosts are network namespaces with processes, a name and a disk of their own; the Tango database is the
C++ one on MariaDB. In turn, the same Players in as many servers are started here. Needs root, and what
``tests/integration/test_scenario_hosts.py`` needs.

    python benchmarks/hosts.py [--hosts 4] [--players 8] [--triggers 500] [--rounds 3]
"""

from __future__ import annotations

import argparse
import io
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from donki_client.scenario.file import read_scenario
from donki_client.scenario.playing.play import play

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.host_world import HostWorld

EMPTY = "def action(trigger):\n    pass\n"


def measured(world: HostWorld, players: int, triggers: int, *, on_hosts: bool) -> tuple[float, float]:
    """Return how long a trigger took in ms, and all around the sequence in s."""
    lines = [
        f"p{number}-{host}: {{script: ../shared/empty.py, server: bank-{host}{where}}}"
        for host in world.hosts
        for where in [f", host: {host}" if on_hosts else ""]
        for number in range(players)
    ]
    named = {"database": world.address, "broker": world.broker, "triggers": triggers}
    scenario = read_scenario(Path(world.scenario("measured", "\n".join(lines), **named)))
    said = io.StringIO()
    began = time.monotonic()
    if not play(scenario, "measured", Console(file=said, width=200), journaled=False):
        raise SystemExit(said.getvalue())
    took = time.monotonic() - began
    [played] = re.findall(r"Played +([\d.]+) s", said.getvalue())
    return 1e3 * float(played) / triggers, took - float(played)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--players", type=int, default=8, help="of each host, in one server")
    parser.add_argument("--triggers", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    names = [f"bench-{number}" for number in range(options.hosts)]
    found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder, HostWorld(Path(folder), *names) as world:
        (world.shared / "empty.py").write_text(EMPTY)
        for _ in range(options.rounds):
            for on_hosts, its in found.items():
                its.append(measured(world, options.players, options.triggers, on_hosts=on_hosts))
    table = Table("where", "ms a trigger", "s to start, read back and end")
    for on_hosts, its in found.items():
        trigger, around = (statistics.median(column) for column in zip(*its, strict=True))
        where = f"{options.hosts} hosts" if on_hosts else "this machine"
        table.add_row(
            f"{options.hosts * options.players} Players, {where}", f"{trigger:.2f}", f"{around:.1f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
