"""Messages whose bytes the script makes: for what has no stream of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import h5py
import numpy as np
from streaming_data_types import DESERIALISERS

from donki.errors import InputError, shown
from donki.numeric import whole_number
from donki.streams.nexus.row_group import CUES
from donki.streams.schemas.encoding.flatbuffer import UNREADABLE
from donki.streams.schemas.encoding.flatbuffer import schema as schema_of
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time
from donki.streams.schemas.files.stored import StoredMessage, cued
from donki.streams.schemas.message_stream import MessageStream
from donki.streams.schemas.registry import SCHEMAS

TIME_NAMES = ("reference_time", "pulse_time", "timestamp_ns", "timestamp_unix_ns", "timestamp", "timestamps")
"""What the package streaming_data_types calls the time in a message, by schema."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PayloadStream(MessageStream):
    """Sends bytes to Kafka as they are, and to the Player's file as they are.

    The key of a message is the name of the source, whatever the bytes say. Where they are a message of a
    schema that is known here, or to the package streaming_data_types, their time is told from them, and their
    events count as such.
    """

    # Not four letters: no message says them.
    schema = "bytes"
    method = "message"
    what = "messages"
    takes = "the bytes of a message, of any schema or of none"
    kept = (
        "``/entry/instrument/SOURCE`` (NXcollection): payload, the bytes of all messages; cue_index and"
        " cue_timestamp_zero, where each begins and its time"
    )
    time_column = "cue_timestamp_zero"
    columns: ClassVar = {**CUES, "payload": {}}

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:  # noqa: ARG003
        """Yield the messages that a Player's file tells of."""
        for time, part in cued(group, "payload"):
            yield StoredMessage(time, partial(_read, group["payload"], part))

    def send(
        self, trigger: Timed, payload: bytes | bytearray | memoryview, *, reference_time: int | None = None
    ) -> None:
        """Send one message; it has arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is the message's, where its bytes tell none
        payload
            one byte at least
        reference_time
            of the message, ns since 1970 UTC, where it is neither that in the bytes nor the trigger's

        Raises
        ------
        InputError
            when the payload is not bytes, or there are none, or too many; nothing is sent
        BrokerError, FileError
            when this message or an earlier one could not be delivered or written
        """
        if not isinstance(payload, bytes | bytearray | memoryview) or not len(message := bytes(payload)):
            raise InputError(f"{self}: a payload is bytes, one at least; got {shown(payload)}")
        time = as_reference_time(trigger, reference_time, self)
        if reference_time is None:
            time = time_in(message, time)
        rows = {"payload": np.frombuffer(message, np.uint8), "cue_timestamp_zero": np.array([time])}
        kind = SCHEMAS.find(schema_of(message))
        said = kind.count_events(message) if kind else None
        with self._transaction:
            self._send(message, time, rows, events=said.events if said else 0)


def time_in(message: bytes, default: int) -> int:
    """Return the time that a message tells, the first if there are several, in ns since 1970 UTC.

    Parameters
    ----------
    message
        any bytes
    default
        is returned where they tell none, or one that no message can have
    """
    name = schema_of(message)
    kind = SCHEMAS.find(name)
    try:
        times: Any = kind.times(bytearray(message)) if kind else None
        if times is None:
            times = _told(DESERIALISERS[name](message))
        time = _whole_ns(np.ravel(times)[0])
    except UNREADABLE:
        return default
    return time if time is not None and 0 <= time < 2**63 else default


def _told(said: Any) -> object:
    told = said if isinstance(said, Mapping) else said._asdict()
    return next((told[name] for name in TIME_NAMES if name in told), None)


def _whole_ns(time: object) -> int | None:
    if isinstance(time, datetime):
        return (time - _EPOCH) // timedelta(microseconds=1) * 1000
    return whole_number(time)


def _read(payload: h5py.Dataset, part: slice, _number: int) -> bytes:
    return bytes(payload[part].tobytes())
