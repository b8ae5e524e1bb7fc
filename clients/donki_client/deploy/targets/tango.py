"""A Tango database: servers, devices, properties and memorized values are entered, and only what differs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

import tango

from donki.errors import InputError
from donki_client.address import Address
from donki_client.api.errors import translated
from donki_client.deploy.database.entries import (
    Control,
    DeviceEntry,
    Entries,
    device_info,
    fields,
    read_entries,
    wanted_entries,
)
from donki_client.deploy.database.registered import (
    NotedDevice,
    checksum,
    others,
    read_noted,
    write_noted,
)
from donki_client.deploy.deployment import Deployment
from donki_client.deploy.target import Settings, Target
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.servers import connect


class TangoTarget(Target):
    """The Tango database itself."""

    name = "tango"
    does = "a Tango database: servers, devices, properties, memorized values and start-up levels"

    def plan(self, deployment: Deployment, settings: Settings) -> DatabasePlans:
        """Compare it with what the database has, and those that sections name."""
        if settings.database is None:
            raise InputError(
                "--to tango: no Tango database is named; give --database HOST:PORT or TANGO_HOST"
            )
        servers: dict[tuple[str, int], list[DeviceServer]] = {}
        addresses: dict[tuple[str, int], Address] = {}
        for named, its in deployment.by_database().items():
            address = Address.parse(named) if named else settings.database
            # A database may be named in two ways.
            key = (address.ip, address.port)
            addresses.setdefault(key, address)
            servers.setdefault(key, []).extend(its)
        return DatabasePlans(
            [DatabasePlan(deployment.name, servers[key], address) for key, address in addresses.items()]
        )


class DatabasePlans:
    """What is to be changed in several databases, one after the other."""

    def __init__(self, plans: Sequence[DatabasePlan]) -> None:
        self._plans = plans

    @property
    def diff(self) -> str:
        """What would change, as a unified diff; empty if nothing."""
        return "".join(plan.diff for plan in self._plans)

    @property
    def summary(self) -> str:
        """What was changed: the difference that there was."""
        return self.diff

    @property
    def notes(self) -> list[str]:
        """What whoever deploys it should know, a line each."""
        return [note for plan in self._plans for note in plan.notes]

    def apply(self) -> None:
        """Change them, as far as they differ."""
        for plan in self._plans:
            plan.apply()


class DatabasePlan:
    """What is to be changed in a database.

    Parameters
    ----------
    deployment
        its name
    servers
        those that are to be in the database
    address
        where it answers

    Raises
    ------
    InputError
        when a device belongs to another deployment; names both
    """

    def __init__(self, deployment: str, servers: Sequence[DeviceServer], address: Address) -> None:
        self._name, self._address = deployment, address
        self._wanted = wanted_entries(servers)
        with translated(f"tango://{address.tango_host}"):
            self._database = connect(address)
            self._compare()

    def _compare(self) -> None:
        spelled = {name.lower(): name for name in self._wanted.devices}
        noted = read_noted(self._database, self._name)
        self._noted = {spelled.get(name.lower(), name): entry for name, entry in noted.items()}
        self._refuse_others()
        asked = {name: self._names(name) for name in {*self._noted, *self._wanted.devices}}
        # Who starts a server is compared where the scenario says it, or did.
        hosted = {entry.server for entry in self._noted.values() if entry.host}
        hosted |= {server for server, control in self._wanted.servers.items() if control.host}
        self._before = read_entries(self._database, asked, hosted)
        self._gone = self._find_gone()
        self._note = self._to_note()

    def _names(self, device: str) -> tuple[set[str], set[str]]:
        """Return the names of properties and attributes that are compared: wanted, or entered before."""
        noted, wanted = self._noted.get(device), self._wanted.devices.get(device)
        return (
            {*(noted.properties if noted else ()), *(wanted.properties if wanted else ())},
            {*(noted.attributes if noted else ()), *(wanted.attributes if wanted else ())},
        )

    def _refuse_others(self) -> None:
        claimed = {device.lower(): name for device, name in others(self._database, self._name).items()}
        for device in self._wanted.devices:
            if owner := claimed.get(device.lower()):
                raise InputError(
                    f"{device} in {self._address} belongs to the deployment {owner}; rename it in one of the"
                    " scenarios, or remove that one first"
                )

    def _find_gone(self) -> dict[str, NotedDevice]:
        """Return the devices that were entered before, are wanted no more, and are still where they were."""
        wanted = {name.lower() for name in self._wanted.devices}
        return {
            name: noted
            for name, noted in self._noted.items()
            if name.lower() not in wanted
            and not noted.adopted
            and (entry := self._before.devices.get(name))
            and entry.server.lower() == noted.server.lower()
        }

    def _to_note(self) -> dict[str, NotedDevice]:
        noted = {}
        for name, entry in self._wanted.devices.items():
            before = self._noted.get(name)
            noted[name] = NotedDevice(
                entry.server,
                before.adopted if before else name in self._before.devices,
                {key: checksum(values) for key, values in entry.properties.items()},
                {key: checksum(values) for key, values in entry.attributes.items()},
                self._wanted.servers[entry.server].host,
            )
        return noted

    @property
    def notes(self) -> list[str]:
        """What runs takes up what is entered when it starts again, and what others made stays."""
        notes = []
        servers = {
            entry.server
            for name, entry in self._before.devices.items()
            if entry.is_exported and self._is_ours(name) and not self._is_same(name)
        }
        if servers:
            notes.append(f"takes it up when it is started again: {', '.join(sorted(servers))}")
        left = set(self._noted) & set(self._before.devices) - set(self._wanted.devices) - set(self._gone)
        if left:
            notes.append(
                f"not of the scenario any more, but left because others made it: {', '.join(sorted(left))}"
            )
        return notes

    @property
    def diff(self) -> str:
        """What would change, as a unified diff; empty if nothing."""
        where = f"tango://{self._address.tango_host}"
        kept = {name: entry for name, entry in self._before.devices.items() if self._is_ours(name)}
        before = Entries(kept, self._before.servers).lines(self._remarks())
        after = Entries(self._wanted.devices, self._wanted.servers).lines()
        diff = "".join(difflib.unified_diff(before, after, where, f"the scenario, as {self._name}", n=0))
        if not diff and self._note != self._noted:
            return f"--- {where}\n+++ the scenario, as {self._name}\n(what is there is taken over)\n"
        return diff

    def _is_ours(self, name: str) -> bool:
        return name in self._wanted.devices or name in self._gone

    def _is_same(self, name: str) -> bool:
        before, wanted = self._before.devices[name], self._wanted.devices.get(name)
        return wanted is not None and replace(before, is_exported=False) == wanted

    def _remarks(self) -> dict[str, str]:
        """Return remarks on values that somebody has written since they were entered, where they differ."""
        remarks = {}
        for name, entry in self._before.devices.items():
            noted, wanted = self._noted.get(name), self._wanted.devices.get(name)
            if not noted or not wanted:
                continue
            entered = {
                **{f"{name}: property {key}": value for key, value in noted.properties.items()},
                **{f"{name}: attribute {key}": value for key, value in noted.attributes.items()},
            }
            shall = dict(fields(name, wanted))
            for what, values in fields(name, entry):
                if what in entered and entered[what] != checksum(values) and values != shall.get(what):
                    remarks[what] = "   (written since it was deployed)"
        return remarks

    def apply(self) -> None:
        """Change it.

        Raises
        ------
        DonkiError
            when the database does not take it; nothing more is entered then, and it can be repeated
        """
        if not self.diff:
            return
        with translated(f"tango://{self._address.tango_host}"):
            # First the note: what is entered from now on is known to be ours, even if that is interrupted.
            write_noted(self._database, self._name, {**self._noted, **self._note})
            for name in self._gone:
                self._remove(name)
            for name, entry in self._wanted.devices.items():
                self._enter(name, entry)
            for server, control in self._wanted.servers.items():
                self._control(server, control)
            self._remove_empty()
            write_noted(self._database, self._name, self._note)

    def _enter(self, name: str, entry: DeviceEntry) -> None:
        before = self._before.devices.get(name)
        if before is None or (before.server.lower(), before.kind) != (entry.server.lower(), entry.kind):
            info = tango.DbDevInfo()
            info.server, info._class, info.name = entry.server, entry.kind, name  # noqa: SLF001
            self._database.add_device(info)
        had = before or DeviceEntry("", "", {}, {})
        properties = {
            key: value for key, value in entry.properties.items() if had.properties.get(key) != value
        }
        if properties:
            self._database.put_device_property(name, properties)
        if dropped := sorted(set(had.properties) - set(entry.properties)):
            self._database.delete_device_property(name, dropped)
        attributes = {
            key: value for key, value in entry.attributes.items() if had.attributes.get(key) != value
        }
        if attributes:
            values = {key: {"__value": value} for key, value in attributes.items()}
            self._database.put_device_attribute_property(name, values)
        for key in sorted(set(had.attributes) - set(entry.attributes)):
            self._database.delete_device_attribute_property(name, {key: ["__value"]})

    def _remove(self, name: str) -> None:
        entry = self._before.devices[name]
        if entry.properties:
            self._database.delete_device_property(name, sorted(entry.properties))
        if entry.attributes:
            values = {key: ["__value"] for key in entry.attributes}
            self._database.delete_device_attribute_property(name, values)
        self._database.delete_device(name)

    def _control(self, server: str, control: Control) -> None:
        """Have a host's Starter control a server, or none any more that we have told to."""
        if self._before.servers.get(server, control) == control:
            return
        info = tango.DbServerInfo()
        info.name, info.host, info.mode, info.level = server, control.host, bool(control.host), control.level
        self._database.put_server_info(info)

    def _remove_empty(self) -> None:
        """Remove the servers that held what was entered before, where they hold nothing now."""
        for server in {noted.server for noted in self._noted.values()} - set(self._wanted.servers):
            held = self._database.get_device_class_list(server)
            kinds = list(held)[1::2]
            if all(kind == "DServer" for kind in kinds):
                if device_info(self._database, f"dserver/{server}"):
                    self._database.delete_server(server)
                self._database.delete_server_info(server)
