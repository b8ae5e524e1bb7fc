"""Hosts for tests: network namespaces with a cable each to a switch that this machine is on, too."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from helpers.support import needs

REMEDY = "run as root on Linux with iproute2 and network namespaces to test with several hosts"


@dataclass(frozen=True)
class Host:
    """A machine of its own, as far as the network goes.

    Attributes
    ----------
    name
        its network namespace, and the switch's end of its cable
    ip
        its only address besides loopback
    """

    name: str
    ip: str

    def command(self, *command: str) -> list[str]:
        """Return a command that runs a program on this host."""
        return [shutil.which("ip") or "ip", "netns", "exec", self.name, *command]

    def cut(self) -> None:
        """Cut its cable: what is sent is lost without a word."""
        _ip("link", "set", self.name, "down")

    def mend(self) -> None:
        """Mend its cable."""
        _ip("link", "set", self.name, "up")


@contextmanager
def hosts(count: int) -> Iterator[tuple[str, list[Host]]]:
    """Make hosts, and return this machine's address on their network, and them; all gone at the end."""
    _needs_namespaces()
    unique = os.getpid() % 65536
    network = f"10.{unique >> 8}.{unique & 255}"
    switch = f"dk{unique}"
    with ExitStack() as undo:
        _ip("link", "add", switch, "type", "bridge")
        undo.callback(_ip, "link", "delete", switch)
        _ip("address", "add", f"{network}.1/24", "dev", switch)
        _ip("link", "set", switch, "up")
        made = []
        for number in range(1, count + 1):
            host = Host(f"{switch}h{number}", f"{network}.{number + 1}")
            _ip("netns", "add", host.name)
            undo.callback(_ip, "netns", "delete", host.name)
            inside = ("-n", host.name)
            _ip("link", "add", host.name, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            undo.callback(_ip, "link", "delete", host.name)
            _ip("link", "set", host.name, "master", switch)
            _ip("link", "set", host.name, "up")
            _ip(*inside, "address", "add", f"{host.ip}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip(*inside, "link", "set", device, "up")
            made.append(host)
        yield f"{network}.1", made


def _needs_namespaces() -> None:
    trial = f"dktrial{os.getpid()}"
    usable = os.getuid() == 0 and shutil.which("ip")
    usable = usable and _try("link", "add", trial, "type", "bridge").returncode == 0
    if usable:
        _ip("link", "delete", trial)
    needs("the right to make network namespaces", usable, REMEDY)


def _ip(*arguments: str) -> None:
    done = _try(*arguments)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


def _try(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=60, check=False)
