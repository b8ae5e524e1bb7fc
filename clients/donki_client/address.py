"""Where a server listens: ``HOST:PORT``."""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import suppress
from dataclasses import dataclass

from donki.errors import DonkiError, InputError
from donki.host_port import format_host_port, parse_host_port


@dataclass(frozen=True)
class Address:
    """A host and a TCP port.

    Attributes
    ----------
    host
        a name or a numeric IPv4 address
    port
        1 to 65535; 0 where a server is to choose a free one
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``HOST:PORT``.

        Raises
        ------
        InputError
            when a part is missing or the port is not a number from 1 to 65535
        """
        parsed = parse_host_port(text)
        # An IPv6 address: Tango and its ORB do not speak it.
        if parsed is None or ":" in parsed[0]:
            raise InputError(f"address {text!r}: HOST:PORT is expected, for example localhost:50010")
        return cls(*parsed)

    def __str__(self) -> str:
        return format_host_port(self.host, self.port)

    @property
    def ip(self) -> str:
        """The host as a numeric IPv4 address (Tango and its ORB speak no other).

        Raises
        ------
        InputError
            when the host name is not known
        """
        try:
            return str(socket.getaddrinfo(self.host, None, socket.AF_INET)[0][4][0])
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"address {self}: the host {self.host!r} is not known ({reason})") from None

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine reach it."""
        return ipaddress.ip_address(self.ip).is_loopback

    @property
    def tango_host(self) -> str:
        """The value for ``TANGO_HOST``.

        Tango replaces ``localhost`` by the name of the machine, under which a server that listens on
        127.0.0.1 alone is not always found; so loopback goes by its number. A host that is not known here may
        be known where the value is used.
        """
        host = self.host
        with suppress(InputError):
            host = self.ip if self.is_loopback else host
        return f"{host}:{self.port}"

    def is_listening(self, timeout: float = 2.0) -> bool:
        """Return whether any program accepts connections here; `timeout` in s."""
        try:
            socket.create_connection((self.ip, self.port), timeout).close()
        except OSError:
            return False
        return True

    def check_free(self) -> None:
        """Make sure that a server of this machine can listen here.

        Raises
        ------
        DonkiError
            when the port is taken, needs more rights, or the host is another machine
        """
        reasons = {
            errno.EADDRINUSE: "another program uses this address; choose another port",
            errno.EADDRNOTAVAIL: f"{self.host} is not an address of this machine",
            errno.EACCES: "ports below 1024 need administrator rights; choose another port",
        }
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
            # What closed a moment ago lingers in TIME_WAIT and is no hindrance to the servers started here.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((self.ip, self.port))
                trial.listen()
            except OSError as error:
                reason = reasons.get(error.errno or 0, error.strerror or str(error))
                raise DonkiError(f"cannot listen on {self}: {reason}") from None
