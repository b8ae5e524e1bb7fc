"""Servers on other hosts for the length of a run: registered, started by Starter, watched, taken back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from functools import partial

import tango

from donki.errors import DonkiError
from donki_client.address import Address
from donki_client.api.errors import UnreachableError
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.hosts.registration import Registration
from donki_client.facility.hosts.starter import Starter, silent_hosts
from donki_client.facility.servers import TELL_AFTER, await_loaded

#: How long the servers of all hosts may take to start, in s; Starter itself takes some.
START_LIMIT = 180.0

POLL = 0.1  # s

#: How often a server that does not answer yet is looked for in its log, in s.
LOG_POLL = 2.0

#: What a server that could not start has written to its standard error.
_ENDED = re.compile(r"cannot start|Exiting!|^\s*\w*(Error|Exception)\b", re.MULTILINE)


class HostServers:
    """Servers that the Starters of their hosts start.

    Parameters
    ----------
    database
        the address of the Tango database that they and their Starters use
    servers
        each with the name of its host
    registration
        enters them
    """

    def __init__(
        self, database: Address, servers: Sequence[DeviceServer], registration: Registration
    ) -> None:
        self._database = database
        self._servers = servers
        self._registration = registration
        self._starters = {server.host: Starter(database, server.host) for server in servers}
        self._launched: list[DeviceServer] = []

    def check(self) -> None:
        """Make sure that every Starter answers, and that the names of the servers are free.

        Raises
        ------
        DonkiError
            with a line for each host or server that is not as it should be
        """
        problems = silent_hosts(self._starters.values())
        for server in self._servers:
            try:
                self._registration.check(server)
            except DonkiError as error:
                problems.append(str(error))
        _refuse(problems)

    def properties(self, host: str, *names: str) -> dict[str, list[str]]:
        """Return those of some properties of a host's Starter that are set."""
        return self._starters[host].properties(*names)

    def launch(self) -> None:
        """Register the servers, and have them started; returns at once.

        Raises
        ------
        DonkiError
            when the database cannot be written, or a Starter refuses
        """
        for server in self._servers:
            self._registration.enter(server)
        for starter in self._starters.values():
            starter.update()
        for server in self._servers:
            # Before it is asked for: Ctrl-C may come in between.
            self._launched.append(server)
            self._starters[server.host].start(server.name)

    def wait(self, tell: Callable[[str], object]) -> None:
        """Wait until every device answers, and has loaded its script.

        Parameters
        ----------
        tell
            takes a line about what is waited for, where that takes long

        Raises
        ------
        DonkiError
            when a server ends at its start, or does not answer in time; shows the end of its log
        """
        began = time.monotonic()
        waiting, told, looked = list(self._launched), False, began
        while waiting := [server for server in waiting if not _answers(self._database, server)]:
            waited = time.monotonic() - began
            if time.monotonic() > looked + LOG_POLL:
                looked = time.monotonic()
                for server in waiting:
                    self._refuse_ended(server)
            if waited > START_LIMIT:
                raise self._failed(waiting[0], f"does not answer within {START_LIMIT:g} s")
            if waited > TELL_AFTER and not told:
                told = True
                named = ", ".join(f"{server.name} on {server.host}" for server in waiting)
                tell(f"waiting for {named}, at most {START_LIMIT:g} s")
            time.sleep(POLL)
        for server in self._launched:
            for device in server.devices:
                await_loaded(self._database, device.name, partial(self._alive, server), tell)

    def stop(self) -> list[str]:
        """Have all that were launched ended; return what could not be, a line each."""
        problems, silent = [], set()
        while self._launched:
            server = self._launched[-1]
            starter = self._starters[server.host]
            try:
                if server.host not in silent:
                    starter.stop(server.name)
            except UnreachableError:
                silent.add(server.host)
            except DonkiError as error:
                problems.append(str(error))
            if server.host in silent:
                problems.append(
                    f"{server.name} may still run on host {starter.host}, whose Starter does not answer; "
                    "when it does, its command HardKillServer ends it"
                )
            self._launched.pop()
        return problems

    def leave(self) -> None:
        """Let them run on, as they are registered now."""
        for server in self._servers:
            self._registration.leave(server)
        self._launched.clear()

    def remove(self) -> list[str]:
        """End and delete those servers that an earlier run has left; return their names.

        Raises
        ------
        DonkiError
            when a Starter does not answer, or the names belong to others
        """
        self.check()
        left = [server for server in self._servers if self._registration.has(server)]
        for server in left:
            self._starters[server.host].stop(server.name)
            self._registration.remove(server)
        self.updated()
        return [server.name for server in left]

    def updated(self) -> None:
        """Let the Starters know that the database has changed, those that answer."""
        for starter in self._starters.values():
            try:
                starter.update()
            except DonkiError:
                continue

    def _refuse_ended(self, server: DeviceServer) -> None:
        if _ENDED.search(self._starters[server.host].log_end(server.name)):
            raise self._failed(server, "ended at its start")

    def _alive(self, server: DeviceServer) -> None:
        if not _answers(self._database, server):
            raise self._failed(server, "has ended")

    def _failed(self, server: DeviceServer, what: str) -> DonkiError:
        said = self._starters[server.host].log_end(server.name)
        return DonkiError(
            f"{server.name} on host {server.host} {what}; the end of its log there:\n"
            f"{said or '    (it wrote nothing)'}"
        )


def _answers(database: Address, server: DeviceServer) -> bool:
    try:
        return bool(tango.DeviceProxy(f"tango://{database.tango_host}/{server.device}").ping() >= 0)
    except tango.DevFailed:
        return False


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise DonkiError("\n".join(problems))
