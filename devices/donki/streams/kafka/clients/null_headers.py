"""Headers without value, which kafka-python can encode and reads, but whose `send` refuses them.

This leans on the inside of kafka-python 3.0: the builder of record batches takes None for a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from typing import Any

from kafka.record.default_records import DefaultRecordBatchBuilder


class _Null(bytes):
    """Passes for bytes until the record is encoded."""


_NULL = _Null()


def with_nulls(headers: Iterable[tuple[str, bytes | None]]) -> list[tuple[str, bytes]]:
    """Return headers as a producer of kafka-python sends them, those without value too."""
    return [(name, _NULL if value is None else value) for name, value in headers]


_append = DefaultRecordBatchBuilder.append


@wraps(_append)
def _append_nulls(
    self: Any, offset: int, timestamp: int, key: Any, value: Any, headers: Any, *more: Any, **named: Any
) -> Any:
    if headers:
        headers = [(name, None if text is _NULL else text) for name, text in headers]
    return _append(self, offset, timestamp, key, value, headers, *more, **named)


DefaultRecordBatchBuilder.append = _append_nulls
