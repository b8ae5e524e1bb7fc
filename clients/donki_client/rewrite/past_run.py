"""What the journal tells of a run that is to be written again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import RecordedRun, RecordedStream
from donki.director.output.run_messages import end_of_data
from donki.errors import InputError
from donki.run import Run
from donki.streams.manifest import OffsetRange, unpack_stamps


@dataclass(frozen=True)
class PastRun:
    """A run that has ended, and where its data are.

    Attributes
    ----------
    run
        its identity
    began, ended
        ns since 1970 UTC
    latest
        the time up to which it has data, likewise: its end, or that of its last message
    streams
        what it sent to Kafka
    brokers
        ``host:port, ...`` of the cluster that they are in
    extents
        where its messages lie there
    job, topic
        of the file writers that were told of it last, and where; empty where none were
    """

    run: Run
    began: int
    ended: int
    latest: int
    streams: Sequence[RecordedStream]
    brokers: str
    extents: Sequence[OffsetRange]
    job: str
    topic: str


def past_run(reader: JournalReader, prefix: str) -> PastRun:
    """Return what the journal tells of a run.

    Parameters
    ----------
    reader
        of the journal
    prefix
        how the run's id begins; empty for the newest run

    Raises
    ------
    InputError
        when there is no such run, it has not ended, or there is nothing of it in one cluster
    FileError
        when the journal cannot be read
    """
    found = reader.run(prefix)
    if found.ended is None:
        raise InputError(
            f"run {found.id} has no end in the journal: it is in progress, or was interrupted; Stop it, or"
            " Recover it, before it is written again"
        )
    streams = [stream for stream in reader.streams(found) if stream.topic]
    extents = reader.extents(found)
    if not streams or not extents:
        raise InputError(f"run {found.id} has no streams in the journal: it sent nothing to Kafka")
    if len(extents) > 1:
        raise InputError(
            f"run {found.id} went to several Kafka clusters, {' and '.join(sorted(extents))}: a file writer"
            " reads from one"
        )
    [(brokers, places)] = extents.items()
    jobs = reader.jobs(found)
    return PastRun(
        Run(found.id, found.title, found.metadata, found.seed, found.director),
        found.began,
        found.ended,
        _latest(reader, found, streams),
        streams,
        brokers,
        places,
        jobs[-1].id if jobs else "",
        jobs[-1].topic if jobs else "",
    )


def _latest(reader: JournalReader, run: RecordedRun, streams: Sequence[RecordedStream]) -> int:
    stamps = [
        int(unpack_stamps(delivery.stamps, len(delivery.checksums) // 4).max(initial=-1))
        for stream in streams
        for delivery in reader.deliveries(stream)
    ]
    return end_of_data(run.ended or 0, max(stamps, default=-1))
