"""A message on its way from a stream to Kafka, as faults find it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from donki.streams.schemas import SCHEMAS
from donki.streams.schemas.encoding.flatbuffer import UNREADABLE, schema


@dataclass(frozen=True)
class StreamMessage:
    """A message on its way.

    Attributes
    ----------
    topic, key, payload, timestamp, events
        as a sink takes them
    number
        of the message in its stream at this trigger, from 1
    copies
        how many times it is sent
    due
        the trigger before which it is held back; 0: it is not; None: until the next of its stream has passed
    """

    topic: str
    key: str
    payload: bytearray
    timestamp: int
    events: int = 0
    number: int = 1
    copies: int = 1
    due: int | None = 0

    @property
    def times(self) -> NDArray[np.int64] | None:
        """The times that it carries, ns since 1970 UTC, as a view; None where none are known."""
        stream = SCHEMAS.find(schema(self.payload))
        try:
            return stream.times(self.payload) if stream else None
        except UNREADABLE:
            # A script may send any bytes.
            return None

    @property
    def event_columns(self) -> tuple[NDArray[np.int32], NDArray[np.int32]] | None:
        """The times of flight in ns and the pixel ids of its events, as views; None where it has none."""
        stream = SCHEMAS.find(schema(self.payload)) if self.events else None
        try:
            columns = stream.event_columns(self.payload) if stream else None
        except UNREADABLE:
            return None
        return columns if columns and all(len(column) == self.events for column in columns) else None
