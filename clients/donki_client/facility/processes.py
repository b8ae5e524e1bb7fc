"""Child processes that never outlive the one that started them."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from donki.errors import DonkiError
from donki_client.facility.forking import ForkedProcess, ForkServers
from donki_client.facility.spawning import spawn

POLL = 0.01  # s, between two looks at a starting process
TAIL = 12  # lines of a log that an error shows


def ending(status: int) -> str:
    """Return what an exit status means."""
    return f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}"


class Child:
    """One running program; its output goes to a file.

    Attributes
    ----------
    name
        what messages call it
    log
        the file of its standard output and error
    pid
        its process number
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        log: Path,
        environment: Mapping[str, str],
        fork_servers: ForkServers | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._popen: subprocess.Popen[bytes] | ForkedProcess
        with log.open("wb") as output:
            match command:
                case [sys.executable, "-m", module, *rest] if fork_servers and (
                    server := fork_servers.suitable(environment)
                ):
                    short = name.rpartition("/")[2]
                    self._popen = server.fork(short, module, rest, environment, log)
                case _:
                    self._popen = spawn(command, environment, output)
        self.pid = self._popen.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def tail(self) -> str:
        """Return the last lines of its output, indented."""
        lines = self.log.read_text(errors="replace").rstrip().splitlines()[-TAIL:]
        return "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"

    def check_alive(self) -> None:
        """Make sure that it still runs.

        Raises
        ------
        DonkiError
            with the exit status and the last lines of its output
        """
        status = self._popen.poll()
        if status is not None:
            raise DonkiError(f"{self.name} {ending(status)}; its last lines ({self.log}):\n{self.tail()}")

    def wait_for(self, pattern: str, limit: float) -> re.Match[str]:
        """Wait until its output holds a regular expression, at most `limit` s, and return the match.

        Raises
        ------
        DonkiError
            when it ends before, or the limit is over
        """
        end = time.monotonic() + limit
        while not (match := re.search(pattern, self.log.read_text(errors="replace"))):
            self.check_alive()
            if time.monotonic() > end:
                raise DonkiError(
                    f"{self.name} was not ready within {limit:.3g} s; "
                    f"its last lines ({self.log}):\n{self.tail()}"
                )
            time.sleep(POLL)
        return match

    def wait(self, limit: float | None = None) -> int | None:
        """Wait until it ends, at most `limit` s; return its exit status, None where it still runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(limit)
        return None

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self._popen.terminate()

    def kill(self) -> None:
        """End it (SIGKILL) and wait until it is gone."""
        self._popen.kill()
        self._popen.wait()


class Processes:
    """Programs that are stopped together, at the latest when the `with` block ends.

    They are gone too when the process that started them ends without a word (kill -9). The kernel looks to
    the *thread* that started them, so start them from one that lives as long as they must. What others rest
    on (a database) belongs into a `Processes` of its own, around theirs.

    Parameters
    ----------
    logs
        the folder where each program's output goes, one file a program
    fork_servers
        fork those that are modules of Python (``python -m MODULE``) with a function ``main`` and that one of
        them suits; None: each is started as a new program
    """

    def __init__(self, logs: Path, fork_servers: ForkServers | None = None) -> None:
        self._logs = logs
        self._fork_servers = fork_servers
        self._children: list[Child] = []

    def start(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start a program and return at once; `environment` is added to this process's own."""
        log = self._logs / f"{name.replace('/', '-')}.log"
        child = Child(name, command, log, environment or {}, self._fork_servers)
        self._children.append(child)
        return child

    def stop(self, limit: float = 3.0) -> None:
        """Ask all to end, and after `limit` s end those that still run."""
        try:
            for child in reversed(self._children):
                child.terminate()
            end = time.monotonic() + limit
            for child in reversed(self._children):
                child.wait(max(0.0, end - time.monotonic()))
        finally:  # also when a second Ctrl-C arrives meanwhile
            for child in reversed(self._children):
                child.kill()
            self._children.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
