"""The messages of a source, made again from what a NeXus file holds of it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import repeat

import h5py

from donki.streams.schemas import SCHEMAS, SourceStream
from donki.streams.schemas.files.stored import StoredMessage


def stored_messages(
    source: str, group: h5py.Group, most_events: int
) -> Iterator[tuple[type[SourceStream], StoredMessage]]:
    """Return the messages of a source by time, each with its kind.

    Those of one kind come in the order in which they were sent; of data, alarms and connection of one source
    the file does not tell which was sent first.

    Parameters
    ----------
    source
        its name
    group
        of it in the instrument
    most_events
        in a message; larger pulses were split

    Raises
    ------
    KeyError, ValueError, TypeError
        as the messages are made: when the group is none that a Player writes
    """
    streams = [
        zip(repeat(kind), kind.stored(source, group, most_events))
        for kind in kinds_in(source, group)
        if any(kind.count_stored(source, group))
    ]
    return heapq.merge(*streams, key=lambda stored: stored[1].time)


def kinds_in(source: str, group: h5py.Group) -> list[type[SourceStream]]:
    """Return the streams of which a source's group keeps the messages.

    Raises
    ------
    ValueError
        when it has messages of a schema that is not known here
    """
    names = group.attrs.get("schemas")
    kinds = []
    for name in _guessed(source, group) if names is None else names:
        if (kind := SCHEMAS.find(name)) is None:
            raise ValueError(f"it has messages of the schema {name}, which no installed package knows")
        kinds.append(kind)
    return kinds


def _guessed(source: str, group: h5py.Group) -> Iterator[str]:
    """Yield the schemas in a group of a file that does not tell them, as those of 2026 do not."""
    if f"{source}_events" in group:
        yield "ev44"
    elif "cue_index" in group:
        yield "se00" if "value" in group else "tdct"
    elif group.attrs.get("signal") == "value":
        yield "ad00"
    elif "signal" in group:
        yield "da00"
    elif "value" in group:
        yield "f144"
    if "alarm_time" in group:
        yield "al00"
    if "connection_status_time" in group:
        yield "ep01"
