"""Histograms as just-bin-it publishes them and NICOS shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from streaming_data_types import deserialise_hs01, serialise_hs01

from donki.errors import InputError
from donki.streams.inputs import as_text
from donki.streams.schemas.da00 import ArrayStream, Coordinates
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time

_TYPES = np.int32, np.int64, np.float32, np.float64


class HistogramStream(ArrayStream):
    """Sends histograms to Kafka as hs01, and to the Player's file as an NXdata.

    As an `ArrayStream`, which says what its settings are; each axis has a coordinate, the edges of its bins,
    one more than there are bins.
    """

    schema = "hs01"
    method = "histogram"
    what = "histograms"
    takes = "an n-D histogram, the edges of its bins and a text about it, as just-bin-it sends them"
    kept = "as an array; info beside the signal"
    texts = ("info",)

    @classmethod
    def source_of(cls, message: bytes) -> str:
        """Return the source that a message names."""
        return str(deserialise_hs01(message)["source"])

    @classmethod
    def layout_of(cls, message: bytes) -> None:  # noqa: ARG003
        """Return None: nobody is told to write it."""
        return

    @classmethod
    def file_writer_settings(cls, layout: Mapping[str, Any] | None) -> None:  # noqa: ARG003
        """Return None: the file writer has no module for it."""
        return

    def send(
        self, trigger: Timed, values: ArrayLike, info: str = "", *, reference_time: int | None = None
    ) -> None:
        """Send one histogram; it has arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is the histogram's
        values
            as `ArrayStream.send` takes them
        info
            a text for whoever shows it; NICOS expects JSON with the ``id`` and ``state`` of just-bin-it
        reference_time
            of the histogram, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            as `ArrayStream.send` does, and when the info is not a text
        BrokerError, FileError
            when this message or an earlier one could not be delivered or written
        """
        time = as_reference_time(trigger, reference_time, self)
        self._send_array(time, values, as_text(info, f"{self}: info"))

    def _check_coordinate(self, axis: str, size: int) -> None:
        edges = len(self._coordinates[axis][0]) if axis in self._coordinates else 0
        if edges != size + 1:
            raise InputError(
                f"{self}: the coordinate {axis} is the {size + 1} edges of the {size} bins; got {edges}"
            )

    @staticmethod
    def _encode(
        source: str,
        time: int,
        array: NDArray[np.generic],
        axes: Sequence[str],
        unit: str,  # noqa: ARG004 - hs01 has none
        coordinates: Coordinates,
        *texts: object,
    ) -> bytes:
        info, *_ = texts  # the number of a message that a file tells of: hs01 has none
        edges = [coordinates[axis] for axis in axes]
        histogram = {
            "source": source,
            "timestamp": time,
            "current_shape": array.shape,
            "dim_metadata": [
                {"length": size, "bin_boundaries": _widened(at, axis), "unit": its_unit, "label": axis}
                for axis, size, (at, its_unit) in zip(axes, array.shape, edges, strict=True)
            ],
            "data": _widened(array, source),
            "info": info,
        }
        return bytes(serialise_hs01(histogram))


def _widened(numbers: NDArray[np.generic], what: str) -> NDArray[np.generic]:
    """Return numbers in a type of hs01: of others the package writes the bytes as if they were floats."""
    if numbers.dtype == np.uint64:
        raise InputError(f"{what}: hs01 has no numbers of the type uint64; use int64 or float64")
    kind = next(kind for kind in _TYPES if np.can_cast(numbers.dtype, kind, "safe"))
    return numbers.astype(kind, copy=False)
