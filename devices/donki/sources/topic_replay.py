"""Pulses replayed from the ev44 messages of a recorded Kafka topic."""

from __future__ import annotations

from os import PathLike

import numpy as np
from numpy.typing import NDArray
from streaming_data_types import deserialise_ev44

from donki.errors import SourceError
from donki.sources.events import Events
from donki.sources.recording import Recording
from donki.sources.replay import Replay, joined
from donki.sources.timeline import Timeline

_MONITOR_PIXEL = 1


class TopicReplay(Replay):
    """The pulses in the ev44 messages of one topic that ``donki record`` stored.

    Messages of one reference time are one pulse, and a message of several reference times is several pulses;
    other messages than ev44 are passed over. Where each message lies in the file is kept, its events are not.

    Parameters
    ----------
    path
        a file that ``donki record`` wrote
    topic : str, optional
        not needed where there is only one in the file
    source : str, optional
        the source name in the messages; not needed where there is only one in the topic
    loop : bool
        whether the first pulse comes again after the last one

    Raises
    ------
    SourceError
        when the file cannot be read, or has no such topic or source, or several to choose from
    """

    def __init__(
        self,
        path: str | PathLike[str],
        topic: str | None = None,
        source: str | None = None,
        *,
        loop: bool = False,
    ) -> None:
        self._recording = Recording(path)
        try:
            if topic is None:
                topic = _only(f"{path}", "topic", list(self._recording.partitions))
            self._partitions = self._recording.of(topic)
            super().__init__(f"{path}, topic {topic}", self._index(f"{path}, topic {topic}", source, loop))
        except SourceError:
            self._recording.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._recording.close()

    def _index(self, name: str, source: str | None, loop: bool) -> Timeline:
        rows: dict[str, list[tuple[int, int, int, int, int, int]]] = {}
        for number, partition in enumerate(self._partitions):
            end = 0
            for message in partition.messages():
                payload = message.payload or b""
                begin, end = end, end + len(payload)
                if payload[4:8] != b"ev44":
                    continue
                decoded = deserialise_ev44(payload)
                firsts = [int(first) for first in decoded.reference_time_index]
                lasts = [*firsts[1:], len(decoded.time_of_flight)]
                rows.setdefault(decoded.source_name, []).extend(
                    (int(time), number, begin, end, first, last)
                    for time, first, last in zip(decoded.reference_time, firsts, lasts, strict=True)
                )
        source = source or _only(name, "source of ev44 messages", list(rows))
        if source not in rows:
            raise SourceError(
                f"{name}: expected ev44 of source {source!r}, found {', '.join(rows) or 'none'}"
            )
        table = np.array(rows[source], np.int64)
        table = table[np.argsort(table[:, 0], kind="stable")]
        is_new = np.ones(len(table), bool)
        is_new[1:] = np.diff(table[:, 0]) != 0
        self._rows = table[:, 1:]
        self._first_row = np.append(np.flatnonzero(is_new), len(table))
        return Timeline(table[is_new, 0], loop=loop)

    def _events(self, index: int) -> Events:
        parts = [self._part(row) for row in self._rows[self._first_row[index] : self._first_row[index + 1]]]
        return joined(parts)

    def _part(self, row: NDArray[np.int64]) -> Events:
        number, begin, end, first, last = (int(value) for value in row)
        decoded = deserialise_ev44(self._partitions[number].payload(begin, end))
        times = decoded.time_of_flight[first:last]
        if len(decoded.pixel_id):
            return Events(times, decoded.pixel_id[first:last])
        return Events(times, np.full(len(times), _MONITOR_PIXEL, np.int32))


def _only(name: str, what: str, found: list[str]) -> str:
    if len(found) != 1:
        raise SourceError(f"{name}: expected one {what}, found {', '.join(found) or 'none'}; name it")
    return found[0]
