"""Arrays with named axes: histograms, spectra, what a reduction gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from streaming_data_types import deserialise_da00, serialise_da00
from streaming_data_types.dataarray_da00 import Variable
from typing_extensions import TypedDict

from donki.errors import InputError, shown
from donki.streams.inputs import as_label, as_text
from donki.streams.nexus.row_group import SINCE_1970
from donki.streams.schemas.encoding.flatbuffer import TimeField
from donki.streams.schemas.encoding.reference_time import Timed, as_reference_time
from donki.streams.schemas.files.stored import StoredMessage, rows
from donki.streams.schemas.message_stream import MessageStream
from donki.streams.schemas.registry import SCHEMAS
from donki.streams.schemas.stream import Route
from donki.streams.values import MOST_DIMENSIONS, as_value

Coordinates = Mapping[str, tuple[NDArray[np.generic], str]]
"""The positions along an axis and their unit, by the axis' name."""


class CoordinateLayout(TypedDict):
    """Shape, type and unit of the positions along an axis."""

    shape: list[int]
    dtype: str
    unit: str


class ArrayLayout(TypedDict):
    """Shape, type, unit and axes of arrays, and the coordinates by axis."""

    shape: list[int]
    dtype: str
    unit: str
    axes: list[str]
    coordinates: dict[str, CoordinateLayout]


