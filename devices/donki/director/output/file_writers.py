"""Tells ESS file writers of a run, so that they record what its Players stream, and takes their answers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from donki import clock
from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import Job
from donki.director.journal.writer import Journal
from donki.director.output.run_messages import LATEST, MILLISECOND, end_of_data, run_start, run_stop
from donki.director.output.writers.listener import WriterListener
from donki.director.output.writers.settings import FileWriterSettings
from donki.director.output.writers.structure import OwnStructure, unnamed_streams
from donki.director.rules.writer_jobs import ENDED, HELD, SECOND, JobState, WriterJob
from donki.errors import BrokerError
from donki.limits import FileWriterPolicy
from donki.run import Run
from donki.streams.kafka.sink import KafkaSink
from donki.streams.listing import Stream
from donki.streams.manifest import latest_stamp

#: How long a broker may take for a message, in s.
PATIENCE = 5.0

#: How long a broker that is away is tried again, and how often, in s.
LIMIT = 60.0
INTERVAL = 1.0

#: How many streams a remark names.
MOST_NAMED = 10


class FileWriterJob:
    """Tells of one run: that it began, once its Players are set up, and that it has ended.

    A run that is taken up is a further job of the file writers, with a file of its own: whether they go on
    with the one before is not known. Jobs that a Director left behind when it died are stopped first.

    Parameters
    ----------
    run
        which run
    settings
        how they are told
    make_sink
        makes a sink for the Kafka brokers
    listener
        hears what they answer
    journal
        keeps the jobs
    epoch
        ns since 1970 UTC at the zero of the monotonic clock, in this run

    Attributes
    ----------
    jobs
        of this run and those that were left behind, as they stand
    required
        whether the run must be written: then no trigger is sent before a file writer has the job

    Raises
    ------
    BrokerError
        when no broker answers, or a topic does not exist and cannot be made
    FileError, InputError
        as of `OwnStructure`
    """

    def __init__(
        self,
        run: Run,
        settings: FileWriterSettings,
        make_sink: Callable[[], KafkaSink],
        listener: WriterListener,
        journal: Journal,
        epoch: int,
    ) -> None:
        self.jobs: list[WriterJob] = []
        self.required = settings.policy is FileWriterPolicy.REQUIRE
        self._run = run
        self._settings = settings
        self._structure = OwnStructure(settings.structure) if settings.structure else None
        self._topic = settings.topic
        self._make_sink = make_sink
        self._listener = listener
        self._journal = journal
        self._job: WriterJob | None = None
        self._is_stopped = False
        self._told = ""
        self._latest = 0
        self._epoch = epoch
        self._began = clock.at(epoch)
        self._taken: Callable[[], object] = lambda: None
        self._troubled: Callable[[str], object] = lambda _trouble: None
        self._opened: KafkaSink | None = self._open(
            *dict.fromkeys((settings.pool or self._topic, self._topic))
        )
        self._brokers = self._opened.brokers

    @property
    def trouble(self) -> str:
        """Why the run is not written as it should be, where that is not to be ignored; else empty."""
        job = self._job
        return f"file writer: {job.trouble}" if job and job.trouble and not self._ignores else ""

    def watch(self, taken: Callable[[], object], troubled: Callable[[str], object]) -> None:
        """Say who is told that a file writer has the job, and why the run is not written, unless ignored."""
        self._taken, self._troubled = taken, troubled

    def start(self, streams: Iterable[Stream]) -> None:
        """Stop the jobs that were left behind, and start one for this run.

        Parameters
        ----------
        streams
            what the Players stream, as far as it is known

        Raises
        ------
        BrokerError
            when the broker was away for too long
        FileError
            when the journal cannot be read
        InputError
            when a structure of the user's cannot be filled in
        """
        try:
            self._start(tuple(streams))
        except BaseException as error:
            if not self._ignores:
                self._troubled(f"the job was not started: {error}")
            raise

    def take(self, manifest: Mapping[str, Any]) -> None:
        """Take what a Player tells that it delivered: the job ends no earlier than that, within reason."""
        until = (clock.at(self._epoch) + LATEST) // MILLISECOND
        self._latest = max(self._latest, latest_stamp(manifest, until))

    def stop(self, ended: int, limit: float) -> None:
        """Stop the job of this run, if it was started.

        Parameters
        ----------
        ended
            when the run ended, ns since 1970 UTC
        limit
            how long a broker that is away is tried again, in s

        Raises
        ------
        BrokerError
            when it was away for longer; this can be called again then
        """
        self.close()
        job = self._job
        if job and not self._is_stopped:
            stopped = end_of_data(ended, self._latest)
            self._stop(job, self._topic, self._run.id, stopped, limit)
            self._journal.job_stopped(job.id, clock.at(self._epoch))
            self._is_stopped = True

    def close(self) -> None:
        """Leave the broker, if nothing was told yet."""
        if self._opened:
            self._opened.close()
            self._opened = None

    @property
    def _ignores(self) -> bool:
        return self._settings.policy is FileWriterPolicy.IGNORE

    def _start(self, streams: tuple[Stream, ...]) -> None:
        self._journal.flush()
        with JournalReader(self._journal.path.parent) as reader:
            left = reader.open_jobs(self._journal.director)
            parts = len(reader.jobs(reader.run(self._run.id)))
        for one in left:
            self._stop_left(one)
        suffix = f"+{parts + 1}" if parts else ""
        job = self._new_job(str(uuid.uuid4()), f"{self._run.id}_filewriter{suffix}.nxs")
        own = self._structure
        structure = own.fill(self._run, job.id, streams) if own else None
        if structure and (left_out := unnamed_streams(structure, streams)):
            names = ", ".join(left_out[:MOST_NAMED]) + (", ..." if len(left_out) > MOST_NAMED else "")
            self._journal.remark(self._run.id, f"not in the structure, and not written: {names}")
        # Noted first: a job that no file writer knows is stopped in vain, one that nobody noted never is.
        self._journal.job(self._run.id, job, self._topic)
        self._journal.flush()
        self._job = job
        self._follow(job, self._heard)
        message = run_start(
            self._run,
            job.id,
            filename=job.file,
            start_time=self._began,
            topic=self._topic,
            brokers=self._brokers.split(", "),
            streams=streams,
            structure=structure,
            instrument=self._settings.instrument,
        )
        self._send(self._settings.pool or self._topic, message, LIMIT)
        job.asked(time.monotonic_ns())

    def _stop_left(self, left: Job) -> None:
        stopped = left.ended or max(self._began, left.last)
        job = self._new_job(left.id, left.file or f"{left.run_id}_filewriter.nxs")
        job.left_behind(JobState(left.state or JobState.ASKED), left.writer)
        self._follow(job, self._heard_of_left)
        self._stop(job, left.topic, left.run_id, stopped, LIMIT)
        self._journal.job_stopped(job.id, stopped)

    def _new_job(self, name: str, file: str) -> WriterJob:
        job = WriterJob(name, file, round(self._settings.patience * SECOND))
        self.jobs = [*self.jobs, job]
        return job

    def _follow(self, job: WriterJob, heard: Callable[[WriterJob], None]) -> None:
        self._listener.follow(job, heard)
        try:
            # Whoever answers at once must be heard.
            self._listener.wait(LIMIT if self.required else PATIENCE)
        except BrokerError as error:
            if self.required:
                raise
            # File writers are told all the same, where only what they answer cannot be read.
            self._journal.remark(self._run.id, str(error))

    def _stop(self, job: WriterJob, topic: str, run_id: str, stopped: int, limit: float) -> None:
        """Ask for the end of a job, unless its writer has said its last word."""
        if job.state not in ENDED:
            job.stop(time.monotonic_ns())
            self._send(topic, run_stop(run_id, job.id, stopped, job.writer), limit)

    def _heard(self, job: WriterJob) -> None:
        """Take, in the thread that listens, that a job of this run stands otherwise than before."""
        self._heard_of_left(job)
        before, self._told = self._told, job.trouble
        if job.trouble not in ("", before) and not self._ignores:
            self._journal.remark(self._run.id, self.trouble)
            self._troubled(job.trouble)
        elif not job.trouble and job.state in HELD:
            self._taken()

    def _heard_of_left(self, job: WriterJob) -> None:
        self._journal.job_answered(job)

    def _send(self, topic: str, message: bytes, limit: float) -> None:
        until = time.monotonic() + limit
        while True:
            try:
                sink = self._opened or self._open(topic)
                self._opened = None
                try:
                    sink.open_topic(topic)
                    sink.send(topic, self._run.id, message, clock.at(self._epoch))
                    sink.deliver(PATIENCE)
                finally:
                    sink.close()
            except BrokerError:
                if time.monotonic() > until:
                    raise
                time.sleep(INTERVAL)
            else:
                return

    def _open(self, *topics: str) -> KafkaSink:
        sink = self._make_sink()
        try:
            for topic in topics:
                sink.open_topic(topic)
        except BrokerError:
            sink.close()
            raise
        return sink
