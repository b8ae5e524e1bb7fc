"""What the journal tells of the data that runs delivered."""

from __future__ import annotations

from collections.abc import Iterator

from donki.director.journal.deliveries import LEFT, MEASURED, ROWS, SENT
from donki.director.journal.reading.read_only import BLOCK, ReadOnlyJournal
from donki.director.journal.reading.rows import Delivery, RecordedPlayer, RecordedRun, RecordedStream, Totals
from donki.streams.faults.fault import Fault
from donki.streams.manifest import OffsetRange


class DataReader(ReadOnlyJournal):
    """Reads what a journal holds of the data; parameters and errors as of `ReadOnlyJournal`."""

    def streams(self, run: RecordedRun) -> list[RecordedStream]:
        """Return the streams of a run, by Player, topic and source; rows of values first, without a topic."""
        rows = self._query(
            "SELECT stream.key, player, topic, source, brokers FROM stream JOIN player ON player.key = player"
            " WHERE run = ? ORDER BY priority, name, topic, source",
            run.key,
        )
        return [RecordedStream(*row) for row in rows]

    def extents(self, run: RecordedRun) -> dict[str, list[OffsetRange]]:
        """Return by cluster where the messages of a run lie; its brokers are ``host:port, ...``."""
        extents: dict[str, list[OffsetRange]] = {}
        for brokers, *extent in self._query(
            "SELECT brokers, topic, partition, MIN(first), MAX(last) FROM extent"
            " JOIN (SELECT DISTINCT player, topic, brokers FROM stream) USING (player, topic)"
            " JOIN player ON player.key = player WHERE run = ? GROUP BY brokers, topic, partition",
            run.key,
        ):
            extents.setdefault(brokers, []).append(OffsetRange(*extent))
        return extents

    def extents_of_others(self, run: RecordedRun) -> dict[tuple[str, int], list[OffsetRange]]:
        """Return by topic and partition where the messages of other runs lie."""
        extents: dict[tuple[str, int], list[OffsetRange]] = {}
        for extent in self._query(
            "SELECT topic, partition, MIN(first), MAX(last) FROM extent JOIN player ON player.key = player"
            " WHERE run != ? AND topic IN (SELECT topic FROM extent JOIN player ON player.key = player"
            " WHERE run = ?) GROUP BY run, topic, partition",
            *(run.key, run.key),
        ):
            extents.setdefault(extent[:2], []).append(OffsetRange(*extent))
        return extents

    def deliveries(self, stream: RecordedStream, *, measured: bool = False) -> Iterator[Delivery]:
        """Yield what a stream delivered, in order: as it went to Kafka, or as it was before faults."""
        which = f"measured IN ({SENT}, {LEFT})"
        if measured:
            which = (
                f"(measured IN ({MEASURED}, {ROWS}) OR (measured = {SENT} AND NOT EXISTS"  # noqa: S608
                f" (SELECT 1 FROM delivery AS other WHERE measured = {MEASURED}"
                " AND (stream, trigger, attempt) = (given.stream, given.trigger, given.attempt))))"
            )
        place = "-1, x'', x'' FROM delivery AS given"
        if "place" in self._tables:
            place = (
                "COALESCE(partition, -1), COALESCE(offsets, x''), COALESCE(stamps, x'') FROM delivery"
                " AS given LEFT JOIN place USING (stream, measured, trigger, attempt)"
            )
        with self._named():
            cursor = self._connection.execute(
                f"SELECT trigger, events, bytes, largest, checksums, attempt, measured = {LEFT}, {place}"
                f" WHERE stream = ? AND {which} ORDER BY key",
                (stream.key,),
            )
            while rows := cursor.fetchmany(BLOCK // 64):
                yield from map(Delivery._make, rows)

    def totals(self, stream: RecordedStream, *, measured: bool = False) -> Totals:
        """Return what a stream delivered in all."""
        events = messages = size = largest = 0
        for delivery in self.deliveries(stream, measured=measured):
            if delivery.is_left:
                continue
            events += delivery.events
            messages += len(delivery.checksums) // 4
            size += delivery.size
            largest = max(largest, delivery.largest)
        return Totals(events, messages, size, largest)

    def faults(self, stream: RecordedStream) -> Iterator[Fault]:
        """Yield the faults that were put into a stream on purpose, in order."""
        return self._faults("topic = ? AND source = ?", stream.player, stream.topic, stream.source)

    def faults_of(self, player: RecordedPlayer) -> Iterator[Fault]:
        """Yield the faults that were put into all streams of a Player, in order."""
        return self._faults("TRUE", player.key)

    def _faults(self, which: str, *values: object) -> Iterator[Fault]:
        with self._named():
            yield from (
                Fault(*row)
                for row in self._connection.execute(
                    "SELECT trigger, kind, topic, source, message, detail, checksum FROM fault"  # noqa: S608
                    f" WHERE player = ? AND {which} ORDER BY key",
                    values,
                )
            )
