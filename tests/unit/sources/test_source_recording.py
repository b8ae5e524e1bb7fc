"""What goes into a recording comes out of it, by time stamps, however it is cut into blocks."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import pairwise
from types import SimpleNamespace

import h5py
import pytest
from hypothesis import given
from hypothesis import strategies as st

import donki.sources.recorded.partition
from donki.errors import SourceError
from donki.sources import Recording
from donki_client.topics.recording_file import RecordingFile

texts = st.none() | st.binary(max_size=12)
records = st.builds(
    SimpleNamespace,
    topic=st.sampled_from(["a", "b.c"]),
    partition=st.integers(0, 2),
    offset=st.integers(0, 2**40),
    timestamp=st.integers(0, 50),
    key=texts,
    value=texts,
    headers=st.lists(st.tuples(st.text(max_size=3), texts), max_size=3),
)


def write(path, recorded):
    with RecordingFile(path, {"a": range(3), "b.c": range(3)}) as file:
        for record in recorded:
            file.append(record)
    return path


def record(**fields):
    given = {
        "topic": "a",
        "partition": 0,
        "offset": 7,
        "timestamp": 1,
        "key": None,
        "value": b"",
        "headers": [],
    }
    return SimpleNamespace(**given | fields)


@given(st.lists(records, max_size=20), st.integers(1, 5), st.integers(1, 20))
def test_messages_come_back_whole_by_time_and_in_the_order_of_their_partition(
    tmp_path_factory, recorded, rows, size
):
    path = write(tmp_path_factory.mktemp("recording") / "topics.h5", recorded)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(donki.sources.recorded.partition, "_ROWS", rows)
        patch.setattr(donki.sources.recorded.partition, "_BYTES", size)
        opened = Recording(path)
        came = list(opened.messages())
        opened.close()
    assert opened.partitions == {"a": 3, "b.c": 3}
    assert [due for due, *_ in came] == sorted(due for due, *_ in came)
    for topic in ("a", "b.c"):
        for partition in range(3):
            expected = [
                (each.offset, each.timestamp, each.key, each.value, tuple(each.headers))
                for each in recorded
                if (each.topic, each.partition) == (topic, partition)
            ]
            assert [
                (each.offset, each.timestamp, each.key, each.payload, each.headers)
                for *_, each in came
                if (each.topic, each.partition) == (topic, partition)
            ] == expected


NOW = time.time_ns() // 1_000_000
FAR = 365 * 86_400_000


def dues(path):
    """Return, rounded to ms, when each message is due, and what its time stamp is on the same clock."""
    with closing(Recording(path)) as opened:
        came = [(round(due), round(stamp)) for due, _, stamp, _ in opened.messages()]
        assert round(opened.duration) == (came[-1][0] if came else 0)
        return came


def test_messages_that_were_there_before_come_at_the_pace_of_their_time_stamps(tmp_path):
    stamps = [NOW - 5000, NOW - 4000, NOW - 4500, -1, 0, NOW + 40 * FAR, -7, NOW - 1000]
    path = tmp_path / "a.h5"
    with RecordingFile(path, {"a": [0]}) as file:
        for stamp in stamps:
            file.append(record(timestamp=stamp), has_arrived=False)
    assert dues(path) == [(0, 0), (1000, 1000), (1000, 500), *3 * [(1000, 1000)], (1000, 1000), (4000, 4000)]


@pytest.mark.parametrize(
    ("stamps", "came"),
    [
        ([NOW - 40 * FAR, NOW - 100, NOW], [0, 0, 100]),
        ([NOW - 3_600_000, NOW - 100, NOW], [0, 60_000, 60_100]),
        ([-1, -1, NOW - 100, NOW], [0, 0, 0, 100]),
        ([NOW - 100, NOW - 7 * 86_400_000, NOW], [0, 0, 100]),
        ([NOW + 100 * FAR, NOW - 100, NOW], [0, 0, 100]),
        ([0, 0, 0], [0, 0, 0]),
        # One of another time than all around it, and two.
        ([NOW - 300, NOW + 1_800_000, NOW - 100, NOW], [0, 0, 200, 300]),
        ([NOW + 1_800_000, NOW - 300, NOW - 100, NOW], [0, 0, 200, 300]),
        ([NOW - 300, *2 * [NOW + 900_000], NOW - 100, NOW - 50, NOW], [0, 0, 0, 200, 250, 300]),
        # A clock that is set back for good.
        (
            [*range(NOW - 300, NOW - 200, 5), *range(NOW - 900_000, NOW - 899_980), NOW],
            [*range(0, 100, 5), *20 * [95], 300],
        ),
        # A clock that is ten minutes ahead.
        ([NOW + 600_000, NOW + 600_100], [0, 100]),
        ([2**63 - 1, -(2**63), 1], [0, 0, 0]),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_time_stamp_that_is_far_off_holds_nothing_up(tmp_path, stamps, came, version):
    path = tmp_path / "a.h5"
    with RecordingFile(path, {"a": [0]}) as file:
        for stamp in stamps:
            file.append(record(timestamp=stamp), has_arrived=False)
    if version == 1:
        as_version_1(path)
    assert [due for due, _ in dues(path)] == came


def as_version_1(path):
    with h5py.File(path, "a") as file:
        file.attrs["donki_record"] = 1
        for topic in file.values():
            for partition in topic.values():
                del partition["arrival"]


STAMPS = (
    st.integers(-(2**63), 2**63 - 1) | st.integers(-2000, 2000).map(lambda late: NOW + late) | st.just(-1)
)


@given(st.lists(st.tuples(st.integers(0, 2), STAMPS, st.booleans()), max_size=12), st.sampled_from([1, 2]))
def test_messages_come_in_the_order_and_at_the_pace_of_their_arrival(tmp_path_factory, messages, version):
    """Whatever their time stamps: those that were there first, then each as it arrived."""
    path = tmp_path_factory.mktemp("recording") / "topics.h5"
    before = [each for each in messages if not each[2]]
    after = [each for each in messages if each[2]]
    with RecordingFile(path, {"a": range(3)}) as file:
        for number, (partition, stamp, has_arrived) in enumerate([*before, *after]):
            file._began -= has_arrived * 250_000_000
            message = record(partition=partition, timestamp=stamp, offset=number)
            file.append(message, has_arrived=has_arrived)
    if version == 1:
        as_version_1(path)
    with closing(Recording(path)) as opened:
        came = list(opened.messages())
        duration = opened.duration
    assert sorted(each.message.offset for each in came) == list(range(len(messages)))
    assert duration == (came[-1].due if came else 0)
    assert duration <= 60_000 * len(came)
    for each in came:
        assert each.due - 60_000 <= each.timestamp <= each.due
    if version == 2:
        arrived = [each for each in came if each.message.offset >= len(before)]
        assert [each.message.offset for each in arrived] == list(range(len(before), len(messages)))
        for one, other in pairwise(arrived):
            assert 240 < other.due - one.due < 2000


def test_what_is_missing_or_cut_off_is_named(tmp_path):
    path = write(tmp_path / "a.h5", [record(value=b"x" * 100), record(value=b"y" * 100)])
    with h5py.File(path, "a") as file:
        file["a/0/payload"].resize(150, axis=0)
    with pytest.raises(SourceError, match="/a/0/payload: expected 200 bytes from byte 0 on, found 150"):
        list(Recording(path).messages())
    with h5py.File(path, "a") as file:
        del file["a/0/key_size"]
    with pytest.raises(SourceError, match="/a/0: expected the data set key_size, found none"):
        len(Recording(path))
    with h5py.File(path, "a") as file:
        file.attrs["donki_record"] = 3
    with pytest.raises(SourceError, match=r"the recording .* is of version 3, from a later version of Donki"):
        Recording(path)


def test_a_last_message_that_is_not_in_every_column_is_none(tmp_path):
    path = write(tmp_path / "a.h5", [record(value=b"one"), record(value=b"two")])
    with h5py.File(path, "a") as file:
        file["a/0/timestamp"].resize(1, axis=0)
    assert [message.payload for *_, message in Recording(path).messages()] == [b"one"]
