"""What is kept of a message that was found in Kafka: all but its payload."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple, Self

from crc32c import crc32c

from donki.streams.schemas import SCHEMAS, SourceStream
from donki.streams.schemas.encoding.flatbuffer import UNREADABLE, schema
from donki_client.verify.kafka.topic_reader import PastMessage


class FoundMessage(NamedTuple):
    """What a comparison with the journal needs of a message.

    Attributes
    ----------
    topic, partition, offset, source, time, is_stamped, has_headers, after_the_last
        as of `PastMessage`
    size, checksum
        of its payload: bytes, CRC-32C
    schema
        that the payload names
    events, reference_time
        of its events, where it has any: how many, and when, ns since 1970 UTC
    named
        the source that the payload names, where the key is of no stream that is known; None where it cannot
        be read
    """

    topic: str
    partition: int
    offset: int
    source: str
    time: int
    is_stamped: bool
    has_headers: bool
    size: int
    checksum: int
    schema: str
    events: int | None
    reference_time: int | None
    named: str | None
    after_the_last: bool = False

    @classmethod
    def of(cls, message: PastMessage, known: Container[tuple[str, str]]) -> Self:
        """Return what is kept of a message; `known` are topic and source of the run's streams."""
        payload = message.payload
        name = schema(payload)
        kind = SCHEMAS.find(name)
        said = kind.count_events(payload) if kind else None
        is_known = (message.topic, message.source) in known
        return cls(
            message.topic,
            message.partition,
            message.offset,
            message.source,
            message.time,
            message.is_stamped,
            message.has_headers,
            len(payload),
            int(crc32c(payload)),
            name,
            said and said.events,
            said and said.reference_time,
            message.source if is_known else _source_of(name, payload),
            message.after_the_last,
        )


def _source_of(name: str, payload: bytes) -> str | None:
    try:
        return (SCHEMAS.find(name) or SourceStream).source_of(payload)
    except UNREADABLE:
        return None
