"""The device servers of the orchestra: registered in a Tango database, started, waited for."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tango

from donki.errors import InputError
from donki.policy import OnError
from donki_client.errors import translated
from donki_client.facility.address import Address
from donki_client.facility.processes import Child, Processes

START_LIMIT = 30.0  # s, for each server

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
        priority, parameters, timeout, on_error, retries
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
            "Parameters": None if parameters is None else json.dumps(dict(parameters)),
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


def start_servers(processes: Processes, address: Address, servers: Iterable[DeviceServer]) -> list[Child]:
    """Register servers, start them side by side, `AT_ONCE` at a time, and wait until every device answers.

    Parameters
    ----------
    processes
        whose children they become
    address
        the Tango database's

    Raises
    ------
    DonkiError
        when one ends at its start or does not answer in time; shows the end of its output
    """
    started: list[Child] = []
    starting: deque[tuple[DeviceServer, Child]] = deque()
    for server in servers:
        if len(starting) == AT_ONCE:
            _await_ready(address, *starting.popleft())
        register(address, server)
        command, environment = command_line(address, server)
        started.append(processes.start(server.name, command, environment))
        starting.append((server, started[-1]))
    for server, child in starting:
        _await_ready(address, server, child)
    return started


def _await_ready(address: Address, server: DeviceServer, child: Child) -> None:
    child.wait_for(READY, START_LIMIT)
    device = f"tango://{address.tango_host}/{server.device}"
    with translated(device):
        tango.DeviceProxy(device).ping()


def _member(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(
            f"name {name!r}: letters, digits, '_', '-' and '.' are accepted, a letter or digit first"
        )
    return name
