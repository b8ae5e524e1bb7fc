"""The messages that the journal notes of one stream, one by one, each with its place among the triggers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from donki.director.journal.reading.rows import Delivery
from donki.streams.manifest import unpack_offsets, unpack_stamps


@dataclass(frozen=True)
class Message:
    """A message that was noted, or a row.

    Attributes
    ----------
    trigger, number
        its trigger, 0 outside of any; its number there, from 1
    checksum
        of the message
    failed
        the attempt at the trigger that sent it and failed; -1: it did not fail
    partition, offset, stamp
        where it is in Kafka, and its time stamp in ms since 1970 UTC; -1 where that is not known
    between
        outside of triggers: the first trigger that can follow it, and the next one of which data are noted;
        None where there is none
    """

    trigger: int
    number: int
    checksum: int
    failed: int = -1
    partition: int = -1
    offset: int = -1
    stamp: int = -1
    between: tuple[int, int | None] | None = field(default=None, compare=False)

    @property
    def is_left(self) -> bool:
        """Whether an attempt that failed left it over."""
        return self.failed >= 0

    @property
    def is_certain(self) -> bool:
        """Whether it arrived; of what a failed attempt sent, some may have."""
        return not self.is_left or self.offset >= 0

    def __str__(self) -> str:
        where = f"trigger {self.trigger}" if self.trigger else "outside of triggers"
        if self.is_left:
            where += f", left of attempt {self.failed}" if self.failed else ", left of what failed"
        return f"{where}, message {self.number}"


def noted_messages(deliveries: Iterable[Delivery]) -> Iterator[Message]:
    """Yield the messages of the deliveries of one stream, in order."""
    before = 0
    held: list[Delivery] = []
    for delivery in deliveries:
        # What an attempt left that was given up may be told late, and says nothing of what comes next.
        if not delivery.trigger or (held and delivery.is_left and delivery.trigger <= before):
            held.append(delivery)
            continue
        yield from _between(before, delivery.trigger, held)
        held.clear()
        if not delivery.is_left:
            before = delivery.trigger
        yield from _of(delivery)
    yield from _between(before, None, held)


def _between(before: int, following: int | None, held: list[Delivery]) -> Iterator[Message]:
    """Yield what was noted between two triggers, of which the second may be the first once more."""
    first = before + 1 if following is None else min(before + 1, following)
    for delivery in held:
        yield from _of(delivery, None if delivery.trigger else (first, following))


def _of(delivery: Delivery, between: tuple[int, int | None] | None = None) -> Iterator[Message]:
    checksums = np.frombuffer(delivery.checksums, "<u4").tolist()
    offsets = unpack_offsets(delivery.offsets, len(checksums)).tolist()
    stamps = unpack_stamps(delivery.stamps, len(checksums)).tolist()
    failed = delivery.attempt if delivery.is_left else -1
    for number, told in enumerate(zip(checksums, offsets, stamps, strict=True), start=1):
        checksum, offset, stamp = told
        yield Message(delivery.trigger, number, checksum, failed, delivery.partition, offset, stamp, between)
