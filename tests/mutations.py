"""What a run left, changed at random in one place: in Kafka, in its files, in the journal."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import h5py
from kafka import TopicPartition

from donki.director.journal.lines import LINES
from donki.hdf5 import open_to_read

#: What HDF5 raises where it cannot change a file.
HDF5_ERRORS = (OSError, RuntimeError, ValueError, TypeError, KeyError)


@dataclass(frozen=True)
class Record:
    """A record of Kafka, as kafka-python's consumer yields it."""

    key: bytes | None
    value: bytes
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_type: int = 0
    offset: int = 0


class Topics(dict[str, list[Record]]):
    """Topics of one partition, in the place of a consumer."""

    def topics(self):
        return set(self)

    def beginning_offsets(self, partitions):
        return dict.fromkeys(partitions, 0)

    def end_offsets(self, partitions):
        return {partition: len(self[partition.topic]) for partition in partitions}

    def offsets_for_times(self, times):
        return {partition: self._first_after(partition, time) for partition, time in times.items()}

    def _first_after(self, partition, time):
        offsets = [offset for offset, record in enumerate(self[partition.topic]) if record.timestamp >= time]
        return Offset(offsets[0]) if offsets else None

    def assign(self, partitions):
        self._at = dict.fromkeys(partitions, 0)

    def seek(self, partition, offset):
        self._at[partition] = offset

    def poll(self, timeout_ms):
        found = {}
        for partition, at in self._at.items():
            records = self[partition.topic]
            found[partition] = [replace(records[offset], offset=offset) for offset in range(at, len(records))]
            self._at[partition] = len(records)
        return found

    def position(self, partition):
        return self._at[partition]

    def pause(self, _partition):
        pass

    def close(self):
        pass


class Offset(NamedTuple):
    offset: int


def read_topics(consumer, names) -> Topics:
    """Return all that topics of one partition hold."""
    topics = Topics()
    for name in names:
        partition = TopicPartition(name, 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        [end] = consumer.end_offsets([partition]).values()
        found = topics[name] = []
        while len(found) < end:
            for records in consumer.poll(timeout_ms=200).values():
                found += [Record(record.key, record.value, record.timestamp) for record in records]
    return topics


@dataclass
class Left:
    """What a run left.

    Attributes
    ----------
    run
        the run's id
    journal
        the folder of the journal
    files
        of the Players
    topics
        of the run, as they were
    extents
        by topic: the offsets of the run's first and last message
    """

    run: str
    journal: Path
    files: list[Path]
    topics: Topics
    extents: Mapping[str, tuple[int, int]]

    @property
    def master_file(self) -> Path:
        return self.journal / f"{self.run}.nxs"


class Mutation(NamedTuple):
    """What was done, and what must be named."""

    kind: str
    named: tuple[str, ...]
    what: str


Change = Callable[[Left, random.Random], Mutation | None]


def any_record(left: Left, rng: random.Random) -> tuple[str, list[Record], int]:
    topic = rng.choice(list(left.extents))
    return topic, left.topics[topic], rng.randint(*left.extents[topic])


def message(kind: str, topic: str, record: Record, where: int) -> Mutation:
    return Mutation(f"message {kind}", (topic,), f"{record.key!r} at {where} of {topic}")


def remove_message(left: Left, rng: random.Random) -> Mutation:
    topic, records, at = any_record(left, rng)
    return message("removed", topic, records.pop(at), at)


def double_message(left: Left, rng: random.Random) -> Mutation | None:
    topic, records, at = any_record(left, rng)
    last = left.extents[topic][1]
    if at == last:
        # A copy of the last would be where the next run begins.
        return None
    records.insert(rng.randint(at + 1, min(last, at + 9)), records[at])
    return message("doubled", topic, records[at], at)


def alter_message(left: Left, rng: random.Random) -> Mutation:
    topic, records, at = any_record(left, rng)
    record = records[at]
    which = rng.choice(["payload", "payload", "payload", "cut", "key", "no key", "time", "headers"])
    if which == "payload":
        changed = replace(record, value=flipped(record.value, rng))
    elif which == "cut":
        changed = replace(record, value=record.value[: rng.randrange(len(record.value))])
    elif which == "key":
        changed = replace(record, key=flipped(record.key, rng))
    elif which == "no key":
        changed = replace(record, key=None)
    elif which == "time":
        changed = replace(record, timestamp=record.timestamp + rng.choice([-1, 1, 1000]))
    else:
        changed = replace(record, headers=(("a", b"b"),))
    records[at] = changed
    return message(f"altered ({which})", topic, record, at)


def move_message(left: Left, rng: random.Random) -> Mutation | None:
    topic, records, at = any_record(left, rng)
    before = list(records)
    record = records.pop(at)
    to = rng.randint(*left.extents[topic])
    records.insert(to, record)
    if records == before:
        return None
    return message(f"moved to {'earlier' if to < at else 'later'}", topic, record, at)


def add_message(left: Left, rng: random.Random) -> Mutation:
    topic, records, at = any_record(left, rng)
    record = records[at]
    added = replace(record, value=rng.choice([rng.randbytes(50), flipped(record.value, rng), b""]))
    if rng.random() < 0.3:
        added = replace(added, key=rng.choice([b"stranger", None]))
    records.insert(at, added)
    return message("added", topic, added, at)


def remove_topic(left: Left, rng: random.Random) -> Mutation:
    topic, *_ = any_record(left, rng)
    del left.topics[topic]
    return Mutation("topic removed", (topic,), topic)


def flipped(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ rng.randint(1, 255)]) + content[at + 1 :]


