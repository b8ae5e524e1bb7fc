"""JSON objects, for what no other schema carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import h5py
import numpy as np
from streaming_data_types import deserialise_json, serialise_json

from donki.errors import InputError, shown
from donki.json_text import to_json
from donki.streams.nexus.row_group import CUES
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time
from donki.streams.schemas.files.stored import StoredMessage, cued
from donki.streams.schemas.message_stream import MessageStream


class JsonStream(MessageStream):
    """Sends JSON objects to Kafka as the flatbuffer json, and to the Player's file as their texts.

    The flatbuffer holds the text and nothing else: the key of a message names its source, and the message's
    time stamp is its time. A program that takes JSON without a flatbuffer round it, as just-bin-it takes its
    commands, is sent it by ``player.message``.
    """

    schema = "json"
    method = "json"
    what = "JSON objects"
    takes = "a JSON object"
    kept = (
        "``/entry/instrument/SOURCE`` (NXcollection): json, all their texts in UTF-8; cue_index and"
        " cue_timestamp_zero, where each begins and its time"
    )
    time_column = "cue_timestamp_zero"
    columns: ClassVar = {**CUES, "json": {}}

    @classmethod
    def source_of(cls, message: bytes) -> str:
        """Return an empty text: what can be read names no source."""
        deserialise_json(message)
        return ""

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:  # noqa: ARG003
        """Yield the objects that a Player's file tells of."""
        for time, part in cued(group, "json"):
            text = group["json"][part].tobytes().decode()
            yield StoredMessage(time, partial(_encode, text))

    def send(self, trigger: Timed, value: Mapping[str, Any], *, reference_time: int | None = None) -> None:
        """Send one object; it has arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is the object's
        value
            a mapping from texts to what JSON has; numpy's numbers and arrays may be in it
        reference_time
            of the object, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when it is not a mapping, or cannot be JSON: NaN, bytes, a loop; nothing is sent
        BrokerError, FileError
            when this message or an earlier one could not be delivered or written
        """
        time = as_reference_time(trigger, reference_time, self)
        if not isinstance(value, Mapping):
            raise InputError(f"{self}: a JSON object is expected, a dict; got {shown(value)}")
        text = to_json(str(self), dict(value))
        kept = np.frombuffer(text.encode(), np.uint8)
        with self._transaction:
            self._send(_encode(text), time, {"json": kept, "cue_timestamp_zero": np.array([time])})


def _encode(text: str, _number: int = 0) -> bytes:
    return bytes(serialise_json(text))
