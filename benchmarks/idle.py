"""What idle Players cost: 128 in one server, with and without somebody who follows all of their attributes.

python benchmarks/idle.py [--players 128] [--seconds 10]
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
from triggers import EMPTY

from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility


def used(process: psutil.Process, seconds: float) -> float:
    """Return the part of one core that a process uses, in %."""
    process.cpu_percent()
    time.sleep(seconds)
    return process.cpu_percent()


def follow(player: tango.DeviceProxy) -> None:
    for name in player.get_attribute_list():
        player.subscribe_event(name, tango.EventType.CHANGE_EVENT, lambda _event: None)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--players", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    table = Table(title=f"{options.players} idle Players in one server")
    table.add_column("followed by")
    table.add_column("% of a core", justify="right")
    with tempfile.TemporaryDirectory() as folder, LocalFacility(Path(folder)) as facility:
        script = Path(folder, "empty.py")
        script.write_text(EMPTY)
        database = facility.start_database()
        server = DeviceServer.player("idle0", script, priority=0)
        names = [f"donki/player/idle{number}" for number in range(options.players)]
        known = tango.Database(database.host, database.port)
        for name in names[1:]:
            info = tango.DbDevInfo()
            info.name, info._class, info.server = name, server.kind, server.name  # noqa: SLF001 - its only name
            known.add_device(info)
            known.put_device_property(name, {"ScriptPath": folder})
            known.put_device_attribute_property(name, {"Script": {"__value": [script.name]}})
        [child] = facility.start_servers(server)
        process = psutil.Process(child.pid)
        players = [tango.DeviceProxy(f"tango://{database.tango_host}/{name}") for name in names]
        time.sleep(2)
        table.add_row("nobody", f"{used(process, options.seconds):.1f}")
        for player in players:
            follow(player)
        time.sleep(2)
        table.add_row("one client, all attributes", f"{used(process, options.seconds):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
