"""The NeXus files of a Player in a run, read back and compared with what was noted of its messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from crc32c import crc32c
from numpy.typing import NDArray

from donki.streams.ev44 import Ev44Encoder
from donki_client.matching import Matcher

#: How many events and pulses are held in memory at once, beyond a single pulse.
MOST_EVENTS = 2_000_000
MOST_PULSES = 4096

#: The time columns of the streams whose messages are rows.
ROW_TIMES = ("time", "alarm_time", "connection_status_time")


@dataclass
class StoredSource:
    """What the files hold of one source.

    Attributes
    ----------
    pulses, events
        of a detector or monitor
    rows
        of logs, frames and values
    has_events
        whether it is a detector or monitor
    """

    pulses: int = 0
    events: int = 0
    rows: int = 0
    has_events: bool = False


@dataclass
class Expected:
    """What the files shall hold of one source.

    Attributes
    ----------
    matcher
        of its messages as they were before faults
    largest
        most events in one of them
    """

    matcher: Matcher
    largest: int


@dataclass
class StoredData:
    """What the files of a Player hold.

    Attributes
    ----------
    player
        the Player's name
    expected
        by source: what they shall hold
    sources
        what they hold
    problems
        a line for each file that cannot be read
    """

    player: str
    expected: Mapping[str, Expected]
    sources: dict[str, StoredSource] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _encoders: dict[str, Ev44Encoder] = field(default_factory=dict)
    _message_ids: dict[str, int] = field(default_factory=dict)

    def read(self, files: Sequence[Path]) -> None:
        """Read the files in the order in which they were written."""
        for path in files:
            if not path.is_file():
                self.problems.append(f"Player {self.player}: the file {path} is not there")
                continue
            try:
                self._read(path)
            except (OSError, RuntimeError, KeyError) as error:
                reason = str(error).strip("'\"")
                self.problems.append(f"Player {self.player}: the file {path} cannot be read: {reason}")

    def _read(self, path: Path) -> None:
        with h5py.File(path, "r") as file:
            for source, group in file["entry/instrument"].items():
                events = group.get(f"{source}_events")
                if events is not None:
                    self._read_events(source, events)
                for name in ROW_TIMES:
                    if name in group:
                        self._of(source).rows += len(group[name])
            for name, values in file.get(self.player, {}).items():
                if name.endswith("_trigger"):
                    source = f"{self.player}/{name.removesuffix('_trigger')}"
                    self._of(source).rows += len(values)

    def _of(self, source: str) -> StoredSource:
        return self.sources.setdefault(source, StoredSource())

    def _read_events(self, source: str, events: h5py.Group) -> None:
        stored, expected = self._of(source), self.expected.get(source)
        stored.has_events = True
        stored.events += len(events["event_id"])
        stored.pulses += len(events["event_time_zero"])
        if expected is None:
            return
        size = max(1, expected.largest)
        encoder = self._encoders.setdefault(source, Ev44Encoder(source, size))
        first = True
        for time, times, pixels in _pulses(events):
            # The messages are numbered on from file to file; a Player that was set up again begins anew.
            if first and not expected.matcher.expects(
                crc32c(encoder.encode(self._message_ids.get(source, 0), time, times[:size], pixels[:size]))
            ):
                self._message_ids[source] = 0
            first = False
            for start in range(0, max(1, len(times)), size):
                part = slice(start, start + size)
                number = self._message_ids.get(source, 0)
                expected.matcher.find(crc32c(encoder.encode(number, time, times[part], pixels[part])))
                self._message_ids[source] = number + 1


def _pulses(events: h5py.Group) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.int32]]]:
    """Yield the pulses of an event group: reference time, times of flight, pixel ids."""
    total = min(len(events["event_id"]), len(events["event_time_offset"]))
    zeros, index = events["event_time_zero"], events["event_index"]
    count = min(len(zeros), len(index))
    for first in range(0, count, MOST_PULSES):
        reference = zeros[first : first + MOST_PULSES]
        starts = index[first : first + MOST_PULSES + 1].tolist()
        starts += [total] if len(starts) == len(reference) else []
        begin = 0
        while begin < len(reference):
            end = begin + 1
            while end < len(reference) and starts[end + 1] - starts[begin] <= MOST_EVENTS:
                end += 1
            part = slice(starts[begin], starts[end])
            pixels, times = events["event_id"][part], events["event_time_offset"][part]
            for pulse in range(begin, end):
                inside = slice(starts[pulse] - starts[begin], starts[pulse + 1] - starts[begin])
                yield int(reference[pulse]), times[inside], pixels[inside]
            begin = end
