"""Calls to the Players and to the Tango database: what PyTango makes of one that dies, and what it costs."""

from __future__ import annotations

import socket
from collections.abc import Container, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import tango

from donki.device.errors import dev_failed
from donki.device.telemetry.tracing import is_traced


def open_proxy(device: str, timeout: float) -> tango.DeviceProxy:
    """Return a proxy that sends each call once; it gives up a call after twice the timeout, in s.

    Raises
    ------
    tango.DevFailed
        if the device is not known or the database does not answer
    """
    with _as_dev_failed():
        proxy = tango.DeviceProxy(device)
    proxy.set_timeout_millis(round(timeout * 1000))
    # With reconnection, a call that was not answered would be sent a second time.
    proxy.set_transparency_reconnection(False)
    return proxy


def call(proxy: tango.DeviceProxy, command: str, argument: str | None = None) -> str:
    """Call a command that takes a string or nothing and returns one, for a third of ``proxy.command_inout``.

    That one asks the device for the command's types before each call, and where OpenTelemetry is installed
    looks for its settings in Tango's files each time. Where traces are made it is used all the same: it
    takes along of which trace the call is.

    Raises
    ------
    tango.DevFailed
        as the command does, or if the device is not there
    """
    if is_traced():
        return str(proxy.command_inout(command, argument))
    return str(_send(proxy, command, argument).extract())


def call_texts(proxy: tango.DeviceProxy, command: str, texts: Sequence[str]) -> list[str]:
    """Call a command that takes texts and returns some, as `call` does."""
    if is_traced():
        return list(proxy.command_inout(command, list(texts)))
    data = tango.DeviceData()
    data.insert(tango.DevVarStringArray, list(texts))
    return list(proxy.command_inout_raw(command, data).extract())


def tell(proxy: tango.DeviceProxy, command: str, argument: str | None = None) -> None:
    """Call a command, whatever it returns, as `call` does."""
    if is_traced():
        proxy.command_inout(command, argument)
    else:
        _send(proxy, command, argument)


def _send(proxy: tango.DeviceProxy, command: str, argument: str | None) -> tango.DeviceData:
    data = tango.DeviceData()
    if argument is not None:
        data.insert(tango.DevString, argument)
    return proxy.command_inout_raw(command, data)


def read_attributes(
    proxy: tango.DeviceProxy, names: Sequence[str], optional: Container[str] = ()
) -> dict[str, Any]:
    """Return the values of attributes by name, read in one request; without those `optional` that it lacks.

    Raises
    ------
    tango.DevFailed
        of the first that cannot be read, or if the device is not there
    """
    values = {}
    for name, answer in zip(names, proxy.read_attributes(list(names)), strict=True):
        if not answer.has_failed:
            values[name] = answer.value
            continue
        errors = answer.get_err_stack()
        if name not in optional or errors[0].reason != "API_AttrNotFound":
            raise tango.DevFailed(*errors)
    return values


def write_attribute(proxy: tango.DeviceProxy, name: str, value: object) -> None:
    """Write an attribute of a device that may die meanwhile.

    Raises
    ------
    tango.DevFailed
        if the device refuses the value, or is not there
    """
    # A write to a device that was never reached cannot know the attribute's type.
    proxy.ping()
    try:
        proxy.write_attribute(name, value)
    except TypeError as error:
        # What PyTango makes of a device that dies before it has told the type.
        raise dev_failed("API_CantConnectToDevice", str(error), "donki.device.calls") from None


def players_in_database(player_class: str) -> list[str]:
    """Return the devices of a class that the Tango database knows to run.

    Raises
    ------
    tango.DevFailed
        if the database does not answer
    """
    with _as_dev_failed():
        return [str(device) for device in tango.Database().get_device_exported_for_class(player_class)]


def servers_in_database(player_class: str, found: MutableMapping[str, str]) -> None:
    """Find by device, in lower case, in which server the Tango database has it.

    Raises
    ------
    tango.DevFailed
        if the database does not answer
    """
    with _as_dev_failed():
        database = tango.Database()
        for server in database.get_server_list(f"{player_class}/*"):
            held = database.get_device_class_list(server)
            found.update((str(device).lower(), server) for device in held[::2])


def remember_attribute(device: str, name: str, value: str) -> None:
    """Write a value where Tango keeps memorized attributes, for when the device starts again.

    Raises
    ------
    tango.DevFailed
        if the database does not answer
    """
    with _as_dev_failed():
        tango.Database().put_device_attribute_property(device, {name: {"__value": [value]}})


def full_name(device: str) -> str:
    """Return the name of a device of this server with its Tango database, if it is in one.

    It is the same by whatever name the database's host was given.
    """
    database = tango.Util.instance().get_database()
    host = database.get_db_host() if database else ""
    if not host:
        return device
    here = socket.gethostname()
    with suppress(OSError):
        address = socket.gethostbyname(host)
        host = here if address.startswith("127.") or address == socket.gethostbyname(here) else address
    return f"tango://{host}:{database.get_db_port()}/{device}"


@contextmanager
def _as_dev_failed() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # What PyTango makes of a database that dies while it is asked.
        raise dev_failed("API_CantConnectToDatabase", str(error), "donki.device.calls") from None
