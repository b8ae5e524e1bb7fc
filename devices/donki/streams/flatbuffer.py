"""What a flatbuffer says of itself, and where its parts lie, so that a message can be patched in place.

References
----------
https://flatbuffers.dev/internals
"""

from __future__ import annotations

import struct


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
