"""The message schemas, each by the stream that sends it and tells all there is to know of it."""

from __future__ import annotations

from donki.registry import Registry, load_plugins
from donki.streams.schemas.stream import SourceStream

SCHEMAS: Registry[type[SourceStream]] = Registry("message schema")
"""The streams by the four letters of their messages."""

_METHODS: dict[str, type[SourceStream]] = {}


def register(stream: type[SourceStream]) -> None:
    """Make a schema known.

    Parameters
    ----------
    stream
        sends it; what else it says of its schema is in the attributes and class methods of `SourceStream`

    Raises
    ------
    ValueError
        when another module has the schema, or opens its stream by the same method of a player
    """
    other = _METHODS.get(stream.method, stream)
    if other.schema != stream.schema:
        raise ValueError(f"player.{stream.method} opens {other.schema}; {stream.schema} needs another method")
    SCHEMAS.add(stream.schema, stream)
    for method in [method for method, its in _METHODS.items() if its.schema == stream.schema]:
        del _METHODS[method]
    _METHODS[stream.method] = stream


def find_method(method: str) -> type[SourceStream] | None:
    """Return the stream that a method of a player opens; None where there is none."""
    if method not in _METHODS:
        load_plugins()
    return _METHODS.get(method)
