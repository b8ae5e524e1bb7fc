"""A whole facility on this machine: database, broker and device servers, gone when its block ends."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from donki.errors import DonkiError, FileError
from donki_client.facility.address import Address
from donki_client.facility.database import start_database
from donki_client.facility.processes import Child, Processes
from donki_client.facility.servers import DeviceServer, start_servers
from donki_client.facility.starting import Starting


class LocalFacility:
    """Servers that rest on each other, stopped in reverse: first the devices, then database and broker.

    Parameters
    ----------
    folder
        for the database's file and every server's output; made where it is missing

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

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"the folder {folder} cannot be made: {error.strerror}") from None
        self.folder = folder
        self._base = Processes(folder)
        self._servers = Processes(folder)
        self._database: Address | None = None

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
        self._database = start_database(self._base, self.folder, address).wait()
        return self._database

    def start_broker(self) -> Address:
        """Start the embedded in-memory Kafka broker and return where it listens: a free port of 127.0.0.1."""
        return start_broker(self._base).wait()

    def start_database_and_broker(self) -> tuple[Address, Address]:
        """Start both side by side, which takes half the time, on free ports of 127.0.0.1."""
        database, broker = start_database(self._base, self.folder), start_broker(self._base)
        self._database = database.wait()
        return self._database, broker.wait()

    def start_servers(self, *servers: DeviceServer) -> list[Child]:
        """Register device servers, start them side by side, and return when every device answers."""
        return start_servers(self._servers, self.database, servers)

    def stop(self) -> None:
        """Stop everything that was started here."""
        try:
            self._servers.stop()
        finally:
            self._base.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_broker(processes: Processes) -> Starting:
    """Start the embedded in-memory Kafka broker on a free port of 127.0.0.1."""
    command = [sys.executable, "-m", "donki_client.facility.broker", "--port", "0"]
    return Starting(processes.start("memory-broker", command), r"listening on (\S+):(\d+)")
