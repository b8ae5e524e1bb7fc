"""Images as ad00 messages, encoded by patching one buffer in place."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from streaming_data_types import serialise_ad00

from donki.streams.schemas.encoding.flatbuffer import fields, target


class Ad00Encoder:
    """Encodes the images of one source, all of one type and shape.

    The library lays out the first; in each later one only the number, the time and the pixels differ.

    Parameters
    ----------
    source
        the source name in the messages
    first
        an image, of the type and shape of all

    References
    ----------
    The schema: https://github.com/ess-dmsc/streaming-data-types, ``ad00_area_detector_array.fbs``.
    """

    def __init__(self, source: str, first: NDArray[np.generic]) -> None:
        self._buffer = bytearray(serialise_ad00(source, 0, 0, first))
        # The slots of the table in the order of the schema.
        _, self._id, self._time, _, _, data, _ = fields(self._buffer)
        start = target(self._buffer, data) + 4
        self._pixels = np.frombuffer(self._buffer, first.dtype, first.size, start).reshape(first.shape)

    def encode(self, message_id: int, reference_time: int, image: NDArray[np.generic]) -> memoryview:
        """Return one message; the next call overwrites it.

        Parameters
        ----------
        message_id
            number of the image, counted by source
        reference_time
            ns since 1970 UTC
        image
            of the type and shape of the first
        """
        self._pixels[...] = image
        struct.pack_into("<i", self._buffer, self._id, message_id)
        struct.pack_into("<Q", self._buffer, self._time, reference_time)
        return memoryview(self._buffer)
