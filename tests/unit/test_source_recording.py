"""What goes into a recording comes out of it, by time stamps, however it is cut into blocks."""

from __future__ import annotations

from types import SimpleNamespace

import h5py
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.errors import SourceError
from donki.sources import Recording, recording
from donki_client.recording_file import RecordingFile

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


@settings(max_examples=40, deadline=None)
@given(st.lists(records, max_size=20), st.integers(1, 5), st.integers(1, 20))
def test_messages_come_back_whole_by_time_and_in_the_order_of_their_partition(
    tmp_path_factory, recorded, rows, size
):
    path = write(tmp_path_factory.mktemp("recording") / "topics.h5", recorded)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "_ROWS", rows)
        patch.setattr(recording, "_BYTES", size)
        opened = Recording(path)
        came = list(opened.messages())
        opened.close()
    assert opened.partitions == {"a": 3, "b.c": 3}
    assert [due for due, _ in came] == sorted(due for due, _ in came)
    for topic in ("a", "b.c"):
        for partition in range(3):
            expected = [
                (each.offset, each.timestamp, each.key, each.value, tuple(each.headers))
                for each in recorded
                if (each.topic, each.partition) == (topic, partition)
            ]
            assert [
                (each.offset, each.timestamp, each.key, each.payload, each.headers)
                for _, each in came
                if (each.topic, each.partition) == (topic, partition)
            ] == expected


def test_it_knows_its_length_and_its_span(tmp_path):
    path = write(
        tmp_path / "a.h5", [record(timestamp=5), record(timestamp=3, partition=1), record(timestamp=9)]
    )
    opened = Recording(path)
    assert (len(opened), opened.span) == (3, (3, 9))
    assert Recording(write(tmp_path / "b.h5", [])).span == (0, 0)


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
        file.attrs["donki_record"] = 2
    with pytest.raises(SourceError, match="of version 1; found version 2"):
        Recording(path)


def test_a_last_message_that_is_not_in_every_column_is_none(tmp_path):
    path = write(tmp_path / "a.h5", [record(value=b"one"), record(value=b"two")])
    with h5py.File(path, "a") as file:
        file["a/0/timestamp"].resize(1, axis=0)
    assert [message.payload for _, message in Recording(path).messages()] == [b"one"]
