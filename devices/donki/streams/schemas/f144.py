"""A scalar that is logged over time: a temperature, a position, a current."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from streaming_data_types import serialise_f144
from typing_extensions import TypedDict

from donki.streams.nexus.row_group import SINCE_1970
from donki.streams.schemas.encoding.flatbuffer import TimeField
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time
from donki.streams.schemas.files.stored import StoredMessage, rows
from donki.streams.schemas.message_stream import MessageStream
from donki.streams.schemas.stream import Route


class SeriesLayout(TypedDict):
    """The unit of values."""

    unit: str


class SeriesStream(MessageStream):
    """Sends a scalar to Kafka as f144, and to the Player's file as an NXlog.

    Parameters
    ----------
    route
        as `SourceStream` takes it
    unit
        of the values; f144 itself has none: it stands in the file, and file writers are told
    """

    schema = "f144"
    method = "series"
    what = "series"
    takes = "a number, now or at a given time: temperatures, positions"
    kept = "``/entry/instrument/SOURCE`` (NXlog): value, time"
    time = TimeField(1)
    takes_joined = True
    layout_type = SeriesLayout

    def __init__(self, route: Route, *, unit: str = "dimensionless") -> None:
        super().__init__(route)
        self._unit = self._as_unit(unit)
        self._lay_out({"value": {"units": self._unit}, "time": SINCE_1970})

    @classmethod
    def file_writer_settings(cls, layout: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the type of the values and their unit; values that actions return have none."""
        # The type shows at the first trigger only; a file writer converts what differs.
        settings = {"dtype": "double"}
        return settings if layout is None else {**settings, "value_units": layout["unit"]}

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:  # noqa: ARG003
        """Yield the values that a Player's file tells of."""
        for time, (value,) in rows(group["time"], group["value"]):
            yield StoredMessage(time, partial(_encode, source, time, value))

    @property
    def layout(self) -> dict[str, Any]:
        """The unit of the values."""
        return {"unit": self._unit}

    def send(
        self,
        trigger: Timed,
        value: float | np.number | np.bool_,
        *,
        reference_time: int | None = None,
        stamp: int | None = None,
    ) -> None:
        """Send one value; it has arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is the value's
        value
            a number of up to 64 bits; the first decides the type; NaN where it is masked
        reference_time
            of the value, ns since 1970 UTC, where it is not the trigger's
        stamp
            of the Kafka record, ns since 1970 UTC, where it is not the reference time: a value that is told
            again, as the EPICS forwarder does with one that has not changed, keeps its time

        Raises
        ------
        InputError
            when the value is not a number, or of another type than the first; nothing is sent
        BrokerError, FileError
            when this message or an earlier one could not be delivered or written
        """
        time = as_reference_time(trigger, reference_time, self)
        told = time if stamp is None else as_reference_time(trigger, stamp, self)
        given = self._as_numbers(value, 0)
        with self._transaction:
            number = self._as_first(given, ())
            row = {"value": number.reshape(1), "time": np.array([time])}
            self._send(_encode(self.source, time, number), told, row, (number.dtype, ()))


def _encode(source: str, time: int, value: NDArray[np.generic], _number: int = 0) -> bytes:
    return bytes(serialise_f144(source, value, time))
