"""Device servers entered in a Tango database for a while: what stood there before comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import tango

from donki.errors import DonkiError, InputError
from donki_client.address import Address
from donki_client.api.errors import UnreachableError, translated
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.hosts.starter import host_name
from donki_client.facility.servers import connect, register

#: Starter's mode of a server that it controls.
CONTROLLED = 1

#: The start-up level of servers that begin with the host.
LEVEL = 1


@dataclass(frozen=True)
class StoredDevice:
    """What a database has of a device: its properties, and those of its attributes (memorized values)."""

    properties: Mapping[str, list[str]]
    attributes: Mapping[str, Mapping[str, list[str]]]


@dataclass(frozen=True)
class StoredServer:
    """What a database had of a server; None where it had nothing of that kind.

    Attributes
    ----------
    host
        of its Starter, with mode and level
    devices
        by name, all that it is to hold
    """

    host: tuple[str, int, int] | None
    devices: Mapping[str, StoredDevice | None]

    @property
    def is_new(self) -> bool:
        """Whether the database did not have it at all."""
        return not any(self.devices.values())


class Registration:
    """Servers in a Tango database, and what it had of them before.

    Parameters
    ----------
    address
        where the database answers
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._before: dict[str, StoredServer] = {}

    def check(self, server: DeviceServer) -> None:
        """Make sure that the names of a server and its devices are free, or its own already.

        Raises
        ------
        InputError
            when another server has a device of that name, or the server has other devices
        UnreachableError
            when no Tango database answers
        """
        database = self._connect()
        own = {device.name.lower() for device in server.devices}
        with self._asked():
            for name in database.get_device_class_list(server.name)[::2]:
                if name.lower() not in own and not name.lower().startswith("dserver/"):
                    raise InputError(
                        f"server {server.name}: has the device {name} too, in the database {self._address}; "
                        "give the server another name in the scenario (server: NAME)"
                    )
        for device in server.devices:
            holder = self._holder(database, device.name)
            if holder and holder.lower() != server.name.lower():
                raise InputError(
                    f"{device.name}: the server {holder} has a device of that name in the database "
                    f"{self._address}; give it another name in the scenario, or delete that one"
                )

    def has(self, server: DeviceServer) -> bool:
        """Return whether the database has one of a server's devices."""
        database = self._connect()
        return any(self._holder(database, device.name) for device in server.devices)

    def remember(self, server: DeviceServer) -> None:
        """Note what the database has of a server that is about to be registered."""
        database = self._connect()
        with self._asked():
            info = database.command_inout("DbGetServerInfo", server.name)
            host = (info[1], int(info[2]), int(info[3])) if info[1].strip() else None
            devices = {
                device.name: _stored(database, device.name) if self._holder(database, device.name) else None
                for device in server.devices
            }
        self._before[server.name] = StoredServer(host, devices)

    def enter(self, server: DeviceServer) -> None:
        """Register a server, to be started by the Starter of its host, also when the host boots.

        Raises
        ------
        DonkiError
            when the database cannot be written
        """
        self.remember(server)
        database = self._connect()
        with self._written():
            entries = []
            for device in server.devices:
                entry = tango.DbDevInfo()
                entry.server, entry._class, entry.name = server.name, server.kind, device.name  # noqa: SLF001
                entries.append(entry)
            database.add_server(server.name, entries, with_dserver=True)
            _control(database, server.name, (host_name(server.host), CONTROLLED, LEVEL))
        register(self._address, server)

    def leave(self, server: DeviceServer) -> None:
        """Let a server stay as it is registered now."""
        self._before.pop(server.name, None)

    def take_back(self) -> list[str]:
        """Make the database what it was before; return what could not be done, a line each."""
        problems = []
        while self._before:
            name, before = self._before.popitem()
            try:
                with self._written():
                    self._restore(name, before)
            except DonkiError as error:
                problems.append(f"{name} is still registered: {error}")
        return problems

    def remove(self, server: DeviceServer) -> None:
        """Delete a server and its devices, with all that the database has of them."""
        with self._written():
            _delete(self._connect(), server.name)

    def _restore(self, name: str, before: StoredServer) -> None:
        database = self._connect()
        if before.is_new:
            _delete(database, name)
            return
        for device, stored in before.devices.items():
            if stored is None:
                database.delete_device(device)
            else:
                _put_back(database, device, stored)
        if before.host:
            _control(database, name, before.host)
        else:
            database.delete_server_info(name)

    def _holder(self, database: tango.Database, device: str) -> str:
        """Return the server that has a device; empty where there is none."""
        with self._asked():
            try:
                return str(database.get_device_info(device).ds_full_name)
            except tango.DevFailed as failed:
                if failed.args[0].reason != "DB_DeviceNotDefined":
                    raise
        return ""

    def _connect(self) -> tango.Database:
        with self._asked():
            return connect(self._address)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        with translated(f"tango://{self._address.tango_host}/sys/database/2"):
            yield

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            with self._asked():
                yield
        except UnreachableError:
            raise
        except DonkiError as error:
            raise DonkiError(
                f"the Tango database {self._address} cannot be written: {' '.join(str(error).split())}; "
                "have its administrator allow it"
            ) from None


def _stored(database: tango.Database, device: str) -> StoredDevice:
    names = list(database.get_device_property_list(device, "*"))
    properties = database.get_device_property(device, names) if names else {}
    attributes = _attributes(database, device)
    return StoredDevice(
        {name: list(values) for name, values in properties.items()},
        {
            attribute: {name: list(values) for name, values in its.items()}
            for attribute, its in database.get_device_attribute_property(device, attributes).items()
        }
        if attributes
        else {},
    )


def _attributes(database: tango.Database, device: str) -> list[str]:
    """Return the attributes of which the database has properties."""
    return list(database.command_inout("DbGetDeviceAttributeList", [device, "*"]))


def _put_back(database: tango.Database, device: str, stored: StoredDevice) -> None:
    for name in set(database.get_device_property_list(device, "*")) - set(stored.properties):
        database.delete_device_property(device, name)
    if stored.properties:
        database.put_device_property(device, dict(stored.properties))
    for attribute, values in _stored(database, device).attributes.items():
        if new := sorted(set(values) - set(stored.attributes.get(attribute, {}))):
            database.delete_device_attribute_property(device, {attribute: new})
    if stored.attributes:
        database.put_device_attribute_property(
            device, {attribute: dict(values) for attribute, values in stored.attributes.items()}
        )


def _control(database: tango.Database, server: str, host: tuple[str, int, int]) -> None:
    info = tango.DbServerInfo()
    info.name, (info.host, info.mode, info.level) = server, host
    database.put_server_info(info)


def _delete(database: tango.Database, server: str) -> None:
    try:
        database.delete_server(server)
    except tango.DevFailed as failed:
        if failed.args[0].reason != "DB_IncorrectServerName":
            raise
    database.delete_server_info(server)