class ArrayStream(MessageStream):
    """Sends arrays to Kafka as da00, and to the Player's file as an NXdata.

    Parameters
    ----------
    route
        as `SourceStream` takes it
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
    method = "array"
    what = "arrays"
    takes = "an n-D array with named axes and their coordinates: histograms"
    kept = "``/entry/instrument/SOURCE`` (NXdata): signal by time and the named axes"
    time = TimeField(1)
    nx_class = "NXdata"
    layout_type = ArrayLayout
    texts: ClassVar[Sequence[str]] = ()
    """The columns of texts beside the arrays."""

    def __init__(
        self,
        route: Route,
        *,
        axes: Sequence[str],
        unit: str = "counts",
        coordinates: Mapping[str, tuple[ArrayLike, str]] | None = None,
        shape: Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(route)
        self._axes = _as_axes(axes, self)
        self._unit = self._as_unit(unit)
        self._coordinates = _as_coordinates(coordinates, self._axes, self)
        self._lay_out(
            {"signal": {"units": self._unit}, **{name: {} for name in self.texts}, "time": SINCE_1970},
            {"signal": "signal", "axes": ["time", *self._axes]},
            self._coordinates,
        )
        self._state(len(self._axes), shape, dtype)

    @classmethod
    def file_writer_settings(cls, layout: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return the array, which grows, and its coordinates, which stay; unknown ones are dropped."""
        if layout is None:
            return None

        def variable(name: str, of: Mapping[str, Any], axes: Sequence[str]) -> dict[str, Any]:
            shape = {"unit": of["unit"], "data_type": of["dtype"], "shape": of["shape"], "axes": axes}
            return {"name": name, **shape}

        # The values of the coordinates are in every message.
        constants = [variable(axis, of, [axis]) for axis, of in layout["coordinates"].items()]
        return {"variables": [variable("signal", layout, layout["axes"])], "constants": constants}

    @classmethod
    def layout_of(cls, message: bytes) -> dict[str, Any] | None:
        """Return shape, type, unit and axes of an array; None of a text."""
        variables = {variable.name: variable for variable in deserialise_da00(message).data}
        signal = variables["signal"]
        if not isinstance(signal.data, np.ndarray):
            return None

        def described(variable: Variable) -> dict[str, Any]:
            data = variable.data
            return {"shape": data.shape, "dtype": data.dtype.name, "unit": variable.unit or "dimensionless"}

        coordinates = {axis: described(variables[axis]) for axis in signal.axes if axis in variables}
        return {**described(signal), "axes": list(signal.axes), "coordinates": coordinates}

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:  # noqa: ARG003
        """Yield the arrays that a Player's file tells of."""
        signal = group["signal"]
        axes = list(group.attrs["axes"])[1:]
        coordinates = {axis: (group[axis][()], group[axis].attrs["units"]) for axis in axes if axis in group}
        unit = signal.attrs["units"]
        texts = [group[name] for name in cls.texts]
        for time, (values, *said) in rows(group["time"], signal, *texts):
            described = axes, unit, coordinates, *map(str, said)
            yield StoredMessage(time, partial(cls._encode, source, time, values, *described))

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
            numbers of up to 64 bits, one dimension an axis, NaN where masked; the first array decides type
            and shape
        reference_time
            of the array, ns since 1970 UTC, where it is not the trigger's

        Raises
        ------
        InputError
            when the array does not fit the axes and coordinates, or has another type or shape than the first;
            nothing is sent
        BrokerError, FileError
            when this message or an earlier one could not be delivered or written
        """
        self._send_array(as_reference_time(trigger, reference_time, self), values)

    def _send_array(self, time: int, values: ArrayLike, *texts: str) -> None:
        """Send an array, and the texts beside it."""
        given = self._as_numbers(values, len(self._axes))
        for axis, size in zip(self._axes, given.shape, strict=True):
            self._check_coordinate(axis, size)
        with self._transaction:
            array = self._as_first(given, given.shape)
            row = {"signal": array[np.newaxis], "time": np.array([time])}
            row |= {name: np.array([text], object) for name, text in zip(self.texts, texts, strict=True)}
            message = self._encode(
                self.source, time, array, self._axes, self._unit, self._coordinates, *texts
            )
            self._send(message, time, row, (array.dtype, array.shape))

    def _check_coordinate(self, axis: str, size: int) -> None:
        """Raise an InputError where the positions along an axis are not those of so many values."""
        if axis in self._coordinates and len(self._coordinates[axis][0]) not in (size, size + 1):
            raise InputError(
                f"{self}: {size} values along {axis}, whose coordinate has"
                f" {len(self._coordinates[axis][0])}; expected as many, or one more for edges of bins"
            )

    @staticmethod
    def _encode(
        source: str,
        time: int,
        array: NDArray[np.generic],
        axes: Sequence[str],
        unit: str,
        coordinates: Coordinates,
        *_: object,
    ) -> bytes:
        variables = [
            Variable("signal", array, axes, unit=unit),
            *(Variable(axis, at, [axis], unit=its_unit) for axis, (at, its_unit) in coordinates.items()),
        ]
        return bytes(serialise_da00(source, time, variables))


def _as_axes(axes: object, stream: ArrayStream) -> list[str]:
    # What stands beside the axes in the file's group: some streams join that of their source.
    taken = [
        "signal",
        "time",
        *stream.texts,
        *(column for stream in SCHEMAS.values() if stream.joins for column in stream.columns),
    ]
    expected = (
        f"{stream}: axes are a list of 1 to {MOST_DIMENSIONS} names that differ, not empty, without a slash,"
        f" none of them a dot or {', '.join(taken)}; got {shown(axes)}"
    )
    if isinstance(axes, str) or not isinstance(axes, Iterable):
        raise InputError(expected)
    names = [as_label(axis, f"{stream}: axes") for axis in axes]
    differ = len({*names, *taken}) == len(names) + len(taken)
    if (
        not differ
        or not 0 < len(names) <= MOST_DIMENSIONS
        or any("/" in axis or axis in {".", ".."} for axis in names)
    ):
        raise InputError(expected)
    return names


def _as_coordinates(
    coordinates: object, axes: Sequence[str], stream: ArrayStream
) -> dict[str, tuple[NDArray[np.generic], str]]:
    named = {} if coordinates is None else coordinates
    if not isinstance(named, Mapping) or not named.keys() <= set(axes):
        raise InputError(
            f"{stream}: coordinates are for the axes {', '.join(axes)}; got"
            f" {', '.join(map(shown, named)) if isinstance(named, Mapping) else shown(named)}"
        )
    taken = {}
    # In the order of the axes, so that the file tells what the message was.
    for axis in axes:
        if axis not in named:
            continue
        try:
            given, unit = named[axis]
        except (TypeError, ValueError):
            raise InputError(
                f"{stream}: the coordinate {axis} is an array and its unit; got {shown(named[axis])}"
            ) from None
        values = as_value(given, f"of the coordinate {axis} of {stream}")
        if isinstance(values, str) or values.ndim != 1 or values.dtype.kind not in "iuf":
            raise InputError(f"{stream}: the coordinate {axis} must be a one-dimensional array of numbers")
        taken[axis] = values, as_text(unit, f"{stream}: unit of the coordinate {axis}")
    return taken
