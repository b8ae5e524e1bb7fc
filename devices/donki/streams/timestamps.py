"""The times at which something happens again and again: the top dead centre of a chopper."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from streaming_data_types import serialise_tdct

from donki.errors import InputError
from donki.streams.message_stream import MessageStream
from donki.streams.nexus import NexusFile
from donki.streams.reference_time import Timed, as_reference_time
from donki.streams.row_group import CUES, SINCE_1970, Layout
from donki.streams.sink import Sink


class TimestampStream(MessageStream):
    """Sends times to Kafka as tdct, and to the Player's file as an NXlog of times alone, with cues."""

    schema = "tdct"
    what = "time stamps"

    def __init__(self, topic: str, source: str, sink: Sink, file: NexusFile | None) -> None:
        super().__init__(topic, source, sink, file, Layout("NXlog", {**CUES, "time": SINCE_1970}))

    def send(self, trigger: Timed, times: ArrayLike) -> None:
        """Send the times since the last message; they have arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is that of the Kafka record
        times
            integers, ns since 1970 UTC, shape (n,), n at least 1

        Raises
        ------
        InputError
            when they are not such times; nothing is sent
        BrokerError
            when this message or an earlier one could not be delivered
        FileError
            when the file cannot be written
        """
        reference = as_reference_time(trigger, None, self)
        given = np.asarray(times)
        whole = given.ndim == 1 and given.size > 0 and given.dtype.kind in "iu"
        if not whole or int(given.min()) < 0 or int(given.max()) >= 2**63:
            raise InputError(
                f"{self}: expected a one-dimensional array of integers, ns since 1970 UTC, not empty;"
                f" got {given.dtype}, shape {given.shape}"
            )
        message = serialise_tdct(self.source, given, self._message_id)
        self._send(message, reference, {"time": given.astype(np.int64)})
