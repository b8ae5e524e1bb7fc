"""The data of a run compared with its journal: what stands in Kafka and in files, message by message."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crc32c import crc32c

from donki.director.journal_reader import JournalReader
from donki.director.recorded import RecordedPlayer, RecordedRun, RecordedStream
from donki.errors import BrokerError
from donki.streams.ev44 import summary
from donki.streams.faults.rule import HELD_BACK, LOSS, UNREADABLE
from donki.streams.flatbuffer import schema
from donki.streams.manifest import Extent
from donki_client.matching import Matcher
from donki_client.past_messages import PastMessage, PastMessages
from donki_client.run_data import RunData, StreamData
from donki_client.stored_data import Expected, StoredData, StoredSource


def check_run(
    reader: JournalReader,
    run: RecordedRun,
    *,
    broker: str | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> RunData:
    """Read back what a run delivered, and compare it with the journal.

    Parameters
    ----------
    reader
        of the journal
    run
        which run
    broker
        ``host:port`` to read from, where it is not the one that the Players sent to
    options
        security settings for Kafka, as kafka-python names them
    progress
        called with how many messages are read and how many there are

    Raises
    ------
    InputError
        when the broker is no ``host:port``
    BrokerError
        when no broker answers in time
    FileError
        when the journal cannot be read
    """
    players, repeated = {player.key: player for player in reader.players(run)}, reader.repeated(run)
    checks = [
        _StreamCheck(reader, run, stream, players[stream.player].name, repeated.get(stream.player, []))
        for stream in reader.streams(run)
    ]
    problems = _confused(checks)
    by_name = {(check.stream.topic, check.stream.source): check for check in checks}
    for brokers, extents in reader.extents(run).items():
        with _open_messages(broker, brokers, options or {}, extents, run.ended or time.time_ns()) as messages:
            problems += messages.problems
            for done, message in enumerate(messages, start=1):
                if check := by_name.get((message.topic, message.source)):
                    check.find(message)
                if done % 100 == 0:
                    progress(done, messages.count)
            progress(messages.count, messages.count)
    for check in checks:
        check.end()
    for player in players.values():
        own = [check for check in checks if check.stream.player == player.key]
        problems += _check_files(player, own)
    return RunData(
        run, [check.data for check in checks], {player.name: player for player in players.values()}, problems
    )


def _open_messages(
    broker: str | None, brokers: str, options: Mapping[str, Any], extents: Sequence[Extent], ended: int
) -> PastMessages:
    if broker:
        return PastMessages([broker], options, extents, ended)
    try:
        return PastMessages(brokers.split(", "), options, extents, ended)
    except BrokerError as error:
        raise BrokerError(
            f"{error} The run went there; --broker names another address of that cluster, and what a broker"
            " had in memory is gone with it"
        ) from None


class _StreamCheck:
    """Compares one stream as its messages come."""

    def __init__(
        self,
        reader: JournalReader,
        run: RecordedRun,
        stream: RecordedStream,
        player: str,
        repeated: Sequence[int],
    ) -> None:
        self.stream = stream
        self._reader = reader
        self._run = run
        self._repeated = repeated
        self._matcher = Matcher(reader.deliveries(stream), self._repeated)
        self._unreadable: set[int] = set()
        self._damaged: set[int] = set()
        self._held_back: set[tuple[int, int]] = set()
        for fault in reader.faults(stream):
            if fault.kind in UNREADABLE:
                self._unreadable.add(fault.checksum)
            if fault.kind not in LOSS:
                self._damaged.add(fault.checksum)
            if fault.kind in HELD_BACK:
                self._held_back.add((fault.trigger, fault.message))
        self._seen: set[int] = set()
        self._pulse = -1
        self.data = StreamData(
            player,
            stream.topic,
            stream.source,
            reader.totals(stream),
            reader.totals(stream, measured=True),
            has_repeats=bool(repeated) or run.outcome is None,
        )

    def find(self, message: PastMessage) -> None:
        """Take a message that was found."""
        run, data = self._run, self.data
        if message.after_the_last:
            # What follows the last that is known belongs to the run by its time alone.
            ended = run.ended or time.time_ns()
            if not run.began // 1_000_000 <= message.time <= ended // 1_000_000:
                return
        checksum = int(crc32c(message.payload))
        self._matcher.find(checksum)
        data.messages += 1
        data.size += len(message.payload)
        if checksum in self._damaged:
            self._seen.add(checksum)
        if checksum in self._unreadable:
            return
        data.schemas[schema(message.payload)] += 1
        if (said := summary(message.payload)) is not None:
            data.events += said.events
            data.pulses += said.reference_time != self._pulse
            self._pulse = said.reference_time

    def end(self) -> None:
        """Take that there is no further message."""
        self.data.findings = self._matcher.end(broken_off=self._run.outcome is None)
        missing = {message.checksum for message in self.data.findings.missing}
        for fault in self._reader.faults(self.stream):
            self.data.faults[fault.kind] += 1
            if fault.kind in LOSS:
                found = fault.checksum not in self.data.findings.extra
            else:
                found = fault.checksum in self._seen and fault.checksum not in missing
            self.data.faults_found[fault.kind] += found
            if not found and (fault.trigger, fault.message) in self._held_back:
                self.data.faults_held_back[fault.kind] += 1

    def matcher_of_files(self) -> Matcher:
        """Return what takes the messages that the Player's files hold of this stream."""
        return Matcher(self._reader.deliveries(self.stream, measured=True), self._repeated)

    def take_stored(self, stored: StoredSource, matcher: Matcher, *, is_ordered: bool) -> None:
        """Take what the files hold."""
        self.data.stored = stored
        if self.stream.source.startswith(f"{self.data.player}/"):
            # Of a returned value the file keeps the trigger, not the time in the message: rows are counted.
            return
        findings = self.data.stored_findings = matcher.end(broken_off=self._run.outcome is None)
        if not is_ordered:
            findings.late.clear()
            findings.late_count = 0


def _check_files(player: RecordedPlayer, checks: Sequence[_StreamCheck]) -> list[str]:
    if not player.files:
        return []
    of_source: dict[str, list[_StreamCheck]] = {}
    for check in checks:
        of_source.setdefault(check.stream.source, []).append(check)
    expected = {
        source: Expected(
            [check.matcher_of_files() for check in its], max(check.data.measured.largest for check in its)
        )
        for source, its in of_source.items()
    }
    stored = StoredData(player.name, expected)
    stored.read([Path(path) for path in player.files])
    for source, its in of_source.items():
        for check, matcher in zip(its, expected[source].matchers, strict=True):
            found = stored.sources.get(source, StoredSource())
            check.take_stored(found, matcher, is_ordered=expected[source].is_ordered)
    return stored.problems


def _confused(checks: Sequence[_StreamCheck]) -> list[str]:
    senders: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        senders.setdefault((check.stream.source, check.stream.topic), []).append(check.data.player)
    for check in checks:
        check.data.is_confused = len(senders[check.stream.source, check.stream.topic]) > 1
    return [
        f"Players {' and '.join(players)} send as the same source {source} to topic {topic}: what arrived of"
        " each is not known; name their sources or topics otherwise"
        for (source, topic), players in senders.items()
        if len(players) > 1
    ]
