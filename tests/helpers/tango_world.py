"""The control system of a beamline, for tests: the C++ DataBaseds on MariaDB, tango_admin and Starter."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil
import tango

from donki_client.address import Address
from donki_client.facility.database import answers
from donki_client.facility.processes import Child
from helpers.support import free_port, needs, wait_until

TABLES = Path("/usr/share/dbconfig-common/data/tango-db/install/mysql")
DATABASE_SERVER = Path("/usr/lib/tango/DataBaseds")
STARTER = Path("/usr/lib/tango/Starter")
SERVERS = Path(sys.executable).parent  # where pip installs DonkiDirector and DonkiPlayer
LIMIT = 30.0  # s
_AS_ROOT = ["--user=root"] if os.getuid() == 0 else []
REMEDY = "apt-get install mariadb-server tango-db tango-starter libtango-tools dbconfig-no-thanks"


class TangoWorld:
    """A Tango database as beamlines run it, on a free port of 127.0.0.1; gone when its block ends.

    Attributes
    ----------
    address
        where the database answers
    host
        the name of this machine, as Starter's device has it
    folder
        where its files and logs are
    database_server
        the process of DataBaseds
    starter
        the Starter's device, once it was started
    launched
        the servers that Starter launches, which end with the block
    """

    def __init__(self, folder: Path) -> None:
        programs = (shutil.which("mariadbd"), DATABASE_SERVER.exists(), STARTER.exists())
        needs("MariaDB, DataBaseds or Starter", all(programs), REMEDY)
        self.address = Address("127.0.0.1", free_port())
        self.host = socket.gethostname().partition(".")[0]
        self.folder = folder
        self._socket = folder / "mariadb.sock"
        self._children: list[Child] = []
        self.launched: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._start_database(self._start_mariadb())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_launched()
        for child in reversed(self._children):
            child.terminate()
            child.wait(5)
            child.kill()

    def run(self, name: str, *command: str | Path, **environment: str) -> Child:
        """Start a program of this control system."""
        with_host = {"TANGO_HOST": self.address.tango_host, **environment}
        child = Child(name, list(map(str, command)), self.folder / f"{name}.log", with_host)
        self._children.append(child)
        return child

    def start_starter(self) -> None:
        """Start the Starter of this host, for servers that pip installed.

        What it starts listens on 127.0.0.1 alone.
        """
        device = f"tango/admin/{self.host}"
        admin(self.address, "--add-server", f"Starter/{self.host}", "Starter", device)
        admin(self.address, "--add-property", device, "StartDsPath", str(SERVERS))
        admin(self.address, "--add-property", device, "LogFileHome", str(self.folder))
        self.starter = proxy_of(self.address, device)
        self.boot()

    def boot(self) -> None:
        """Run the Starter, as this host would when it boots."""
        end_point = ("-ORBendPoint", "giop:tcp:127.0.0.1:")
        self.running_starter = self.run(
            "Starter", STARTER, self.host, *end_point, ORBendPoint="giop:tcp:127.0.0.1:"
        )
        wait_until("Starter answers", lambda: is_up(self.starter), LIMIT)

    def dev_start(self, server: str) -> None:
        """Have Starter start a server, and wait until it has launched it.

        Starter tells servers apart by their command lines, whichever database they belong to: the instance
        needs a name that no other server of this machine has.
        """
        log = self.folder / "ds.log" / f"{server.replace('/', '_')}.log"
        log.unlink(missing_ok=True)
        self.launched.append(server)
        # Starter may hold a server that was killed for running, until it looks again
        soon(f"Starter takes the request for {server}", lambda: self.starter.DevStart(server) is None)
        wait_until(f"Starter launches {server}", log.exists, LIMIT)

    def processes(self) -> list[psutil.Process]:
        """Return those of the servers that Starter has launched, which outlive it."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            program, instance = ["", "", *(process.info["cmdline"] or ())][-2:]
            if f"{Path(program).name}/{instance}" in self.launched:
                found.append(process)
        return found

    def kill_launched(self) -> None:
        """End them."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def sql(self, statements: str) -> None:
        """Have MariaDB execute statements, as its administrator."""
        subprocess.run(
            ["mariadb", "--no-defaults", f"--socket={self._socket}", "-uroot"],
            input=statements,
            text=True,
            timeout=LIMIT,
            check=True,
        )

    def _start_mariadb(self) -> int:
        data, port = self.folder / "mariadb", free_port()
        installation = ["--no-defaults", "--auth-root-authentication-method=normal", f"--datadir={data}"]
        made = subprocess.run(
            ["mariadb-install-db", *installation, *_AS_ROOT],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert made.returncode == 0, made.stdout
        self.run(
            "mariadbd",
            *(shutil.which("mariadbd") or "mariadbd", "--no-defaults", *_AS_ROOT),
            *(f"--datadir={data}", f"--socket={self._socket}"),
            *(f"--port={port}", "--bind-address=127.0.0.1"),
        ).wait_for("ready for connections", LIMIT)
        return port

    def _start_database(self, port: int) -> None:
        user = "tango@'127.0.0.1' IDENTIFIED BY 'tango'"
        new = f"CREATE DATABASE tango; GRANT ALL ON tango.* TO {user}; USE tango;"
        self.sql(new + TABLES.read_text())
        self._port = port
        self.start_database_server()
        wait_until("DataBaseds answers", lambda: answers(self.address), LIMIT)

    def start_database_server(self) -> None:
        """Start DataBaseds, which knows what it knew before."""
        self.database_server = self.run(
            "DataBaseds",
            *(DATABASE_SERVER, "2", "-ORBendPoint", f"giop:tcp:{self.address}"),
            MYSQL_USER="tango",
            MYSQL_PASSWORD="tango",
            MYSQL_HOST=f"127.0.0.1:{self._port}",
        )


def admin(database: Address, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``tango_admin`` on a database; it must succeed."""
    needs("tango_admin", shutil.which("tango_admin"), REMEDY)
    done = subprocess.run(
        ["tango_admin", *arguments],
        env={**os.environ, "TANGO_HOST": database.tango_host},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"tango_admin {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done


def json2tango(database: Address, folder: Path, *arguments: str | Path) -> tuple[int, str]:
    """Run ``json2tango``, whose own files go to the folder; return the exit status and what it says."""
    done = subprocess.run(
        [SERVERS / "json2tango", "--no-colors", *arguments],
        env={**os.environ, "TANGO_HOST": database.tango_host, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def proxy_of(database: Address, device: str) -> tango.DeviceProxy:
    return tango.DeviceProxy(f"tango://{database.tango_host}/{device}")


def is_up(device: tango.DeviceProxy) -> bool:
    try:
        return device.ping() >= 0
    except tango.DevFailed:
        return False


def soon(what: str, ask: Callable[[], object], limit: float = LIMIT) -> None:
    """Wait for a predicate that a device answers, which may be on its way."""

    def holds() -> object:
        try:
            return ask()
        except tango.DevFailed:
            return False

    wait_until(what, holds, limit)
