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
from donki.streams.outlet import Stream

_MILLISECOND = 1_000_000

# What a file writer's modules for logs must be told beside topic and source. The types of the values show at
# the first trigger only; it converts what differs.
_LOGS = {"f144": {"dtype": "double"}, "se00": {"dtype": "double"}, "tdct": {}, "al00": {}, "ep01": {}}

# The modules of these write the alarms and connections of their source too.
_WITH_ALARMS = ("f144", "se00", "tdct")


def run_start(
    run: Run,
    job: str,
    *,
    filename: str,
    start_time: int,
    topic: str,
    brokers: Sequence[str],
    streams: Iterable[Stream],
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
        where the file writer shall be controlled
    brokers
        ``host:port`` of the Kafka brokers that have the data
    streams
        what shall be written, as far as it is known
    """
    return bytes(
        serialise_pl72(
            job_id=job,
            filename=filename,
            start_time=start_time // _MILLISECOND,
            run_name=run.id,
            nexus_structure=json.dumps(nexus_structure(run, streams)),
            broker=",".join(brokers),
            metadata=json.dumps({"run_id": run.id, "title": run.title, "metadata": dict(run.metadata)}),
            control_topic=topic,
        )
    )


def run_stop(run_id: str, job: str, stop_time: int) -> bytes:
    """Return the 6s4t message that stops a job.

    Parameters
    ----------
    run_id
        of the run
    job
        as it was started
    stop_time
        ns since 1970 UTC; data up to then are written
    """
    # Rounded up: the last data shall not be left out.
    milliseconds = -(-stop_time // _MILLISECOND)
    return bytes(
        serialise_6s4t(job_id=job, run_name=run_id, command_id=str(uuid.uuid4()), stop_time=milliseconds)
    )


def nexus_structure(run: Run, streams: Iterable[Stream]) -> dict[str, Any]:
    """Return what a file writer shall write, in the form of its start message.

    Events are written as NXevent_data in an NXdetector called after their source, arrays and images as
    NXdata, all else as NXlog. Arrays (da00) whose shape and type are not known are left out: a file writer
    drops them.
    """
    known = {stream[:3]: stream for stream in streams}.values()
    with_alarms = {(stream.topic, stream.source) for stream in known if stream.schema in _WITH_ALARMS}
    names: set[str] = set()
    groups = []
    for stream in known:
        config = {"topic": stream.topic, "source": stream.source}
        name = _free_name(stream.source.replace("/", "_"), names)
        if stream.schema == "ev44":
            events = _group(f"{name}_events", "NXevent_data", [{"module": "ev44", "config": config}])
            groups.append(_group(name, "NXdetector", [events]))
        elif stream.schema in _WITH_ALARMS or (
            stream.schema in _LOGS and (stream.topic, stream.source) not in with_alarms
        ):
            log = {"module": stream.schema, "config": config | _LOGS[stream.schema]}
            groups.append(_group(name, "NXlog", [log]))
        elif stream.schema == "ad00":
            image = {"module": "ad00", "config": config | _image(stream.layout)}
            groups.append(_group(name, "NXdata", [image]))
        elif stream.schema == "da00" and stream.layout is not None:
            array = {"module": "da00", "config": config | _array(stream.layout)}
            groups.append(_group(name, "NXdata", [array]))
        else:
            continue
        names.add(name)
    entry = [
        _text("title", run.title),
        _text("entry_identifier", run.id),
        _text("run_metadata", json.dumps(dict(run.metadata))),
        {"module": "mdat", "config": {"items": ["start_time", "end_time"]}},
        _group("instrument", "NXinstrument", groups),
    ]
    return {"children": [_group("entry", "NXentry", entry)]}


def _image(layout: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the module for images is told beside topic and source."""
    if layout is None:
        # It lets the data set grow to the largest image; by itself it would give each pixel chunks of 8 MB.
        return {"dtype": "float64", "array_size": [1, 1], "chunk_size": [1, 64, 64]}
    return {"dtype": layout["dtype"], "array_size": layout["shape"]}


def _array(layout: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the module for arrays is told: the array, which grows, and its coordinates, which stay."""

    def variable(name: str, of: Mapping[str, Any], axes: Sequence[str]) -> dict[str, Any]:
        return {
            "name": name,
            "unit": of["unit"],
            "data_type": of["dtype"],
            "shape": of["shape"],
            "axes": axes,
        }

    # The values of the coordinates are in every message.
    constants = [variable(axis, of, [axis]) for axis, of in layout["coordinates"].items()]
    return {"variables": [variable("signal", layout, layout["axes"])], "constants": constants}


def _free_name(name: str, taken: Container[str]) -> str:
    """Return a name that no other group has, for sources of one name."""
    numbered = (name if number == 1 else f"{name}_{number}" for number in count(1))
    return next(free for free in numbered if free not in taken)


def _group(name: str, nexus_class: str, children: list[dict[str, Any]]) -> dict[str, Any]:
    attributes = [{"name": "NX_class", "dtype": "string", "values": nexus_class}]
    return {"type": "group", "name": name, "attributes": attributes, "children": children}


def _text(name: str, text: str) -> dict[str, Any]:
    return {"module": "dataset", "config": {"name": name, "dtype": "string", "values": text}}
