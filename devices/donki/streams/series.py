"""A scalar that is logged over time: a temperature, a position, a current."""

from __future__ import annotations

import numpy as np
from streaming_data_types import serialise_f144

from donki.streams.message_stream import MessageStream
from donki.streams.nexus import NexusFile
from donki.streams.reference_time import Timed, as_reference_time
from donki.streams.row_group import SINCE_1970, Layout
from donki.streams.sink import Sink


class SeriesStream(MessageStream):
    """Sends a scalar to Kafka as f144, and to the Player's file as an NXlog.

    Parameters
    ----------
    topic, source, sink, file
        as `MessageStream` takes them
    unit
        of the values; f144 itself has none, so it stands in the file alone
    """

    schema = "f144"
    what = "series"

    def __init__(
        self,
        topic: str,
        source: str,
        sink: Sink,
        file: NexusFile | None,
        *,
        unit: str = "dimensionless",
    ) -> None:
        columns = {"value": {"units": unit}, "time": SINCE_1970}
        super().__init__(topic, source, sink, file, Layout("NXlog", columns))

    def send(
        self, trigger: Timed, value: float | np.number | np.bool_, *, reference_time: int | None = None
    ) -> None:
        """Send one value; it has arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is the value's
        value
            a number of up to 64 bits; the first decides the type
        reference_time
            of the value, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when the value is no number or of another type than the first; nothing is sent
        BrokerError
            when this message or an earlier one could not be delivered
        FileError
            when the file cannot be written
        """
        time = as_reference_time(trigger, reference_time, self)
        number = self._as_numbers(value, 0)
        self._keep_kind(number, ())
        self._send(
            serialise_f144(self.source, number, time),
            time,
            {"value": number.reshape(1), "time": np.array([time])},
        )
