"""What a run sends, read back while it is played, before the broker's retention can delete it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from donki.director.journal.reading.reader import JournalReader
from donki.errors import BrokerError, DonkiError, InputError
from donki.streams.manifest import OffsetRange
from donki.threads import Threads

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

    from donki_client.verify.kafka.found_message import FoundMessage

LOOK = 0.5  # s from one look at the topics to the next
POLL = 0.05  # s

#: How long the broker may take to say where topics end, and to answer the last request, in s.
LIMIT = 15.0


class ReadBack:
    """Reads the topics of a run from the moment when this is made; what is kept of the messages is on disk.

    What cannot be read is left for the end: whoever reads on then is told why.

    Parameters
    ----------
    broker
        as `parse_brokers` takes it
    journal
        the folder of the journal that the run will be in

    Attributes
    ----------
    positions
        by partition: the offset to read on from
    deleted
        the offsets that the broker deleted before they were read
    """

    def __init__(self, broker: str, journal: Path) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self.deleted: list[OffsetRange] = []
        self._broker = broker
        self._journal = journal
        self._run_id = ""
        self._is_open = threading.Event()
        self._has_begun = threading.Event()
        self._stopping = threading.Event()
        # SQLite's own temporary file: it is gone with the connection.
        self._store = sqlite3.connect("", check_same_thread=False)
        self._thread = Threads().start("read back", self._work, lambda _: self._is_open.set())

    def begin(self, run_id: str) -> None:
        """Read what is noted of a run."""
        self._run_id = run_id
        self._has_begun.set()

    def wait(self) -> None:
        """Wait until it is known where the topics end before the run."""
        self._is_open.wait(LIMIT)

    def stop(self) -> None:
        """Read no further.

        Raises
        ------
        BrokerError
            when the broker does not answer any more
        """
        self._stopping.set()
        self._has_begun.set()
        self._thread.join(LIMIT)
        if self._thread.is_alive():
            raise BrokerError(f"Kafka broker {self._broker} has not answered for {LIMIT:g} s")

    def __iter__(self) -> Iterator[FoundMessage]:
        """Yield what was read, those of a partition in order; once it has stopped."""
        from donki_client.verify.kafka.found_message import FoundMessage  # noqa: PLC0415 - as below

        for row in self._store.execute("SELECT * FROM found ORDER BY rowid") if self.positions else ():
            yield FoundMessage._make(row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self._store.close()

    def _work(self) -> None:
        # Slow to import; the run does not wait for it.
        from kafka.errors import KafkaError  # noqa: PLC0415

        from donki.streams.kafka.consumer import open_consumer  # noqa: PLC0415
        from donki_client.verify.kafka.topic_reader import RESET  # noqa: PLC0415

        try:
            with closing(open_consumer([self._broker], {}, fetch_max_wait_ms=50, **RESET)) as consumer:
                ends = _ends(consumer)
                self._is_open.set()
                self._has_begun.wait()
                if not self._stopping.is_set():
                    self._follow(consumer, ends)
        except (DonkiError, KafkaError, sqlite3.Error):
            pass  # it is met again at the end, and told there
        finally:
            self._is_open.set()

    def _follow(self, consumer: KafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        """Read on until it is stopped; of each partition what came after `ends`."""
        from donki_client.verify.kafka.found_message import FoundMessage  # noqa: PLC0415 - as above
        from donki_client.verify.kafka.topic_reader import TopicReader  # noqa: PLC0415

        columns = ", ".join(f'"{name}"' for name in FoundMessage._fields)
        self._store.execute(f"CREATE TABLE found ({columns})")
        insert = f"INSERT INTO found VALUES ({', '.join('?' * len(FoundMessage._fields))})"  # noqa: S608
        reader = TopicReader(consumer, self.deleted)
        pause = LOOK
        while not self._stopping.wait(pause):
            with JournalReader(self._journal) as journal:
                known, places = _noted(journal, self._run_id)
                if new := places - reader.positions.keys():
                    # Not from what is noted first: what another Player sent before may be noted later.
                    reader.add({place: ends.get(place, 0) for place in new})
            looked, pause = time.monotonic(), 0.0
            while time.monotonic() < looked + LOOK:
                found = [FoundMessage.of(message, known) for message in reader.poll(POLL)]
                if not found:
                    pause = LOOK
                    break
                with self._store:
                    self._store.executemany(insert, found)
                self.positions = dict(reader.positions)


def _noted(journal: JournalReader, run_id: str) -> tuple[set[tuple[str, str]], set[TopicPartition]]:
    """Return topic and source of a run's streams, and where their messages are, as far as that is noted."""
    from kafka import TopicPartition  # noqa: PLC0415 - as above

    try:
        run = journal.run(run_id)
    except InputError:  # it will be
        return set(), set()
    extents = [extent for its in journal.extents(run).values() for extent in its]
    return (
        {(stream.topic, stream.source) for stream in journal.streams(run)},
        {TopicPartition(extent.topic, extent.partition) for extent in extents},
    )


def _ends(consumer: KafkaConsumer) -> dict[TopicPartition, int]:
    """Return where all partitions end."""
    from kafka import TopicPartition  # noqa: PLC0415 - as above

    partitions = [
        TopicPartition(topic, number)
        for topic in consumer.topics()
        for number in consumer.partitions_for_topic(topic) or ()
    ]
    ends: dict[Any, int] = consumer.end_offsets(partitions) if partitions else {}
    return ends
