"""Arrays with named axes: histograms, spectra, what a reduction gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from streaming_data_types import serialise_da00
from streaming_data_types.dataarray_da00 import Variable

from donki.errors import InputError
from donki.streams.message_stream import MessageStream
from donki.streams.nexus import NexusFile
from donki.streams.reference_time import Timed, as_reference_time
from donki.streams.row_group import SINCE_1970, Layout
from donki.streams.sink import Sink


class ArrayStream(MessageStream):
    """Sends arrays to Kafka as da00, and to the Player's file as an NXdata.

    Parameters
    ----------
    topic, source, sink, file
        as `MessageStream` takes them
    axes
        the names of the axes, one a dimension
    unit
        of the values
    coordinates
        the positions along an axis and their unit, by the axis' name: as many as the array has values along
        it, or one more where they are the edges of bins
    shape, dtype
        of the arrays, where they are known before the first

    Raises
    ------
    InputError
        when a name is used twice, a coordinate is no axis or not one-dimensional, or shape and dtype are not
        those of an array with these axes
    """

    schema = "da00"
    what = "arrays"

    def __init__(
        self,
        topic: str,
        source: str,
        sink: Sink,
        file: NexusFile | None,
        *,
        axes: Sequence[str],
        unit: str = "counts",
        coordinates: Mapping[str, tuple[ArrayLike, str]] | None = None,
        shape: Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._axes = list(axes)
        self._unit = unit
        named = coordinates or {}
        name = f"{self.what} of {source} to {topic}"
        differ = len({*axes, "signal", "time"}) == len(axes) + 2
        if isinstance(axes, str) or not axes or not differ or any(not a or "/" in a for a in axes):
            raise InputError(
                f"{name}: axes are a list of names that differ, not empty, without a slash, none of them"
                f" signal or time; got {axes!r}"
            )
        if not named.keys() <= set(axes):
            raise InputError(
                f"{name}: coordinates are for the axes {', '.join(axes)}; got {', '.join(named)}"
            )
        # In the order of the axes, so that the file tells what the message was.
        self._coordinates = {
            axis: (np.asarray(named[axis][0]), named[axis][1]) for axis in axes if axis in named
        }
        for axis, (values, _) in self._coordinates.items():
            if values.ndim != 1 or values.dtype.kind not in "iuf":
                raise InputError(f"{name}: the coordinate {axis} must be a one-dimensional array of numbers")
        layout = Layout(
            "NXdata",
            {"signal": {"units": unit}, "time": SINCE_1970},
            {"signal": "signal", "axes": ["time", *axes]},
            self._coordinates,
        )
        super().__init__(topic, source, sink, file, layout)
        self._expect(len(self._axes), shape, dtype)

    @property
    def layout(self) -> dict[str, Any] | None:
        """Shape, type, unit and axes of the arrays, as far as they are known."""
        if self._kind is None:
            return None
        coordinates = {
            axis: {"shape": values.shape, "dtype": values.dtype.name, "unit": unit}
            for axis, (values, unit) in self._coordinates.items()
        }
        dtype, shape = self._kind
        signal = {"shape": shape, "dtype": dtype.name, "unit": self._unit, "axes": self._axes}
        return {**signal, "coordinates": coordinates}

    def send(self, trigger: Timed, values: ArrayLike, *, reference_time: int | None = None) -> None:
        """Send one array; it has arrived when the Player's trigger is done.

        Parameters
        ----------
        trigger
            whose reference time is the array's
        values
            numbers of up to 64 bits, one dimension an axis; the first array decides type and shape
        reference_time
            of the array, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when the array does not fit the axes and coordinates, or has another type or shape than the first;
            nothing is sent
        BrokerError
            when this message or an earlier one could not be delivered
        FileError
            when the file cannot be written
        """
        time = as_reference_time(trigger, reference_time, self)
        array = self._as_numbers(values, len(self._axes))
        for axis, size in zip(self._axes, array.shape, strict=True):
            if axis in self._coordinates and len(self._coordinates[axis][0]) not in (size, size + 1):
                raise InputError(
                    f"{self}: {size} values along {axis}, whose coordinate has"
                    f" {len(self._coordinates[axis][0])}; expected as many, or one more for edges of bins"
                )
        self._keep_kind(array, array.shape)
        variables = [
            Variable("signal", array, self._axes, unit=self._unit),
            *(Variable(axis, at, [axis], unit=unit) for axis, (at, unit) in self._coordinates.items()),
        ]
        self._send(
            serialise_da00(self.source, time, variables),
            time,
            {"signal": array[np.newaxis], "time": np.array([time])},
        )
