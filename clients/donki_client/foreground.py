"""A Player in the foreground: what ``donki player`` does."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import tango
from rich.console import Console

from donki.errors import DonkiError, ScriptError
from donki_client.facility import Address, DeviceServer, LocalFacility
from donki_client.facility.database import answers
from donki_client.facility.processes import Child
from donki_client.facility.servers import READY, running

LOOK = 0.1  # s, between two looks at the log

#: A line of PyTango's console log: 2026-11-22T17:27:32,267773+0000 INFO (file.py:6) donki/player/p0 text
LOG_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d),\d+(?P<zone>[+-]\d{4})\s+(?P<level>\w+)\s+"
    r"(?:\(\S+\)\s+)?(?P<device>\S+/\S+/\S+)\s(?P<text>.*)"
)


def run_player(name: str, database: Address, script: Path, console: Console) -> None:
    """Register the Player donki/player/NAME, run it and show its log until Ctrl-C.

    Raises
    ------
    DonkiError
        when no Tango database answers, the name is taken, the script is not usable, or the server dies
    """
    server = DeviceServer.player(name, script)
    if not answers(database):
        raise DonkiError(
            f"no Tango database answers at {database}; "
            f"start one (donki director {database}) or correct the address"
        )
    if elsewhere := running(database, server):
        raise DonkiError(
            f"{server.device} is already running ({elsewhere}); stop it there or choose another name"
        )
    with TemporaryDirectory(prefix="donki-player-") as folder, LocalFacility(Path(folder)) as facility:
        facility.use_database(database)
        with suppress(KeyboardInterrupt):
            _watch(facility, server, script, console)


def _watch(facility: LocalFacility, server: DeviceServer, script: Path, console: Console) -> None:
    [child] = facility.start_servers(server, options=["-v1"])
    proxy = tango.DeviceProxy(f"tango://{facility.database.tango_host}/{server.device}")
    if proxy.state() == tango.DevState.FAULT:
        raise ScriptError(proxy.status())
    console.print(
        f"{server.device} plays {script} in the database {facility.database}; Ctrl-C ends it", soft_wrap=True
    )
    for line in _lines(child):
        if line != READY:
            console.print(_readable(line, server.device), markup=False, soft_wrap=True)
    child.check_alive()


def _lines(child: Child) -> Iterator[str]:
    """Yield what a child writes, line by line, until it has ended."""
    with child.log.open(errors="replace") as log:
        part = ""
        while True:
            alive = child.is_alive
            part += log.read()
            *whole, part = part.split("\n")
            yield from whole
            if not alive:
                return
            if not whole:
                time.sleep(LOOK)


def _readable(line: str, device: str) -> str:
    """Return a line of the server's log as ``17:27:32 text``, with its level from a warning on."""
    match = LOG_LINE.fullmatch(line)
    if not match or match["device"].lower() != device.lower():
        return line
    stamp = datetime.strptime(match["time"] + match["zone"], "%Y-%m-%dT%H:%M:%S%z").astimezone()
    level = "" if match["level"] in ("INFO", "DEBUG") else f"{match['level']}: "
    return f"{stamp:%H:%M:%S} {level}{match['text']}"
