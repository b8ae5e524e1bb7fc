"""One stream of a run in Kafka, compared with the journal message by message as it is read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import RecordedRun, RecordedStream
from donki.streams.faults.fault import Fault
from donki.streams.faults.kind import FaultKind, Stage
from donki.streams.faults.kinds import KINDS
from donki.streams.manifest import OffsetRange
from donki_client.verify.kafka.found_message import FoundMessage
from donki_client.verify.matching import Matcher
from donki_client.verify.noted_messages import Message
from donki_client.verify.run_data import StreamData


class Order:
    """Tells whether the messages of a run lie in Kafka as they were noted, one after the other.

    Whatever their source is, those of a partition have the offsets that were noted, or in a copy of the topic
    others, all by the same number.

    Attributes
    ----------
    problems
        a line for each place where there are more messages or fewer than there were
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._shifts: dict[tuple[str, int], int] = {}
        self._highest: dict[tuple[str, int], int] = {}
        self._partitions: dict[tuple[str, str], int] = {}

    def keeps(self, message: FoundMessage, noted: Message) -> bool:
        """Take the next message of a partition; return whether it is in its place."""
        if noted.offset < 0:
            return True
        # All messages of a source are in one partition.
        own = self._partitions.setdefault((message.topic, message.source), message.partition)
        place = message.topic, message.partition
        highest = self._highest.get(place, -1)
        self._highest[place] = max(highest, noted.offset)
        if own != message.partition or noted.offset <= highest:
            return False
        shift = message.offset - noted.offset
        more = shift - self._shifts.setdefault(place, shift)
        if more:
            self._shifts[place] = shift
            many = f"{abs(more):,} {'more' if more > 0 else 'fewer'} messages than there were"
            where = f"partition {message.partition}, offset {message.offset}"
            self.problems.append(
                f"topic {message.topic}: {many}, before {noted} of source {message.source} ({where})"
            )
        return True


class Strangers:
    """Messages within a run that are of none of its streams, by their keys.

    Others may send to the same topics: what is a message of a source that is none of the run's is theirs.

    Parameters
    ----------
    streams
        topic and source of the run's streams

    Attributes
    ----------
    problems
        a line for each message that nobody else can have sent
    others
        by topic and source: how many messages others have sent
    """

    def __init__(self, streams: Collection[tuple[str, str]]) -> None:
        self._streams = streams
        self.problems: list[str] = []
        self.others: Counter[tuple[str, str]] = Counter()

    def find(self, message: FoundMessage) -> None:
        """Take a message."""
        if message.after_the_last:
            return
        source = message.named
        if source is not None and (message.topic, source) not in self._streams:
            self.others[message.topic, source] += 1
            return
        what = f"of source {source}" if source is not None else "that cannot be read"
        self.problems.append(
            f"topic {message.topic}: a message {what} with the key {message.source!r}, which no Player of the"
            f" run has: not in the journal (partition {message.partition}, offset {message.offset})"
        )


def _kind(fault: Fault) -> type[FaultKind]:
    """Return the kind of a fault; of one that no installed package knows, what most kinds are."""
    return KINDS.find(fault.kind) or FaultKind


class StreamCheck:
    """Compares one stream as its messages come."""

    def __init__(
        self,
        reader: JournalReader,
        run: RecordedRun,
        stream: RecordedStream,
        player: str,
        repeated: Sequence[int],
        order: Order,
        deleted: Sequence[OffsetRange],
        *,
        broken_off: bool,
    ) -> None:
        self.stream = stream
        self._broken_off = broken_off
        self._order = order
        self._reader = reader
        self._run = run
        self._repeated = repeated
        self._deleted = deleted
        self._known_deleted = 0
        self._matcher = Matcher(reader.deliveries(stream), self._repeated, self._is_deleted)
        self._unreadable: set[int] = set()
        self._damaged: set[int] = set()
        self._held_back: set[tuple[int, int]] = set()
        for fault in reader.faults(stream):
            kind = _kind(fault)
            if kind.stage is Stage.DAMAGE:
                self._unreadable.add(fault.checksum)
            if kind.stage is not Stage.LOSS:
                self._damaged.add(fault.checksum)
            if kind.holds_back:
                self._held_back.add((fault.trigger, fault.message))
        self._seen: set[int] = set()
        self._pulse: int | None = None
        self.data = StreamData(
            player,
            stream.topic,
            stream.source,
            reader.totals(stream),
            reader.totals(stream, measured=True),
            has_repeats=bool(repeated) or broken_off,
        )

    def find(self, message: FoundMessage) -> None:
        """Take a message that was found."""
        run, data, checksum = self._run, self.data, message.checksum
        if len(self._deleted) > self._known_deleted:
            self._known_deleted = len(self._deleted)
            self._matcher.skip_deleted()
        if message.after_the_last:
            # What follows the last that is known belongs to the run by its time, or is a copy.
            ended = run.ended or time.time_ns()
            is_within = run.began // 1_000_000 <= message.time <= ended // 1_000_000
            is_copy = message.time <= ended // 1_000_000 and self._matcher.has_found(checksum)
            if not (is_within or is_copy):
                return
        where = f"partition {message.partition}, offset {message.offset}"
        if noted := self._matcher.find(checksum, where, stamp=message.time):
            self._compare_place(message, noted)
        data.messages += 1
        data.size += message.size
        if checksum in self._damaged:
            self._seen.add(checksum)
        if checksum in self._unreadable:
            return
        data.schemas[message.schema] += 1
        if message.events is not None:
            data.events += message.events
            data.pulses += message.reference_time != self._pulse
            self._pulse = message.reference_time

    def _is_deleted(self, noted: Message) -> bool:
        return any(
            (place.topic, place.partition) == (self.stream.topic, noted.partition)
            and place.first <= noted.offset <= place.last
            for place in self._deleted
        )

    def _compare_place(self, message: FoundMessage, noted: Message) -> None:
        # What a Player that died had sent may be the same bytes, and stand for what was noted.
        is_sure = not self._matcher.is_repeated(noted)
        if is_sure and not self._order.keeps(message, noted):
            self._matcher.blame_late(noted)
        is_restamped = is_sure and message.is_stamped and noted.stamp not in (-1, message.time)
        if message.has_headers or is_restamped:
            self.data.restamped.append(noted)

    def end(self) -> None:
        """Take that there is no further message."""
        self._matcher.skip_deleted()
        self.data.findings = self._matcher.end(broken_off=self._broken_off)
        deleted_to = self.data.findings.deleted_to
        missing = {message.checksum for message in self.data.findings.missing}
        for fault in self._reader.faults(self.stream):
            if deleted_to and fault.trigger <= deleted_to.trigger and fault.checksum not in self._seen:
                continue
            self.data.faults[fault.kind] += 1
            if _kind(fault).stage is Stage.LOSS:
                found = fault.checksum not in self.data.findings.extra
            else:
                found = fault.checksum in self._seen and fault.checksum not in missing
            self.data.faults_found[fault.kind] += found
            if not found and (fault.trigger, fault.message) in self._held_back:
                self.data.faults_held_back[fault.kind] += 1

    def matcher_of_files(self) -> Matcher:
        """Return what takes the messages that the Player's files hold of this stream."""
        return Matcher(self._reader.deliveries(self.stream, measured=True), self._repeated)
