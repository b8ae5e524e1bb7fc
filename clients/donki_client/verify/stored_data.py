"""The NeXus files of a Player in a run, read back and compared with what was noted of its messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

import h5py
from crc32c import crc32c

from donki.hdf5 import DAMAGED, open_to_read, reason
from donki.streams.faults.fault import Fault
from donki.streams.file_checksums import checksum_of
from donki.streams.manifest import WrittenFile
from donki.streams.nexus.values import GROUP, row_checksum
from donki.streams.schemas.stream import StoredCount
from donki_client.verify.damaged_files import refuse_if_endless
from donki_client.verify.matching import Matcher
from donki_client.verify.stored_messages import kinds_in, stored_messages

#: How many rows of values are read at once.
_BLOCK = 1024


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

    def add(self, count: StoredCount, *, has_events: bool) -> None:
        """Take what a file holds of a stream."""
        self.rows += count.rows
        self.pulses += count.pulses
        self.events += count.events
        self.has_events |= has_events


@dataclass
class Expected:
    """What the files must hold of one source.

    Attributes
    ----------
    matchers
        of its messages as they were before faults, one a topic; or of its rows, one
    largest
        most events in one of them
    """

    matchers: Sequence[Matcher]
    largest: int

    def expects(self, checksum: int) -> bool:
        """Whether a message with that checksum is among those to come."""
        return any(matcher.expects(checksum) for matcher in self.matchers)

    def find(self, checksum: int, where: str, kind: str = "") -> None:
        """Take the next message or row that was found, its file and of which kind it is."""
        matcher = next((matcher for matcher in self.matchers if matcher.expects(checksum)), self.matchers[0])
        matcher.find(checksum, where, kind)


@dataclass
class StoredData:
    """What the files of a Player hold.

    Attributes
    ----------
    player
        the Player's name
    expected
        by source: the messages that they must hold
    rows
        by ``player/name`` of a value, and for the table of faults: the rows that they must hold
    sources
        what they hold
    problems
        a line for each file, and each source in a file, that cannot be read
    """

    player: str
    expected: Mapping[str, Expected]
    rows: Mapping[str, Expected] = field(default_factory=dict)
    sources: dict[str, StoredSource] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _message_ids: dict[str, int] = field(default_factory=dict)

    def read(self, files: Sequence[Path], written: Iterable[WrittenFile] = ()) -> None:
        """Read the files in the order in which they were written.

        Parameters
        ----------
        files
            the paths
        written
            those that were finished, as they were then
        """
        finished = {file.path: file for file in written}
        for path in files:
            if not path.is_file():
                elsewhere = "" if path.parent.is_dir() else ", nor is its folder; look on the Player's host"
                self.problems.append(f"Player {self.player}: the file {path} is not there{elsewhere}")
                continue
            with self._noted(f"the file {path}"):
                if not self._is_as_written(path, finished.get(str(path))):
                    refuse_if_endless(path)
                self._read_file(path)

    def _read_file(self, path: Path) -> None:
        with open_to_read(path) as file:
            for source, group in file["entry/instrument"].items():
                with self._noted(f"{source} in the file {path}"):
                    self._read_source(source, group, path.name)
            # Files of version 1.0.0.dev0 have the values in a group that is called as the Player.
            values = file.get(GROUP, file.get(self.player, {}))
            for name in values:
                if name.endswith("_trigger"):
                    value = name.removesuffix("_trigger")
                    with self._noted(f"{self.player}/{value} in the file {path}"):
                        self._read_values(value, values, path.name)

    def _is_as_written(self, path: Path, finished: WrittenFile | None) -> bool:
        """Compare a file with what it was when it was finished, if it ever was."""
        if finished is None:
            return False
        found = checksum_of(path)
        if found.size != finished.size:
            said = f"has {found.size:,} bytes, where {finished.size:,} were written"
        elif found.checksum != finished.checksum:
            said = "has other bytes than were written"
        else:
            return True
        self.problems.append(f"Player {self.player}: the file {path} was changed: it {said}")
        return False

    @contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        """Note what cannot be read: a file that somebody changed may hold anything anywhere."""
        try:
            yield
        except DAMAGED as error:
            self.problems.append(f"Player {self.player}: {what} cannot be read: {reason(error)}")

    def _of(self, source: str) -> StoredSource:
        return self.sources.setdefault(source, StoredSource())

    def _read_source(self, source: str, group: h5py.Group, where: str) -> None:
        stored = self._of(source)
        if source in self.rows:
            for fault in _faults(group):
                self.rows[source].find(fault_checksum(fault), where)
            return
        for kind in kinds_in(source, group):
            stored.add(kind.count_stored(source, group), has_events=kind.has_events)
        if (expected := self.expected.get(source)) is None:
            return
        number, is_first = self._message_ids.get(source, 0), True
        for kind, message in stored_messages(source, group, max(1, expected.largest)):
            # The messages are numbered on from file to file; a Player that was set up again begins again.
            if message.is_numbered and is_first:
                is_first = False
                if not expected.expects(crc32c(message.encode(number))) and expected.expects(
                    crc32c(message.encode(0))
                ):
                    number = 0
            expected.find(crc32c(message.encode(number)), where, kind.schema)
            number += message.is_numbered
        self._message_ids[source] = number

    def _read_values(self, name: str, group: h5py.Group, where: str) -> None:
        source = f"{self.player}/{name}"
        triggers, values = group[f"{name}_trigger"], group[name]
        self._of(source).rows += len(triggers)
        if (expected := self.rows.get(source)) is None:
            return
        is_text = values.dtype.kind == "O"
        given = values.asstr(errors="surrogateescape") if is_text else values
        count = min(len(triggers), len(values))
        for first in range(0, count, _BLOCK):
            part = slice(first, min(first + _BLOCK, count))
            for trigger, value in zip(triggers[part].tolist(), given[part], strict=True):
                expected.find(row_checksum(trigger, value, values.dtype), where)


def fault_checksum(fault: Fault) -> int:
    """Return a checksum of what a file tells of a fault."""
    return int(crc32c(repr(astuple(fault)[:-1]).encode(errors="surrogateescape")))


def _faults(group: h5py.Group) -> Iterator[Fault]:
    """Yield the faults that a file lists; none where there was none."""
    if "trigger" not in group:
        return
    names = [field.name for field in fields(Fault) if field.name != "checksum"]
    columns = [
        group[name].asstr()[:] if group[name].dtype.kind == "O" else group[name][:].tolist() for name in names
    ]
    for row in zip(*columns, strict=True):
        yield Fault(**dict(zip(names, row, strict=True)), checksum=0)
