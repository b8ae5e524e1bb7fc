"""One partition: its record batches in order, and what its producers sent last."""

from __future__ import annotations

from asyncio import Event
from bisect import bisect_left, bisect_right
from collections import deque
from operator import attrgetter

from kafka.errors import (
    InvalidProducerEpochError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    OutOfOrderSequenceNumberError,
)

from donki_client.facility.broker.batch import Batch, Header, check
from donki_client.facility.broker.memory import Memory

_SEQUENCES = 1 << 31
_REMEMBERED = 5  # as many requests as an idempotent producer may have in flight


class _Producer:
    """The batches that an idempotent producer sent last to a partition."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.last: deque[tuple[int, int, int]] = deque(maxlen=_REMEMBERED)  # first sequence, count, offset

    def offset_of(self, header: Header) -> int | None:
        """Return the offset of a batch that is here already, None for one that is due.

        Raises
        ------
        kafka.errors.OutOfOrderSequenceNumberError
            when batches before this one are missing
        """
        for sequence, count, offset in self.last:
            if (sequence, count) == (header.base_sequence, header.records):
                return offset
        if self.last:
            sequence, count, _ = self.last[-1]
            due = (sequence + count) % _SEQUENCES
            if header.base_sequence != due:
                raise OutOfOrderSequenceNumberError(
                    f"producer {header.producer_id} sent sequence {header.base_sequence} where {due} was due"
                )
        return None


class Partition:
    """A log of record batches in memory: new ones are appended, the oldest may be deleted.

    Attributes
    ----------
    start, end
        the first offset that is kept, and the offset that the next record will get
    readers
        events to set when something is appended
    """

    def __init__(self, memory: Memory) -> None:
        self.start = self.end = 0
        self.readers: set[Event] = set()
        self._memory = memory
        self._batches: list[Batch] = []
        self._producers: dict[int, _Producer] = {}

    def append(self, records: bytes, max_message_bytes: int) -> int:
        """Append the one batch in `records` and return its base offset.

        A batch that an idempotent producer sends again is not stored again.

        Raises
        ------
        kafka.errors.BrokerResponseError
            the batch is malformed, too large, out of sequence, or does not fit into the memory
        """
        if len(records) > max_message_bytes:
            raise MessageSizeTooLargeError(
                f"a batch of {len(records)} bytes is over the topic's max.message.bytes={max_message_bytes}"
            )
        header = check(records)
        producer = self._producer(header) if header.producer_id >= 0 else None
        known = producer.offset_of(header) if producer else None
        if known is not None:
            return known
        self._memory.keep(len(records), self)
        batch = Batch.place(records, header, self.end, self._batches[-1].latest if self._batches else -1)
        self._batches.append(batch)
        self.end = batch.next_offset
        if producer:
            producer.last.append((header.base_sequence, header.records, batch.base_offset))
            self._producers[header.producer_id] = producer
        for reader in self.readers:
            reader.set()
        return batch.base_offset

    def _producer(self, header: Header) -> _Producer:
        producer = self._producers.get(header.producer_id)
        if producer is None or header.producer_epoch > producer.epoch:
            return _Producer(header.producer_epoch)
        if header.producer_epoch < producer.epoch:
            raise InvalidProducerEpochError(
                f"producer {header.producer_id} sent epoch {header.producer_epoch} after {producer.epoch}"
            )
        return producer

    def read(self, offset: int, max_bytes: int, *, at_least_one: bool) -> list[bytes]:
        """Return whole batches from the one that holds `offset` on.

        Parameters
        ----------
        max_bytes
            the most to return
        at_least_one
            return the first batch even if it is larger than that

        Raises
        ------
        kafka.errors.OffsetOutOfRangeError
            when `offset` is neither in the log nor its end
        """
        if not self.start <= offset <= self.end:
            raise OffsetOutOfRangeError(f"offset {offset} is outside {self.start}..{self.end}")
        found: list[bytes] = []
        size = 0
        for index in range(
            bisect_right(self._batches, offset, key=attrgetter("next_offset")), len(self._batches)
        ):
            data = self._batches[index].data
            size += len(data)
            if size > max_bytes and (found or not at_least_one):
                break
            found.append(data)
        return found

    def offset_at(self, timestamp: int) -> tuple[int, int]:
        """Return offset and time of the first record of `timestamp` (ms since 1970) or later; else -1, -1."""
        index = bisect_left(self._batches, timestamp, key=attrgetter("latest"))
        return self._batches[index].offset_at(timestamp) if index < len(self._batches) else (-1, -1)

    def size(self, index: int) -> int:
        """Return the bytes of a batch, from the oldest."""
        return len(self._batches[index].data)

    def delete_oldest(self, batches: int) -> None:
        """Delete so many batches, the oldest; whoever reads on there is told that they are out of range."""
        self.start = self._batches[batches - 1].next_offset
        del self._batches[:batches]
        latest = -1
        for index, batch in enumerate(self._batches):
            latest = max(latest, batch.max_timestamp)
            if latest == batch.latest:
                break
            self._batches[index] = batch._replace(latest=latest)

    def drop(self) -> None:
        """Give the memory back, and wake who waits for more."""
        self._memory.drop(self, sum(len(batch.data) for batch in self._batches), len(self._batches))
        self._batches.clear()
        for reader in self.readers:
            reader.set()
