"""What a fast digitiser samples: many values at a fixed interval, in one message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray
from streaming_data_types import serialise_se00
from streaming_data_types.array_1d_se00 import Location

from donki.errors import InputError, shown
from donki.numeric import whole_number
from donki.streams.nexus.row_group import CUES, SINCE_1970
from donki.streams.schemas.encoding.flatbuffer import TimeField
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time
from donki.streams.schemas.f144 import SeriesLayout
from donki.streams.schemas.files.stored import StoredMessage, cued, no_message
from donki.streams.schemas.message_stream import MessageStream
from donki.streams.schemas.stream import Route


class SampleStream(MessageStream):
    """Sends sampled values to Kafka as se00, and to the Player's file as an NXlog of all samples, with cues.

    Parameters
    ----------
    route
        as `SourceStream` takes it
    interval
        from sample to sample, whole ns
    unit
        of the values; se00 itself has none: it stands in the file, and file writers are told
    channel
        of the digitiser

    Raises
    ------
    InputError
        when the interval or the channel is not what it should be
    """

    schema = "se00"
    method = "samples"
    what = "samples"
    takes = "many samples at a fixed interval: a digitiser"
    kept = "``/entry/instrument/SOURCE`` (NXlog): every sample with its time"
    # The type of the values shows at the first trigger only; a file writer converts what differs.
    file_writer: ClassVar = {"dtype": "double"}
    time = TimeField(2)
    takes_joined = True
    layout_type = SeriesLayout

    def __init__(
        self,
        route: Route,
        *,
        interval: int,
        unit: str = "dimensionless",
        channel: int = 0,
    ) -> None:
        super().__init__(route)
        whole_interval, whole_channel = whole_number(interval) or 0, whole_number(channel)
        if not 0 < whole_interval < 2**63 or whole_channel is None or not 0 <= whole_channel < 2**31:
            raise InputError(
                f"{self}: the interval is an integer from 1, in ns, the channel one from 0; got"
                f" {shown(interval)} and {shown(channel)}"
            )
        self._interval = whole_interval
        self._channel = whole_channel
        self._unit = self._as_unit(unit)
        self._lay_out(
            {**CUES, "value": {"units": self._unit}, "time": SINCE_1970},
            {"channel": whole_channel, "sample_interval": whole_interval, "sample_interval_units": "ns"},
        )

    @classmethod
    def file_writer_attributes(cls, layout: Mapping[str, Any] | None) -> dict[str, str]:
        """Return the unit of the samples."""
        return {} if layout is None else {"value_units": layout["unit"]}

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:  # noqa: ARG003
        """Yield the messages that a Player's file tells of."""
        channel, interval = int(group.attrs["channel"]), int(group.attrs["sample_interval"])
        for begin, part in cued(group, "time", "value"):
            values, times = group["value"][part], group["time"][part]
            is_whole = len(values) and np.array_equal(times, begin + interval * np.arange(len(values)))
            encode = partial(_encode, source, channel, interval, begin, values) if is_whole else no_message
            yield StoredMessage(begin, encode, is_numbered=True)

    @property
    def layout(self) -> dict[str, Any]:
        """The unit of the samples."""
        return {"unit": self._unit}

    def send(self, trigger: Timed, values: ArrayLike, *, reference_time: int | None = None) -> None:
        """Send samples; they have arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is that of the first sample
        values
            numbers of up to 64 bits, shape (n,), n at least 1; the first decide the type; NaN where masked
        reference_time
            of the first sample, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when they are not such values, or of another type than the first; nothing is sent
        BrokerError, FileError
            when this message or an earlier one could not be delivered or written
        """
        time = as_reference_time(trigger, reference_time, self)
        given = self._as_numbers(values, 1)
        if time + self._interval * (len(given) - 1) >= 2**63:
            raise InputError(
                f"{self}: the last of {len(given)} samples would be later than 2**63 ns since 1970 UTC"
            )
        times = time + self._interval * np.arange(len(given), dtype=np.int64)
        with self._transaction:
            samples = self._as_first(given, ())
            message = _encode(self.source, self._channel, self._interval, time, samples, self._message_id)
            self._send(message, time, {"value": samples, "time": times}, (samples.dtype, ()))


def _encode(
    source: str, channel: int, interval: int, begin: int, values: NDArray[np.generic], number: int
) -> bytes:
    return bytes(serialise_se00(source, channel, begin, interval, number, values, Location.Start))
