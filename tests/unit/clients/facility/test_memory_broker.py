"""The rules of the in-memory broker: what it keeps, finds and refuses."""

from __future__ import annotations

import asyncio
import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import errors
from kafka.protocol.consumer import FetchResponse
from kafka.protocol.metadata import ApiVersionsResponse
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.record.util import calc_crc32c

from donki_client.facility.broker.api import Api
from donki_client.facility.broker.connection import MalformedRequestError
from donki_client.facility.broker.fetched import Fetched
from donki_client.facility.broker.memory import Memory
from donki_client.facility.broker.partition import Partition
from donki_client.facility.broker.topics import Topics

MUCH = 1 << 30


def batch(
    *times: int, value: bytes = b"value", producer: tuple[int, int, int] | None = None, codec: int = 0
) -> bytes:
    """Return a record batch, one record for each time stamp in ms; producer is its id, epoch and sequence."""
    builder = MemoryRecordsBuilder(magic=2, compression_type=codec, batch_size=MUCH)
    for time in times:
        builder.append(timestamp=time, key=None, value=value, headers=[])
    if producer:
        builder.set_producer_state(*producer, False)
    builder.close()
    return bytes(builder.buffer())


def records(batches: list[bytes]) -> list[tuple[int, int]]:
    """Return offset and time stamp of each record."""
    return [
        (record.offset, record.timestamp)
        for data in batches
        for found in MemoryRecords(data)
        for record in found
    ]


def partition(*batches: bytes) -> Partition:
    made = Partition(Memory(MUCH))
    for data in batches:
        made.append(data, MUCH)
    return made


#: gzip, snappy, lz4, zstd, or none
CODECS = st.sampled_from(range(5))
TIMES = st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=4), max_size=8)


@given(TIMES, st.integers(0, 32), st.integers(0, 1000))
def test_a_read_returns_whole_batches_from_the_one_that_holds_the_offset(times, offset, max_bytes):
    made = partition(*(batch(*each) for each in times))
    stored = [(number, time) for number, time in enumerate(time for each in times for time in each)]
    assert made.end == len(stored)
    if offset > made.end:
        with pytest.raises(errors.OffsetOutOfRangeError):
            made.read(offset, max_bytes, at_least_one=True)
        return
    found = made.read(offset, max_bytes, at_least_one=False)
    assert sum(map(len, found)) <= max_bytes
    everything = records(made.read(offset, MUCH, at_least_one=False))
    assert everything == stored[len(stored) - len(everything) :]
    assert records(found) == everything[: len(records(found))]
    at_least_one = records(made.read(offset, 0, at_least_one=True))
    assert (offset in dict(at_least_one)) == (offset < made.end)


@given(TIMES, st.integers(-1, 51), CODECS)
def test_a_time_is_found_at_the_first_record_of_that_time_or_later(times, wanted, codec):
    made = partition(*(batch(*each, value=bytes(1000), codec=codec) for each in times))
    stored = enumerate(time for each in times for time in each)
    assert made.offset_at(wanted) == next(((n, time) for n, time in stored if time >= wanted), (-1, -1))


@given(CODECS, st.integers(0, 60), st.integers(0, 255))
def test_a_time_in_a_compressed_batch_that_cannot_be_unpacked_is_refused(codec, place, byte):
    data = bytearray(batch(1, 2, 3, value=bytes(1000), codec=codec))
    data[61 + place % (len(data) - 61)] = byte
    struct.pack_into(">I", data, 17, calc_crc32c(memoryview(data)[21:]))
    made = partition(bytes(data))
    with contextlib.suppress(errors.CorruptRecordError):
        made.offset_at(2)


def test_sequences_of_a_producer_wrap_around():
    made = partition(batch(1, 1, producer=(7, 0, (1 << 31) - 2)))
    assert made.append(batch(1, producer=(7, 0, 0)), MUCH) == 2
    assert made.append(batch(1, producer=(7, 0, 0)), MUCH) == 2
    assert made.append(batch(1, producer=(8, 0, 5)), MUCH) == 3, "another producer, unknown till now"


def test_a_batch_sent_again_is_known_among_the_last_five_only():
    made = partition(*(batch(1, producer=(7, 0, sequence)) for sequence in range(6)))
    assert made.append(batch(1, producer=(7, 0, 1)), MUCH) == 1
    with pytest.raises(errors.OutOfOrderSequenceNumberError):
        made.append(batch(1, producer=(7, 0, 0)), MUCH)
    assert made.end == 6


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda data: b"", errors.InvalidRecordError),
        (lambda data: data[:-1], errors.InvalidRecordError),
        (lambda data: data + data, errors.InvalidRecordError),
        (lambda data: data[:-1] + b"?", errors.CorruptRecordError),
        (lambda data: data[:16] + b"\1" + data[17:], errors.UnsupportedForMessageFormatError),
        (lambda data: data[:57] + struct.pack(">i", 2) + data[61:], errors.InvalidRecordError),
        (lambda data: data[:22] + b"\x10" + data[23:], errors.InvalidTxnStateError),
    ],
    ids=["empty", "cut", "two", "changed", "old format", "wrong count", "transaction"],
)
def test_what_is_no_batch_is_refused(spoil, error):
    made = partition()
    with pytest.raises(error):
        made.append(spoil(batch(1)), MUCH)
    assert made.end == 0


def test_memory_is_given_back_with_the_topic():
    memory = Memory(100_000, retention=False)
    topics = Topics(memory)
    for _ in range(3):
        topic = topics.create("topic", 2)
        data = batch(1, value=bytes(1000))
        for number in range(70):
            topic.partitions[number % 2].append(data, MUCH)
        with pytest.raises(errors.PolicyViolationError, match="--max-bytes"):
            topic.partitions[0].append(batch(1, value=bytes(30_000)), MUCH)
        topics.delete("topic")
        assert memory.used == 0


