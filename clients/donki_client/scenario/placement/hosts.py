"""The hosts of a scenario: whether they can be used, and the part of a run that is on them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import tango

from donki.errors import DonkiError, InputError, NotAllowedError
from donki.player.script.path import shipped_scripts
from donki.streams.kafka.brokers import parse_brokers
from donki_client.address import Address
from donki_client.api.errors import translated
from donki_client.facility.database import answers
from donki_client.facility.device_server import DeviceServer, ServedDevice
from donki_client.facility.hosts import scripts
from donki_client.facility.hosts.registration import Registration
from donki_client.facility.hosts.servers import HostServers
from donki_client.facility.hosts.starter import Starter, host_name, silent_hosts
from donki_client.facility.servers import await_loaded, connect
from donki_client.scenario.model import Scenario, hosts_of, players_in, sections_below
from donki_client.scenario.placement.choice import stated
from donki_client.scenario.placement.servers import player_servers, section_server

#: The properties of a host's device ``tango/admin/HOST`` that say where these are there; without one, they
#: are where they are here.
FOLDERS = ("ScriptPath", "DataPath", "FileDirectory", "RunDirectory")

#: How long a Player may take for a request about its files, in s.
ANSWER_LIMIT = 20.0


def remove_servers(scenario: Scenario) -> list[str]:
    """End and delete the servers on hosts that an earlier run has left; return a line for each.

    Raises
    ------
    InputError
        when no Player is on a host, or the scenario names no database
    DonkiError
        when a Starter does not answer, or the names belong to others
    """
    if not hosts_of(scenario):
        raise InputError("no Player or section of the scenario has a host; there is nothing to remove")
    check_addresses(scenario)
    address = Address.parse(str(scenario.database))
    broker = str(scenario.broker)
    servers = player_servers(scenario, stated(scenario), broker)
    for below in sections_below(scenario):
        servers += player_servers(below.scenario, stated(below.scenario), broker)
        servers.append(section_server(below, Path(), broker))
    remote = [server for server in servers if server.host]
    return [f"removed {name}" for name in HostServers(address, remote, Registration(address)).remove()]


def check_addresses(scenario: Scenario) -> None:
    """Make sure that the hosts of a scenario have a database and a broker that they can reach.

    Raises
    ------
    InputError
        when the scenario names none, or one that programs of this machine reach alone
    DonkiError
        when no Tango database answers
    """
    hosts = hosts_of(scenario)
    if not hosts:
        return
    for below in sections_below(scenario):
        if below.database and (below.section.host or hosts_of(below.scenario)):
            raise InputError(
                f"section {below.name}: has the Tango database {below.database} and is on hosts; these are "
                "started by way of the scenario's own database alone: take one of the two out"
            )
    named = ", ".join(hosts)
    database, broker = scenario.database, scenario.broker
    if not database:
        raise InputError(
            f"Players are on the hosts {named}, and no Tango database is named; add database: HOST:PORT, the"
            " one that their Starters use, or set TANGO_HOST"
        )
    if not broker:
        raise InputError(
            f"Players are on the hosts {named}, which cannot reach a Kafka broker that is started for the run"
            " alone; add broker: HOST:PORT, or set DONKI_BROKER"
        )
    here = host_name(socket.gethostname()).lower()
    others = ", ".join(host for host in hosts if host_name(host).lower() != here)
    addresses = {"database": [Address.parse(database)]}
    addresses["broker"] = [Address(host, port) for host, port in parse_brokers(broker)]
    for key, its in addresses.items():
        for address in its:
            if others and address.is_loopback:
                raise InputError(
                    f"{key} {address}: the hosts {others} cannot reach it, because it is this machine's own "
                    "alone; name it by an address on their network"
                )
    address = Address.parse(database)
    if not answers(address):
        raise DonkiError(f"no Tango database answers at {address}; start it, or correct the address")


def check_hosts(scenario: Scenario) -> None:
    """Make sure that a scenario can be played on its hosts, as far as is seen without starting anything.

    Raises
    ------
    DonkiError
        with a line for each host that cannot be used, or for what `check_addresses` finds
    """
    check_addresses(scenario)
    address = Address.parse(str(scenario.database))
    if problems := silent_hosts(Starter(address, host) for host in hosts_of(scenario)):
        raise DonkiError("\n".join(problems))


class HostRun:
    """The servers of a scenario that are on other hosts, for the length of a run; there may be none.

    Parameters
    ----------
    scenario
        what is played
    database
        the Tango database's address
    local, remote
        the servers on this machine, and those on hosts
    stop_local
        stops those of this machine, which are to end first
    tell
        takes a line about what is waited for, or left behind where the run fails
    leave
        whether those on hosts are left running, and registered

    Attributes
    ----------
    problems
        what could not be taken back, a line each; known when the block has ended
    """

    def __init__(
        self,
        scenario: Scenario,
        database: Address,
        local: Sequence[DeviceServer],
        remote: Sequence[DeviceServer],
        stop_local: Callable[[], None],
        tell: Callable[[str], object],
        *,
        leave: bool = False,
    ) -> None:
        self._players = players_in(scenario)
        self._database = database
        self._local = local
        self._stop_local = stop_local
        self._tell = tell
        self._leave = leave
        self._registration = Registration(database)
        probe = HostServers(database, remote, self._registration)
        if remote:
            probe.check()
        self._remote = [_on_host(server, probe.properties(server.host, *FOLDERS)) for server in remote]
        self._servers = HostServers(database, self._remote, self._registration)
        self.problems: list[str] = []

    def launch(self) -> None:
        """Register all, and have those on hosts started; returns at once."""
        if self._remote:
            for server in self._local:
                self._registration.check(server)
                self._registration.remember(server)
            self._servers.launch()

    def wait(self) -> None:
        """Wait until those on hosts are ready to play the same scripts as are here.

        Raises
        ------
        DonkiError
            when one does not come up, has other scripts, or cannot be used as it is
        """
        self._servers.wait(self._tell)
        problems = []
        for server in self._remote:
            for device in server.devices if server.role == "player" else ():
                problems += self._problems_of(server, device)
        if problems:
            raise DonkiError("\n".join(problems))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._remote:
            return
        try:
            self._stop_local()
            if self._leave and error is None:
                self._servers.leave()
                left = ", ".join(f"{server.name} on {server.host}" for server in self._remote)
                self._tell(f"left running: {left}")
            self.problems += self._servers.stop()
        finally:
            self.problems += self._registration.take_back()
            self._servers.updated()
        if error is not None:
            for problem in self.problems:
                self._tell(problem)

    def _problems_of(self, server: DeviceServer, device: ServedDevice) -> list[str]:
        name = device.name.rpartition("/")[2]
        proxy = tango.DeviceProxy(f"tango://{self._database.tango_host}/{device.name}")
        proxy.set_timeout_millis(round(1000 * ANSWER_LIMIT))
        player = self._players[name]
        who = f"Player {name} on host {server.host}"
        try:
            self._have_scripts(proxy, device, player.script)
            wanted = scripts.data_files(player.parameters, player.data_path or [player.script.parent])
            if missing := scripts.missing_data(proxy, wanted):
                return [
                    f"{who}: {'; '.join(missing)}; data files are not sent: copy them to a folder of its "
                    "DataPath there"
                ]
            with translated(device.name):
                return [f"{who}: {finding}" for finding in proxy.Check()]
        except DonkiError as error:
            return [f"{who}: {error}"]

    def _have_scripts(self, proxy: tango.DeviceProxy, device: ServedDevice, script: Path) -> None:
        """Make sure that a Player has the files of its script; they are sent where its host takes them."""
        script = script.resolve()
        files = scripts.script_files(script)
        folder = device.memorized["Script"].removesuffix(script.name)
        different = scripts.differences(proxy, files, folder)
        if not different:
            return
        try:
            folder = scripts.send(proxy, files)
            self._tell(f"{device.name}: sent {', '.join(files)} to {folder} on its host")
        except NotAllowedError as error:
            there = str(device.properties["ScriptPath"] or "where DonkiOrchestra has its scripts")
            raise DonkiError(
                f"{'; '.join(different)}, compared with {script.parent}; {scripts.remedy(there)}. {error}"
            ) from None
        with translated(device.name):
            connect(self._database).put_device_property(device.name, {"ScriptPath": folder})
            proxy.Init()
        await_loaded(self._database, device.name, lambda: None, self._tell)
        with translated(device.name):
            proxy.Script = script.name
        await_loaded(self._database, device.name, lambda: None, self._tell)
        if different := scripts.differences(proxy, files):
            raise DonkiError(f"{'; '.join(different)} in {folder}, where they were sent; empty that folder")


def _on_host(server: DeviceServer, folders: Mapping[str, Sequence[str]]) -> DeviceServer:
    """Return a server with the folders that its host has."""
    return replace(server, devices=tuple(_device_on_host(device, folders) for device in server.devices))


def _device_on_host(device: ServedDevice, folders: Mapping[str, Sequence[str]]) -> ServedDevice:
    properties: dict[str, Any] = dict(device.properties)
    memorized = dict(device.memorized)
    shipped, script = shipped_scripts().resolve(), memorized.get("Script")
    if script and (here := Path(properties["ScriptPath"])).is_relative_to(shipped):
        # Those that come with DonkiOrchestra are there too, wherever it is installed.
        properties["ScriptPath"] = ""
        memorized["Script"] = (here / script).relative_to(shipped).as_posix()
        folders = {name: values for name, values in folders.items() if name != "ScriptPath"}
    for name, values in folders.items():
        if properties.get(name, "") != "":  # an empty list of folders is filled, too
            properties[name] = list(values) if name == "DataPath" else values[0]
    return replace(device, properties=properties, memorized=memorized)
