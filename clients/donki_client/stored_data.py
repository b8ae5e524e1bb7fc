"""The NeXus files of a Player in a run, read back and compared with what was noted of its messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
from crc32c import crc32c

from donki_client.matching import Matcher
from donki_client.stored_messages import stored_messages

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
    matchers
        of its messages as they were before faults, one a topic
    largest
        most events in one of them
    is_ordered
        whether the files tell in which order they were sent
    """

    matchers: Sequence[Matcher]
    largest: int
    is_ordered: bool = True

    def expects(self, checksum: int) -> bool:
        """Whether a message with that checksum is among those to come."""
        return any(matcher.expects(checksum) for matcher in self.matchers)

    def find(self, checksum: int) -> None:
        """Take the next message that was found."""
        matcher = next((matcher for matcher in self.matchers if matcher.expects(checksum)), self.matchers[0])
        matcher.find(checksum)


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
        a line for each file, and each source in a file, that cannot be read
    """

    player: str
    expected: Mapping[str, Expected]
    sources: dict[str, StoredSource] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _message_ids: dict[str, int] = field(default_factory=dict)

    def read(self, files: Sequence[Path]) -> None:
        """Read the files in the order in which they were written."""
        for path in files:
            if not path.is_file():
                self.problems.append(f"Player {self.player}: the file {path} is not there")
                continue
            with self._noted(f"the file {path}"), h5py.File(path, "r") as file:
                for source, group in file["entry/instrument"].items():
                    with self._noted(f"{source} in the file {path}"):
                        self._read_source(source, group)
                for name, values in file.get(self.player, {}).items():
                    if name.endswith("_trigger"):
                        source = f"{self.player}/{name.removesuffix('_trigger')}"
                        self._of(source).rows += len(values)

    @contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        """Note what cannot be read: a file that somebody changed may hold anything anywhere."""
        try:
            yield
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            reason = str(error).strip("'\"")
            self.problems.append(f"Player {self.player}: {what} cannot be read: {reason}")

    def _of(self, source: str) -> StoredSource:
        return self.sources.setdefault(source, StoredSource())

    def _read_source(self, source: str, group: h5py.Group) -> None:
        stored = self._of(source)
        if (events := group.get(f"{source}_events")) is not None:
            stored.has_events = True
            stored.events += len(events["event_id"])
            stored.pulses += len(events["event_time_zero"])
        stored.rows += sum(len(group[name]) for name in ROW_TIMES if name in group)
        if (expected := self.expected.get(source)) is None:
            return
        messages, is_ordered = stored_messages(source, group, max(1, expected.largest))
        expected.is_ordered &= is_ordered
        number, is_first = self._message_ids.get(source, 0), True
        for message in messages:
            # The messages are numbered on from file to file; a Player that was set up again begins anew.
            if message.is_numbered and is_first:
                is_first = False
                if not expected.expects(crc32c(message.encode(number))) and expected.expects(
                    crc32c(message.encode(0))
                ):
                    number = 0
            expected.find(crc32c(message.encode(number)))
            number += message.is_numbered
        self._message_ids[source] = number
