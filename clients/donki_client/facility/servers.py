"""The device servers of the orchestra: registered in a Tango database, started, waited for."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

import tango

from donki.errors import DonkiError, InputError
from donki_client.address import Address
from donki_client.api.errors import translated
from donki_client.facility.device_server import DeviceServer, ServedDevice
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


def connect(address: Address) -> tango.Database:
    """Return the Tango database at an address."""
    return tango.Database(address.ip if address.is_loopback else address.host, address.port)


def register(address: Address, server: DeviceServer) -> None:
    """Enter a server, its devices, properties and memorized values; what is there already is overwritten.

    Raises
    ------
    UnreachableError
        when no Tango database answers
    InputError
        when a value has letters that Tango cannot carry, as the name of a folder may
    """
    with translated(f"tango://{address.tango_host}/{server.device}"):
        database = connect(address)
        entries = [_entry(server, device) for device in server.devices]
        database.add_server(server.name, entries, with_dserver=True)
        for device in server.devices:
            _put(database, device)


def _entry(server: DeviceServer, device: ServedDevice) -> tango.DbDevInfo:
    entry = tango.DbDevInfo()
    entry.server, entry._class, entry.name = server.name, server.kind, device.name  # noqa: SLF001
    return entry


def _put(database: tango.Database, device: ServedDevice) -> None:
    try:
        if device.properties:
            database.put_device_property(device.name, dict(device.properties))
        if device.memorized:
            values = {name: {"__value": [value]} for name, value in device.memorized.items()}
            database.put_device_attribute_property(device.name, values)
    except UnicodeEncodeError as error:
        raise InputError(
            f"{device.name}: Tango takes the letters of Latin-1 alone, in folders too;"
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
    """Return where a server already runs, or another one that has a device of it; None where none does.

    Host and process number; of another one its name too.
    """
    database = connect(address)
    known = {server.name.lower(): server.name}
    for device in server.devices:
        with suppress(tango.DevFailed):  # it is not registered
            entry = database.get_device_info(device.name)
            if entry.exported:
                known.setdefault(entry.ds_full_name.lower(), entry.ds_full_name)
    for name in known.values():
        with suppress(tango.DevFailed):
            tango.DeviceProxy(f"tango://{address.tango_host}/dserver/{name}").ping()
            entry = database.get_device_info(f"dserver/{name}")
            where = f"host {entry.host}, process {entry.pid}"
            return where if name == server.name else f"{name}, {where}"
    return None


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
        for device in server.devices:
            await_loaded(address, device.name, child.check_alive, tell)
    return [child for _, child in started]


def await_loaded(
    address: Address,
    device: str,
    check_alive: Callable[[], object],
    tell: Callable[[str], object],
) -> None:
    """Wait until a device answers, and has loaded its script; at most `LOAD_LIMIT`.

    Parameters
    ----------
    address
        the Tango database's
    device
        its name
    check_alive
        raises a DonkiError where the server has ended
    tell
        takes a line about what is waited for, where that takes long

    Raises
    ------
    DonkiError
        when it has not in time; names it
    """
    name = f"tango://{address.tango_host}/{device}"
    began, told = time.monotonic(), False
    with translated(name):
        proxy = tango.DeviceProxy(name)
        # A device that has just started does nothing else.
        while proxy.state() == tango.DevState.RUNNING:
            check_alive()
            waited = time.monotonic() - began
            if waited > LOAD_LIMIT:
                raise DonkiError(
                    f"{device}: {proxy.status()}, for {LOAD_LIMIT:g} s by now; "
                    "have it read less when it is loaded, in setup for instance"
                )
            if waited > TELL_AFTER and not told:
                told = True
                tell(f"{device}: {proxy.status()}; it is waited for, at most {LOAD_LIMIT:g} s")
            time.sleep(LOAD_POLL)
