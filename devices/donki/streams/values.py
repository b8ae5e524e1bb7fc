"""The values that an action returns: what is taken, and how Kafka gets it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from streaming_data_types import serialise_da00, serialise_f144
from streaming_data_types.dataarray_da00 import Variable

from donki.errors import InputError, shown
from donki.streams.inputs import as_array, as_text

MOST_DIMENSIONS = 31
"""Most dimensions of an array: HDF5 has 32, and one of them is time or the trigger."""

MOST_BYTES = 1 << 31
"""Most bytes of a value: a chunk of HDF5 has less than 4 GiB."""

Value = NDArray[np.generic] | str
"""A number, an array of numbers or a text, in the type it is kept in; a number has no dimensions."""


def as_value(value: object, source: str) -> Value:
    """Return what an action returned in the type it is kept in.

    Parameters
    ----------
    value
        a bool, an integer or a float of up to 64 bits, Python's or numpy's; a non-empty array or (nested)
        lists of them, of which floats may be masked and become NaN; or a text
    source
        what to call the value in an error: ``player/name``

    Raises
    ------
    InputError
        when it is anything else
    """
    if isinstance(value, str):
        return as_text(value, f"the value {source}")
    array = as_array(value, f"the value {source}")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise InputError(
            f"the value {source} is {type(value).__name__} ({array.dtype});"
            " expected a bool, an int or float of up to 64 bits, an array or list of them, or a text;"
            f" got {shown(value)}"
        )
    if array.size == 0:
        raise InputError(f"the value {source} is an empty array; return one that has values, or leave it out")
    if array.ndim > MOST_DIMENSIONS or array.nbytes > MOST_BYTES:
        raise InputError(
            f"the value {source} has {array.ndim} dimensions and {array.nbytes} bytes;"
            f" expected at most {MOST_DIMENSIONS} and {MOST_BYTES}"
        )
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    # The serialisers take the machine's byte order alone.
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def encode_value(source: str, value: Value, time: int) -> bytes:
    """Return the message that carries a value: a number as f144, an array or a text as da00.

    A bool goes as uint8: neither schema has one. In da00 the variable is called ``signal``, its axes
    ``dim_0``, ``dim_1`` and so on.

    Parameters
    ----------
    source
        the source name in the message
    value
        from `as_value`
    time
        ns since 1970 UTC
    """
    if isinstance(value, str):
        return bytes(serialise_da00(source, time, [Variable("signal", value)]))
    if value.dtype == np.bool_:
        value = value.astype(np.uint8)
    if value.ndim == 0:
        return bytes(serialise_f144(source, value, time))
    axes = [f"dim_{axis}" for axis in range(value.ndim)]
    return bytes(serialise_da00(source, time, [Variable("signal", value, axes)]))
