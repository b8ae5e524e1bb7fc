"""Whether many runs, with Inits of the Director and of a Player among them, leave anything in the servers.

Each run sends a few triggers to two Players, one of which writes a NeXus file; after every second run the
Director is initialised, after every fifth a Player. Threads, open files and memory (USS) of the Director and
that Player are shown after each tenth of the runs.

    python benchmarks/inits.py [--runs 500]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import psutil
import tango
from rich.console import Console
from rich.table import Table
from triggers import EMPTY, wait_for

from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility


def held(process: psutil.Process) -> tuple[int, int, float]:
    """Return the threads, the open files and sockets, and the MB that a process has for itself."""
    return process.num_threads(), process.num_fds(), process.memory_full_info().uss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=500)
    runs = parser.parse_args().runs
    table = Table(title=f"{runs} runs of 5 triggers, with Inits")
    for column in ("runs", "Director: threads", "files", "MB", "Player: threads", "files", "MB"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as folder, LocalFacility(Path(folder)) as facility:
        script = Path(folder, "empty.py")
        script.write_text(EMPTY)
        host = f"tango://{facility.start_database().tango_host}"
        children = facility.start_servers(
            DeviceServer.director(RunDirectory=folder),
            DeviceServer.player("p0", script, priority=0, FileDirectory=folder),
            DeviceServer.player("p1", script, priority=0),
        )
        processes = [psutil.Process(child.pid) for child in children[:2]]
        director = tango.DeviceProxy(f"{host}/donki/director/1")
        player = tango.DeviceProxy(f"{host}/donki/player/p0")
        for device in (director, player):
            device.set_timeout_millis(20_000)
        director.Triggers = 5
        director.Check()
        for number in range(1, runs + 1):
            director.Start()
            wait_for(director, "ON")
            if number % 5 == 0:
                player.Init()
            if number % 2 == 0:
                director.Init()
            if number % max(1, runs // 10) == 0:
                time.sleep(1)
                table.add_row(
                    str(number), *(f"{value:.0f}" for process in processes for value in held(process))
                )
    Console().print(table)


if __name__ == "__main__":
    main()
