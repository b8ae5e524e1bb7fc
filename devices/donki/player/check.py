"""What stands in a Player's way before a run, found without running its script."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from donki.errors import BrokerError, InputError, ReadoutError
from donki.streams.faults.rule import read_rules
from donki.streams.kafka.sink import KafkaSink
from donki.streams.kafka.topics.settings import TopicSettings
from donki.streams.readouts.sender import ReadoutSender

#: Less room than this for files is worth a word, in bytes.
ROOM = 1_000_000_000


def findings(
    brokers: Sequence[str],
    options: Mapping[str, Any],
    client: str,
    topics: Iterable[str],
    directory: Path | None,
    faults: object = None,
    readout_address: str = "",
    topic_settings: TopicSettings = TopicSettings(),  # noqa: B008 - frozen
) -> list[str]:
    """Return one line for each thing that must be mended, with its remedy; empty is ready.

    Parameters
    ----------
    brokers, options
        of the Kafka cluster
    client
        the Kafka client library
    topics
        those known beforehand: of values, and those that the script opened in its last run; one that does not
        exist is made
    directory
        where the files go; None for no files
    faults
        what stands under that key of the Player's Parameters, where its attribute Faults is empty
    readout_address
        HOST:PORT where raw readouts go; empty for none
    topic_settings
        how topics are made
    """
    lines = _topics(brokers, options, client, sorted(set(topics)), topic_settings)
    if directory:
        lines += _files(directory)
    try:
        read_rules(faults)
    except InputError as error:
        lines.append(f"Parameters: {error}")
    try:
        ReadoutSender(readout_address)
    except ReadoutError as error:
        lines.append(str(error))
    return lines


def _topics(
    brokers: Sequence[str],
    options: Mapping[str, Any],
    client: str,
    topics: Sequence[str],
    settings: TopicSettings,
) -> list[str]:
    lines = []
    try:
        sink = KafkaSink(brokers, options, "donki-check", client, settings)
    except InputError as error:
        return [str(error)] if topics else []
    for topic in topics:
        try:
            sink.open_topic(topic)
        except BrokerError as error:
            lines.append(str(error))
            break
    sink.close()
    return lines


def _files(directory: Path) -> list[str]:
    if not directory.is_dir():
        return [f"FileDirectory {directory}: there is no such folder; make it, or mend the property"]
    if not os.access(directory, os.W_OK | os.X_OK):
        return [f"FileDirectory {directory}: cannot be written; mend its permissions or the property"]
    free = shutil.disk_usage(directory).free
    if free < ROOM:
        return [
            f"FileDirectory {directory}: only {free / 1e6:.0f} MB are free; make room, or mend the property"
        ]
    return []
