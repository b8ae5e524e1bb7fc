"""The Starter of a host: the control system's own engine, which starts and stops servers there."""

from __future__ import annotations

import time
from collections.abc import Iterable

import tango

from donki.errors import DonkiError, InputError
from donki_client.address import Address
from donki_client.api.errors import UnreachableError, from_tango
from donki_client.facility.servers import connect

#: How long one request to a Starter may take, in s.
ANSWER_LIMIT = 3.0

#: How long a Starter may hold a server that has ended for running, in s; it looks every few seconds.
BUSY_LIMIT = 20.0

#: How long a server may take to end, in s, before its process is killed.
STOP_LIMIT = 10.0

POLL = 0.1  # s
TAIL = 12  # lines of a log that an error shows


def host_name(host: str) -> str:
    """Return a host's name as Starter has it: without its domain."""
    return host.partition(".")[0]


def silent_hosts(starters: Iterable[Starter]) -> list[str]:
    """Return why Starters cannot be asked, a line each; empty where all answer."""
    problems = []
    for starter in starters:
        try:
            starter.check()
        except DonkiError as error:
            problems.append(str(error))
    return problems


class Starter:
    """The device ``tango/admin/HOST`` of a host.

    Parameters
    ----------
    database
        the Tango database's address
    host
        the host's name, with or without its domain

    Attributes
    ----------
    host
        its name as Starter has it, without the domain
    """

    def __init__(self, database: Address, host: str) -> None:
        self.host = host_name(host)
        self._database = database
        self._device = f"tango/admin/{self.host}"
        self._logs_before: dict[str, str] = {}

    def check(self) -> None:
        """Make sure that it answers.

        Raises
        ------
        InputError
            when the database knows no such host; names those that it knows
        UnreachableError
            when it does not answer
        """
        try:
            self._proxy().ping()
        except tango.DevFailed as failed:
            if any(entry.reason == "DB_DeviceNotDefined" for entry in failed.args):
                known = connect(self._database).get_device_member("tango/admin/*")
                raise InputError(
                    f"host {self.host!r}: the database {self._database} has no Starter of it; "
                    f"it knows the hosts {', '.join(known) or '(none)'}"
                ) from None
            raise self._silent() from None

    def properties(self, *names: str) -> dict[str, list[str]]:
        """Return those of some properties of the host's device that are set."""
        try:
            found = connect(self._database).get_device_property(self._device, list(names))
        except tango.DevFailed as failed:
            raise from_tango(failed, self._device) from None
        return {name: list(values) for name, values in found.items() if list(values)}

    def update(self) -> None:
        """Have it look into the database again, for Astor to show what was registered or deleted."""
        try:
            self._ask("UpdateServersInfo")
        except tango.DevFailed as failed:
            raise from_tango(failed, self._device) from None

    def start(self, server: str) -> None:
        """Have it launch a server.

        Raises
        ------
        DonkiError
            when it refuses, for instance because it does not find the program
        """
        self._logs_before[server] = self._log(server)
        limit = time.monotonic() + BUSY_LIMIT
        while True:
            try:
                self._ask("DevStart", server)
            except tango.DevFailed as failed:
                if failed.args[0].reason != "ALREADY_RUNNING" or time.monotonic() > limit:
                    raise DonkiError(
                        f"host {self.host}: its Starter does not start {server}: {_words(failed)}; "
                        f"{self._remedy(failed.args[0].reason, server)}"
                    ) from None
                time.sleep(POLL)
            else:
                return

    def stop(self, server: str) -> None:
        """Have it end a server, and wait until it has ended; its process is killed where it does not.

        Raises
        ------
        DonkiError
            when Starter does not answer, or the server goes on
        """
        try:
            self._ask("DevStop", server)
        except tango.DevFailed:
            # Starter does not know it yet, or finds that it does not answer.
            self._kill(server)
        if not self._has_ended(server):
            self._kill(server)
            if not self._has_ended(server):
                raise DonkiError(f"host {self.host}: {server} does not end; end its process there")

    def log_end(self, server: str) -> str:
        """Return the end of a server's standard error since it was started; empty if it wrote nothing."""
        text = self._log(server)
        if text == self._logs_before.get(server):
            return ""
        written = text.splitlines()[2:]  # the file's name and the time come first
        return "\n".join([f"    {line}" for line in written if line.strip()][-TAIL:])

    def _log(self, server: str) -> str:
        try:
            return str(self._ask("DevReadLog", server))
        except (tango.DevFailed, UnreachableError):
            return ""

    def _kill(self, server: str) -> None:
        limit = time.monotonic() + STOP_LIMIT
        while time.monotonic() < limit:
            try:
                self._ask("HardKillServer", server)
            except tango.DevFailed:  # there is no such process any more
                return
            time.sleep(POLL)

    def _has_ended(self, server: str) -> bool:
        limit = time.monotonic() + STOP_LIMIT
        while time.monotonic() < limit:
            try:
                self._proxy(f"dserver/{server}").ping()
            except tango.DevFailed:
                return True
            time.sleep(POLL)
        return False

    def _ask(self, command: str, *argument: object) -> object:
        try:
            return self._proxy().command_inout(command, *argument)
        except tango.DevFailed as failed:
            if isinstance(silent := from_tango(failed, self._device), UnreachableError):
                raise self._silent() from silent
            raise

    def _silent(self) -> UnreachableError:
        return UnreachableError(
            f"host {self.host}: its Starter does not answer; start it there (Starter {self.host}), or name "
            "another host"
        )

    def _proxy(self, device: str = "") -> tango.DeviceProxy:
        proxy = tango.DeviceProxy(f"tango://{self._database.tango_host}/{device or self._device}")
        proxy.set_timeout_millis(round(1000 * ANSWER_LIMIT))
        proxy.set_transparency_reconnection(False)
        return proxy

    def _remedy(self, reason: str, server: str) -> str:
        if reason == "CANNOT_RUN_FILE":
            program = server.partition("/")[0]
            return f"have the property StartDsPath of {self._device} name the folder of {program} there"
        if reason == "ALREADY_RUNNING":
            return "stop it there (in Astor, or by the command HardKillServer of Starter)"
        return f"look into the log of Starter on {self.host}"


def _words(failed: tango.DevFailed) -> str:
    return " ".join(failed.args[0].desc.split())
