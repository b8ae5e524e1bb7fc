"""What all streams of a Player share, and what each tells of its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray
from streaming_data_types import DESERIALISERS

from donki.streams.inputs import as_label
from donki.streams.nexus.file import NexusFile
from donki.streams.readouts.sender import ReadoutSender
from donki.streams.schemas.encoding.flatbuffer import TimeField
from donki.streams.schemas.encoding.flatbuffer import schema as schema_of
from donki.streams.schemas.files.stored import StoredMessage
from donki.streams.schemas.files.structure import group
from donki.streams.sink import Sink
from donki.streams.transaction import Transaction

SOURCE_NAMES = ("source_name", "source", "name", "device_name")
"""What the package streaming_data_types calls the source in a message, by schema."""


@dataclass(frozen=True)
class Route:
    """From where to where a stream sends.

    Attributes
    ----------
    topic
        the Kafka topic
    source
        the name of what the messages come from
    sink
        takes the messages
    transaction
        that what is sent belongs to
    readouts
        sends raw readouts, where there is a receiver of such
    """

    topic: str
    source: str
    sink: Sink
    transaction: Transaction = field(default_factory=Transaction)
    readouts: ReadoutSender = field(default_factory=ReadoutSender)


class EventCount(NamedTuple):
    """What a message of events says without its columns; the reference time in ns since 1970 UTC."""

    events: int
    reference_time: int


class StoredCount(NamedTuple):
    """What a file holds of one stream: rows, or pulses and events."""

    rows: int = 0
    pulses: int = 0
    events: int = 0


class SourceStream:
    """Messages of one schema from one source, numbered by source.

    A message that is sent again after a failure has its number again.

    Parameters
    ----------
    route
        where its messages go; what is set when a stream is opened, are keyword arguments of its class

    Attributes
    ----------
    topic, source
        of its route
    schema
        the four letters of the messages
    method
        of a player, which opens the stream
    what
        what the stream is called in an error
    takes
        what ``send`` takes after the trigger, for the documentation
    kept
        where a file keeps it, for the documentation
    time
        where a message keeps its time, if it is a flatbuffer; see `times`
    has_events
        whether `count_events` and a file's counts are of events
    joins
        whether it goes beside the data of its source, in the file too
    takes_joined
        whether a file writer that is told to write this writes what joins it too
    nx_class
        of its group in a file
    log
        the name of the NXlog in that group, where the data are in one
    time_column
        the data set in the file with the times of its rows
    columns
        the data sets of a file and their attributes, where no setting of a stream changes them
    file_writer
        what a file writer's module of this schema is told beside topic and source; None where none can be
        told to write it
    layout_type
        the TypedDict of `layout`; None where there is none

    Raises
    ------
    InputError
        when the source is not a name, or a setting not what it should be
    """

    schema: ClassVar[str]
    method: ClassVar[str]
    what: ClassVar[str]
    takes: ClassVar[str]
    kept: ClassVar[str]
    time: ClassVar[TimeField | None] = None
    has_events: ClassVar[bool] = False
    joins: ClassVar[bool] = False
    takes_joined: ClassVar[bool] = False
    nx_class: ClassVar[str] = "NXlog"
    log: ClassVar[str] = ""
    time_column: ClassVar[str] = "time"
    columns: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    file_writer: ClassVar[Mapping[str, Any] | None] = None
    layout_type: ClassVar[type | None] = None

    def __init__(self, route: Route) -> None:
        self.topic = route.topic
        self.source = as_label(route.source, f"the source of {self.what} to {route.topic}")
        self._sink = route.sink
        self._transaction = route.transaction
        self._file: NexusFile | None = None
        self._message_id = 0
        self._first_undelivered = 0

    @classmethod
    def source_of(cls, message: bytes) -> str:
        """Return the source that a message names, of whatever schema the package streaming_data_types knows.

        Raises
        ------
        ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error
            when the message cannot be read; the package's own StreamingDataTypesException too
        """
        said = DESERIALISERS[schema_of(message)](message)
        name = next((name for name in SOURCE_NAMES if hasattr(said, name)), SOURCE_NAMES[0])
        return str(getattr(said, name))

    @classmethod
    def times(cls, message: bytearray) -> NDArray[np.int64] | None:
        """Return the times in a message, ns since 1970 UTC, as a view of it; None where it has none."""
        return cls.time.view(message) if cls.time else None

    @classmethod
    def count_events(cls, message: bytes) -> EventCount | None:  # noqa: ARG003 - for those that have events
        """Return how many events a message has, and when; None where it cannot be read, or has none."""
        return None

    @classmethod
    def event_columns(cls, message: bytearray) -> tuple[NDArray[np.int32], NDArray[np.int32]] | None:  # noqa: ARG003
        """Return the times of flight in ns and the pixel ids of a message, as views; None: it has none."""
        return None

    @classmethod
    def file_writer_settings(cls, layout: Mapping[str, Any] | None) -> Mapping[str, Any] | None:  # noqa: ARG003
        """Return `file_writer`, or what else is told of a stream whose `layout` was this."""
        return cls.file_writer

    @classmethod
    def file_writer_attributes(cls, layout: Mapping[str, Any] | None) -> Mapping[str, str]:  # noqa: ARG003
        """Return the attributes of the group: what the file writer's module of this schema does not take."""
        return {}

    @classmethod
    def file_writer_group(
        cls, name: str, config: Mapping[str, str], layout: Mapping[str, Any] | None
    ) -> dict[str, Any] | None:
        """Return the group of that name that a file writer must make; None where it cannot write it.

        Parameters
        ----------
        name
            of the group
        config
            topic and source
        layout
            what `layout` was
        """
        settings = cls.file_writer_settings(layout)
        if settings is None:
            return None
        module = {"module": cls.schema, "config": {**config, **settings}}
        return group(name, cls.nx_class, [module], cls.file_writer_attributes(layout))

    @classmethod
    def layout_of(cls, message: bytes) -> Mapping[str, Any] | None:  # noqa: ARG003 - for those that tell it
        """Return as much of `layout` as a message tells; None for nothing.

        Raises
        ------
        ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error
            as `source_of`
        """
        return None

    @classmethod
    def stored(cls, source: str, group: h5py.Group, most_events: int) -> Iterator[StoredMessage]:
        """Yield the messages that a Player's file tells of, by time.

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
            when this stream writes no such group
        """
        raise NotImplementedError

    @classmethod
    def count_stored(cls, source: str, group: h5py.Group) -> StoredCount:  # noqa: ARG003 - for events
        """Return what a Player's file holds of a stream, in the group of its source."""
        return StoredCount(rows=len(group[cls.time_column]) if cls.time_column in group else 0)

    @property
    def layout(self) -> dict[str, Any] | None:
        """What a file writer must know that no message tells, or none before the first; None for nothing."""
        return None

    def keep_in(self, file: NexusFile) -> None:
        """Keep what is sent from now on in the Player's file too.

        Raises
        ------
        InputError
            when the file cannot have a group of the source's name
        FileError
            when the file cannot be written
        """
        self._open_in(file)
        self._file = file

    def commit(self) -> None:
        """Note that what was sent so far is delivered."""
        self._first_undelivered = self._message_id

    def discard(self) -> None:
        """Count on from the first message that was not delivered: one that is sent again is the same."""
        self._message_id = self._first_undelivered

    def _open_in(self, file: NexusFile) -> None:
        """Make the group of the stream in the file."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.what} of {self.source} to {self.topic}"
