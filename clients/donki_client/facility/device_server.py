"""What a device server is: its devices, with what the Tango database is told of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from donki.errors import InputError
from donki.json_text import to_json
from donki.limits import OnError


@dataclass(frozen=True)
class ServedDevice:
    """A device of a server.

    Attributes
    ----------
    name
        the device's name
    properties
        device properties; a list becomes several values
    memorized
        attribute values that the device takes up when it starts
    """

    name: str
    properties: Mapping[str, str | list[str]] = field(default_factory=dict)
    memorized: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeviceServer:
    """A server and the devices that it holds.

    Attributes
    ----------
    kind
        server and class: ``DonkiDirector``, ``DonkiSection`` or ``DonkiPlayer``
    module
        the Python module that runs it
    instance
        the server's instance name
    devices
        at least one
    host
        on which its Starter starts it; empty: this one
    database
        ``HOST:PORT`` of its Tango database; empty: that of the orchestra
    """

    kind: str
    module: str
    instance: str
    devices: tuple[ServedDevice, ...]
    host: str = ""
    database: str = ""

    @property
    def role(self) -> str:
        """What it is, in lower case: director, section or player."""
        return self.kind.removeprefix("Donki").lower()

    @property
    def name(self) -> str:
        """The server's name in the database."""
        return f"{self.kind}/{self.instance}"

    @property
    def device(self) -> str:
        """The name of its device; of the first where there are several."""
        return self.devices[0].name

    def with_properties(self, properties: Mapping[str, str | list[str]]) -> DeviceServer:
        """Return it with further properties of each device."""
        devices = (replace(device, properties={**device.properties, **properties}) for device in self.devices)
        return replace(self, devices=tuple(devices))

    @classmethod
    def director(cls, instance: str = "1", **properties: str | list[str]) -> DeviceServer:
        """Return the server of the device ``donki/director/INSTANCE``."""
        device = ServedDevice(f"donki/director/{_member(instance)}", properties)
        return cls("DonkiDirector", "donki.director.device", instance, (device,))

    @classmethod
    def section(
        cls,
        name: str,
        priority: int | None = None,
        timeout: float | None = None,
        on_error: OnError | None = None,
        retries: int | None = None,
        **properties: str | list[str],
    ) -> DeviceServer:
        """Return the server of the device ``donki/section/NAME``; parameters as of `player`."""
        given = {
            "Priority": priority,
            "Timeout": timeout,
            "OnError": None if on_error is None else on_error.value,
            "Retries": retries,
        }
        memorized = {name: str(value) for name, value in given.items() if value is not None}
        device = ServedDevice(f"donki/section/{_member(name)}", properties, memorized)
        return cls("DonkiSection", "donki.section.device", name, (device,))

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
        device = ServedDevice(f"donki/player/{_member(name)}", properties, memorized)
        return cls("DonkiPlayer", "donki.player.device", name, (device,))

    @classmethod
    def together(cls, instance: str, servers: Iterable[DeviceServer], host: str = "") -> DeviceServer:
        """Return one server that holds the devices of several of a kind."""
        first, *others = servers
        devices = (device for server in (first, *others) for device in server.devices)
        return cls(first.kind, first.module, _member(instance), tuple(devices), host)


def _member(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(
            f"name {name!r}: letters, digits, '_', '-' and '.' are accepted, a letter or digit first"
        )
    return name
