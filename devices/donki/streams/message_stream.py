"""A stream that sends one message at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from donki.errors import InputError
from donki.streams.nexus import NexusFile
from donki.streams.row_group import Layout
from donki.streams.sink import Sink
from donki.streams.values import as_value


class MessageStream:
    """What the streams of every schema but ev44 share.

    Messages are numbered by source, and a message that is sent again after a failure has its number again.

    Parameters
    ----------
    topic
        the Kafka topic
    source
        the name of what the messages come from
    sink
        takes the messages
    file
        the Player's file, if there is one
    layout
        how they stand in the file

    Attributes
    ----------
    schema
        the four letters of the messages
    what
        what the stream is called in an error
    """

    schema: ClassVar[str]
    what: ClassVar[str]

    def __init__(self, topic: str, source: str, sink: Sink, file: NexusFile | None, layout: Layout) -> None:
        self.topic = topic
        self.source = source
        self._sink = sink
        self._file = file
        self._key = f"{source}/{self.schema}"
        self._message_id = 0
        self._first_undelivered = 0
        self._kind: tuple[np.dtype[np.generic], tuple[int, ...]] | None = None
        if file is not None:
            file.open_rows(self._key, source, layout)

    @property
    def layout(self) -> dict[str, Any] | None:
        """What a file writer must know of arrays before the first; None where it is not known."""
        return None

    def commit(self) -> None:
        """Note that what was sent so far is delivered."""
        self._first_undelivered = self._message_id

    def rollback(self) -> None:
        """Count on from the first message that was not delivered, so that a repeated one is the same."""
        self._message_id = self._first_undelivered

    def _expect(self, ndim: int, shape: Sequence[int] | None, dtype: DTypeLike | None) -> None:
        """Hold the first message to a shape and a type already, where a script stated them.

        Raises
        ------
        InputError
            when they are not those of arrays of numbers with `ndim` dimensions
        """
        if shape is None and dtype is None:
            return
        stated = f"got shape={shape!r}, dtype={dtype!r}"
        if shape is None or dtype is None:
            raise InputError(f"{self}: shape and dtype are stated together; {stated}")
        try:
            kind, sizes = np.dtype(dtype), tuple(map(index, shape))
        except TypeError:
            raise InputError(f"{self}: shape is a list of sizes, dtype a type of numpy; {stated}") from None
        if kind.kind not in "iuf" or kind.itemsize > 8 or kind == np.float16:
            raise InputError(f"{self}: dtype is one of integers or floats of up to 64 bits; {stated}")
        if len(sizes) != ndim or min(sizes) < 1:
            raise InputError(f"{self}: shape has {ndim} sizes from 1; {stated}")
        self._kind = kind.newbyteorder("="), sizes

    def _send(self, message: bytes | memoryview, time: int, rows: Mapping[str, NDArray[np.generic]]) -> None:
        self._sink.send(self.topic, self.source, message, time)
        self._message_id += 1
        if self._file is not None:
            self._file.append_rows(self._key, rows)

    def _as_numbers(self, values: object, ndim: int) -> NDArray[np.generic]:
        """Return values in the type that the first of the stream had.

        Raises
        ------
        InputError
            when they are not numbers, are none at all, or have another number of dimensions than `ndim` or
            another type than the first
        """
        array = as_value(values, f"of the {self}")
        if isinstance(array, str):
            raise InputError(f"{self}: expected numbers, got the text {array!r:.50}")
        if array.ndim != ndim:
            raise InputError(f"{self}: expected {ndim} dimensions, got an array of shape {array.shape}")
        if array.dtype == np.bool_:
            array = array.astype(np.uint8)
        if self._kind is None:
            return array
        dtype = self._kind[0]
        if not np.can_cast(array.dtype, dtype, "safe"):
            raise InputError(f"{self}: was {dtype} at first and is {array.dtype} now; keep one type")
        return array.astype(dtype, copy=False)

    def _keep_kind(self, values: NDArray[np.generic], shape: tuple[int, ...]) -> None:
        """Hold later messages to the type and shape of the first.

        Raises
        ------
        InputError
            when the shape is another one
        """
        if self._kind is None:
            self._kind = values.dtype, shape
        elif shape != self._kind[1]:
            raise InputError(f"{self}: had the shape {self._kind[1]} at first and has {shape} now; keep one")

    def __str__(self) -> str:
        return f"{self.what} of {self.source} to {self.topic}"
