"""Pulses replayed from the ev44 messages of a recorded Kafka topic."""

from __future__ import annotations

import logging
from collections import Counter
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from donki.errors import DonkiError, SourceError
from donki.sources.damage import Damage, OnDamage
from donki.sources.events import Events
from donki.sources.recorded.ev44_message import read_ev44
from donki.sources.recorded.recording import Recording
from donki.sources.recorded.replay import Replay, joined
from donki.sources.recorded.timeline import Timeline

_SHORTEST = 8  # bytes of a flatbuffer that says its schema


class TopicReplay(Replay):
    """The pulses in the ev44 messages of one topic that ``donki record`` stored.

    Messages of one reference time are one pulse, and a message of several reference times is several pulses;
    other messages than ev44 are skipped. Where each message lies in the file is kept, its events are not.
    Times of flight and pixel ids are what the messages have, whatever they are.

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
    on_damage : str
        ``"refuse"``, or ``"skip"`` to skip and count messages that cannot be decoded or whose columns do
        not fit to each other: what the faults truncate and corrupt leave
    log : logging.Logger
        is told what was skipped: ``player.log``

    Attributes
    ----------
    other_messages : dict of str to int
        how many messages of other schemas the topic holds; "" for those that have none

    Raises
    ------
    SourceError
        when the file cannot be read, has no such topic or source, or several to choose from; for a damaged
        message with topic, partition and offset
    InputError
        when `on_damage` is neither
    """

    def __init__(
        self,
        path: str | PathLike[str],
        topic: str | None = None,
        source: str | None = None,
        *,
        loop: bool = False,
        on_damage: OnDamage = "refuse",
        log: logging.Logger | None = None,
    ) -> None:
        self._recording = Recording(path)
        try:
            if topic is None:
                topic = _only(f"{path}", "topic", list(self._recording.partitions))
            self._partitions = self._recording.of(topic)
            name = f"{path}, topic {topic}"
            damage = Damage(name, on_damage, log)
            super().__init__(name, self._index(name, source, loop, damage), damage)
        except DonkiError:
            self._recording.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._recording.close()

    def _index(self, name: str, source: str | None, loop: bool, damage: Damage) -> Timeline:
        rows: dict[str, list[tuple[int, int, int, int, int, int]]] = {}
        others: Counter[str] = Counter()
        for number, partition in enumerate(self._partitions):
            end = 0
            for message in partition.messages():
                payload = message.payload or b""
                begin, end = end, end + len(payload)
                if payload[4:8] != b"ev44" and (not payload or len(payload) >= _SHORTEST):
                    others[payload[4:8].decode("latin-1")] += 1
                    continue
                try:
                    read = read_ev44(payload)
                except SourceError as error:
                    place = f"{name}, partition {message.partition}, offset {message.offset}"
                    damage.found(SourceError(f"{place}: {error}; to skip it: on_damage='skip'"), messages=1)
                    continue
                rows.setdefault(read.source_name, []).extend(
                    (int(time), number, begin, end, int(first), int(last))
                    for time, first, last in zip(
                        read.reference_time, read.bounds[:-1], read.bounds[1:], strict=True
                    )
                )
        self.other_messages = dict(others)
        if not rows and damage.skipped:
            raise SourceError(f"{name}: expected ev44 messages, found none but damaged ones: {damage}")
        source = source or _only(name, "source of ev44 messages", list(rows))
        if source not in rows:
            raise SourceError(
                f"{name}: expected ev44 of source {source!r}, found {', '.join(rows) or 'none'}"
            )
        table = np.array(rows[source], np.int64)
        table = table[np.argsort(table[:, 0], kind="stable")]
        times, first_row = np.unique(table[:, 0], return_index=True)
        self._rows = table[:, 1:]
        self._first_row = np.append(first_row, len(table))
        return Timeline(times, loop=loop)

    def _events(self, index: int) -> Events:
        parts = [self._part(row) for row in self._rows[self._first_row[index] : self._first_row[index + 1]]]
        return joined(parts)

    def _part(self, row: NDArray[np.int64]) -> Events:
        number, begin, end, first, last = (int(value) for value in row)
        events = read_ev44(self._partitions[number].payload(begin, end)).events
        return Events(*(column[first:last] for column in events))


def _only(name: str, what: str, found: list[str]) -> str:
    if len(found) != 1:
        raise SourceError(f"{name}: expected one {what}, found {', '.join(found) or 'none'}; name it")
    return found[0]
