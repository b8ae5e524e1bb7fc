"""Calls to the Players and to the Tango database: what PyTango makes of one that dies, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import tango


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


def call(proxy: tango.DeviceProxy, command: str, argument: str) -> str:
    """Call a command that takes and returns a string, for a third of what ``proxy.command_inout`` costs.

    That one asks the device for the command's types before each call, and where OpenTelemetry is installed
    looks for its settings in Tango's files each time.

    Raises
    ------
    tango.DevFailed
        as the command does, or if the device is not there
    """
    data = tango.DeviceData()
    data.insert(tango.DevString, argument)
    return str(proxy.command_inout_raw(command, data).extract())


def read_attributes(proxy: tango.DeviceProxy, names: Iterable[str]) -> list[Any]:
    """Return the values of attributes, in this order, read in one request.

    Raises
    ------
    tango.DevFailed
        of the first that cannot be read, or if the device is not there
    """
    answers = proxy.read_attributes(list(names))
    for answer in answers:
        if answer.has_failed:
            raise tango.DevFailed(*answer.get_err_stack())
    return [answer.value for answer in answers]


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
        tango.Except.throw_exception("API_CantConnectToDevice", str(error), "donki.director.proxies")


def players_in_database(player_class: str) -> list[str]:
    """Return the devices of a class that the Tango database knows to run.

    Raises
    ------
    tango.DevFailed
        if the database does not answer
    """
    with _as_dev_failed():
        return [str(device) for device in tango.Database().get_device_exported_for_class(player_class)]


def remember_attribute(device: str, name: str, value: str) -> None:
    """Write a value where Tango keeps memorized attributes, for when the device starts again.

    Raises
    ------
    tango.DevFailed
        if the database does not answer
    """
    with _as_dev_failed():
        tango.Database().put_device_attribute_property(device, {name: {"__value": [value]}})


@contextmanager
def _as_dev_failed() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # What PyTango makes of a database that dies while it is asked.
        tango.Except.throw_exception("API_CantConnectToDatabase", str(error), "donki.director.proxies")
