"""Where the data of one Player go during one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from donki.errors import BrokerError, DonkiError
from donki.run import Run
from donki.streams.faults.injector import FaultInjector
from donki.streams.faults.rule import Rule
from donki.streams.faults.table import FaultTable
from donki.streams.kafka.clients import DEFAULT
from donki.streams.kafka.cluster import SETUP_TIMEOUT
from donki.streams.kafka.sink import SETTLE, KafkaSink
from donki.streams.kafka.topics.settings import TopicSettings
from donki.streams.kafka.window import Queue
from donki.streams.listing import Counts, Stream
from donki.streams.manifest import Manifest
from donki.streams.manifest_builder import ManifestBuilder
from donki.streams.nexus.file import NexusFile
from donki.streams.nexus.file_names import FILE_NAME
from donki.streams.nexus.run_files import RunFiles
from donki.streams.open_streams import OpenStreams
from donki.streams.readouts.sender import ReadoutSender
from donki.streams.returned_values import ReturnedValues
from donki.streams.schemas import SourceStream
from donki.streams.transaction import Part, Transaction, parts_of

S = TypeVar("S", bound=SourceStream)


class RunOutput:
    """The ways out of one Player in one run: Kafka, and a NeXus file where a directory is given.

    What is sent counts once it is delivered, trigger by trigger: after `deliver` it stands in Kafka and in
    the file; after `discard` it is gone from the file, and the trigger may be done again.

    Parameters
    ----------
    player, run
        the Player's name, and the run whose data these are
    brokers, kafka_options, kafka_client, topics, warn
        as `KafkaSink` takes them; the brokers are spoken to when the first topic is opened
    values_topic
        the Kafka topic of the values that actions return, opened at once; empty for none
    file_directory, file_name, file_triggers, file_compression
        folder, pattern, triggers and compression of the NeXus files, as `RunFiles` takes them
    aliases
        what values are called, in Kafka and in the file, by the names that actions return
    faults
        what is put into the data on their way to Kafka; the file keeps them as they were, and lists what was
    readouts
        sends raw readouts of events, as they were without faults; it is closed with the rest

    Raises
    ------
    InputError
        when a setting is not what it should be, or the client is not installed
    BrokerError
        when the topic for values cannot be opened
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
        kafka_client: str = DEFAULT,
        topics: TopicSettings = TopicSettings(),  # noqa: B008 - frozen
        warn: Callable[[str], object] = str,
        values_topic: str = "",
        file_directory: Path | None = None,
        file_name: str = FILE_NAME,
        file_triggers: int = 0,
        file_compression: str = "",
        aliases: Mapping[str, str] | None = None,
        faults: Sequence[Rule] = (),
        readouts: ReadoutSender | None = None,
    ) -> None:
        self._values_topic = values_topic
        self._readouts = readouts or ReadoutSender()
        self._transaction = Transaction(f"run {run.id}")
        self._trigger, self._abandoned = 0, False
        name, patience = f"donki-{player}", SETUP_TIMEOUT
        self._sink = KafkaSink(brokers, kafka_options, name, kafka_client, topics, warn, patience)
        self._injector: FaultInjector | None = None
        if values_topic:
            self._sink.open_topic(values_topic)
        try:
            self._files = RunFiles(file_directory, file_name, file_triggers, file_compression, run, player)
        except DonkiError:
            self._sink.close()
            raise
        self._file = self._files.file
        self._manifest = ManifestBuilder(player, self._sink, self._files.earlier)
        self._delivered: Manifest | None = None
        if faults:
            table = FaultTable(self._file)
            self._injector = FaultInjector(self._manifest.sent, faults, run.seed, player, table.note)
            self._manifest.measure(self._injector, table)
        self._streams = OpenStreams(
            self._manifest.measured, self._sink.open_topic, self._file, self._transaction, self._readouts
        )
        self._values = ReturnedValues(
            player, values_topic, aliases or {}, self._manifest, self._file, self._transaction
        )
        self._before_streams = parts_of(self._file, self._manifest, self._values)
        self._after_streams = parts_of(self._injector, self._sink, self._readouts)

    @property
    def files(self) -> tuple[Path, ...]:
        """The present and the earlier files of the Player in this run, in order."""
        return self._files.paths

    @property
    def counts(self) -> Counts:
        """What was sent in this run, as far as the broker has acknowledged it."""
        return Counts(self._sink.events, self._sink.messages, self._sink.bytes, *self._readouts.counts)

    @property
    def delivered(self) -> Counts:
        """What counts for good: it was delivered, and is never taken back."""
        return Counts(*self._sink.committed, *self._readouts.counts)

    @property
    def queue(self) -> Queue:
        """What waits for the broker."""
        return self._sink.queue

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What goes to Kafka in this run: the streams that are open, and the values sent so far."""
        streams = [Stream(each.schema, each.topic, each.source, each.layout) for each in self._streams]
        values = self._values.schemas.copy().items()
        return (*streams, *(Stream(schema, self._values_topic, source) for source, schema in values))

    def expect_values(self, names: Iterable[str]) -> None:
        """Tell file writers of values that actions will return; until one is there it is told as a number."""
        if self._values_topic:
            self._values.expect(names)

    def begin(self, trigger: int, attempt: int = 1) -> None:
        """Take that what is sent from now on, and was since the last delivery, belongs to a trigger.

        Raises
        ------
        BrokerError, FileError
            when what a fault held back until now could not be sent, or the file before not be finished
        """
        with self._transaction:
            self._trigger = int(trigger)
            self._manifest.begin(self._trigger, attempt)
            self._files.begin(self._trigger)
            if self._injector:
                self._injector.begin(trigger)

    def take_manifest(self) -> Manifest:
        """Return what was delivered last, once; after `close`, all that was not told yet."""
        delivered, self._delivered = self._delivered, None
        if delivered is None and self._transaction.is_closed:
            return self._take_manifest()
        return delivered or Manifest()

    def open(self, kind: type[S], topic: str, source: str, **settings: Any) -> S:
        """Open a stream, or return the one that is open.

        A player's ``open``, a script's way to it, tells what is taken and raised; after `close` that is a
        NotAllowedError.
        """
        return self._streams.open(kind, topic, source, settings)

    def values(self, trigger: int, reference_time: int, values: Mapping[str, object]) -> None:
        """Send what an action returned; see `ReturnedValues.send`."""
        self._values.send(trigger, reference_time, values)

    def deliver(self, timeout: float) -> None:
        """Return when everything sent so far is acknowledged by the broker and written to the file.

        Raises
        ------
        BrokerError
            when the broker takes longer than `timeout` seconds, or a message was lost
        FileError
            when the file cannot be written
        """
        began = time.monotonic()
        if not self._transaction.take(timeout):
            raise BrokerError(
                f"a send of another thread of the script has waited for the broker for {timeout:.1f} s"
            )
        try:
            self._deliver(max(0.1, began + timeout - time.monotonic()))
            # What another thread sends from now on is in the next one.
            self._delivered = self._take_manifest()
        finally:
            self._transaction.give()

    def discard(self) -> None:
        """Take back what was sent since the last `deliver`, after an action or a delivery that failed.

        The file forgets it, and message ids go on from where they were. What reached the broker stays there.
        Streams that were opened stay open.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        with self._transaction.turn(SETTLE, self._give_up):
            self._discard()

    @property
    def has_undelivered(self) -> bool:
        """Whether something was sent since the last `deliver`, or could not be."""
        return self._manifest.measured.has_undelivered or self._transaction.has_failed

    def abandon(self, reason: str) -> None:
        """Give up what is not delivered; a wait for it in another thread ends with an error."""
        self._abandoned = True
        self._give_up(reason)

    def close(self, timeout: float = 5.0) -> None:
        """Deliver what was sent last, unless it was abandoned, and end the run's data.

        Raises
        ------
        BrokerError
            when the broker takes longer than `timeout` seconds, or a message was lost and not discarded
        FileError
            when the file cannot be written
        """
        if self._transaction.is_closed:
            return
        with self._transaction.turn(timeout, self._give_up):
            with ExitStack() as steps:
                steps.callback(self._end)
                if self._abandoned:
                    self._discard()
                    return
                try:
                    if self._injector:
                        self._injector.release()
                    self._deliver(timeout)
                except BaseException:
                    self._discard()
                    raise
            self._files.check()

    def _take_manifest(self) -> Manifest:
        return self._manifest.take(self.files, self._files.take_gone())

    @property
    def _parts(self) -> Sequence[Part]:
        """What keeps account of what is sent, in the order of commits: the file may fail.

        It is discarded in the reverse order: the sink waits for what is in flight.
        """
        return [*self._before_streams, *self._streams, *self._after_streams]

    def _give_up(self, reason: str = "what else was sent is taken back, or the run is over") -> None:
        self._readouts.abandon(reason)
        self._sink.abandon(reason)

    def _deliver(self, timeout: float) -> None:
        self._transaction.check()
        self._sink.deliver(timeout)
        for part in self._parts:
            part.commit()
        if self._trigger and self._files.count(self._trigger):
            self._manifest.files.finished(self.files)
        self._trigger = 0

    def _discard(self) -> None:
        self._abandoned, self._trigger, self._delivered = False, 0, None
        self._transaction.restart()
        # All of it, whatever one of these raises.
        with ExitStack() as steps:
            for part in self._parts:
                steps.callback(part.discard)

    def _end(self) -> None:
        self._transaction.close()
        with ExitStack() as steps:
            steps.callback(self._manifest.files.close)
            if self._file is not None:
                steps.callback(self._finish, self._file)
            steps.callback(self._sink.close)
            steps.callback(self._readouts.close)

    def _finish(self, file: NexusFile) -> None:
        file.close()
        self._manifest.files.finished(self.files)
