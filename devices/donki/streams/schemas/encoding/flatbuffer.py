"""What a flatbuffer says of itself, and where its parts lie, so that a message can be patched in place.

References
----------
https://flatbuffers.dev/internals
"""

from __future__ import annotations

import struct
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from streaming_data_types.exceptions import StreamingDataTypesException

#: What reading a message raises that is none.
UNREADABLE = (
    StreamingDataTypesException,
    struct.error,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)

Number = TypeVar("Number", bound=np.generic)


def schema(message: bytes | bytearray) -> str:
    """Return the four letters that a flatbuffer says its schema by, in its second word."""
    return message[4:8].decode("ascii", "replace")


def fields(message: bytes | bytearray) -> list[int]:
    """Return where the fields of the root table lie, in the order of the schema."""
    (table,) = struct.unpack_from("<I", message)
    vtable = table - struct.unpack_from("<i", message, table)[0]
    (vtable_bytes,) = struct.unpack_from("<H", message, vtable)
    slots = struct.unpack_from(f"<{vtable_bytes // 2 - 2}H", message, vtable + 4)
    return [table + slot for slot in slots]


def target(message: bytes | bytearray, field: int) -> int:
    """Return where the vector or text lies that a field refers to."""
    return field + int(struct.unpack_from("<I", message, field)[0])


def vector(message: bytes | bytearray, field: int, dtype: type[Number]) -> NDArray[Number]:
    """Return a view of the vector of numbers that a field refers to."""
    start = target(message, field)
    (count,) = struct.unpack_from("<I", message, start)
    return np.frombuffer(message, np.dtype(dtype).newbyteorder("<"), count, start + 4)


class TimeField(NamedTuple):
    """Where the messages of a schema keep their time, ns since 1970 UTC.

    Attributes
    ----------
    number
        of the field in the root table, in the order of the schema, from 0
    is_vector
        whether it is a vector of times
    """

    number: int
    is_vector: bool = False

    def view(self, message: bytearray) -> NDArray[np.int64]:
        """Return the times in a message, which can be written, as int64."""
        field = fields(message)[self.number]
        return vector(message, field, np.int64) if self.is_vector else np.frombuffer(message, "<i8", 1, field)
