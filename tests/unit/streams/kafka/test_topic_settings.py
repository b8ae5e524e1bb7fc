"""How topics are made: what is accepted, what is named, and which partition a source has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import InputError
from donki.streams.kafka.topics.settings import TopicSettings, check_partitions, check_replication
from donki.streams.kafka.topics.source_partitions import SourcePartitions


@given(st.integers(-5, 1100))
def test_numbers_out_of_bounds_are_refused(number):
    for check, accepted in ((check_partitions, range(1, 1001)), (check_replication, range(101))):
        if number in accepted:
            check(number)
        else:
            with pytest.raises(InputError, match=f"got {number}"):
                check(number)


@given(st.integers(1, 9), st.integers(0, 4), st.integers(1, 9), st.integers(1, 4))
def test_a_topic_with_less_than_wanted_is_named(partitions, replication, has, replicas):
    line = TopicSettings(partitions, replication).differences("t", has, replicas)
    assert ("partition" in line) == (has < partitions)
    assert ("replica" in line) == (replication not in (0, replicas))


# As org.apache.kafka.common.utils.Utils.murmur2 has them, in Kafka's own test of it.
JAVA = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}


@pytest.mark.parametrize("key", JAVA)
def test_a_source_has_the_partition_that_java_chooses(key):
    partitions = SourcePartitions()
    for count in (1, 3, 1000):
        partitions.learn(f"topic-{count}", count)
        assert partitions.of(f"topic-{count}", key) == (JAVA[key] & 0x7FFF_FFFF) % count


@given(st.lists(st.binary(max_size=30)), st.integers(1, 20), st.integers(1, 20))
def test_a_source_stays_in_its_partition_where_some_are_added(keys, before, after):
    partitions = SourcePartitions()
    partitions.learn("t", before)
    chosen = [partitions.of("t", key) for key in keys]
    partitions.learn("t", before + after)
    assert [partitions.of("t", key) for key in keys] == chosen
    assert all(0 <= each < before for each in chosen)
