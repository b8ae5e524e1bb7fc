"""A Player in the foreground: what ``donki player`` does."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import tango
from rich.console import Console

from donki.device.properties.kafka import read_kafka_options
from donki.errors import DonkiError, ScriptError
from donki.streams.readouts.sender import check_address
from donki.threads import Threads
from donki_client.address import Address
from donki_client.api.errors import translated
from donki_client.console.output import printable
from donki_client.facility.database import answers
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.processes import ending
from donki_client.facility.servers import (
    READY,
    START_LIMIT,
    await_loaded,
    command_line,
    connect,
    register,
    running,
)
from donki_client.facility.spawning import spawn

STOP_LIMIT = 3.0  # s

#: A line of PyTango's console log: 2026-11-22T17:27:32,267773+0000 INFO (file.py:6) donki/player/p0 text
LOG_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d),\d+(?P<zone>[+-]\d{4})\s+(?P<level>\w+)\s+"
    r"(?:\(\S+\)\s+)?(?P<device>\S+/\S+/\S+)\s(?P<text>.*)"
)


def run_player(
    name: str,
    database: Address,
    script: Path,
    console: Console,
    data_path: Sequence[Path] = (),
    broker: str | None = None,
    readout: str | None = None,
) -> None:
    """Register the Player donki/player/NAME, run it and show its log until Ctrl-C.

    Parameters
    ----------
    name, database, script, console
        what it is called, where it is registered, what it plays, where its log goes
    data_path
        folders of the files that Parameters may name
    broker
        as `parse_brokers` takes it; None for that in the database
    readout
        HOST:PORT that raw readouts go to, empty for none; None for that in the database

    Raises
    ------
    DonkiError
        when no Tango database or no such broker answers, the name is taken, the script or the address for
        readouts is not usable, or the server dies
    """
    # What is not given stays as it is in the database.
    properties: dict[str, str | list[str]] = {}
    if data_path:
        properties["DataPath"] = [str(folder.resolve()) for folder in data_path]
    if broker:
        properties["KafkaBrokers"] = broker
    if readout is not None:
        check_address(readout)
        properties["ReadoutAddress"] = readout
    server = DeviceServer.player(name, script).with_properties(properties)
    if not answers(database):
        raise DonkiError(
            f"no Tango database answers at {database}; "
            f"start one (donki director {database}) or correct the address"
        )
    if elsewhere := running(database, server):
        raise DonkiError(
            f"{server.device} is already running ({elsewhere}); stop it there or choose another name"
        )
    if broker:
        # Slow to import, and often not asked for.
        from donki_client.facility.kafka_broker import check_broker  # noqa: PLC0415

        check_broker(broker, _kafka_options(database, server))
    register(database, server)
    options = ["-v1"]  # the script's lines are on Tango's level INFO
    with (
        suppress(KeyboardInterrupt),
        spawn(*command_line(database, server, options), output=subprocess.PIPE) as process,
    ):
        try:
            _await_start(process, server)
            # Also while the script is being loaded: it could not write otherwise.
            log = Threads().start("log", partial(_show_log, process, server, console))
            _await_script(process, server, database, console)
            console.print(
                f"{server.device} plays {printable(script)} in the database {database}; Ctrl-C ends it",
                soft_wrap=True,
            )
            log.join()
            raise DonkiError(f"{server.name} {ending(process.wait())}")
        finally:
            _end(process)


def _kafka_options(database: Address, server: DeviceServer) -> dict[str, Any]:
    """Return the security settings that the device has for Kafka."""
    with translated(f"tango://{database.tango_host}/{server.device}"):
        found = connect(database).get_device_property(server.device, "KafkaOptions")["KafkaOptions"]
    return read_kafka_options(found[0]) if found else {}


def _await_start(process: subprocess.Popen[bytes], server: DeviceServer) -> None:
    """Wait until the device answers."""
    watchdog = Threads().start_after(START_LIMIT, "watchdog", process.kill)
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


def _await_script(
    process: subprocess.Popen[bytes], server: DeviceServer, database: Address, console: Console
) -> None:
    """Wait until the device has a usable script."""

    def check_alive() -> None:
        if (status := process.poll()) is not None:
            raise DonkiError(f"{server.name} {ending(status)}")

    await_loaded(database, server.device, check_alive, partial(console.print, markup=False, soft_wrap=True))
    device = f"tango://{database.tango_host}/{server.device}"
    with translated(device):
        player = tango.DeviceProxy(device)
        if player.state() == tango.DevState.FAULT:
            raise ScriptError(player.status())


def _show_log(process: subprocess.Popen[bytes], server: DeviceServer, console: Console) -> None:
    for line in process.stdout or ():
        console.print(_readable(line, server.device), markup=False, soft_wrap=True)


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
