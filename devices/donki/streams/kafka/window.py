"""The bytes that are in flight to a broker, bounded."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from donki.errors import BrokerError

_POLL = 0.05  # s after which a failure that another thread reports is noticed


class Queue(NamedTuple):
    """What waits for the broker's acknowledgement."""

    messages: int = 0
    bytes: int = 0


class Window:
    """Counts the messages that one producer has taken and its broker has not acknowledged yet.

    A Kafka producer queues without a bound; whoever sends enters the window first, and waits while it is
    full. The first failure stays and every later call raises it: what follows a lost message is of no use.

    One thread at a time enters, leaves and waits, and clients tell of acknowledgements in it; any thread may
    ask for the `queue` and call `fail`. So there is no lock, which each message would have to take twice.

    Attributes
    ----------
    failure
        why messages were lost, or may have been; empty as long as none were

    Parameters
    ----------
    size
        most bytes in flight; a single message may be larger
    patience
        seconds without any acknowledgement after which a wait gives up
    broker
        whom the window leads to, for the errors
    poll
        lets the client tell of what was acknowledged, and waits for that at most the seconds it is given; it
        is told too whether all is waited for
    reason
        tells why nothing is acknowledged, where that is known

    Attributes
    ----------
    patience
        as given
    """

    def __init__(
        self,
        size: int,
        patience: float,
        broker: str,
        poll: Callable[[float, bool], None],
        reason: Callable[[], str] = str,
    ) -> None:
        self.patience = patience
        self._size = size
        self._reason = reason
        self._broker = broker
        self._poll = poll
        self._bytes = 0
        self._messages: Counter[str] = Counter()
        self._progress = time.monotonic()
        self.failure = ""

    @property
    def queue(self) -> Queue:
        """What is in flight."""
        return Queue(sum(self._messages.copy().values()), self._bytes)

    @property
    def silence(self) -> float:
        """Seconds for which something has been in flight and nothing was acknowledged."""
        return time.monotonic() - self._progress if self._bytes else 0.0

    def enter(self, topic: str, size: int) -> None:
        """Wait until a message of `size` bytes has room, and count it in.

        Raises
        ------
        BrokerError
            when an earlier message failed, or nothing was acknowledged for too long
        """
        if self.failure or (self._bytes and self._bytes + size > self._size):
            self._wait(lambda: self._bytes == 0 or self._bytes + size <= self._size, None)
        if self._bytes == 0:
            self._progress = time.monotonic()
        self._bytes += size
        self._messages[topic] += 1

    def leave(self, topic: str, size: int) -> None:
        """Count out a message that the broker has acknowledged."""
        self._bytes -= size
        self._messages[topic] -= 1
        self._progress = time.monotonic()

    def fail(self, reason: str) -> None:
        """Let every wait, in progress or to come, end with a BrokerError; the first reason stays."""
        self.failure = self.failure or reason

    def drain(self, timeout: float) -> None:
        """Wait until everything is acknowledged.

        Raises
        ------
        BrokerError
            when a message failed, when nothing was acknowledged for too long, or after `timeout` seconds
        """
        if self.failure or self._bytes:
            self._wait(lambda: self._bytes == 0, timeout)

    def _wait(self, met: Callable[[], bool], timeout: float | None) -> None:
        started = time.monotonic()
        while not self.failure and not met():
            now = time.monotonic()
            limit = self._progress + self.patience
            if timeout is not None:
                limit = min(limit, started + timeout)
            if now >= limit:
                self.failure = (
                    f"Kafka broker {self._broker} did not acknowledge {self._in_flight()}"
                    f" within {now - min(started, self._progress):.1f} s"
                    f"{f': {why}' if (why := self._reason()) else ''}"
                )
                break
            self._poll(min(limit - now, _POLL), timeout is not None)
        if self.failure:
            raise BrokerError(self.failure)

    def _in_flight(self) -> str:
        return ", ".join(
            f"{count} messages to topic {topic}" for topic, count in self._messages.items() if count
        )
