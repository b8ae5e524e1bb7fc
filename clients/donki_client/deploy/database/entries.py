"""What a Tango database has of an orchestra, and what it shall have; as lines to be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import tango

from donki_client.deploy.deployment import property_values
from donki_client.facility.device_server import DeviceServer

#: Start-up levels: Starter starts Players before Directors and sections, which find later ones too.
PLAYER_LEVEL, DIRECTOR_LEVEL = 1, 2


@dataclass(frozen=True)
class DeviceEntry:
    """A device in the database.

    Attributes
    ----------
    server, kind
        what holds it, and its class
    properties, attributes
        the values of each; of an attribute the one that is memorized
    is_exported
        whether its server runs, as far as the database knows
    """

    server: str
    kind: str
    properties: Mapping[str, list[str]]
    attributes: Mapping[str, list[str]]
    is_exported: bool = False


@dataclass(frozen=True)
class Control:
    """Whose Starter controls a server: that of the host, which starts it at the level; empty: none."""

    host: str = ""
    level: int = 0


@dataclass
class Entries:
    """Devices, and who starts their servers."""

    devices: dict[str, DeviceEntry] = field(default_factory=dict)
    servers: dict[str, Control] = field(default_factory=dict)

    def lines(self, remarks: Mapping[str, str] | None = None) -> list[str]:
        """Return it in lines that stand for themselves; some have a remark, by their beginning."""
        found = [
            f"{server}: Starter of {control.host}, level {control.level}"
            for server, control in self.servers.items()
            if control.host
        ]
        for name, device in self.devices.items():
            found.append(f"{name}: {device.kind} in {device.server}")
            for what, values in fields(name, device):
                remark = (remarks or {}).get(what, "")
                found += [f"{what} = {_shown(value)}{remark}" for value in values]
        return sorted(f"{line}\n" for line in found)


def fields(name: str, device: DeviceEntry) -> Iterator[tuple[str, list[str]]]:
    """Yield what each value of a device is, and the value."""
    for property_, values in device.properties.items():
        yield f"{name}: property {property_}", values
    for attribute, values in device.attributes.items():
        yield f"{name}: attribute {attribute}", values


def wanted_entries(servers: Iterable[DeviceServer]) -> Entries:
    """Return what the database shall have of some servers."""
    entries = Entries()
    for server in servers:
        for device in server.devices:
            memorized = {name: [value] for name, value in device.memorized.items()}
            entries.devices[device.name] = DeviceEntry(
                server.name, server.kind, property_values(device), memorized
            )
        level = PLAYER_LEVEL if server.role == "player" else DIRECTOR_LEVEL
        entries.servers[server.name] = Control(server.host, level if server.host else 0)
    return entries


def read_entries(
    database: tango.Database,
    devices: Mapping[str, tuple[Iterable[str], Iterable[str]]],
    servers: Iterable[str],
) -> Entries:
    """Return what a database has of some devices and servers; what is not there is left out.

    Parameters
    ----------
    database
        is read
    devices
        names of properties and of attributes by device
    servers
        names of servers
    """
    entries = Entries()
    for name, (properties, attributes) in devices.items():
        if (info := device_info(database, name)) is None:
            continue
        found = database.get_device_property(name, sorted(properties))
        memorized = database.get_device_attribute_property(name, sorted(attributes))
        entries.devices[name] = DeviceEntry(
            info.ds_full_name,
            info.class_name,
            {key: list(values) for key, values in found.items() if list(values)},
            {key: list(values["__value"]) for key, values in memorized.items() if "__value" in values},
            bool(info.exported),
        )
    for server in servers:
        entries.servers[server] = _control(database, server)
    return entries


def device_info(database: tango.Database, name: str) -> tango.DbDevFullInfo | None:
    """Return what a database knows of a device; None if there is no such device."""
    try:
        return database.get_device_info(name)
    except tango.DevFailed as failed:
        if failed.args[0].reason != "DB_DeviceNotDefined":
            raise
        return None


def _control(database: tango.Database, server: str) -> Control:
    try:
        info = database.get_server_info(server)
    except tango.DevFailed as failed:
        # PyTango's own database answers so where nothing was entered.
        if failed.args[0].reason != "API_InvalidArgs":
            raise
        return Control()
    return Control(info.host.strip(), info.level) if info.mode == 1 else Control()


def _shown(value: str) -> str:
    return value if value.isprintable() else json.dumps(value)
