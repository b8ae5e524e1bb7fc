"""The streams of one Player that are open in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from donki.errors import InputError
from donki.streams.inputs import as_label
from donki.streams.kafka.topics.name import check_topic
from donki.streams.nexus.column import check_name
from donki.streams.nexus.file import NexusFile
from donki.streams.readouts.sender import ReadoutSender
from donki.streams.schemas import Route, SourceStream
from donki.streams.sink import Sink
from donki.streams.transaction import Transaction

S = TypeVar("S", bound=SourceStream)


class OpenStreams:
    """Opens each stream once: a source has one, and another one of each schema that joins it.

    Parameters
    ----------
    sink
        takes the messages
    open_topic
        makes a topic, if it does not exist
    file
        the Player's file, if there is one
    transaction
        that what is sent belongs to
    readouts
        sends raw readouts, where there is a receiver of such
    """

    def __init__(
        self,
        sink: Sink,
        open_topic: Callable[[str], None],
        file: NexusFile | None,
        transaction: Transaction,
        readouts: ReadoutSender,
    ) -> None:
        self._sink = sink
        self._open_topic = open_topic
        self._file = file
        self._transaction = transaction
        self._readouts = readouts
        self._streams: dict[tuple[str, str], SourceStream] = {}

    def __iter__(self) -> Iterator[SourceStream]:
        return iter(self._streams.copy().values())

    def open(self, kind: type[S], topic: str, source: str, settings: Mapping[str, Any]) -> S:
        """Open a stream, or return the one that is open; see `RunOutput.open`."""
        check_topic(topic)
        as_label(source, f"the source of a stream to {topic}")
        # The alarms and the connection of a source go beside its data.
        key = source, kind.schema if kind.joins else ""
        stream = self._streams.get(key) or self._open(key, kind, topic, source, settings)
        # A script that was loaded again has another class of the same schema.
        if stream.schema != kind.schema or stream.topic != topic:
            raise InputError(
                f"{source} has {stream.schema} messages to topic {stream.topic} in this run; the topic and"
                " the kind of a stream stay: name the source otherwise"
            )
        return cast("S", stream)

    def _open(
        self, key: tuple[str, str], kind: type[S], topic: str, source: str, settings: Mapping[str, Any]
    ) -> SourceStream:
        # What cannot be opened leaves no topic and no group behind, and does not fail what was sent.
        self._transaction.take()
        try:
            make: Callable[..., S] = kind
            stream = make(Route(topic, source, self._sink, self._transaction, self._readouts), **settings)
            if self._file is not None:
                check_name(source, "source")
            self._open_topic(topic)
        finally:
            self._transaction.give()
        with self._transaction:
            if key not in self._streams:
                if self._file is not None:
                    stream.keep_in(self._file)
                self._streams[key] = stream
            return self._streams[key]
