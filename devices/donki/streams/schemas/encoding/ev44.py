"""Neutron events as ev44 messages, encoded by patching one buffer in place."""

from __future__ import annotations

import struct
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from streaming_data_types import serialise_ev44

from donki.errors import InputError
from donki.numeric import highest, lowest
from donki.streams.inputs import as_array
from donki.streams.schemas.encoding.flatbuffer import fields, target

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

EVENTS_PER_MESSAGE = 12_400
"""Most events the ESS event formation unit puts into one ev44 message, about 100 kB."""

_INT32 = np.dtype(np.int32)
_MOST = np.iinfo(np.int32)
_NONE = np.empty(0, np.int32)


def int32_column(values: ArrayLike, name: str) -> NDArray[np.int32]:
    """Return times of flight or pixel ids in the type that ev44 and NeXus event groups keep.

    Parameters
    ----------
    values
        integers of any type, shape (n,); an int32 array is returned as it is, without a copy
    name
        what to call the values in an error

    Raises
    ------
    InputError
        when the values are not one-dimensional, not integers, masked, or do not fit into 32 bits
    """
    if type(values) is np.ndarray and values.dtype is _INT32 and values.ndim == 1:
        return values
    column = as_array(values, name)
    if column.ndim != 1:
        raise InputError(f"{name} must be one-dimensional, got an array of shape {column.shape}")
    if column.dtype == _INT32:
        return column
    if column.size == 0:
        return _NONE
    if column.dtype.kind not in "iu":
        raise InputError(
            f"{name} must be integers, got {column.dtype}; round floats first: np.rint(x).astype(np.int32)"
        )
    if column.dtype.itemsize >= 4:
        low, high = lowest(column), highest(column)
        if low < _MOST.min or high > _MOST.max:
            raise InputError(f"{name} from {low} to {high} do not fit into int32, {_MOST.min} to {_MOST.max}")
    return column.astype(np.int32)


class Ev44Encoder:
    """Encodes the messages of one source.

    The library lays out one message without events. In a message of n events its parts are the same, only
    further apart: the pixel ids come first, then the times of flight, then all that has a fixed size. So one
    buffer serves every size; a message costs the copy of its two columns, and a few patched words where its
    size differs from that of the message before.

    Parameters
    ----------
    source
        the source name in the messages
    capacity
        most events in a message
    fills_buffer
        whether every message has room for that many events, zeros where it has fewer

    References
    ----------
    The schema: https://github.com/ess-dmsc/streaming-data-types, ``ev44_events.fbs``.
    """

    def __init__(
        self, source: str, capacity: int = EVENTS_PER_MESSAGE, *, fills_buffer: bool = False
    ) -> None:
        template = serialise_ev44(source, 0, [0], [0], _NONE, _NONE)
        # The slots of the table in the order of the schema.
        self._source, self._id, self._time, self._time_index, self._tof, self._pixel = fields(template)
        self._offsets = {
            field: struct.unpack_from("<I", template, field)[0]
            for field in (self._source, self._time, self._time_index, self._tof)
        }
        # Both columns are vectors: their length, an int32, stands in front.
        self._pixel_start = target(template, self._pixel) + 4
        self._tail = template[self._pixel_start + 4 :]
        self._time_start = target(template, self._time) + 4
        # Room for the probe below, however small the messages are.
        self._buffer = bytearray(len(template) + 8 * max(capacity, 3))
        self._buffer[: len(template)] = template
        self._view = memoryview(self._buffer)
        self._least_room = 0
        self._lay_out(0)
        probe = np.arange(3, dtype=np.int32)
        if self.encode(2, 1, probe, probe + 3) != serialise_ev44(source, 2, [1], [0], probe, probe + 3):
            raise RuntimeError(
                f"ess-streaming-data-types {version('ess-streaming-data-types')} lays out ev44 in a way"
                " unknown here; install version 0.27"
            )
        if fills_buffer:
            self._least_room = capacity
            self._lay_out(0)

    def encode(
        self,
        message_id: int,
        reference_time: int,
        time_of_flight: NDArray[np.int32],
        pixel_id: NDArray[np.int32],
    ) -> memoryview:
        """Return one message; the next call overwrites it.

        Parameters
        ----------
        message_id
            number of the message, counted by source
        reference_time
            time of the pulse, ns since 1970 UTC
        time_of_flight
            ns since the reference time, shape (n,), n at most the capacity
        pixel_id
            shape (n,)
        """
        size = len(time_of_flight)
        if size != self._size:
            self._lay_out(size)
        self._pixels[...] = pixel_id
        self._times[...] = time_of_flight
        self._number[0] = message_id
        self._reference_time[0] = reference_time
        return self._message

    def _lay_out(self, size: int) -> None:
        """Move the parts of the message to where they lie among `size` events, or the room for more."""
        room = max(size, self._least_room)
        for field, offset in self._offsets.items():
            columns_between = 1 if field == self._tof else 2
            struct.pack_into("<I", self._buffer, field, offset + columns_between * 4 * room)
        tof_start = self._pixel_start + 4 * room + 4
        end = tof_start + 4 * room + len(self._tail)
        struct.pack_into("<I", self._buffer, self._pixel_start - 4, size)
        struct.pack_into("<I", self._buffer, tof_start - 4, size)
        if room > size:
            for start in (self._pixel_start, tof_start):
                self._buffer[start + 4 * size : start + 4 * room] = bytes(4 * (room - size))
        self._buffer[tof_start + 4 * room : end] = self._tail
        self._pixels = np.frombuffer(self._buffer, "<i4", size, self._pixel_start)
        self._times = np.frombuffer(self._buffer, "<i4", size, tof_start)
        self._number = np.frombuffer(self._buffer, "<i8", 1, self._id)
        self._reference_time = np.frombuffer(self._buffer, "<i8", 1, self._time_start + 8 * room)
        self._message = self._view[:end]
        self._size = size
