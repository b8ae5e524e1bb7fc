"""The donki command as a user runs it: the installed script, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

DONKI = str(Path(sys.executable).with_name("donki"))
LIMIT = 60.0  # s


class Command:
    """Runs ``donki`` with the user's data in a folder of the test."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._environment = {**os.environ, "XDG_DATA_HOME": str(data), "COLUMNS": "100", "TERM": "xterm"}
        for name in ("TANGO_HOST", "DONKI_BROKER"):
            self._environment.pop(name, None)

    def set(self, name: str, value: str) -> None:
        """Set a variable of the environment in which it runs."""
        self._environment[name] = value

    def run(self, *arguments: str, piped: str = "", limit: float = LIMIT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [DONKI, *arguments],
            input=piped,
            capture_output=True,
            text=True,
            timeout=limit,
            env=self._environment,
            check=False,
        )

    @contextmanager
    def running(self, *arguments: str, folder: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Start it with its output piped; it has ended when the block ends."""
        process = subprocess.Popen(
            [DONKI, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
            cwd=folder,
            # In a group of its own, so that a test can send what Ctrl-C sends: SIGINT to the group.
            process_group=0,
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.terminate()
                # Shown where the test fails.
                print(process.communicate(timeout=LIMIT)[0])


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Return what a process writes up to the line that holds a text; the test's own timeout is the limit."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"{text!r} did not come; instead: {''.join(lines)}")


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    """Do what the terminal does at Ctrl-C."""
    os.killpg(process.pid, signal.SIGINT)


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    """Return whether processes have ended; one that init has not reaped yet has."""
    return not any(_lives(process) for process in processes)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
