"""The frames of an area detector or a camera."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NotRequired

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import TypedDict

from donki.streams.nexus.row_group import SINCE_1970
from donki.streams.schemas.encoding.ad00 import Ad00Encoder
from donki.streams.schemas.encoding.flatbuffer import TimeField
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time
from donki.streams.schemas.files.stored import StoredMessage, rows
from donki.streams.schemas.message_stream import MessageStream
from donki.streams.schemas.stream import Route


class FrameLayout(TypedDict):
    """The unit of pixels; shape and type of frames, where they are known."""

    unit: str
    shape: NotRequired[list[int]]
    dtype: NotRequired[str]


class ImageStream(MessageStream):
    """Sends frames to Kafka as ad00, and to the Player's file as an NXdata.

    Parameters
    ----------
    route
        as `SourceStream` takes it
    unit
        of the pixels; ad00 itself has none: it stands in the file, and file writers are told
    shape, dtype
        (rows, columns) and the type of the frames, where they are known before the first

    Raises
    ------
    InputError
        when shape and dtype are not those of an image
    """

    schema = "ad00"
    method = "image"
    what = "images"
    takes = "a frame of an area detector, 2-D"
    kept = "``/entry/instrument/SOURCE`` (NXdata): value by time, y, x"
    time = TimeField(2)
    nx_class = "NXdata"
    layout_type = FrameLayout

    def __init__(
        self,
        route: Route,
        *,
        unit: str = "counts",
        shape: Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(route)
        self._unit = self._as_unit(unit)
        self._lay_out(
            {"value": {"units": self._unit}, "time": SINCE_1970},
            {"signal": "value", "axes": ["time", "y", "x"]},
        )
        self._state(2, shape, dtype)
        self._encoder: Ad00Encoder | None = None

    @classmethod
    def file_writer_settings(cls, layout: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the type and shape of the frames."""
        if layout is None or not {"shape", "dtype"} <= layout.keys():
            # The data set grows to the largest image; by itself it would give each pixel chunks of 8 MB.
            return {"dtype": "float64", "array_size": [1, 1], "chunk_size": [1, 64, 64]}
        return {"dtype": layout["dtype"], "array_size": layout["shape"]}

    @classmethod
    def file_writer_attributes(cls, layout: Mapping[str, Any] | None) -> dict[str, str]:
        """Return the unit of the pixels."""
        return {} if layout is None else {"value_units": layout["unit"]}

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:  # noqa: ARG003
        """Yield the frames that a Player's file tells of."""
        frames = group["value"]
        encoder = Ad00Encoder(source, np.zeros(frames.shape[1:], frames.dtype))
        for time, (frame,) in rows(group["time"], frames):
            yield StoredMessage(time, partial(_encode, encoder, time, frame), is_numbered=True)

    @property
    def layout(self) -> dict[str, Any]:
        """The unit of the pixels; shape and type of the frames, as far as they are known."""
        known = {} if self._kind is None else {"shape": self._kind[1], "dtype": self._kind[0].name}
        return {"unit": self._unit, **known}

    def send(self, trigger: Timed, image: ArrayLike, *, reference_time: int | None = None) -> None:
        """Send one frame; it has arrived when the Player's trigger is done.

        A topic takes messages of 1 MB unless its ``max.message.bytes`` is higher.

        Parameters
        ----------
        trigger
            whose reference time is the frame's
        image
            numbers of up to 64 bits, shape (rows, columns), NaN where masked; the first decides type and
            shape
        reference_time
            of the frame, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when it is not an image, or of another type or shape than the first; nothing is sent
        BrokerError, FileError
            when this message or an earlier one could not be delivered or written
        """
        time = as_reference_time(trigger, reference_time, self)
        given = self._as_numbers(image, 2)
        with self._transaction:
            frame = self._as_first(given, given.shape)
            encoder = self._encoder or Ad00Encoder(self.source, frame)
            message = encoder.encode(self._message_id, time, frame)
            row = {"value": frame[np.newaxis], "time": np.array([time])}
            self._send(message, time, row, (frame.dtype, frame.shape))
            self._encoder = encoder

    def discard(self) -> None:
        """Go on as after the last frame that was delivered."""
        super().discard()
        if self._kind is None:
            self._encoder = None


def _encode(encoder: Ad00Encoder, time: int, frame: NDArray[np.generic], number: int) -> memoryview:
    return encoder.encode(number, time, frame)
