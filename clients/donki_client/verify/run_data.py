"""What was found of a run: of each stream in Kafka and in files, and what is amiss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from donki.director.journal.reading.rows import RecordedPlayer, RecordedRun, Totals
from donki.streams.schemas import SCHEMAS
from donki_client.verify.findings import Findings
from donki_client.verify.noted_messages import Message
from donki_client.verify.stored_data import StoredSource

#: How many places are named in a line.
MOST_NAMED = 3

NOTHING = Totals(0, 0, 0, 0)


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
        the result of comparing the messages
    faults, faults_found
        by kind: those that were put in on purpose, and those of them that were found
    faults_held_back
        those that were not found, of messages that were held back on purpose: such a message is lost with a
        Player that dies, or is told to give up
    measured
        what the stream gave, before faults; what its files must hold
    stored
        what the files hold; None where there are none
    stored_findings
        the result of comparing the messages, or rows, that the files tell of; None where there are none, or
        rows are counted
    restamped
        messages with another time stamp than they were sent with, or with headers
    has_repeats
        whether there are triggers of which data may have been sent and stored without a note
    is_confused
        whether another Player sends as the same source to the same topic, so that nothing can be compared
    """

    player: str
    topic: str
    source: str
    noted: Totals = NOTHING
    measured: Totals = NOTHING
    messages: int = 0
    events: int = 0
    size: int = 0
    pulses: int = 0
    schemas: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    faults: Counter[str] = field(default_factory=Counter)
    faults_found: Counter[str] = field(default_factory=Counter)
    faults_held_back: Counter[str] = field(default_factory=Counter)
    stored: StoredSource | None = None
    stored_findings: Findings | None = None
    restamped: list[Message] = field(default_factory=list)
    has_repeats: bool = False
    is_confused: bool = False

    @property
    def has_events(self) -> bool:
        """Whether it is a detector or monitor."""
        return bool(self._event_messages or self.measured.largest)

    @property
    def values(self) -> int:
        """How many messages were found that are not of events."""
        return self.schemas.total() - self._event_messages

    @property
    def _event_messages(self) -> int:
        return sum(
            count for name, count in self.schemas.items() if (kind := SCHEMAS.find(name)) and kind.has_events
        )

    @property
    def problems(self) -> list[str]:
        """What is not as it was noted, a line each."""
        if self.is_confused:
            return []
        where = f"Player {self.player}, {self.source} in topic {self.topic}"
        lines = _problems(where, self.findings)
        if self.events != self.noted.events and self.findings.agrees and not self.findings.left_over:
            lines.append(f"{where}: {self.noted.events:,} events by the journal, {self.events:,} found")
        if self.restamped:
            named = _named(self.restamped, len(self.restamped))
            many = _count(len(self.restamped))
            lines.append(f"{where}: {many} there with another time stamp, or with headers: {named}")
        missing = self.faults - self.faults_found
        if self.has_repeats:
            missing -= self.faults_held_back
        for kind, count in sorted(missing.items()):
            lines.append(f"{where}: faults of kind {kind} that were put in and not found: {count:,}")
        return lines + self._problems_of_files()

    def _problems_of_files(self) -> list[str]:
        if self.stored is None:
            return []
        where = f"Player {self.player}, {self.source} in its files"
        if self.stored_findings is not None:
            return _problems(where, self.stored_findings)
        noted, stored = self.measured.messages, self.stored.rows
        if stored == noted or (self.has_repeats and stored > noted):
            return []
        return [f"{where}: {noted:,} rows by the journal, {stored:,} found"]


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
    others
        by topic and source: messages of others that lie between those of the run
    untold
        the Players that did not tell what they delivered last: what else is there of them cannot be judged
    unread_files
        the Players whose files are on other hosts, and cannot be read here
    """

    run: RecordedRun
    streams: list[StreamData]
    players: Mapping[str, RecordedPlayer]
    problems_of_places: list[str]
    others: Mapping[tuple[str, str], int] = field(default_factory=dict)
    untold: Sequence[str] = ()
    unread_files: Sequence[str] = ()

    @property
    def problems(self) -> list[str]:
        """What is not as it was noted, a line each; empty where all agrees."""
        return self.problems_of_places + [line for stream in self.streams for line in stream.problems]

    def of(self, player: str) -> list[StreamData]:
        """Return what was found of a Player."""
        return [stream for stream in self.streams if stream.player == player]


def _problems(where: str, findings: Findings) -> list[str]:
    lines = []
    if findings.deleted:
        lines.append(
            f"{where}: of {findings.noted:,} messages, the broker deleted {findings.deleted:,} before they"
            f" were read back: {findings.deleted_from} to {findings.deleted_to}"
        )
    if findings.missing_count:
        shown = [_shown(message, findings) for message in findings.missing[: MOST_NAMED + 1]]
        named = _named(shown, findings.missing_count)
        lines.append(f"{where}: {_count(findings.missing_count)} missing: {named}")
    if findings.late_count:
        named = _named(findings.late, findings.late_count)
        lines.append(f"{where}: {_count(findings.late_count)} after later ones: {named}")
    after = f"the first after trigger {findings.after}" if findings.after else "the first before all others"
    after += f" ({findings.where})" if findings.where else ""
    if findings.twice:
        lines.append(f"{where}: {_count(findings.twice)} duplicated, {after}")
    if findings.unknown:
        lines.append(f"{where}: {_count(findings.unknown)} not in the journal, {after}")
    return lines


def _shown(message: Message, findings: Findings) -> str:
    return f"{message}, where another one is" if message in findings.replaced else str(message)


def _named(messages: Sequence[object], count: int) -> str:
    named = "; ".join(str(message) for message in messages[:MOST_NAMED])
    return f"{named} and so on" if count > MOST_NAMED else named


def _count(messages: int) -> str:
    return "1 message is" if messages == 1 else f"{messages:,} messages are"
