"""The message that has a file writer write a past run, made from the one of that time where it is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from streaming_data_types import deserialise_pl72, serialise_pl72
from streaming_data_types.run_start_pl72 import RunStartInfo

from donki.director.output.run_messages import MILLISECOND, nexus_structure, run_start
from donki.streams.listing import Stream
from donki_client.rewrite.past_run import PastRun


def streams_in(structure: Any) -> Iterator[tuple[str, str]]:
    """Yield topic and source of each stream in a structure that a file writer was told."""
    if not isinstance(structure, dict):
        return
    config = structure.get("config")
    if isinstance(config, dict) and {"topic", "source"} <= config.keys():
        yield str(config["topic"]), str(config["source"])
    for child in structure.get("children") or ():
        yield from streams_in(child)


def start_again(
    past: PastRun,
    told: RunStartInfo | None,
    others: Sequence[Stream],
    *,
    job: str,
    file_name: str,
    topic: str,
    brokers: Sequence[str],
) -> bytes:
    """Return the pl72 message of a job that lies in the past.

    Parameters
    ----------
    past
        the run
    told
        what file writers were told as it began; None where that is not known
    others
        streams of the run that are not in that
    job
        a UUID
    file_name
        of the file, under the folder of the file writer
    topic
        where the file writer must be controlled
    brokers
        ``host:port`` of the Kafka brokers that have the data
    """
    base = told or deserialise_pl72(
        run_start(
            past.run,
            job,
            filename=file_name,
            start_time=past.began,
            topic=topic,
            brokers=brokers,
            streams=others,
        )
    )
    structure = base.nexus_structure
    if told and others:
        structure = json.dumps(_with(json.loads(structure), past, others))
    return bytes(
        serialise_pl72(
            job_id=job,
            filename=file_name,
            start_time=past.began // MILLISECOND,
            # Rounded up: the last data must not be left out.
            stop_time=-(-past.latest // MILLISECOND),
            run_name=base.run_name,
            nexus_structure=structure,
            instrument_name=base.instrument_name,
            broker=",".join(brokers),
            metadata=base.metadata,
            control_topic=topic,
        )
    )


def _with(structure: dict[str, Any], past: PastRun, others: Sequence[Stream]) -> dict[str, Any]:
    """Return a structure with the groups of more streams in its instrument, or where one would be."""
    place = _child(_child(structure, "NXentry"), "NXinstrument")
    added = _child(_child(nexus_structure(past.run, others), "NXentry"), "NXinstrument")["children"]
    taken = {child.get("name") for child in _children(place)}
    for group in added:
        while group["name"] in taken:
            group["name"] += "_again"
        taken.add(group["name"])
    place.setdefault("children", []).extend(added)
    return structure


def _child(group: dict[str, Any], nx_class: str) -> dict[str, Any]:
    """Return the first group of that class in a group; the group itself where it has none."""
    return next((child for child in _children(group) if _nx_class(child) == nx_class), group)


def _children(group: dict[str, Any]) -> list[dict[str, Any]]:
    return [child for child in group.get("children") or () if isinstance(child, dict)]


def _nx_class(group: dict[str, Any]) -> object:
    """Return the class of a group, whose attributes a structure may have as a list or as an object."""
    attributes = group.get("attributes")
    if isinstance(attributes, dict):
        return attributes.get("NX_class")
    named = [said for said in attributes or () if isinstance(said, dict) and said.get("name") == "NX_class"]
    return next((said.get("values", said.get("value")) for said in named), None)
