"""What ESS file writers are told of a run: pl72 when it starts, 6s4t when it has ended.

A file writer takes up a start whose job id is a UUID and whose control topic is named, and a stop whose
command id is a UUID too (https://github.com/ess-dmsc/kafka-to-nexus, ``documentation/commands.md``).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from streaming_data_types import serialise_6s4t, serialise_pl72

from donki.run import Run
from donki.streams.listing import Stream
from donki.streams.schemas import SCHEMAS
from donki.streams.schemas.files.structure import group, text

MILLISECOND = 1_000_000

LATEST = 10_000_000_000
"""How much later than the present the data of a run may be, in ns: no event flies longer than 2.147 s."""

MOST_STRUCTURE = 900_000
"""How many characters a start tells of what to write, at most: the messages of a topic have 1 MB."""


def run_start(
    run: Run,
    job: str,
    *,
    filename: str,
    start_time: int,
    topic: str,
    brokers: Sequence[str],
    streams: Iterable[Stream],
    structure: Mapping[str, Any] | None = None,
    instrument: str = "",
) -> bytes:
    """Return the pl72 message that starts a job.

    Parameters
    ----------
    run
        which run
    job
        a UUID
    filename
        of the file, under the folder of the file writer
    start_time
        ns since 1970 UTC; data from then on are written
    topic
        where the file writer must be controlled
    brokers
        ``host:port`` of the Kafka brokers that have the data
    streams
        what must be written, as far as it is known
    structure
        to be written in place of what the streams make
    instrument
        of whose template the file writer begins with a copy; empty: it makes all of the file itself
    """
    told = tuple(streams)
    content = json.dumps(nexus_structure(run, told) if structure is None else structure)
    if structure is None and len(content) > MOST_STRUCTURE:
        content = json.dumps(nexus_structure(run, map(_without_pixels, told)))
    return bytes(
        serialise_pl72(
            job_id=job,
            filename=filename,
            start_time=start_time // MILLISECOND,
            run_name=run.id,
            nexus_structure=content,
            instrument_name=instrument,
            broker=",".join(brokers),
            metadata=json.dumps({"run_id": run.id, "title": run.title, "metadata": dict(run.metadata)}),
            control_topic=topic,
        )
    )


def _without_pixels(stream: Stream) -> Stream:
    """Return a stream without the pixels of its detector, which are what makes a structure large."""
    kind = SCHEMAS.find(stream.schema)
    return stream._replace(layout=None) if kind and kind.has_events else stream


def run_stop(run_id: str, job: str, stop_time: int, writer: str = "") -> bytes:
    """Return the 6s4t message that stops a job.

    Parameters
    ----------
    run_id
        of the run
    job
        as it was started
    stop_time
        ns since 1970 UTC; data up to then are written
    writer
        the service id of the file writer that has the job, where it is known
    """
    # Rounded up: the last data must not be left out.
    milliseconds = -(-stop_time // MILLISECOND)
    return bytes(
        serialise_6s4t(
            job_id=job,
            run_name=run_id,
            service_id=writer,
            command_id=str(uuid.uuid4()),
            stop_time=milliseconds,
        )
    )


def end_of_data(ended: int, latest: int) -> int:
    """Return the time up to which a run has data, ns since 1970 UTC: file writers leave out what is later.

    Slow neutrons of the last pulse arrive after the run; a clock that was put wrong on purpose is followed no
    further than `LATEST`.

    Parameters
    ----------
    ended
        when the run ended, ns since 1970 UTC
    latest
        the latest time stamp of its messages, ms since 1970 UTC
    """
    return max(ended, min((latest + 1) * MILLISECOND, ended + LATEST))


def nexus_structure(run: Run, streams: Iterable[Stream]) -> dict[str, Any]:
    """Return what a file writer must write, in the form of its start message.

    Each stream is written as its schema says; one of a schema that is not known here, or no file writer
    can write, is left out.
    """
    known = {stream[:3]: (stream, kind) for stream in streams if (kind := SCHEMAS.find(stream.schema))}
    with_joined = {(stream.topic, stream.source) for stream, kind in known.values() if kind.takes_joined}
    names: set[str] = set()
    groups = []
    for stream, kind in known.values():
        if kind.joins and (stream.topic, stream.source) in with_joined:
            continue
        name = _free_name(stream.source.replace("/", "_"), names)
        config = {"topic": stream.topic, "source": stream.source}
        if made := kind.file_writer_group(name, config, stream.layout):
            groups.append(made)
            names.add(name)
    entry = [
        text("title", run.title),
        text("entry_identifier", run.id),
        text("run_metadata", json.dumps(dict(run.metadata))),
        {"module": "mdat", "config": {"items": ["start_time", "end_time"]}},
        group("instrument", "NXinstrument", groups),
    ]
    return {"children": [group("entry", "NXentry", entry)]}


def _free_name(name: str, taken: Container[str]) -> str:
    """Return a name that no other group has, for sources of one name."""
    numbered = (name if number == 1 else f"{name}_{number}" for number in count(1))
    return next(free for free in numbered if free not in taken)
