"""What a fast digitiser samples: many values at a fixed interval, in one message."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from streaming_data_types import serialise_se00
from streaming_data_types.array_1d_se00 import Location

from donki.errors import InputError
from donki.streams.message_stream import MessageStream
from donki.streams.nexus import NexusFile
from donki.streams.reference_time import Timed, as_reference_time
from donki.streams.row_group import CUES, SINCE_1970, Layout
from donki.streams.sink import Sink


class SampleStream(MessageStream):
    """Sends sampled values to Kafka as se00, and to the Player's file as an NXlog of all samples, with cues.

    Parameters
    ----------
    topic, source, sink, file
        as `MessageStream` takes them
    interval
        from sample to sample, whole ns
    unit
        of the values; se00 itself has none, so it stands in the file alone
    channel
        of the digitiser

    Raises
    ------
    InputError
        when the interval or the channel is not what it should be
    """

    schema = "se00"
    what = "samples"

    def __init__(
        self,
        topic: str,
        source: str,
        sink: Sink,
        file: NexusFile | None,
        *,
        interval: int,
        unit: str = "dimensionless",
        channel: int = 0,
    ) -> None:
        if type(interval) is not int or interval < 1 or type(channel) is not int or not 0 <= channel < 2**31:
            raise InputError(
                f"samples of {source} to {topic}: the interval is an integer from 1, in ns, the channel one"
                f" from 0; got {interval!r} and {channel!r}"
            )
        self._interval = interval
        self._channel = channel
        columns = {**CUES, "value": {"units": unit}, "time": SINCE_1970}
        layout = Layout(
            "NXlog",
            columns,
            {"channel": channel, "sample_interval": interval, "sample_interval_units": "ns"},
        )
        super().__init__(topic, source, sink, file, layout)

    def send(self, trigger: Timed, values: ArrayLike, *, reference_time: int | None = None) -> None:
        """Send samples; they have arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is that of the first sample
        values
            numbers of up to 64 bits, shape (n,), n at least 1; the first decide the type
        reference_time
            of the first sample, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when they are not such values, or of another type than the first; nothing is sent
        BrokerError
            when this message or an earlier one could not be delivered
        FileError
            when the file cannot be written
        """
        time = as_reference_time(trigger, reference_time, self)
        samples = self._as_numbers(values, 1)
        self._keep_kind(samples, ())
        message = serialise_se00(
            self.source,
            self._channel,
            time,
            self._interval,
            self._message_id,
            samples,
            Location.Start,
        )
        times = time + self._interval * np.arange(len(samples), dtype=np.int64)
        self._send(message, time, {"value": samples, "time": times})
