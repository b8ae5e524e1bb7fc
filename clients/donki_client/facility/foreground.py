"""A Player in the foreground: what ``donki player`` does."""

from __future__ import annotations

import re
import subprocess
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import tango
from rich.console import Console

from donki.errors import DonkiError, ScriptError
from donki_client.errors import translated
from donki_client.facility.address import Address
from donki_client.facility.database import answers
from donki_client.facility.processes import ending, spawn
from donki_client.facility.servers import READY, START_LIMIT, DeviceServer, command_line, register, running

STOP_LIMIT = 3.0  # s

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
    register(database, server)
    log = ["-v1"]  # the script's lines are on Tango's level INFO
    with (
        suppress(KeyboardInterrupt),
        spawn(*command_line(database, server, log), output=subprocess.PIPE) as process,
    ):
        try:
            _await_ready(process, server, database)
            console.print(
                f"{server.device} plays {script} in the database {database}; Ctrl-C ends it", soft_wrap=True
            )
            for line in process.stdout or ():
                console.print(_readable(line, server.device), markup=False, soft_wrap=True)
            raise DonkiError(f"{server.name} {ending(process.wait())}")
        finally:
            _end(process)


def _await_ready(process: subprocess.Popen[bytes], server: DeviceServer, database: Address) -> None:
    """Wait until the device answers, with a usable script."""
    watchdog = threading.Timer(START_LIMIT, process.kill)
    watchdog.start()
    written = []
    try:
        for line in process.stdout or ():
            written.append(line.decode(errors="replace"))
            if READY in written[-1]:
                break
        else:
            raise DonkiError(f"{server.name} {ending(process.wait())}; it wrote:\n{''.join(written)}")
    finally:
        watchdog.cancel()
    device = f"tango://{database.tango_host}/{server.device}"
    with translated(device):
        player = tango.DeviceProxy(device)
        if player.state() == tango.DevState.FAULT:
            raise ScriptError(player.status())


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_LIMIT)
    process.kill()


def _readable(raw: bytes, device: str) -> str:
    """Return a line of the server's log as ``17:27:32 text``, with its level from a warning on."""
    line = raw.decode(errors="replace").rstrip()
    match = LOG_LINE.fullmatch(line)
    if not match or match["device"].lower() != device.lower():
        return line
    stamp = datetime.strptime(match["time"] + match["zone"], "%Y-%m-%dT%H:%M:%S%z").astimezone()
    level = "" if match["level"] in ("INFO", "DEBUG") else f"{match['level']}: "
    return f"{stamp:%H:%M:%S} {level}{match['text']}"
