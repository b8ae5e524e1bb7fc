"""The frames of an area detector or a camera."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from donki.streams.ad00 import Ad00Encoder
from donki.streams.message_stream import MessageStream
from donki.streams.nexus import NexusFile
from donki.streams.reference_time import Timed, as_reference_time
from donki.streams.row_group import SINCE_1970, Layout
from donki.streams.sink import Sink


class ImageStream(MessageStream):
    """Sends frames to Kafka as ad00, and to the Player's file as an NXdata.

    Parameters
    ----------
    topic, source, sink, file
        as `MessageStream` takes them
    unit
        of the pixels; ad00 itself has none, so it stands in the file alone
    shape, dtype
        (rows, columns) and the type of the frames, where they are known before the first

    Raises
    ------
    InputError
        when shape and dtype are not those of an image
    """

    schema = "ad00"
    what = "images"

    def __init__(
        self,
        topic: str,
        source: str,
        sink: Sink,
        file: NexusFile | None,
        *,
        unit: str = "counts",
        shape: Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        layout = Layout(
            "NXdata",
            {"value": {"units": unit}, "time": SINCE_1970},
            {"signal": "value", "axes": ["time", "y", "x"]},
        )
        super().__init__(topic, source, sink, file, layout)
        self._expect(2, shape, dtype)
        self._encoder: Ad00Encoder | None = None

    @property
    def layout(self) -> dict[str, Any] | None:
        """Shape and type of the frames, as far as they are known."""
        return None if self._kind is None else {"shape": self._kind[1], "dtype": self._kind[0].name}

    def send(self, trigger: Timed, image: ArrayLike, *, reference_time: int | None = None) -> None:
        """Send one frame; it has arrived when the Player's trigger is done.

        A topic takes messages of 1 MB unless its ``max.message.bytes`` is higher.

        Parameters
        ----------
        trigger
            whose reference time is the frame's
        image
            numbers of up to 64 bits, shape (rows, columns); the first decides type and shape
        reference_time
            of the frame, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when it is no image, or of another type or shape than the first; nothing is sent
        BrokerError
            when this message or an earlier one could not be delivered
        FileError
            when the file cannot be written
        """
        time = as_reference_time(trigger, reference_time, self)
        frame = self._as_numbers(image, 2)
        self._keep_kind(frame, frame.shape)
        self._encoder = self._encoder or Ad00Encoder(self.source, frame)
        message = self._encoder.encode(self._message_id, time, frame)
        self._send(message, time, {"value": frame[np.newaxis], "time": np.array([time])})
