"""The broker's memory: accounted, and bounded."""

from __future__ import annotations

import logging

from kafka.errors import PolicyViolationError

_log = logging.getLogger(__name__)


class Memory:
    """Counts what is kept, and refuses what would be too much.

    Nothing is dropped to make room: a demo reads back all that was acknowledged. The refusal is Kafka's
    POLICY_VIOLATION, since a producer hands that to its caller at once, where it would retry a storage error.

    Parameters
    ----------
    max_bytes
        how much may be kept
    """

    OVERHEAD = 192
    """Bytes that an entry costs beside its data; 160 measured with CPython 3.11."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used = 0
        self._said = False

    def take(self, size: int, *, entries: int = 1) -> None:
        """Account for `entries` more entries of `size` bytes in all.

        Raises
        ------
        kafka.errors.PolicyViolationError
            when they do not fit
        """
        size += entries * self.OVERHEAD
        if self.used + size > self.max_bytes:
            message = (
                f"the in-memory broker is full ({self.used} of {self.max_bytes} bytes): delete topics, "
                "start it with a larger --max-bytes, or use Apache Kafka"
            )
            if not self._said:
                _log.error("%s; refusing records from now on", message)
                self._said = True
            raise PolicyViolationError(message)
        self.used += size

    def give(self, size: int, *, entries: int) -> None:
        """Take back `entries` entries of `size` bytes in all."""
        self.used -= size + entries * self.OVERHEAD
        self._said = False