def any_file(left: Left, rng: random.Random) -> Path:
    return rng.choice([*left.files, left.master_file])


def change_byte(left: Left, rng: random.Random) -> Mutation:
    path = any_file(left, rng)
    path.write_bytes(flipped(path.read_bytes(), rng))
    return Mutation("byte of a file altered", (path.name,), path.name)


def cut_file(left: Left, rng: random.Random) -> Mutation:
    path = any_file(left, rng)
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])
    return Mutation("file cut", (path.name,), path.name)


def lengthen_file(left: Left, rng: random.Random) -> Mutation:
    path = any_file(left, rng)
    path.write_bytes(path.read_bytes() + rng.randbytes(rng.randint(1, 100)))
    return Mutation("bytes of a file added", (path.name,), path.name)


def remove_file(left: Left, rng: random.Random) -> Mutation:
    path = any_file(left, rng)
    path.unlink()
    return Mutation("file removed", (path.name,), path.name)


def swap_files(left: Left, rng: random.Random) -> Mutation:
    one, other = rng.sample([*left.files, left.master_file], 2)
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])
    return Mutation("files moved", (one.name, other.name), f"{one.name} and {other.name}")


def add_file(left: Left, rng: random.Random) -> Mutation:
    path = rng.choice(left.files)
    added = path.with_name(f"{path.stem.partition('+')[0]}+{rng.randint(50, 99)}{path.suffix}")
    added.write_bytes(path.read_bytes())
    return Mutation("file added", (added.name,), added.name)


def change_rows(left: Left, rng: random.Random) -> Mutation | None:
    """Change rows of a data set, as somebody would who has h5py."""
    path = any_file(left, rng)
    kind = rng.choice(["altered", "removed", "doubled", "moved"])
    with open_to_read(path) as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        # The checksums of the journal's lines stand for the lines; they are changed byte by byte.
        names = [name for name in names if file[name].ndim and len(file[name])]
    name = rng.choice(names)
    with h5py.File(path, "r+") as file:
        data = file[name]
        rows = list(data[:])
        before = repr(rows)
        at, to = rng.randrange(len(rows)), rng.randrange(len(rows))
        if kind == "altered":
            rows[at] = b"altered" if data.dtype.kind == "O" else rows[at] + data.dtype.type(1)
        elif kind == "moved":
            rows[at], rows[to] = rows[to], rows[at]
        elif data.maxshape[0] is not None:
            return None
        elif kind == "removed":
            del rows[at]
        else:
            rows.insert(at, rows[at])
        if repr(rows) == before:
            return None
        if len(rows) != len(data):
            data.resize(len(rows), axis=0)
        for number, row in enumerate(rows):
            data[number] = row
    return Mutation(f"row {kind}", (path.name,), f"{name} of {path.name}, row {at}")


