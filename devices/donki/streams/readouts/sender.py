"""Sends packets by UDP, no faster than they may be sent."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, NamedTuple

from donki.errors import InputError, ReadoutError
from donki.host_port import format_host_port, parse_host_port

DEFAULT_RATE = 100_000_000
"""Most bytes a second: a loopback or an event formation unit keeps pace with it."""

_LOWEST_RATE, _HIGHEST_RATE = 1_000_000, 100_000_000_000
#: May leave at once after a pause, in bytes: less than a socket's receive buffer holds by default.
_BURST = 65_536
#: How long the network may take to take a packet, s.
_PATIENCE = 5.0


def check_address(address: str) -> None:
    """Refuse what is not the address of a receiver, by an InputError; empty is none."""
    if address and parse_host_port(address) is None:
        raise InputError(f"readouts go to a HOST:PORT, as 127.0.0.1:9000; got {address!r:.200}")


def check_rate(rate: int) -> None:
    """Refuse what is not a number of bytes a second that packets may leave at, by an InputError."""
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise InputError(f"from {_LOWEST_RATE} to {_HIGHEST_RATE} bytes a second are accepted; got {rate}")


class SentReadouts(NamedTuple):
    """How much was sent."""

    packets: int = 0
    readouts: int = 0


class ReadoutSender:
    """Sends one Player's packets of one run to a receiver, and counts them.

    Nobody acknowledges them: what is counted was handed to the network. Of what a receiver lost, the
    sequence numbers tell, which count up from 0 in each output queue.

    Parameters
    ----------
    address
        HOST:PORT of the receiver; empty: nothing is sent
    rate
        most bytes a second, on average

    Attributes
    ----------
    counts
        of what was sent

    Raises
    ------
    InputError
        when address or rate is not what it should be
    ReadoutError
        when the host is not known
    """

    def __init__(self, address: str = "", rate: int = DEFAULT_RATE) -> None:
        check_address(address)
        check_rate(rate)
        self.counts = SentReadouts()
        self._numbers: dict[int, int] = {}
        self._seconds_per_byte = 1 / rate
        self._lead = _BURST / rate
        self._free_at = 0.0
        self._abandoned = threading.Event()
        self._reason = ""
        self._socket: socket.socket | None = None
        self._receiver = _find(*found) if (found := parse_host_port(address)) else None

    @property
    def is_on(self) -> bool:
        """Whether there is a receiver."""
        return self._receiver is not None

    def next_number(self, queue: int) -> int:
        """Return the sequence number of the next packet of an output queue."""
        return self._numbers.get(queue, 0)

    def send(self, queue: int, packet: bytes, readouts: int) -> None:
        """Send a packet of an output queue with so many readouts in it, when it is its turn.

        Raises
        ------
        ReadoutError
            when it cannot be sent, or what waits is abandoned
        """
        if self._receiver is None:
            return
        name = self._receiver.name
        self._wait_for_turn(len(packet), name)
        try:
            if self._socket is None:
                self._socket = socket.socket(self._receiver.family, socket.SOCK_DGRAM)
                self._socket.settimeout(_PATIENCE)
            self._socket.sendto(packet, self._receiver.address)
        except OSError as error:
            raise ReadoutError(
                f"readouts cannot be sent to {name}: {error}; mend ReadoutAddress or the network"
            ) from None
        self._numbers[queue] = self.next_number(queue) + 1
        self.counts = SentReadouts(self.counts.packets + 1, self.counts.readouts + readouts)

    def _wait_for_turn(self, size: int, name: str) -> None:
        now = time.monotonic()
        self._free_at = max(self._free_at, now - self._lead)
        if (ahead := self._free_at - now) > 0 and self._abandoned.wait(ahead):
            raise ReadoutError(f"readouts to {name} were given up: {self._reason}")
        self._free_at += size * self._seconds_per_byte

    def abandon(self, reason: str) -> None:
        """Give up what waits for its turn, until `discard`; that raises a ReadoutError."""
        self._reason = reason
        self._abandoned.set()

    def commit(self) -> None:
        """Do nothing: a packet that was sent is sent."""

    def discard(self) -> None:
        """Take up sending again: nothing that was sent can be taken back."""
        self._abandoned.clear()

    def close(self) -> None:
        """Send no more."""
        if self._socket is not None:
            self._socket.close()


class _Receiver(NamedTuple):
    """Who takes packets, as the socket library has it, and as people write it."""

    family: int
    address: tuple[Any, ...]
    name: str


def _find(host: str, port: int) -> _Receiver:
    name = format_host_port(host, port)
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except (OSError, UnicodeError) as error:  # the latter of a name with too long a part
        raise ReadoutError(f"readouts cannot be sent to {name}: {error}; mend ReadoutAddress") from None
    return _Receiver(family, address, name)
