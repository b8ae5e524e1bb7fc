"""The data of a run compared with its journal: what stands in Kafka and in files, message by message."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crc32c import crc32c

from donki.director.journal_reader import JournalReader
from donki.director.recorded import RecordedPlayer, RecordedRun, RecordedStream, Totals
from donki.errors import BrokerError
from donki.streams.ev44 import summary
from donki.streams.manifest import Extent
from donki_client.matching import Findings, Matcher, Message
from donki_client.past_messages import PastMessage, PastMessages
from donki_client.stored_data import Expected, StoredData, StoredSource

#: How many places are named in a line.
MOST_NAMED = 3

_LOSS = ("drop", "silence")
_UNREADABLE = ("corrupt", "truncate")
#: The schemas of which a message is more than one row in a file.
_MANY_ROWS = {"se00", "tdct"}


@dataclass
class StreamData:
    """What was found of one stream.

    Attributes
    ----------
    player
        the Player's name
    topic, source
        the stream
    noted
        what went to Kafka by the journal
    messages, events, size, pulses
        that were found there; what was damaged on purpose counts no events
    schemas
        of the messages that were found, by how many there are
    findings
        what came of comparing the messages
    faults, faults_found
        by kind: those that were put in on purpose, and those of them that were found
    measured
        what the stream gave, before faults; what its files shall hold
    stored
        what the files hold; None where there are none
    stored_findings
        what came of comparing the events in the files; None where there are none
    is_confused
        whether another Player sends as the same source to the same topic, so that nothing can be compared
    """

    player: str
    topic: str
    source: str
    noted: Totals
    measured: Totals
    messages: int = 0
    events: int = 0
    size: int = 0
    pulses: int = 0
    schemas: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    faults: Counter[str] = field(default_factory=Counter)
    faults_found: Counter[str] = field(default_factory=Counter)
    stored: StoredSource | None = None
    stored_findings: Findings | None = None
    is_confused: bool = False

    @property
    def values(self) -> int:
        """How many messages were found that are not of events."""
        return self.schemas.total() - self.schemas["ev44"]

    @property
    def problems(self) -> list[str]:
        """What is not as it was noted, a line each."""
        if self.is_confused:
            return []
        where = f"Player {self.player}, {self.source} in topic {self.topic}"
        lines = _problems(where, self.findings)
        if self.events != self.noted.events and self.findings.agrees and not self.findings.left_over:
            lines.append(f"{where}: {self.noted.events:,} events by the journal, {self.events:,} found")
        for kind, expected in sorted((self.faults - self.faults_found).items()):
            lines.append(f"{where}: faults of kind {kind} that were put in and not found: {expected:,}")
        return lines + self._problems_of_files()

    def _problems_of_files(self) -> list[str]:
        if self.stored is None:
            return []
        where = f"Player {self.player}, {self.source} in its files"
        if self.stored_findings is not None:
            return _problems(where, self.stored_findings)
        if (
            _MANY_ROWS.isdisjoint(self.schemas)
            and self.schemas
            and self.stored.rows != self.measured.messages
        ):
            rows = f"{self.measured.messages:,} rows by the journal, {self.stored.rows:,} found"
            return [f"{where}: {rows}"]
        return []


@dataclass
class RunData:
    """What was found of a run.

    Attributes
    ----------
    run
        which run
    streams
        what was found of each stream
    players
        the Players by name
    problems_of_places
        a line for each topic and each file that is not there or not whole, and for streams that cannot be
        told apart
    """

    run: RecordedRun
    streams: list[StreamData]
    players: Mapping[str, RecordedPlayer]
    problems_of_places: list[str]

    @property
    def problems(self) -> list[str]:
        """What is not as it was noted, a line each; empty where all agrees."""
        return self.problems_of_places + [line for stream in self.streams for line in stream.problems]

    def of(self, player: str) -> list[StreamData]:
        """Return what was found of a Player."""
        return [stream for stream in self.streams if stream.player == player]


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
        self._unreadable = {fault.checksum for fault in reader.faults(stream) if fault.kind in _UNREADABLE}
        self._pulse = -1
        self.data = StreamData(
            player,
            stream.topic,
            stream.source,
            reader.totals(stream),
            reader.totals(stream, measured=True),
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
        if checksum in self._unreadable:
            return
        data.schemas[message.payload[4:8].decode("ascii", "replace")] += 1
        if (said := summary(message.payload)) is not None:
            data.events += said.events
            data.pulses += said.reference_time != self._pulse
            self._pulse = said.reference_time

    def end(self) -> None:
        """Take that there is no further message."""
        self.data.findings = self._matcher.end(broken_off=self._run.outcome is None)
        missing = {message.checksum for message in self.data.findings.missing}
        for fault in self._reader.faults(self.stream):
            absent = fault.kind in _LOSS
            self.data.faults[fault.kind] += 1
            self.data.faults_found[fault.kind] += (
                fault.checksum not in self.data.findings.extra if absent else fault.checksum not in missing
            )

    def expected_in_files(self) -> Expected:
        """Return what the Player's files shall hold of this stream."""
        matcher = Matcher(self._reader.deliveries(self.stream, measured=True), self._repeated)
        return Expected(matcher, self.data.measured.largest)

    def take_stored(self, stored: StoredSource, matcher: Matcher) -> None:
        """Take what the files hold."""
        self.data.stored = stored
        if stored.has_events or self.data.measured.events:
            self.data.stored_findings = matcher.end(broken_off=self._run.outcome is None)


def _check_files(player: RecordedPlayer, checks: Sequence[_StreamCheck]) -> list[str]:
    if not player.files:
        return []
    expected = {check.stream.source: check.expected_in_files() for check in checks}
    stored = StoredData(player.name, expected)
    stored.read([Path(path) for path in player.files])
    for check in checks:
        source = check.stream.source
        check.take_stored(stored.sources.get(source, StoredSource()), expected[source].matcher)
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


def _problems(where: str, findings: Findings) -> list[str]:
    lines = []
    if findings.missing_count:
        named = _named(findings.missing, findings.missing_count)
        lines.append(f"{where}: {_count(findings.missing_count)} missing: {named}")
    if findings.late_count:
        named = _named(findings.late, findings.late_count)
        lines.append(f"{where}: {_count(findings.late_count)} after later ones: {named}")
    after = f"the first after trigger {findings.after}" if findings.after else "the first before all others"
    if findings.twice:
        lines.append(f"{where}: {_count(findings.twice)} there once more than was noted, {after}")
    if findings.unknown:
        lines.append(f"{where}: {_count(findings.unknown)} not in the journal, {after}")
    return lines


def _named(messages: Sequence[Message], count: int) -> str:
    named = "; ".join(str(message) for message in messages[:MOST_NAMED])
    return f"{named} and so on" if count > MOST_NAMED else named


def _count(messages: int) -> str:
    return "1 message is" if messages == 1 else f"{messages:,} messages are"