def change_line(left: Left, rng: random.Random) -> Mutation | None:
    """Remove, double, alter or swap lines of the journal."""
    with closing(sqlite3.connect(left.journal / "journal.sqlite", isolation_level=None)) as journal:
        [[key]] = journal.execute("SELECT key FROM run WHERE id = ?", (left.run,)).fetchall()
        which = LINES | {"finished": "FROM finished WHERE run = ?"}
        table = rng.choice(list(which))
        names = [row[1] for row in journal.execute(f"PRAGMA table_info({table})")]
        keys = [row[1] for row in journal.execute(f"PRAGMA table_info({table})") if row[5]]
        lines = journal.execute(
            f"SELECT {', '.join(f'{table}.{name}' for name in names)} {which[table]}", (key,)
        ).fetchall()
        if not lines:
            return None
        line, kind = rng.choice(lines), rng.choice(["removed", "altered", "altered", "doubled"])
        identity = {name: line[names.index(name)] for name in keys or names}
        where = " AND ".join(f"{name} IS ?" for name in identity)
        column = rng.choice([name for name in names if (table, name) != ("job", "stopped")])
        if kind == "removed":
            if (table, "run") == ("run", table):
                return None
            journal.execute(f"DELETE FROM {table} WHERE {where}", tuple(identity.values()))
        elif kind == "altered":
            value = other_value(line[names.index(column)], rng)
            if table == "run" and column in ("id", "key"):
                return None
            try:
                journal.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *identity.values()))
            except sqlite3.IntegrityError:
                return None
        else:
            copy = dict(zip(names, line, strict=True))
            # With a key of its own, where it must have one.
            free = [name for name in (keys or names) if name not in ("run", "player", "stream")]
            for name in free[-1:]:
                copy[name] = other_value(copy[name], rng)
            try:
                journal.execute(
                    f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", tuple(copy.values())
                )
            except sqlite3.IntegrityError:
                return None
    named = () if (table, column) == ("run", "ended") else (table,)
    return Mutation(f"line of the journal {kind}", named, f"{table} {column} {identity}")


def other_value(value: object, rng: random.Random) -> object:
    if isinstance(value, bool | int):
        return value + rng.choice([-1, 1, 1000])
    if isinstance(value, float):
        return value * 2 + 1
    if isinstance(value, bytes):
        return flipped(value, rng) if value else b"x"
    return f"{value}x" if value is not None else 1


CHANGES: list[Change] = [
    *(remove_message, double_message, alter_message, alter_message, move_message, move_message, add_message),
    *(change_byte, change_byte, cut_file, lengthen_file, remove_file, swap_files, add_file, change_rows),
    *(change_rows, change_rows, change_line, change_line, change_line, change_line, remove_topic),
]


@contextmanager
def restored(left: Left) -> Iterator[None]:
    """Have all as it was, afterwards."""
    paths = [*left.files, left.master_file, left.journal / "journal.sqlite"]
    contents = {path: path.read_bytes() for path in paths}
    topics = {name: list(records) for name, records in left.topics.items()}
    folders = {path.parent for path in left.files}
    present = {path for folder in folders for path in folder.iterdir()}
    try:
        yield
    finally:
        for path, content in contents.items():
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)
        for path in {path for folder in folders for path in folder.iterdir()} - present:
            path.unlink()
        for path in left.journal.glob("journal.sqlite-*"):
            path.unlink()
        left.topics.clear()
        left.topics.update(topics)
