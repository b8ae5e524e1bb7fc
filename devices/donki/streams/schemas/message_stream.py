"""A stream that sends one message at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from donki.errors import InputError, shown
from donki.numeric import whole_number
from donki.streams.inputs import as_text
from donki.streams.kafka.producer import MOST_PAYLOAD
from donki.streams.nexus.file import NexusFile
from donki.streams.nexus.row_group import Layout
from donki.streams.schemas.stream import Route, SourceStream
from donki.streams.values import as_value

Kind = tuple[np.dtype[np.generic], tuple[int, ...]]
"""The type and the shape of what a stream sends, which are those of the first."""


class MessageStream(SourceStream):
    """A stream of which each message is a row of the Player's file, or several.

    In the file they stand as `columns` says, in a group of the class `nx_class`, unless `_lay_out` is called.
    """

    def __init__(self, route: Route) -> None:
        super().__init__(route)
        self._key = f"{self.source}/{self.schema}"
        self._kind: Kind | None = None
        self._kind_at_commit: Kind | None = None
        self._lay_out(self.columns)

    def commit(self) -> None:
        """Note that what was sent so far is delivered."""
        super().commit()
        self._kind_at_commit = self._kind

    def discard(self) -> None:
        """Go on as after the last message that was delivered."""
        super().discard()
        self._kind = self._kind_at_commit

    def _open_in(self, file: NexusFile) -> None:
        file.open_rows(self._key, self.source, self._layout)

    def _lay_out(
        self,
        columns: Mapping[str, Mapping[str, str]],
        attributes: Mapping[str, str | int | Sequence[str]] | None = None,
        coordinates: Mapping[str, tuple[NDArray[np.generic], str]] | None = None,
    ) -> None:
        """Say how the stream stands in the file, as a `Layout` does."""
        self._layout = Layout(
            self.nx_class, columns, attributes or {}, coordinates or {}, self.schema, self.log
        )

    def _as_unit(self, unit: object) -> str:
        """Return the unit that a script gave; InputError where it is not a text."""
        return as_text(unit, f"{self}: unit")

    def _state(self, ndim: int, shape: Sequence[int] | None, dtype: DTypeLike | None) -> None:
        """Take the type and shape that a script stated, if it did: the first message is held to it already.

        Raises
        ------
        InputError
            when they are not those of an array with `ndim` dimensions
        """
        if shape is None and dtype is None:
            return
        stated = f"got shape={shown(shape)}, dtype={shown(dtype)}"
        if shape is None or dtype is None:
            raise InputError(f"{self}: shape and dtype are stated together; {stated}")
        try:
            kind, sizes = np.dtype(dtype), tuple(map(whole_number, shape))
        except Exception:  # noqa: BLE001 - of what a script gives, numpy runs the code
            raise InputError(f"{self}: shape is a list of sizes, dtype a type of numpy; {stated}") from None
        if kind.kind not in "iuf" or kind.itemsize > 8 or kind == np.float16:
            raise InputError(f"{self}: dtype is one of integers or floats of up to 64 bits; {stated}")
        whole = tuple(size for size in sizes if size is not None and size > 0)
        if not len(whole) == len(sizes) == ndim:
            raise InputError(f"{self}: shape has {ndim} sizes from 1; {stated}")
        if math.prod(whole) * kind.itemsize > MOST_PAYLOAD:
            raise InputError(f"{self}: a message has at most {MOST_PAYLOAD} bytes; {stated}")
        self._kind = self._kind_at_commit = kind.newbyteorder("="), whole

    def _as_numbers(self, values: object, ndim: int) -> NDArray[np.generic]:
        """Return values as an array of numbers.

        Raises
        ------
        InputError
            when they are not numbers, are none at all, or have another number of dimensions than `ndim`
        """
        array = as_value(values, f"of the {self}")
        if isinstance(array, str):
            raise InputError(f"{self}: expected numbers, got the text {array!r:.50}")
        if array.ndim != ndim:
            raise InputError(f"{self}: expected {ndim} dimensions, got an array of shape {array.shape}")
        return array.astype(np.uint8) if array.dtype == np.bool_ else array

    def _as_first(self, array: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
        """Return values in the type that the first of the stream had; for the thread whose turn it is.

        Raises
        ------
        InputError
            when they have another type or shape than the first
        """
        if self._kind is None:
            return array
        dtype, first = self._kind
        if not np.can_cast(array.dtype, dtype, "safe"):
            raise InputError(f"{self}: was {dtype} at first and is {array.dtype} now; keep one type")
        if shape != first:
            raise InputError(f"{self}: had the shape {first} at first and has {shape} now; keep one")
        return array.astype(dtype, copy=False)

    def _send(
        self,
        message: bytes | memoryview,
        time: int,
        rows: Mapping[str, NDArray[np.generic]],
        kind: Kind | None = None,
        events: int = 0,
    ) -> None:
        """Send a message, which may be of the first kind of the stream; for the thread whose turn it is."""
        if len(message) > MOST_PAYLOAD:
            raise InputError(
                f"{self}: a message has at most {MOST_PAYLOAD} bytes, got {len(message)}; send less at once"
            )
        self._kind = kind
        self._sink.send(self.topic, self.source, message, time, events)
        self._message_id += 1
        if self._file is not None:
            self._file.append_rows(self._key, rows)
