"""The messages of a source, made again from what a NeXus file holds of it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray
from streaming_data_types import (
    serialise_al00,
    serialise_da00,
    serialise_ep01,
    serialise_f144,
    serialise_se00,
    serialise_tdct,
)
from streaming_data_types.alarm_al00 import Severity
from streaming_data_types.array_1d_se00 import Location
from streaming_data_types.dataarray_da00 import Variable
from streaming_data_types.epics_connection_ep01 import ConnectionInfo

from donki.streams.ad00 import Ad00Encoder
from donki.streams.ev44 import Ev44Encoder

#: How many events, pulses, and bytes of rows are held in memory at once, beyond a single pulse or message.
MOST_EVENTS = 2_000_000
MOST_PULSES = 4096
MOST_BYTES = 16_000_000


class StoredMessage(NamedTuple):
    """A message as a file tells of it.

    Attributes
    ----------
    time
        ns since 1970 UTC
    encode
        returns it with a message id; empty where no message can have made such rows. What it returned is
        overwritten by the next
    is_numbered
        whether it has a message id
    """

    time: int
    encode: Callable[[int], bytes | memoryview]
    is_numbered: bool = False


def stored_messages(source: str, group: h5py.Group, most_events: int) -> tuple[Iterator[StoredMessage], bool]:
    """Return the messages of a source by time, and whether their order is that in which they were sent.

    Of data, alarms and connection of one source the file does not tell which was sent first.

    Parameters
    ----------
    source
        its name
    group
        of it in the instrument
    most_events
        in a message; larger pulses were split

    Raises
    ------
    KeyError, ValueError, TypeError
        as the messages are made: when the group is none that a Player writes
    """
    streams = []
    if (events := group.get(f"{source}_events")) is not None:
        streams.append(_ev44(source, events, most_events))
    elif "cue_index" in group:
        streams.append(_se00(source, group) if "value" in group else _tdct(source, group))
    elif group.attrs.get("signal") == "value":
        streams.append(_ad00(source, group))
    elif "signal" in group:
        streams.append(_da00(source, group))
    elif "value" in group:
        streams.append(_f144(source, group))
    if "alarm_time" in group:
        streams.append(_al00(source, group))
    if "connection_status_time" in group:
        streams.append(_ep01(source, group))
    return heapq.merge(*streams, key=lambda message: message.time), len(streams) < 2


def _ev44(source: str, events: h5py.Group, size: int) -> Iterator[StoredMessage]:
    encoder = Ev44Encoder(source, size)
    for time, times, pixels in _pulses(events):
        for start in range(0, max(1, len(times)), size):
            columns = times[start : start + size], pixels[start : start + size]
            yield StoredMessage(time, partial(_encode_ev44, encoder, time, *columns), is_numbered=True)


def _encode_ev44(
    encoder: Ev44Encoder, time: int, times: NDArray[np.int32], pixels: NDArray[np.int32], number: int
) -> memoryview:
    return encoder.encode(number, time, times, pixels)


def _pulses(events: h5py.Group) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.int32]]]:
    """Yield the pulses of an event group: reference time, times of flight, pixel ids."""
    total = min(len(events["event_id"]), len(events["event_time_offset"]))
    zeros, index = events["event_time_zero"], events["event_index"]
    count = min(len(zeros), len(index))
    for first in range(0, count, MOST_PULSES):
        reference = zeros[first : first + MOST_PULSES]
        starts = index[first : first + MOST_PULSES + 1].tolist()
        starts += [total] if len(starts) == len(reference) else []
        begin = 0
        while begin < len(reference):
            end = begin + 1
            while end < len(reference) and starts[end + 1] - starts[begin] <= MOST_EVENTS:
                end += 1
            part = slice(starts[begin], starts[end])
            pixels, times = events["event_id"][part], events["event_time_offset"][part]
            for pulse in range(begin, end):
                inside = slice(starts[pulse] - starts[begin], starts[pulse + 1] - starts[begin])
                yield int(reference[pulse]), times[inside], pixels[inside]
            begin = end


def _f144(source: str, group: h5py.Group) -> Iterator[StoredMessage]:
    for time, (value,) in _rows(group["time"], group["value"]):
        yield StoredMessage(time, partial(_encode_f144, source, time, value))


def _encode_f144(source: str, time: int, value: NDArray[np.generic], _number: int) -> bytes:
    return bytes(serialise_f144(source, value, time))


def _ad00(source: str, group: h5py.Group) -> Iterator[StoredMessage]:
    frames = group["value"]
    encoder = Ad00Encoder(source, np.zeros(frames.shape[1:], frames.dtype))
    for time, (frame,) in _rows(group["time"], frames):
        yield StoredMessage(time, partial(_encode_ad00, encoder, time, frame), is_numbered=True)


def _encode_ad00(encoder: Ad00Encoder, time: int, frame: NDArray[np.generic], number: int) -> memoryview:
    return encoder.encode(number, time, frame)


def _da00(source: str, group: h5py.Group) -> Iterator[StoredMessage]:
    signal = group["signal"]
    axes = list(group.attrs["axes"])[1:]
    coordinates = [
        Variable(axis, group[axis][()], [axis], unit=group[axis].attrs["units"])
        for axis in axes
        if axis in group
    ]
    unit = signal.attrs["units"]
    for time, (values,) in _rows(group["time"], signal):
        variables = [Variable("signal", values, axes, unit=unit), *coordinates]
        yield StoredMessage(time, partial(_encode_da00, source, time, variables))


def _encode_da00(source: str, time: int, variables: list[Variable], _number: int) -> bytes:
    return bytes(serialise_da00(source, time, variables))


def _se00(source: str, group: h5py.Group) -> Iterator[StoredMessage]:
    channel, interval = int(group.attrs["channel"]), int(group.attrs["sample_interval"])
    for begin, part in _cued(group):
        values, times = group["value"][part], group["time"][part]
        payload = partial(_encode_se00, source, channel, interval, begin, times, values)
        yield StoredMessage(begin, payload, is_numbered=True)


def _encode_se00(
    source: str,
    channel: int,
    interval: int,
    begin: int,
    times: NDArray[np.int64],
    values: NDArray[np.generic],
    number: int,
) -> bytes:
    if not len(values) or not np.array_equal(times, begin + interval * np.arange(len(values))):
        return b""
    return bytes(serialise_se00(source, channel, begin, interval, number, values, Location.Start))


def _tdct(source: str, group: h5py.Group) -> Iterator[StoredMessage]:
    for begin, part in _cued(group):
        payload = partial(_encode_tdct, source, begin, group["time"][part])
        yield StoredMessage(begin, payload, is_numbered=True)


def _encode_tdct(source: str, begin: int, times: NDArray[np.int64], number: int) -> bytes:
    if not len(times) or times[0] != begin:
        return b""
    return bytes(serialise_tdct(source, times, number))


def _al00(source: str, group: h5py.Group) -> Iterator[StoredMessage]:
    texts = group["alarm_severity"], group["alarm_message"]
    for time, (severity, message) in _rows(group["alarm_time"], *texts):
        yield StoredMessage(time, partial(_encode_al00, source, time, str(severity), str(message)))


def _encode_al00(source: str, time: int, severity: str, message: str, _number: int) -> bytes:
    if severity not in Severity.__members__:
        return b""
    return bytes(serialise_al00(source, time, Severity[severity], message))


def _ep01(source: str, group: h5py.Group) -> Iterator[StoredMessage]:
    for time, (status,) in _rows(group["connection_status_time"], group["connection_status"]):
        yield StoredMessage(time, partial(_encode_ep01, source, time, str(status)))


def _encode_ep01(source: str, time: int, status: str, _number: int) -> bytes:
    if status not in ConnectionInfo.__members__:
        return b""
    return bytes(serialise_ep01(time, ConnectionInfo[status], source))


def _rows(
    times: h5py.Dataset, *columns: h5py.Dataset
) -> Iterator[tuple[int, tuple[NDArray[np.generic], ...]]]:
    """Yield the rows that all columns have, numbers as arrays and texts as they are."""
    count = min(len(times), *map(len, columns))
    row_bytes = sum(column.dtype.itemsize * int(np.prod(column.shape[1:])) for column in columns)
    block = max(1, MOST_BYTES // max(1, row_bytes, 16))
    readers = [column.asstr() if column.dtype.kind == "O" else column for column in columns]
    for first in range(0, count, block):
        part = slice(first, min(first + block, count))
        given = times[part].tolist()
        parts = [reader[part] for reader in readers]
        for row, time in enumerate(given):
            yield time, tuple(values[row, ...] for values in parts)


def _cued(group: h5py.Group) -> Iterator[tuple[int, slice]]:
    """Yield the time and the rows of each message that is several rows."""
    total = min(len(group[name]) for name in ("time", "value") if name in group)
    starts, begins = group["cue_index"][()].tolist(), group["cue_timestamp_zero"][()].tolist()
    # A Player that was killed as it wrote may have left cues of rows that are not there.
    count = sum(start < total for start in starts[: len(begins)])
    ends = [*starts[1:count], total]
    for start, end, begin in zip(starts[:count], ends, begins[:count], strict=True):
        yield begin, slice(start, end)
