"""What was found of a run: of each stream in Kafka and in files, and what is amiss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from donki.director.recorded import RecordedPlayer, RecordedRun, Totals
from donki_client.matching import Findings, Message
from donki_client.stored_data import StoredSource

#: How many places are named in a line.
MOST_NAMED = 3


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
    faults_held_back
        those that were not found, of messages that were held back on purpose: such a message is lost with a
        Player that dies, or is told to give up
    measured
        what the stream gave, before faults; what its files shall hold
    stored
        what the files hold; None where there are none
    stored_findings
        what came of comparing the messages that the files tell of; None where there are none, or rows are
        counted
    has_repeats
        whether there are triggers of which data may have been sent and stored without a note
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
    faults_held_back: Counter[str] = field(default_factory=Counter)
    stored: StoredSource | None = None
    stored_findings: Findings | None = None
    has_repeats: bool = False
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
