"""Programs in Python that are forked by a process which has their modules already."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from donki.errors import DonkiError
from donki_client.facility import fork_server
from donki_client.facility.spawning import spawn

#: Variables that are read when a program runs, by the beginnings of their names; any other may count when a
#: process begins or imports, as those of Python, of BLAS and of Tango's telemetry do. PyTango sets
#: that of PYDEVD when it is imported, here and in the process that forks; PySide6, which no server
#: imports, sets its own.
READ_LATER = ("DONKI_", "PYDEVD_", "PYSIDE6_", "PYTANGO_DATABASE_NAME", "PYTEST_", "TANGO_HOST")

MOST_SERVERS = 4  # that fork, each with another environment

POLL = 0.01  # s, between two looks at a process that is to end
FORK_LIMIT = 60.0  # s, for a fork and the imports before it


class ForkServer:
    """The process that forks; it starts when it is first needed. How: `donki_client.facility.fork_server`.

    Parameters
    ----------
    log
        the file of its own output
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lock = threading.RLock()
        self._popen: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._environment: dict[str, str] = {}
        self._forked = 0
        self._ended: dict[int, int] = {}

    def load(self, modules: Iterable[str]) -> None:
        """Have it import modules; returns at once."""
        with self._lock:
            self._ask({"load": list(modules)})

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Return whether a program with this environment, beside this process's own, can be forked.

        It cannot where a variable that may count when a process begins or imports is another than at the
        beginning of the one that forks.
        """
        wanted = {"PYTHONUNBUFFERED": "1", **os.environ, **environment}
        with self._lock:
            self._start()
            changed = {name for name, _ in wanted.items() ^ self._environment.items()}
        return all(name.startswith(READ_LATER) for name in changed)

    def fork(
        self, name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> ForkedProcess:
        """Call ``main()`` of a module in a process of its own, as ``python -m`` would.

        Parameters
        ----------
        name
            by which ``ps`` shows it, as far as its 15 letters reach
        module, arguments
            what to run
        environment
            added to this process's own
        log
            the file of its output; it is there

        Raises
        ------
        DonkiError
            when the process that forks has ended, or does not answer
        """
        wanted = {**os.environ, **environment}
        with self._lock:
            self._start()
            gone = self._environment.keys() - wanted
            changed = {name: value for name, value in wanted.items() if self._environment.get(name) != value}
            self._forked += 1
            self._ask(
                {
                    "fork": module,
                    "number": self._forked,
                    "name": name,
                    "arguments": list(arguments),
                    "environment": {**changed, **dict.fromkeys(gone)},
                    "folder": os.getcwd(),
                    "log": str(log.absolute()),
                }
            )
            end = time.monotonic() + FORK_LIMIT
            while (left := end - time.monotonic()) > 0:
                if (answer := self._receive(left)).get("started") == self._forked:
                    return ForkedProcess(self, self._forked, answer["pid"])
            raise DonkiError(
                f"the process that starts the servers has not answered for {FORK_LIMIT:.0f} s ({self._log})"
            )

    def status(self, number: int) -> int | None:
        """Return the exit status of what it forked as its first, second ...; None while that runs."""
        with self._lock:
            while number not in self._ended and self._receive(0):
                pass
            if number not in self._ended and self._popen and self._popen.poll() is not None:
                return -signal.SIGKILL  # the kernel ended it with its parent
            return self._ended.get(number)

    def signal(self, number: int, what: int) -> None:
        """Send a signal to what it forked as its first, second ..., if that runs."""
        with self._lock, contextlib.suppress(DonkiError):
            self._ask({"signal": what, "to": number})

    def stop(self) -> None:
        """End it, and all that still run of those it has forked."""
        with self._lock:
            if self._channel:
                self._channel.close()
            if self._popen:
                self._popen.kill()
                self._popen.wait()
            self._popen = self._channel = None

    def _start(self) -> None:
        if self._popen:
            return
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._log.open("wb") as output:
            command = [sys.executable, "-m", fork_server.__name__, str(theirs.fileno())]
            self._popen = spawn(command, {}, output, pass_fds=(theirs.fileno(),))

    def _ask(self, request: Mapping[str, Any]) -> None:
        self._start()
        assert self._channel  # noqa: S101
        try:
            self._channel.send(json.dumps(request).encode())
        except OSError:
            raise self._gone() from None

    def _receive(self, limit: float) -> dict[str, Any]:
        """Return the next answer, empty where there is none within `limit` s; an end is noted.

        Where it is waited for, DonkiError when the process that forks has ended.
        """
        if self._channel is None or not select.select([self._channel], [], [], limit)[0]:
            return {}
        try:
            packet = self._channel.recv(fork_server.MOST)
        except OSError:
            packet = b""
        if not packet:
            if limit:
                raise self._gone()
            return {}
        answer: dict[str, Any] = json.loads(packet)
        if number := answer.get("ended"):
            self._ended[number] = answer["status"]
        return answer

    def _gone(self) -> DonkiError:
        written = self._log.read_text(errors="replace").strip()
        return DonkiError(f"the process that starts the servers has ended ({self._log}):\n{written}")


class ForkServers:
    """Processes that fork: another one where the environment of this one has changed, as imports change it.

    Parameters
    ----------
    log
        the file of the first one's output; those of others are beside it
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._servers: list[ForkServer] = []
        self._modules: dict[str, None] = {}

    def load(self, modules: Iterable[str]) -> None:
        """Have modules imported for what is forked from now on; returns at once."""
        with self._lock:
            self._modules |= dict.fromkeys(modules)
            if not self._servers:
                self._add()
            for server in self._servers:
                server.load(self._modules)

    def suitable(self, environment: Mapping[str, str]) -> ForkServer | None:
        """Return one that can fork a program with this environment, beside this process's own; else None."""
        with self._lock:
            for server in reversed(self._servers):
                if server.suits(environment):
                    return server
            if len(self._servers) < MOST_SERVERS and not any(server.suits({}) for server in self._servers):
                server = self._add()
                server.load(self._modules)
                return server if server.suits(environment) else None
            return None

    def stop(self) -> None:
        """End them, and all that still run of those they have forked."""
        with self._lock:
            for server in self._servers:
                server.stop()
            self._servers.clear()

    def _add(self) -> ForkServer:
        number = len(self._servers)
        self._servers.append(
            ForkServer(self._log.with_stem(f"{self._log.stem}-{number}") if number else self._log)
        )
        return self._servers[-1]


class ForkedProcess:
    """A program that was forked, with what is used of `subprocess.Popen`."""

    def __init__(self, server: ForkServer, number: int, pid: int) -> None:
        self._server = server
        self._number = number
        self.pid = pid

    def poll(self) -> int | None:
        """Return its exit status, None while it runs."""
        return self._server.status(self._number)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends, at most `timeout` s; return its exit status.

        Raises
        ------
        subprocess.TimeoutExpired
            when it still runs
        """
        end = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if timeout is not None and end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(POLL)
        return status

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self._server.signal(self._number, signal.SIGTERM)

    def kill(self) -> None:
        """End it (SIGKILL)."""
        self._server.signal(self._number, signal.SIGKILL)
