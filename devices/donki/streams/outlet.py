"""Where the data of one Player go during one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from donki.errors import FileError, InputError
from donki.run import Run
from donki.streams.alarm import AlarmStream
from donki.streams.aliases import renamed
from donki.streams.compression import check_compression
from donki.streams.connection import ConnectionStream
from donki.streams.events import EventStream
from donki.streams.faults.injector import FaultInjector
from donki.streams.faults.rule import Rule
from donki.streams.faults.table import FaultTable
from donki.streams.file_names import FILE_NAME, FileNames, check_file_triggers
from donki.streams.flatbuffer import schema
from donki.streams.kafka import CLIENTS, KafkaSink
from donki.streams.manifest import Extent, Ledger, Manifest
from donki.streams.message_stream import MessageStream
from donki.streams.nexus import NexusFile
from donki.streams.values import as_value, encode_value

S = TypeVar("S", bound=EventStream | MessageStream)


@dataclass(frozen=True)
class Counts:
    """What the broker has acknowledged in a run."""

    events: int = 0
    messages: int = 0
    bytes: int = 0


class Stream(NamedTuple):
    """What stands where in Kafka: messages of a schema (ev44, f144, …) from a source, in a topic.

    Attributes
    ----------
    layout
        of arrays and images, where it is known: what a file writer must be told of them
    """

    schema: str
    topic: str
    source: str
    layout: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Outlet:
    """The ways out of one Player in one run: Kafka, and a NeXus file where a directory is given.

    What is sent counts once it is delivered, trigger by trigger: after `deliver` it stands in Kafka and in
    the file; after `discard` it is gone from the file, and the trigger may be done again.

    Parameters
    ----------
    player
        the Player's name
    run
        the run whose data these are
    brokers
        ``host:port`` of the Kafka brokers; they are spoken to when the first topic is opened
    kafka_options
        security settings for the Kafka client
    kafka_client
        ``kafka-python`` or ``confluent-kafka``
    values_topic
        the Kafka topic of the values that actions return, opened at once; empty for none
    file_directory
        where the NeXus files go; None for no file
    file_name
        pattern of their names, as `check_file_name` takes it. Where there is a file of that name, from before
        the Player died or the run was taken up, the next is ``RUN_PLAYER+2.nxs`` and so on
    file_triggers
        how many triggers go into a file before the next is begun; 0 for all
    file_compression
        of files that are finished, as `check_compression` takes it; empty for none
    aliases
        what values are called, in Kafka and in the file, by the names that actions return
    faults
        what is put into the data on their way to Kafka; the file keeps them as they were, and lists what was

    Raises
    ------
    InputError
        when a broker's address, an option or a setting of the files is not what it should be, or the client
        is not installed
    BrokerError
        when there is a topic for values, and no broker answers or the topic cannot be made
    FileError
        when the file cannot be made
    """

    def __init__(
        self,
        player: str,
        run: Run,
        *,
        brokers: Sequence[str],
        kafka_options: Mapping[str, Any] | None = None,
        kafka_client: str = CLIENTS[0],
        values_topic: str = "",
        file_directory: Path | None = None,
        file_name: str = FILE_NAME,
        file_triggers: int = 0,
        file_compression: str = "",
        aliases: Mapping[str, str] | None = None,
        faults: Sequence[Rule] = (),
    ) -> None:
        check_file_triggers(file_triggers)
        check_compression(file_compression)
        self._names = FileNames(file_directory, file_name, run.id, player) if file_directory else None
        self._file_triggers = file_triggers
        self._triggers_in_file = 0
        self._aliases = dict(aliases or {})
        self._player = player
        self._values_topic = values_topic
        self._streams: dict[tuple[str, object], EventStream | MessageStream] = {}
        self._values: dict[str, Stream] = {}
        self._abandoned = False
        self._sink = KafkaSink(brokers, kafka_options, f"donki-{player}", kafka_client)
        self._brokers = ", ".join(brokers)
        self._sent = self._measured = Ledger(self._sink)
        self._injector: FaultInjector | None = None
        if values_topic:
            self._sink.open_topic(values_topic)
        self._file: NexusFile | None = None
        if self._names is not None:
            try:
                self._file = self._open_file(self._names, run, file_compression)
            except FileError:
                self._sink.close()
                raise
        if faults:
            self._faults = FaultTable(self._file)
            self._injector = FaultInjector(self._sent, faults, run.seed, player, self._faults.note)
            self._measured = Ledger(self._injector)

    @property
    def files(self) -> tuple[Path, ...]:
        """The present and the earlier files of the Player in this run, in order."""
        return self._names.paths if self._names else ()

    @property
    def counts(self) -> Counts:
        """What the broker has acknowledged in this run."""
        return Counts(self._sink.events, self._sink.messages, self._sink.bytes)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What goes to Kafka in this run: the streams that are open, and the values sent so far."""
        opened = self._streams.copy().values()
        streams = [Stream(each.schema, each.topic, each.source, each.layout) for each in opened]
        return (*streams, *self._values.copy().values())

    def begin(self, trigger: int) -> None:
        """Take that what is sent from now on belongs to a trigger, which may be the first of a file.

        Raises
        ------
        BrokerError
            when what a fault held back until now could not be sent
        FileError
            when the file before cannot be finished
        """
        if self._names is not None:
            self._names.trigger = int(trigger)
        if self._file is not None and 0 < self._file_triggers <= self._triggers_in_file:
            self._triggers_in_file = 0
            self._file.close()
        if self._injector:
            self._injector.begin(trigger)

    def take_manifest(self) -> Manifest:
        """Return what was delivered since the last time; to be called after `deliver` or `close`."""
        sent = self._sent.take()
        extents = sorted(self._sink.extents.copy().items())
        manifest = Manifest(self._brokers, tuple(Extent(*place, *ends) for place, ends in extents), sent)
        if not self._injector:
            return manifest
        measured, faults = self._measured.take(), self._faults.take()
        return replace(manifest, measured=None if measured == sent else measured, faults=faults)

    def events(self, topic: str, source: str, **settings: Any) -> EventStream:
        """Open a stream of neutron events; see `open`."""
        return self.open(EventStream, topic, source, **settings)

    def open(self, kind: type[S], topic: str, source: str, **settings: Any) -> S:
        """Open a stream, or return the one that is open.

        Parameters
        ----------
        kind
            `EventStream`, `SeriesStream`, `ImageStream`, `ArrayStream`, `AlarmStream`, `ConnectionStream`,
            `TimestampStream` or `SampleStream`
        topic
            the Kafka topic; it is made if it does not exist
        source
            the name of what the data come from
        settings
            of the stream; those of the first call hold

        Raises
        ------
        InputError
            when the source has a stream of another kind or to another topic already, its name cannot be used
            in the file, or a setting is not what it should be
        BrokerError
            when no broker answers, or the topic cannot be made
        FileError
            when the file cannot be written
        """
        # The alarms and the connection of a source go beside its data.
        key = source, kind if kind in (AlarmStream, ConnectionStream) else None
        stream = self._streams.get(key)
        if stream is None:
            self._sink.open_topic(topic)
            stream = self._streams[key] = kind(topic, source, self._measured, self._file, **settings)
        if not isinstance(stream, kind) or stream.topic != topic:
            raise InputError(
                f"{source} has {stream.schema} messages to topic {stream.topic} in this run; the topic and"
                " the kind of a stream stay: name the source otherwise"
            )
        return stream

    def values(self, trigger: int, reference_time: int, values: Mapping[str, object]) -> None:
        """Send what an action returned.

        To Kafka, where there is a topic for values, numbers go as f144, arrays and texts as da00; the source
        name is ``player/name``. To the file they go as ``/player/name``, with the trigger as first axis. In
        both the name is the alias where there is one.

        Parameters
        ----------
        trigger
            the number of the trigger
        reference_time
            its time, ns since 1970 UTC
        values
            by name

        Raises
        ------
        InputError
            when a value cannot be kept, or changed its type or shape; nothing is sent then
        BrokerError
            when a message could not be sent
        FileError
            when the file cannot be written
        """
        named = renamed(values, self._aliases, self._player)
        taken = {name: as_value(value, f"{self._player}/{name}") for name, value in named.items()}
        if self._file is not None:
            self._file.append_values(trigger, taken)
        if self._values_topic:
            for name, value in taken.items():
                source = f"{self._player}/{name}"
                message = encode_value(source, value, reference_time)
                if name not in self._values:
                    self._values[name] = Stream(schema(message), self._values_topic, source)
                self._measured.send(self._values_topic, source, message, reference_time)

    def deliver(self, timeout: float) -> None:
        """Return when everything sent so far is acknowledged by the broker and written to the file.

        Raises
        ------
        BrokerError
            when the broker takes longer than `timeout` seconds, or a message was lost
        FileError
            when the file cannot be written
        """
        self._sink.deliver(timeout)
        if self._file is not None:
            self._file.commit()
            self._triggers_in_file += 1
        for stream in self._streams.values():
            stream.commit()
        if self._injector:
            self._injector.commit()

    def discard(self) -> None:
        """Take back what was sent since the last `deliver`, after an action or a delivery that failed.

        The file forgets it, and message ids go on from where they were. What reached the broker stays there.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        self._abandoned = False
        self._sink.discard()
        for stream in self._streams.values():
            stream.rollback()
        if self._injector:
            self._injector.rollback()
        self.take_manifest()
        if self._file is not None:
            self._file.discard()

    def abandon(self, reason: str) -> None:
        """Give up what is not delivered; a wait for it in another thread ends with a BrokerError."""
        self._abandoned = True
        self._sink.abandon(reason)

    def close(self, timeout: float = 5.0) -> None:
        """Deliver what was sent last, unless it was abandoned, and end the run's data.

        Raises
        ------
        BrokerError
            when the broker takes longer than `timeout` seconds, or a message was lost and not discarded
        FileError
            when the file cannot be written
        """
        try:
            if not self._abandoned:
                if self._injector:
                    self._injector.release()
                self.deliver(timeout)
        finally:
            self._sink.close()
            if self._file is not None:
                self._file.close()

    def _open_file(self, names: FileNames, run: Run, compression: str) -> NexusFile:
        names.check_folder()
        file = NexusFile(names, run, self._player, compression=compression)
        # Where the name tells the first trigger, the file waits for it.
        if not names.need_trigger:
            file.begin()
        return file
