"""Tells ESS file writers of a run, so that they record what its Players stream."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from donki import clock
from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.writer import Journal
from donki.director.output.run_messages import MILLISECOND, run_start, run_stop
from donki.errors import BrokerError
from donki.run import Run
from donki.streams.kafka.sink import KafkaSink
from donki.streams.listing import Stream
from donki.streams.manifest import latest_stamp

#: How long a broker may take for a message, in s.
PATIENCE = 5.0

#: How long a broker that is away is tried again, and how often, in s.
LIMIT = 60.0
INTERVAL = 1.0

#: How much later than the present the data of a run may be, in ns: no event flies longer than 2.147 s.
LATEST = 10_000_000_000


class FileWriterJob:
    """Tells of one run: that it began, once its Players are set up, and that it has ended.

    A run that is taken up is a further job of the file writers, with a file of its own: whether they go on
    with the one before is not known. Jobs that a Director left behind when it died are stopped first.

    Parameters
    ----------
    run
        which run
    topic
        where the file writers listen
    make_sink
        makes a sink for the Kafka brokers
    journal
        keeps the jobs
    epoch
        ns since 1970 UTC at the zero of the monotonic clock, in this run

    Raises
    ------
    BrokerError
        when no broker answers, or the topic does not exist and cannot be made
    """

    def __init__(
        self,
        run: Run,
        topic: str,
        make_sink: Callable[[], KafkaSink],
        journal: Journal,
        epoch: int,
    ) -> None:
        self._run = run
        self._topic = topic
        self._make_sink = make_sink
        self._journal = journal
        self._job = ""
        self._latest = 0
        self._epoch = epoch
        self._began = clock.at(epoch)
        self._opened: KafkaSink | None = self._open(topic)
        self._brokers = self._opened.brokers

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
        """
        self._journal.flush()
        with JournalReader(self._journal.path.parent) as reader:
            left = reader.open_jobs(self._journal.director)
            parts = len(reader.jobs(reader.run(self._run.id)))
        for job in left:
            stopped = job.ended or max(self._began, job.last)
            self._send(job.topic, run_stop(job.run_id, job.id, stopped), LIMIT)
            self._journal.job_stopped(job.id, stopped)
        # Noted first: a job that no file writer knows is stopped in vain, one that nobody noted never is.
        self._job = str(uuid.uuid4())
        self._journal.job(self._run.id, self._job, self._topic)
        self._journal.flush()
        suffix = f"+{parts + 1}" if parts else ""
        message = run_start(
            self._run,
            self._job,
            filename=f"{self._run.id}_filewriter{suffix}.nxs",
            start_time=self._began,
            topic=self._topic,
            brokers=self._brokers.split(", "),
            streams=streams,
        )
        self._send(self._topic, message, LIMIT)

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
        if self._job:
            # Slow neutrons of the last pulse arrive after the run; file writers leave out what is later.
            stopped = max(ended, min((self._latest + 1) * MILLISECOND, ended + LATEST))
            self._send(self._topic, run_stop(self._run.id, self._job, stopped), limit)
            self._journal.job_stopped(self._job, clock.at(self._epoch))
            self._job = ""

    def close(self) -> None:
        """Leave the broker, if nothing was told yet."""
        if self._opened:
            self._opened.close()
            self._opened = None

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

    def _open(self, topic: str) -> KafkaSink:
        sink = self._make_sink()
        try:
            sink.open_topic(topic)
        except BrokerError:
            sink.close()
            raise
        return sink
