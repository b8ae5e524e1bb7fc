"""The device servers of the orchestra: registered in a Tango database, started, waited for."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tango

from donki.errors import DonkiError, InputError
from donki.json_text import to_json
from donki.limits import OnError
from donki_client.address import Address
from donki_client.api.errors import translated
from donki_client.facility.processes import Child, Processes

#: How long a server may take to start, in s; on a busy machine its imports alone take half a minute.
START_LIMIT = 60.0

#: How long a script may take to load, in s, and after how long it is said that it is waited for.
LOAD_LIMIT = 600.0
TELL_AFTER = 2.0
LOAD_POLL = 0.05  # s

#: How many servers start side by side: each is busy with its imports, more than this only wait for a core.
AT_ONCE = 2 * (os.cpu_count() or 1)

READY = "Ready to accept request"  # what every Tango server writes when its devices answer


@dataclass(frozen=True)
class DeviceServer:
    """One device and the server it runs in.

    Attributes
    ----------
    kind
        server and class: ``DonkiDirector`` or ``DonkiPlayer``
    module
        the Python module that runs it
    instance
        the server's instance name
    device
        the device's name
    properties
        device properties; a list becomes several values
    memorized
        attribute values that the device takes up when it starts
    """

    kind: str
    module: str
    instance: str
    device: str
    properties: Mapping[str, str | list[str]] = field(default_factory=dict)
    memorized: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The server's name in the database."""
        return f"{self.kind}/{self.instance}"

    @classmethod
    def director(cls, instance: str = "1", **properties: str | list[str]) -> DeviceServer:
        """Return the server of the device ``donki/director/INSTANCE``."""
        device = f"donki/director/{_member(instance)}"
        return cls("DonkiDirector", "donki.director.device", instance, device, properties)

    @classmethod
    def player(
        cls,
        name: str,
        script: Path,
        priority: int | None = None,
        parameters: Mapping[str, Any] | None = None,
        faults: Sequence[Mapping[str, Any]] | None = None,
        timeout: float | None = None,
        on_error: OnError | None = None,
        retries: int | None = None,
        **properties: str | list[str],
    ) -> DeviceServer:
        """Return the server of the device ``donki/player/NAME``.

        Parameters
        ----------
        name
            the Player's name: letters, digits, ``_``, ``-`` and ``.``
        script
            its action script; the folder becomes the property ScriptPath
        priority, parameters, faults, timeout, on_error, retries
            what the device takes up at its start, the timeout in s; by default what it had before
        properties
            further device properties, such as ``KafkaBrokers="localhost:9092"``

        Raises
        ------
        InputError
            when the name cannot be a device's, or there is no such script
        """
        if not script.is_file():
            raise InputError(f"script {str(script)!r}: there is no such file")
        script = script.resolve()
        given = {
            "Script": script.name,
            "Priority": priority,
            "Parameters": None if parameters is None else to_json("parameters", dict(parameters)),
            "Faults": None if faults is None else to_json("faults", list(faults)),
            "Timeout": timeout,
            "OnError": None if on_error is None else on_error.value,
            "Retries": retries,
        }
        memorized = {name: str(value) for name, value in given.items() if value is not None}
        properties = {"ScriptPath": str(script.parent), **properties}
        device = f"donki/player/{_member(name)}"
        return cls("DonkiPlayer", "donki.player.device", name, device, properties, memorized)


def connect(address: Address) -> tango.Database:
    """Return the Tango database at an address."""
    return tango.Database(address.ip if address.is_loopback else address.host, address.port)


def register(address: Address, server: DeviceServer) -> None:
    """Enter a server, its device, properties and memorized values; what is there already is overwritten.

    Raises
    ------
    UnreachableError
        when no Tango database answers
    InputError
        when a value has letters that Tango cannot carry, as the name of a folder may
    """
    entry = tango.DbDevInfo()
    entry.server, entry._class, entry.name = server.name, server.kind, server.device  # noqa: SLF001
    with translated(f"tango://{address.tango_host}/{server.device}"):
        database = connect(address)
        database.add_device(entry)
        try:
            if server.properties:
                database.put_device_property(server.device, dict(server.properties))
            if server.memorized:
                values = {name: {"__value": [value]} for name, value in server.memorized.items()}
                database.put_device_attribute_property(server.device, values)
        except UnicodeEncodeError as error:
            raise InputError(
                f"{server.device}: Tango takes the letters of Latin-1 alone, in folders too;"
                f" got {error.object!r:.200}"
            ) from None


def command_line(
    address: Address, server: DeviceServer, options: Iterable[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs a server, and the environment it needs.

    A server of a database on loopback listens on loopback too.
    """
    endpoint = ["-ORBendPoint", f"giop:tcp:{address.ip}:"] if address.is_loopback else []
    command = [sys.executable, "-m", server.module, server.instance, *options, *endpoint]
    return command, {"TANGO_HOST": address.tango_host}


def running(address: Address, server: DeviceServer) -> str | None:
    """Return where a server already runs (host and process number), or None."""
    try:
        tango.DeviceProxy(f"tango://{address.tango_host}/dserver/{server.name}").ping()
        entry = connect(address).get_device_info(server.device)
    except tango.DevFailed:
        return None
    return f"host {entry.host}, process {entry.pid}"


def start_servers(
    processes: Processes,
    address: Address,
    servers: Iterable[DeviceServer],
    tell: Callable[[str], object] = str,
) -> list[Child]:
    """Register servers, start them side by side, `AT_ONCE` at a time, and wait until every device is ready.

    Parameters
    ----------
    processes
        whose children they become
    address
        the Tango database's
    tell
        takes a line about what is waited for, where that takes long

    Raises
    ------
    DonkiError
        when one ends at its start or does not answer in time; shows the end of its output
    """
    started: list[tuple[DeviceServer, Child]] = []
    starting: deque[Child] = deque()
    for server in servers:
        if len(starting) == AT_ONCE:
            starting.popleft().wait_for(READY, START_LIMIT)
        register(address, server)
        command, environment = command_line(address, server)
        child = processes.start(server.name, command, environment)
        started.append((server, child))
        starting.append(child)
    for child in starting:
        child.wait_for(READY, START_LIMIT)
    for server, child in started:
        await_loaded(address, server, child.check_alive, tell)
    return [child for _, child in started]


def await_loaded(
    address: Address,
    server: DeviceServer,
    check_alive: Callable[[], object],
    tell: Callable[[str], object],
) -> None:
    """Wait until a device answers, and has loaded its script; at most `LOAD_LIMIT`.

    Parameters
    ----------
    address
        the Tango database's
    server
        the device's
    check_alive
        raises a DonkiError where the server has ended
    tell
        takes a line about what is waited for, where that takes long

    Raises
    ------
    DonkiError
        when it has not in time; names it
    """
    name = f"tango://{address.tango_host}/{server.device}"
    began, told = time.monotonic(), False
    with translated(name):
        device = tango.DeviceProxy(name)
        # A device that has just started does nothing else.
        while device.state() == tango.DevState.RUNNING:
            check_alive()
            waited = time.monotonic() - began
            if waited > LOAD_LIMIT:
                raise DonkiError(
                    f"{server.device}: {device.status()}, for {LOAD_LIMIT:g} s by now; "
                    "have it read less when it is loaded, in setup for instance"
                )
            if waited > TELL_AFTER and not told:
                told = True
                tell(f"{server.device}: {device.status()}; it is waited for, at most {LOAD_LIMIT:g} s")
            time.sleep(LOAD_POLL)


def _member(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(
            f"name {name!r}: letters, digits, '_', '-' and '.' are accepted, a letter or digit first"
        )
    return name
