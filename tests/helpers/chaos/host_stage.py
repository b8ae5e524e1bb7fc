"""The stage on hosts: each server but the Director's is on one of its own, where its Starter starts it."""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil
import tango

from donki.errors import DonkiError
from donki_client.facility.database import answers
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.processes import Child
from helpers.chaos.layout import DIRECTOR, Layout
from helpers.chaos.stage import DATABASE, START_LIMIT, Stage
from helpers.host_world import HostWorld, RemoteHost
from helpers.support import wait_until
from helpers.tango_world import is_up, proxy_of

#: How long a Starter takes to launch what it was asked for, in s, where it does: it may forget.
LAUNCH_LIMIT = 2.0


class FarServer:
    """A server on a host, with the face of a `Child`.

    Attributes
    ----------
    log
        the file of its standard error
    pid
        its process as this machine sees it, or that which it had last; 0 before the first
    """

    def __init__(
        self, host: RemoteHost, server: DeviceServer, device: tango.DeviceProxy, launchers: Executor
    ) -> None:
        self.log = host.log(server.name)
        self.pid = 0
        self._host = host
        self._name = server.name
        self._device = device
        self._launchers = launchers
        self._launching: Future[None] | None = None
        self._is_wanted = False
        self._process: psutil.Process | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it runs; not yet while its host boots."""
        if self._process is None or not _runs(self._process):
            self._process = self._host.process(self._name)
        if self._process:
            self.pid = self._process.pid
        return self._process is not None

    def start(self) -> None:
        """Have it started; returns at once."""
        self._is_wanted = True
        if self._launching is None or self._launching.done():
            self._launching = self._launchers.submit(self._launch)

    def _launch(self) -> None:
        with tango.EnsureOmniThread():
            while self._is_wanted and not self.is_alive:
                # A Starter holds a server that was killed for running until it looks again; a cable may be cut.
                with suppress(tango.DevFailed, AssertionError):
                    if not self._host.is_running:
                        self._host.boot()
                    self._host.starter.DevStart(self._name)
                until = time.monotonic() + LAUNCH_LIMIT
                while not self.is_alive and time.monotonic() < until:
                    time.sleep(0.05)

    def wait_for(self, _ready: str, limit: float) -> None:
        """Wait until it answers."""
        until = time.monotonic() + limit
        while not is_up(self._device):
            is_launched = self._launching is None or self._launching.done()
            if (is_launched and not self.is_alive) or time.monotonic() > until:
                raise DonkiError(f"{self._name} does not answer on its host")
            time.sleep(0.02)

    def wait(self, _limit: float) -> None:
        """Return that nobody knows with what status it ended."""

    def kill(self) -> None:
        """End it (SIGKILL) and wait until it is gone."""
        self._is_wanted = False
        if self.is_alive:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(self.pid).kill()
            wait_until(f"{self._name} is gone", lambda: not self.is_alive)


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


class HostStage(Stage):
    """Servers by their names, as of `Stage`; with the same layout, in a world with a host for each but the Director.

    Parameters
    ----------
    folder, layout
        as of `Stage`
    world
        with as many hosts as `layout.hosts` names; its broker and its database are killed and restarted
    """

    def __init__(self, folder: Path, world: HostWorld, layout: Layout) -> None:
        super().__init__(folder, world.kafka, layout)
        self.database = world.address
        self._world = world
        self._far: dict[str, FarServer] = {}
        # What boots a host must live as long as that: the kernel looks to the thread.
        self._launchers = ThreadPoolExecutor(len(layout.hosts), "launcher")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._far.values():
            server.kill()
        super().__exit__(kind, error, trace)
        self._world.database_server.kill()
        for host in self._world.hosts.values():
            host.kill()
        self._launchers.shutdown()

    def host(self, name: str) -> RemoteHost:
        return self._world.hosts[self.layout.host_of(name)]

    def kill_host(self, name: str) -> None:
        self.host(name).kill()
        self.kill(name)

    def mend(self) -> None:
        for host in self._world.hosts.values():
            host.network.mend()
        super().mend()

    def _start_database(self) -> Child:
        if not self._world.database_server.is_alive:
            self._world.start_database_server()
        return self._world.database_server

    def _start_server(self, name: str, command: list[str], environment: dict[str, str]) -> Child:
        if name == DIRECTOR:
            # The hosts reach no other address of this machine.
            end_point = ["-ORBendPoint", f"giop:tcp:{self.database.ip}:"]
            return super()._start_server(name, command + end_point, environment)
        server = self.servers[name]
        if server.name not in self._far:
            device = proxy_of(self.database, server.device)
            self._far[server.name] = FarServer(self.host(name), server, device, self._launchers)
        self._far[server.name].start()
        return self._far[server.name]

    def _await_ready(self, name: str) -> None:
        if name == DATABASE:
            wait_until("DataBaseds answers", lambda: answers(self.database), START_LIMIT)
        else:
            super()._await_ready(name)