def test_topics_that_do_not_fit_leave_nothing():
    memory = Memory(10_000)
    topics = Topics(memory)
    with pytest.raises(errors.PolicyViolationError):
        topics.create("topic", 1000)
    assert memory.used == 0
    assert list(topics) == []


@given(
    st.lists(st.tuples(st.integers(0, 1), st.lists(st.integers(0, 9), min_size=1, max_size=3)), max_size=40),
    st.integers(0, 10),
)
def test_the_oldest_of_all_partitions_are_deleted_when_the_memory_is_full(sent, wanted):
    memory = Memory(5_000)
    partitions = Partition(memory), Partition(memory)
    stored = ([], [])
    arrived = []
    for place, times in sent:
        partitions[place].append(batch(*times), MUCH)
        arrived.append((place, len(stored[place])))
        stored[place].extend(enumerate(times, start=len(stored[place])))
        assert memory.used <= 5_000
    kept = []
    for place, made in enumerate(partitions):
        assert made.end == len(stored[place])
        there = stored[place][made.start :]
        kept += [begin for begin in arrived if begin[0] == place and begin[1] >= made.start]
        assert records(made.read(made.start, MUCH, at_least_one=True)) == there
        assert made.offset_at(wanted) == next(
            ((number, time) for number, time in there if time >= wanted), (-1, -1)
        )
        if made.start:
            with pytest.raises(errors.OffsetOutOfRangeError):
                made.read(made.start - 1, MUCH, at_least_one=True)
    # Of whichever partition they are, the newest are there, and the last always is.
    assert sorted(kept) == sorted(arrived[len(arrived) - len(kept) :])
    assert bool(kept) == bool(arrived)
    assert len(kept) == len(arrived) or len(kept) > 10


def test_a_deleted_topic_takes_no_part_in_what_is_deleted_next():
    memory = Memory(100_000)
    topics = Topics(memory)
    data = batch(1, value=bytes(1000))
    for name in ("first", "second"):
        topic = topics.create(name)
        for _ in range(40):
            topic.partitions[0].append(data, MUCH)
    topics.delete("first")
    for _ in range(100):
        topics.partition("second", 0).append(data, MUCH)
    assert topics.partition("second", 0).start > 50
    topics.delete("second")
    assert memory.used == 0


@given(
    st.integers(Fetched.LOWEST, Fetched.HIGHEST),
    st.dictionaries(
        st.text(max_size=5), st.lists(st.tuples(st.booleans(), st.lists(st.binary()))), max_size=3
    ),
)
def test_a_fetch_response_is_what_kafka_python_would_encode(version, topics):
    fetched = Fetched(version, len(topics))
    for name, partitions in topics.items():
        fetched.add_topic(name, len(partitions))
        for index, (failed, data) in enumerate(partitions):
            if failed:
                fetched.add_failed(index, 3)
            else:
                fetched.add_partition(index, 5, 9, data)
    topic_class = FetchResponse.FetchableTopicResponse
    expected = FetchResponse(
        version=version,
        responses=[
            topic_class(
                topic=name,
                partitions=[
                    topic_class.PartitionData(
                        partition_index=index,
                        error_code=3 if failed else 0,
                        high_watermark=-1 if failed else 9,
                        last_stable_offset=-1 if failed else 9,
                        log_start_offset=-1 if failed else 5,
                        aborted_transactions=[],
                        preferred_read_replica=-1,
                        records=b"" if failed else b"".join(data),
                    )
                    for index, (failed, data) in enumerate(partitions)
                ],
            )
            for name, partitions in topics.items()
        ],
    )
    expected.with_header(42)
    assert b"".join(fetched.encode(42)) == expected.encode(header=True, framed=True)


def api() -> Api:
    return Api(Topics(Memory(1_000_000)), "127.0.0.1", 9092)


async def answer(asked: Api, frame: bytes) -> bytes:
    return b"".join(await asked.answer(memoryview(frame)))


KEYS = (*range(4), *range(8, 17), 18, 19, 20, 22, 32)  # source: Apache Kafka, "Api Keys"
PIECES = st.one_of(
    st.sampled_from([struct.pack(">i", number) for number in (-1, 0, 1, 2, 1000, 2**31 - 1, -(2**31))]),
    st.sampled_from([b"\xff\xff", b"\0\1a", b"\0\5topic", bytes(8)]),
    st.binary(max_size=8),
)


@given(st.sampled_from(KEYS), st.integers(-1, 12), st.lists(PIECES, max_size=12))
def test_any_bytes_are_answered_or_called_malformed(key, version, pieces):
    frame = struct.pack(">hhih", key, version, 7, -1) + b"".join(pieces)
    try:
        answered = asyncio.run(asyncio.wait_for(answer(api(), frame), 0.01))
    except MalformedRequestError:
        return
    except TimeoutError:
        assert key in {1, 11}, "a fetch and a join may wait"
        return
    assert not answered or struct.unpack_from(">ii", answered) == (len(answered) - 4, 7)


def test_a_null_where_the_protocol_has_none_is_malformed():
    delete_topics = struct.pack(">hhih", 20, 1, 7, -1) + struct.pack(">ii", -1, 1000)
    with pytest.raises(MalformedRequestError, match="topic_names is null"):
        asyncio.run(answer(api(), delete_topics))


def test_a_client_of_the_future_learns_the_versions():
    frame = struct.pack(">hhih", 18, 99, 7, -1) + b"\0"
    answered = asyncio.run(answer(api(), frame))
    response = ApiVersionsResponse.decode(answered[8:], version=0)
    assert response.error_code == errors.UnsupportedVersionError.errno
    assert {served.api_key for served in response.api_keys} == set(KEYS)
