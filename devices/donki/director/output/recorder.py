"""Records the runs of one Director: in its journal, in master files, and to Kafka where a topic is named."""

from __future__ import annotations

import threading
from collections.abc import Sequence as Several
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from donki.device.properties.kafka import read_kafka_options
from donki.director.journal.writer import Journal
from donki.director.output.file_writers import FileWriterJob
from donki.director.output.run_record import RunRecord, finish_run
from donki.director.output.timing_message import TimingEncoder
from donki.director.output.timing_stream import TimingStream
from donki.director.output.writers.listener import WriterListener
from donki.director.output.writers.settings import FileWriterSettings
from donki.director.players.entry import RosterEntry
from donki.director.rules.sequence import Sequence
from donki.errors import DonkiError, FileError
from donki.run import Run
from donki.streams.kafka.sink import KafkaSink
from donki.streams.kafka.topics.settings import TopicSettings
from donki.threads import Threads

#: How long a journal that is still being opened, or written by the recorder before, is waited for, in s.
PATIENCE = 1.0


@dataclass(frozen=True)
class Topics:
    """What goes to Kafka of a run.

    Attributes
    ----------
    brokers
        as `donki.streams.kafka.brokers.parse_brokers` takes them
    options
        JSON object of options for the Kafka client
    writers
        how ESS file writers are told of a run; None: they are not
    timing
        the topic to which the times of triggers go; empty: nowhere
    replication
        of topics that are made, as `TopicSettings` has it
    """

    brokers: Several[str]
    options: str
    writers: FileWriterSettings | None
    timing: str
    replication: int


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
    threads
        where what goes wrong in threads is said
    before
        the recorder whose place this one takes: the journal is opened when the other has noted everything

    Attributes
    ----------
    director
        as given
    noted
        set when it is closed and how each run ended is in the journal
    """

    def __init__(
        self,
        director: str,
        directory: Path,
        topics: Topics,
        threads: Threads,
        before: Recorder | None = None,
    ) -> None:
        self._threads = threads
        self.director = director
        self.directory = directory
        self.noted = threading.Event()
        self._topics = topics
        self._before = before
        self._opening = threading.Lock()
        self._is_closed = False
        self._journal: Journal | None = None
        self._listener: WriterListener | None = None
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

    @property
    def writer_jobs(self) -> list[str]:
        """Where the jobs of the file writers stand in the run in progress, or in the last one."""
        return self._records[-1].writer_jobs if self._records else []

    def begin(
        self, run: Run, sequence: Sequence, entries: Several[RosterEntry], remark: str = ""
    ) -> RunRecord:
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
        journal, topics = self.journal(), self._topics
        timing_sink = self._make_sink() if topics.timing else None
        job = None
        if topics.writers:
            epoch = sequence.pace.epoch
            listener = self._listener = self._listener or self._listen(topics.writers.topic)
            job = FileWriterJob(run, topics.writers, self._make_sink, listener, journal, epoch)
        try:
            journal.begin(run, sequence, entries, taken_up=bool(remark))
        except FileError:
            if job:
                job.close()
            raise
        if remark:
            journal.remark(run.id, remark)
        for entry in entries:
            if entry.lacking:
                journal.remark(run.id, f"Player {entry.name}: {entry.lacking}")
        timing = None
        if timing_sink:
            encoder = TimingEncoder(self.director, [entry.name for entry in entries], sequence.pace.epoch)
            note = partial(journal.remark, run.id)
            timing = TimingStream(topics.timing, self.director, timing_sink, encoder, note, self._threads)
        record = RunRecord(run, journal, job, timing, self._threads)
        self._records = [*(kept for kept in self._records if not kept.is_complete), record]
        return record

    def wait_for_the_one_before(self) -> None:
        """Wait until the recorder before has noted everything, as long as the disk takes."""
        if before := self._before:
            before.noted.wait()
            self._before = None

    def close(self) -> None:
        """Complete the records and close the journal; takes as long as the disk and the brokers do."""
        try:
            self.wait_for_the_one_before()
            with self._opening:
                self._is_closed = True
            if self._journal:
                self._journal.write_all()
        finally:
            self.noted.set()
        for record in self._records:
            record.wait()
        if self._listener:
            self._listener.close()
        if self._journal:
            self._journal.write_all()
            self._journal.close()

    def journal(self) -> Journal:
        """Return the journal, open.

        Raises
        ------
        FileError
            if it cannot be opened
        """
        if not self._opening.acquire(timeout=PATIENCE):
            raise FileError(f"the journal in {self.directory} is still being opened; try again")
        try:
            if self._is_closed:
                raise FileError(f"the journal in {self.directory} is closed")
            return self._journal or self._open()
        finally:
            self._opening.release()

    def _open(self) -> Journal:
        if self._before and not self._before.noted.wait(PATIENCE):
            raise FileError(f"the end of the last run is still being written in {self.directory}; try again")
        self._journal = journal = Journal(self.directory, self.director, self._threads)
        if unfinished := journal.unfinished():
            self._threads.start("unfinished runs", partial(self._finish, journal, unfinished))
        return journal

    def _finish(self, journal: Journal, unfinished: Several[str]) -> None:
        """Write the master files of runs whose Director died between their end and that."""
        for run_id in unfinished:
            with self._threads.guard("unfinished runs"):
                try:
                    finish_run(journal, run_id)
                except DonkiError as error:
                    journal.remark(run_id, str(error))

    def _listen(self, topic: str) -> WriterListener:
        def unreadable(problem: str) -> None:
            if self._journal:
                self._journal.remark(self._records[-1].run_id, problem)

        return WriterListener(topic, self._topics.brokers, self._options, unreadable, self._threads)

    def _options(self) -> dict[str, Any]:
        return read_kafka_options(self._topics.options)

    def _make_sink(self) -> KafkaSink:
        return KafkaSink(
            self._topics.brokers,
            self._options(),
            f"donki-{self.director.replace('/', '-')}",
            topics=TopicSettings(replication=self._topics.replication),
        )
