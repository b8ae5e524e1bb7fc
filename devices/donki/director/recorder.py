"""Records the runs of one Director: in its journal, in master files, and to Kafka where a topic is named."""

from __future__ import annotations

import json
from collections.abc import Sequence as Several
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from donki.director.announcement import Announcement
from donki.director.journal import Journal
from donki.director.last_run import Interrupted
from donki.director.roster import Entry
from donki.director.run_record import RunRecord
from donki.director.sequence import Sequence
from donki.director.timing_message import TimingEncoder
from donki.director.timing_stream import TimingStream
from donki.errors import FileError, InputError
from donki.run import Run
from donki.streams.kafka import KafkaSink


@dataclass(frozen=True)
class Topics:
    """What goes to Kafka of a run.

    Attributes
    ----------
    brokers
        ``host:port`` of each
    options
        JSON object of options for the Kafka client
    run
        the topic on which ESS file writers are told of a run; empty: nowhere
    timing
        the topic to which the times of triggers go; empty: nowhere
    """

    brokers: Several[str]
    options: str
    run: str
    timing: str


class Recorder:
    """Begins the record of each run of a Director.

    Parameters
    ----------
    director
        its device name
    directory
        where the journal and the master files are kept
    topics
        what goes to Kafka

    Attributes
    ----------
    director
        as given
    """

    def __init__(self, director: str, directory: Path, topics: Topics) -> None:
        self.director = director
        self.directory = directory
        self._topics = topics
        self._journal: Journal | None = None
        self._records: list[RunRecord] = []

    @property
    def journal_file(self) -> str:
        """The path of the journal; empty where it could not be opened."""
        return str(self._journal.path.absolute()) if self._journal else ""

    @property
    def problems(self) -> list[str]:
        """What cannot be kept or told of the run in progress, or of the last one."""
        problem = self._journal.problem if self._journal else ""
        problems = self._records[-1].problems if self._records else []
        return [problem, *problems] if problem else problems

    def interrupted(self) -> Interrupted | None:
        """Return the Director's last run if it was interrupted or failed, else None.

        Raises
        ------
        FileError
            if the journal cannot be opened
        """
        return self._open_journal().interrupted()

    def last_durations(self) -> dict[str, float]:
        """Return by Player what 99 % of its triggers took at most in the last run, in s.

        Raises
        ------
        FileError
            if the journal cannot be opened
        """
        return self._open_journal().last_durations()

    def begin(self, run: Run, sequence: Sequence, entries: Several[Entry], remark: str = "") -> RunRecord:
        """Begin to record a run, or go on where it is taken up; `remark` says why.

        Raises
        ------
        FileError
            if the journal cannot be written
        BrokerError
            if file writers are to be told of the run, and no broker answers
        InputError
            if a broker's address or an option is not what it should be
        """
        journal, topics = self._open_journal(), self._topics
        timing_sink = self._make_sink() if topics.timing else None
        announcement = None
        if topics.run:
            announcement = Announcement(run, topics.run, topics.brokers, self._make_sink, journal)
        try:
            journal.begin(run, sequence, entries)
        except FileError:
            if announcement:
                announcement.close()
            raise
        if remark:
            journal.remark(run.id, remark)
        timing = None
        if timing_sink:
            encoder = TimingEncoder(self.director, [entry.name for entry in entries], sequence.pace.epoch)
            note = partial(journal.remark, run.id)
            timing = TimingStream(topics.timing, self.director, timing_sink, encoder, note)
        record = RunRecord(run, journal, announcement, timing)
        self._records = [*(kept for kept in self._records if not kept.is_complete), record]
        return record

    def close(self, patience: float) -> bool:
        """Close the journal; return False where the record of a run that has ended is not complete.

        Parameters
        ----------
        patience
            how long it is waited for, in s
        """
        left = [record for record in self._records if not record.wait(patience)]
        if self._journal:
            self._journal.close()
        return not left

    def _open_journal(self) -> Journal:
        if self._journal is None:
            self._journal = Journal(self.directory, self.director)
        return self._journal

    def _make_sink(self) -> KafkaSink:
        try:
            options = json.loads(self._topics.options)
        except ValueError:
            options = None
        if not isinstance(options, dict):
            # What it says instead is not shown: it may be a secret.
            raise InputError('the property KafkaOptions: a JSON object, as {"security_protocol": "SSL"}')
        return KafkaSink(self._topics.brokers, options, f"donki-{self.director.replace('/', '-')}")
