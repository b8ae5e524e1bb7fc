"""Kafka messages as ``donki record`` stores them.

An HDF5 file with the attribute ``donki_record``, its version, and a group ``TOPIC/PARTITION`` for each
partition. In it, by message: ``timestamp`` (ms since 1970 UTC), ``offset`` and ``header_count``; and, one
after the other as bytes, ``payload``, ``key``, ``header_name`` and ``header_value``, each with its lengths
in ``…_size``, -1 for none. Since version 2 there is ``arrival`` too: when the message came, in ns since the
recording began, never the same twice; -1 for one that was at the broker before.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from donki.errors import SourceError
from donki.hdf5 import attribute_number, attribute_text, open_to_read, reading
from donki.sources.recorded.partition import Message, RecordedPartition
from donki.sources.recorded.replay_clock import MOST_GAP, Clock, paced
from donki.versions import check_version

VERSION = 2
"""Of the layout that is written; those before are read too."""


class Due(NamedTuple):
    """A message, and when it is due.

    Attributes
    ----------
    due : float
        ms since the first message, never falling
    gap : float
        ms between the message before and this one as they were recorded; it was cut where `due` says less
    timestamp : float
        its own time stamp on the same clock: `due`, and less where it was older than what came before
    """

    due: float
    gap: float
    timestamp: float
    message: Message


class Recording:
    """A file of recorded topics, read message by message.

    Parameters
    ----------
    path
        a file that ``donki record`` wrote; what a recorder that was killed left behind will do

    Attributes
    ----------
    partitions : dict of str to int
        how many partitions each topic has

    Raises
    ------
    SourceError
        when the file cannot be read or is not such a file
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = Path(path)
        with reading(path, "a recording of Kafka topics"):
            self._file = open_to_read(self._path)
        try:
            with reading(path, "a recording of Kafka topics"):
                self.partitions = self._numbers()
        except SourceError:
            self._file.close()
            raise

    def _numbers(self) -> dict[str, int]:
        version = attribute_number(self._file, "donki_record")
        if version is None:
            raise SourceError(
                f"{self._path}: expected a file that donki record wrote; found another HDF5 file"
            )
        found = int(version) if version.is_integer() else version
        # Version 1 does not tell when messages arrived.
        self._has_arrivals = check_version(f"the recording {self._path}", found, VERSION, SourceError) > 1
        self._began = _milliseconds(attribute_text(self._file, "start_time"))
        return {
            topic: 1 + max((int(number) for number in group), default=-1)
            for topic, group in self._file.items()
        }

    def __len__(self) -> int:
        """How many messages there are."""
        return sum(partition.rows for topic in self.partitions for partition in self.of(topic))

    @property
    def duration(self) -> float:
        """When the last message is due, in ms since the first; 0 where nothing was recorded."""
        clock, parts = self._clock()
        times = heapq.merge(*(part.came(clock) for part in parts))
        return max((due for due, _, _ in paced((came, None) for came in times)), default=0.0)

    def _clock(self) -> tuple[Clock, list[RecordedPartition]]:
        parts = [part for topic in self.partitions for part in self.of(topic)]
        if not self._has_arrivals:
            return Clock.without_arrivals(self._began), parts
        before = (stamp for part in parts for stamp, arrival in part.stamps() if arrival < 0)
        return Clock.with_arrivals(self._began, before), parts

    def of(self, topic: str) -> list[RecordedPartition]:
        """Return what was recorded of a topic, by partition.

        Raises
        ------
        SourceError
            when the topic is not in the file, or data sets are missing
        """
        if topic not in self.partitions:
            known = ", ".join(self.partitions) or "none"
            raise SourceError(f"{self._path}: topic {topic!r} is not in it; recorded were {known}")
        with reading(self._path, f"topic {topic}"):
            return [
                RecordedPartition(self._path, topic, int(number), group, has_arrivals=self._has_arrivals)
                for number, group in sorted(self._file[topic].items(), key=lambda item: int(item[0]))
            ]

    def messages(self) -> Iterator[Due]:
        """Yield every message and when it is due: those of a partition in its order.

        Messages come at the pace at which they arrived; those that were at the broker before, and all of a
        recording of version 1, at that of their time stamps: one whose time stamp is older than that of the
        message before it, or is missing, or lies in the future or far ahead of most that follow, comes right
        after it. A gap of more than a minute lasts a minute; none is left of more than a day, for a time
        stamp is far off then.

        Raises
        ------
        SourceError
            when the file is damaged
        """
        clock, parts = self._clock()
        each = [zip(part.came(clock), part.messages(), strict=True) for part in parts]
        merged = heapq.merge(*each, key=lambda item: item[0])
        for due, gap, (came, message) in paced((item[0], item) for item in merged):
            late = came - message.timestamp
            yield Due(due, gap, due - late if 0 <= late <= MOST_GAP else due, message)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _milliseconds(iso: str) -> float:
    """Return ms since 1970 UTC of a time in ISO 8601; now, where it is not one."""
    try:
        return 1000 * datetime.fromisoformat(iso).timestamp()
    except ValueError:
        return 1000 * time.time()
