"""What is noted of each message on its way to Kafka, and where it stands there."""

import struct
from collections import Counter, defaultdict

from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st

from donki.streams.manifest import (
    Manifest,
    StreamTotals,
    latest_stamp,
    pack_stamps,
    unpack_offsets,
    unpack_stamps,
)
from donki.streams.manifest_builder import NotingSink

TOPICS, KEYS, PARTITIONS, MS = ("detector", "motors"), ("left", "right"), 2, 1_000_000


class Broker:
    """Says of each message where it stands: nowhere where it is lost, at -1 where it was there already."""

    def __init__(self, rng, moves):
        self._rng = rng
        self._moves = moves
        self._offsets = Counter()

    def send(self, topic, key, _message, _timestamp, _events, places):
        # A key stays in its partition, unless the topic is given more of them.
        partition = self._rng.randrange(PARTITIONS) if self._moves else KEYS.index(key)
        self._offsets[topic, partition] += 1
        there = partition, 40 + self._offsets[topic, partition]
        self.place = self._rng.choice([there] * 4 + [(-1, -1), (partition, -1)])
        places.extend(self.place)


@given(st.randoms(use_true_random=False), st.booleans())
def test_a_manifest_tells_of_every_message_and_where_it_stands(rng, moves):
    broker = Broker(rng, moves)
    sink = NotingSink(broker.send)
    reached = defaultdict(set)
    for _ in range(rng.randrange(4)):
        expected = defaultdict(list)
        for _ in range(rng.randrange(12)):
            topic, key, payload = rng.choice(TOPICS), rng.choice(KEYS), rng.randbytes(rng.randrange(8))
            stamp, events = rng.randrange(3), rng.randrange(20)
            sink.send(topic, key, payload, stamp * MS + 1, events)
            expected[topic, key].append((payload, stamp, events, *broker.place))
            partition, offset = broker.place
            if offset >= 0:
                reached[topic, partition].add(offset)
        assert sink.has_undelivered == bool(expected)
        told = {(totals.topic, totals.source): totals for totals in sink.take()}
        assert list(told) == list(expected)
        for stream, its in expected.items():
            totals = told[stream]
            payloads, stamps, events, partitions, offsets = zip(*its, strict=True)
            assert (totals.messages, totals.size) == (len(its), sum(map(len, payloads)))
            assert (totals.events, totals.largest) == (sum(events), max(events))
            assert struct.unpack(f"<{len(its)}I", totals.checksums) == tuple(map(crc32c, payloads))
            assert tuple(unpack_stamps(totals.stamps, len(its))) == stamps
            if len(known := set(partitions) - {-1}) == 1:
                assert totals.partition in known
                assert tuple(unpack_offsets(totals.offsets, len(its))) == offsets
            else:
                assert (totals.partition, totals.offsets) == (-1, b"")
        assert sink.extents == {place: (min(at), max(at)) for place, at in reached.items()}
    assert not sink.has_undelivered


def test_the_latest_time_stamp_of_a_manifest_is_that_of_any_message_in_it():
    sent = [
        StreamTotals("t", source, 1, 1, 1, b"abcd", 0, b"", pack_stamps(stamps))
        for source, stamps in (("a", [5, 5]), ("b", [7, 99, 8]), ("c", []))
    ]
    said = Manifest(sent=tuple(sent)).as_dict()
    assert [latest_stamp(said, until) for until in (100, 99, 98, 4)] == [99, 99, 8, 0]
    assert latest_stamp(Manifest().as_dict(), 100) == latest_stamp({}, 100) == 0
    # What is no row of time stamps, as no Player of ours tells it.
    assert latest_stamp({"sent": [["t", "a", 1, 1, 1, "", 0, "", "YWJj"]]}, 100) == 0
