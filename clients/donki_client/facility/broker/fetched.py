"""The response to a fetch, packed here so that the records go out as they are stored, without a copy."""

from __future__ import annotations

import struct

from donki_client.facility.broker.connection import Buffer

_SESSION_SINCE, _LOG_START_SINCE, _PREFERRED_REPLICA_SINCE = 7, 5, 11


class Fetched:
    """A FetchResponse under construction, of a version before the flexible ones (4 to 11).

    Attributes
    ----------
    size
        bytes of records in it
    failed
        whether a partition could not be read
    """

    LOWEST, HIGHEST = 4, 11

    def __init__(self, version: int, topics: int) -> None:
        self.size = 0
        self.failed = False
        self._version = version
        throttle, error, session = 0, 0, 0
        head = (throttle, error, session, topics) if version >= _SESSION_SINCE else (throttle, topics)
        self._pieces: list[Buffer] = [struct.pack(">ihii" if version >= _SESSION_SINCE else ">ii", *head)]

    def add_topic(self, name: str, partitions: int) -> None:
        """Begin a topic; so many partitions follow."""
        encoded = name.encode()
        self._pieces.append(struct.pack(f">h{len(encoded)}si", len(encoded), encoded, partitions))

    def add_partition(self, index: int, start: int, end: int, records: list[bytes]) -> None:
        """Add what was read from a partition that holds the offsets from `start` to before `end`."""
        size = sum(map(len, records))
        self.size += size
        self._pieces += (self._partition(index, 0, start, end, size), *records)

    def add_failed(self, index: int, code: int) -> None:
        """Add a partition that could not be read, with Kafka's error code."""
        self.failed = True
        self._pieces.append(self._partition(index, code, -1, -1, 0))

    def _partition(self, index: int, code: int, start: int, end: int, size: int) -> bytes:
        aborted_transactions, preferred_replica = 0, -1
        high_watermark = last_stable_offset = end
        packed = struct.pack(">ihqq", index, code, high_watermark, last_stable_offset)
        if self._version >= _LOG_START_SINCE:
            packed += struct.pack(">q", start)
        packed += struct.pack(">i", aborted_transactions)
        if self._version >= _PREFERRED_REPLICA_SINCE:
            packed += struct.pack(">i", preferred_replica)
        return packed + struct.pack(">i", size)

    def encode(self, correlation: int) -> list[Buffer]:
        """Return the framed response, in pieces."""
        return [struct.pack(">ii", 4 + sum(map(len, self._pieces)), correlation), *self._pieces]
