"""A whole facility on this machine: database, broker and device servers, gone when its block ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from donki.errors import DonkiError, FileError
from donki_client.address import Address
from donki_client.facility.database import start_database
from donki_client.facility.forking import ForkServers
from donki_client.facility.processes import Child, Processes
from donki_client.facility.starting import Starting

if TYPE_CHECKING:
    from donki_client.facility.device_server import DeviceServer

#: What the servers of a facility are, in the order in which they are started.
MODULES = (
    "tango.databaseds.database",
    "donki_client.facility.broker.__main__",
    "donki.director.device",
    "donki.player.device",
    "donki.section.device",
)


class LocalFacility:
    """Servers that rest on each other, stopped in reverse: first the devices, then database and broker.

    Parameters
    ----------
    folder
        for the database's file and every server's output; made where it is missing
    in_memory
        whether the database is gone with the facility, and writes no file

    Raises
    ------
    FileError
        when the folder cannot be made

    Examples
    --------
    ::

        with LocalFacility(Path("facility")) as facility:
            database = facility.start_database()
            facility.start_servers(DeviceServer.player("p0", Path("scripts/just_action.py")))
    """

    def __init__(self, folder: Path, *, in_memory: bool = False) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"the folder {folder} cannot be made: {error.strerror}") from None
        self.folder = folder
        self._database_folder = None if in_memory else folder
        self._fork_servers = ForkServers(folder / "servers.log")
        self._base = Processes(folder, self._fork_servers)
        self._servers = Processes(folder, self._fork_servers)
        self._database: Address | None = None

    def prepare(self) -> None:
        """Begin to import what the servers need, in a process of their own; returns at once."""
        self._fork_servers.load(MODULES)

    @property
    def database(self) -> Address:
        """Where the Tango database answers.

        Raises
        ------
        DonkiError
            when there is none yet
        """
        if self._database is None:
            raise DonkiError("the facility has no Tango database; call start_database or use_database first")
        return self._database

    def use_database(self, address: Address) -> None:
        """Take a database that runs already."""
        self._database = address

    def start_database(self, address: Address | None = None) -> Address:
        """Start a Tango database and return where it answers; by default on a free port of 127.0.0.1."""
        self._database = start_database(self._base, self._database_folder, address).wait()
        return self._database

    def start_broker(self) -> Address:
        """Start the embedded in-memory Kafka broker and return where it listens: a free port of 127.0.0.1."""
        return start_broker(self._base).wait()

    def start_database_and_broker(self) -> tuple[Address, Address]:
        """Start both side by side, which takes half the time, on free ports of 127.0.0.1."""
        database, broker = start_database(self._base, self._database_folder), start_broker(self._base)
        self._database = database.wait()
        return self._database, broker.wait()

    def start_servers(self, *servers: DeviceServer, tell: Callable[[str], object] = str) -> list[Child]:
        """Register device servers, start them side by side, and return when every device is ready.

        `tell` takes a line about what is waited for, where that takes long.
        """
        from donki_client.facility.servers import start_servers  # noqa: PLC0415 - it needs PyTango

        self._fork_servers.load(sorted({server.module for server in servers}.intersection(MODULES)))
        return start_servers(self._servers, self.database, servers, tell)

    def stop_servers(self) -> None:
        """Stop the device servers that were started here; database and broker go on."""
        self._servers.stop()

    def stop(self) -> None:
        """Stop everything that was started here."""
        try:
            self.stop_servers()
        finally:
            try:
                self._base.stop()
            finally:
                self._fork_servers.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_broker(processes: Processes) -> Starting:
    """Start the embedded in-memory Kafka broker on a free port of 127.0.0.1."""
    command = [sys.executable, "-m", "donki_client.facility.broker.__main__", "--port", "0"]
    return Starting(processes.start("memory-broker", command), r"listening on (\S+):(\d+)")
