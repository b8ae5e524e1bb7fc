"""A Tango device as a client asks it: each failure is one of our errors, in the device's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tango

from donki.device.calls import read_attributes, write_attribute
from donki.errors import InputError
from donki_client.api.errors import translated


class Proxy:
    """Asks one device.

    Parameters
    ----------
    device
        its name in the Tango database, or a full ``tango://host:port/...`` name

    Raises
    ------
    UnreachableError
        when it does not answer, from every method too
    """

    def __init__(self, device: str) -> None:
        self.device = device
        with translated(device):
            self._proxy = tango.DeviceProxy(device)
            self._proxy.ping()
            self.tango_class = str(self._proxy.info().dev_class)

    def state(self) -> tango.DevState:
        """Return the state."""
        with translated(self.device):
            return self._proxy.state()

    def status(self) -> str:
        """Return the state in words."""
        with translated(self.device):
            return str(self._proxy.status())

    def read(self, *attributes: str) -> list[Any]:
        """Return the values of attributes, read in one request."""
        with translated(self.device):
            return list(read_attributes(self._proxy, attributes).values())

    def has(self, attribute: str) -> bool:
        """Return whether the device has an attribute: one of an earlier version may not."""
        with translated(self.device):
            return attribute in self._proxy.get_attribute_list()

    def write(self, attribute: str, value: object) -> None:
        """Write an attribute; an InputError says what it takes."""
        with translated(self.device), _accepted(attribute, value):
            try:
                write_attribute(self._proxy, attribute, value)
            except tango.DevFailed as failed:
                if failed.args[0].reason != "API_WAttrOutsideLimit":
                    raise
                meaning = self._proxy.get_attribute_config(attribute).description
                raise InputError(f"{attribute}: {value} is out of range. {meaning}") from None

    def command(self, name: str, argument: object = None) -> Any:
        """Give a command and return what it returns."""
        with translated(self.device), _accepted(name, argument):
            return self._proxy.command_inout(name, argument)


@contextmanager
def _accepted(what: str, value: object) -> Iterator[None]:
    """Raise an InputError where PyTango cannot put a value into a request."""
    try:
        yield
    except UnicodeError:
        raise InputError(f"{what}: Tango takes the letters of Latin-1 alone; got {value!r:.80}") from None
    except OverflowError:
        raise InputError(f"{what}: the number is too large; got {value!r:.80}") from None
