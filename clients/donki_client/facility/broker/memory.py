"""The broker's memory: accounted, and bounded."""

from __future__ import annotations

import logging
from collections import Counter, deque
from typing import Protocol

from kafka.errors import PolicyViolationError

_log = logging.getLogger(__name__)

_PART = 64  # of the memory one such part is deleted at once, as Kafka deletes by the segment


class Log(Protocol):
    """Keeps batches in order."""

    def size(self, index: int) -> int:
        """Return the bytes of a batch, from the oldest."""

    def delete_oldest(self, batches: int) -> None:
        """Delete so many batches."""


class Memory:
    """Counts what is kept; when it is full, deletes the oldest batches of all logs, or refuses more.

    A refusal is Kafka's POLICY_VIOLATION, since a producer hands that to its caller at once, where it would
    retry a storage error.

    Parameters
    ----------
    max_bytes
        how much may be kept
    retention
        whether the oldest batches are deleted when it is full

    Attributes
    ----------
    used
        bytes that are kept, or set aside
    """

    OVERHEAD = 192
    """Bytes that an entry costs beside its data; 160 measured with CPython 3.11, and 8 to know its age."""

    def __init__(self, max_bytes: int, *, retention: bool = True) -> None:
        self.max_bytes = max_bytes
        self.used = 0
        self._retention = retention
        self._oldest: deque[Log] = deque()  # the log of each batch, the oldest batch first
        self._batches = 0
        self._said: set[int] = set()

    def keep(self, size: int, log: Log) -> None:
        """Account for one more batch of a log.

        Raises
        ------
        kafka.errors.PolicyViolationError
            when it does not fit
        """
        self._take(size + self.OVERHEAD)
        self._batches += size + self.OVERHEAD
        self._oldest.append(log)

    def set_aside(self, entries: int) -> None:
        """Account for entries that stay: partitions; raises as `keep` does."""
        self._take(entries * self.OVERHEAD)

    def _take(self, size: int) -> None:
        if self.used + size > self.max_bytes:
            self._make_room(size)
        self.used += size

    def _make_room(self, size: int) -> None:
        if not self._retention or self.used - self._batches + size > self.max_bytes:
            kept = f"{self.used} of {self.max_bytes} bytes, {size} more were sent"
            message = (
                f"the in-memory broker is full ({kept}): delete topics, "
                "start it with a larger --max-bytes, or use Apache Kafka"
            )
            self._say(logging.ERROR, f"{message}; refusing records from now on")
            raise PolicyViolationError(message)
        self._say(
            logging.WARNING,
            f"the in-memory broker is full ({self.max_bytes} bytes): it deletes the oldest messages from now"
            " on; start it with a larger --max-bytes to keep more",
        )
        target = self.max_bytes - max(size, self.max_bytes // _PART)
        deleted: Counter[Log] = Counter()
        while self._oldest and self.used > target:
            log = self._oldest.popleft()
            self._forget(log.size(deleted[log]), entries=1)
            deleted[log] += 1
        for log, batches in deleted.items():
            log.delete_oldest(batches)

    def drop(self, log: Log, size: int, batches: int) -> None:
        """Take back all batches of a log, which have `size` bytes in all."""
        self._oldest = deque(other for other in self._oldest if other is not log)
        self._forget(size, entries=batches)
        self._said.clear()

    def give_back(self, entries: int) -> None:
        """Take back entries that were set aside."""
        self.used -= entries * self.OVERHEAD

    def _forget(self, size: int, *, entries: int) -> None:
        size += entries * self.OVERHEAD
        self.used -= size
        self._batches -= size

    def _say(self, level: int, message: str) -> None:
        if level not in self._said:
            _log.log(level, message)
            self._said.add(level)
