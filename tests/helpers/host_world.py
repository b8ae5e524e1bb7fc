"""A beamline of several hosts, for tests: a C++ Tango database, a broker, and hosts with a Starter each."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import psutil
import tango

from donki.player.script.store import VARIABLE
from donki_client.address import Address
from donki_client.facility.processes import Child
from helpers.brokers import EmbeddedBroker
from helpers.donki_command import Command
from helpers.network import Host, hosts
from helpers.support import free_port, needs, wait_until
from helpers.tango_world import LIMIT, SERVERS, STARTER, TangoWorld, admin, is_up, proxy_of

#: Runs the in-memory broker on an address that other hosts reach.
_BROKER = (
    "from donki_client.facility.broker import MemoryBroker; import sys; MemoryBroker.HOST = sys.argv[1]; "
    "broker = MemoryBroker(int(sys.argv[2])); "
    "broker.run(lambda: print('listening on', broker.address, flush=True))"
)

#: Makes a machine of its own of a network namespace: its name, its processes, a disk that no other one has.
_BOOT = 'hostname "$1" && mount -t tmpfs none "$2" && shift 2 && "$@" & wait'


#: What a network namespace lacks to be a machine.
_OWN = ("unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--uts")


def _needs_machines() -> None:
    usable = shutil.which(_OWN[0]) and not subprocess.run([*_OWN, "true"], check=False).returncode
    needs("the right to make namespaces", usable, "run as root on Linux to test with several hosts")


class SwitchBroker(EmbeddedBroker):
    """The in-memory broker on an address that hosts reach."""

    ready = "listening on "

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host
        self.address = f"{host}:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-c", _BROKER, self.host, str(self.port)]


class RemoteHost:
    """A host with a Starter, which can be switched off.

    Attributes
    ----------
    name
        its name, as Starter's device has it
    network
        its cable
    starter
        the Starter's device
    """

    def __init__(self, world: HostWorld, name: str, network: Host, environment: dict[str, str]) -> None:
        self.name = name
        self.network = network
        self.starter: tango.DeviceProxy = None
        self._world = world
        self._environment = environment
        self._machine: Child | None = None
        device = f"tango/admin/{name}"
        (world.folder / name).mkdir()
        admin(world.address, "--add-server", f"Starter/{name}", "Starter", device)
        admin(world.address, "--add-property", device, "StartDsPath", str(SERVERS))
        admin(world.address, "--add-property", device, "LogFileHome", str(world.folder / name))

    def boot(self) -> None:
        """Switch it on; its Starter starts with it."""
        init = ("sh", "-c", _BOOT, "sh", self.name, str(self._world.own), str(STARTER), self.name)
        command = self.network.command(*_OWN, *init)
        self._machine = self._world.run(self.name, *command, **self._environment)
        self.starter = proxy_of(self._world.address, f"tango/admin/{self.name}")
        wait_until(f"the Starter of {self.name} answers", lambda: is_up(self.starter), LIMIT)

    def kill(self) -> None:
        """End all its processes at once."""
        if self._machine:
            self._machine.kill()

    @property
    def is_running(self) -> bool:
        """Whether it is on."""
        return self._machine is not None and self._machine.is_alive

    def log(self, server: str) -> Path:
        """Return the file of the standard error of a server that its Starter launches."""
        return self._world.folder / self.name / "ds.log" / f"{server.replace('/', '_')}.log"

    def process(self, server: str) -> psutil.Process | None:
        """Return that of a server that its Starter has launched; None where it does not run."""
        for process in psutil.Process(self._machine.pid).children(recursive=True) if self.is_running else ():
            with suppress(psutil.Error):
                program, instance = ["", *process.cmdline()][-2:]
                if f"{Path(program).name}/{instance}" == server:
                    return process
        return None

    def disk(self, path: Path) -> Path:
        """Return where a path of this host is seen from this machine."""
        assert self._machine
        [init] = psutil.Process(self._machine.pid).children()
        return Path("/proc", str(init.pid), "root", *path.parts[1:])

    def servers(self) -> list[str]:
        """Return what Astor shows of it: the servers that Starter controls, name, state and level."""
        lines = [line.split("\t") for line in self.starter.Servers or ()]
        return [f"{name} {state} {level}" for name, state, _, level, *_ in lines]


class HostWorld(TangoWorld):
    """A control system whose database and broker other hosts reach; gone when its block ends.

    Attributes
    ----------
    hosts
        by name; the first one takes scripts that are sent to it, the others do not
    own
        a folder that each host has for itself: what is in it here, no other host sees
    shared
        a folder that all hosts have
    kafka, broker
        the Kafka broker, and its address
    """

    def __init__(self, folder: Path, *names: str) -> None:
        super().__init__(folder)
        _needs_machines()
        self._names = names
        self._stack = ExitStack()
        self.hosts: dict[str, RemoteHost] = {}
        self.own, self.shared = folder / "own", folder / "shared"

    def __enter__(self) -> Self:
        here, networks = self._stack.enter_context(hosts(len(self._names)))
        try:
            self.own.mkdir()
            self.shared.mkdir()
            self.address = Address(here, free_port())
            super().__enter__()
            self.kafka = self._stack.enter_context(SwitchBroker(here))
            self.broker = self.kafka.address
            takes = {VARIABLE: str(self.own / "sent")}
            for name, network in zip(self._names, networks, strict=True):
                self.hosts[name] = RemoteHost(self, name, network, {} if self.hosts else takes)
                self.hosts[name].boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for host in self.hosts.values():
                host.kill()
            super().__exit__()
        finally:
            self._stack.close()

    @property
    def database(self) -> tango.Database:
        """The Tango database."""
        return tango.Database(self.address.host, self.address.port)

    @property
    def donki(self) -> Command:
        """The donki command of a user of this beamline."""
        command = Command(self.folder / "data")
        command.set("TANGO_HOST", self.address.tango_host)
        command.set("DONKI_BROKER", self.broker)
        return command

    def scenario(self, name: str, players: str, **more: object) -> str:
        """Write a scenario into the folder that no other host has, and return the file's name."""
        lines = [f"{key}: {value}" for key, value in {"triggers": 5, **more}.items()]
        file = self.own / f"{name}.yaml"
        file.write_text("\n".join([*lines, "players:", textwrap.indent(textwrap.dedent(players), "  ")]))
        return str(file)

    def tree(self) -> dict[str, list[str]]:
        """Return what Astor shows by host: the servers that Starter controls, name, state and level."""
        return {name: host.servers() for name, host in self.hosts.items()}

    def running(self) -> set[str]:
        """Return the names of our servers that run on any host, as Starter sees it."""
        running = (host.starter.RunningServers or () for host in self.hosts.values() if is_up(host.starter))
        return {name for names in running for name in names if name.startswith("Donki")}

    def registered(self) -> set[str]:
        """Return the names of all that is registered of ours: servers and devices."""
        database = self.database
        servers = set(database.get_server_list("Donki*"))
        on_hosts = {
            name
            for host in self.hosts
            for name in database.command_inout("DbGetHostServerList", host)
            if name.startswith("Donki")
        }
        return servers | on_hosts | set(database.get_device_member("donki/*"))
