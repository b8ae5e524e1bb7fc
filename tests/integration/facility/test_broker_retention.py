"""What a retention deletes: clients are told of it by the in-memory broker as by Apache Kafka."""

from __future__ import annotations

import uuid

import confluent_kafka
import pytest
from kafka import KafkaConsumer, TopicPartition, errors
from kafka.admin import KafkaAdminClient
from kafka.protocol.consumer import FetchResponse

from helpers.brokers import BROKERS, EmbeddedBroker, new_broker
from helpers.kafka_clients import LIMIT, Confluent, KafkaPython, new_topic
from helpers.raw_client import RawClient, fetch_request
from helpers.support import wait_until

COUNT = 20
SENT = [b"%d" % number + bytes(100_000) for number in range(COUNT)]


@pytest.fixture(scope="module", params=BROKERS)
def place(request):
    """A broker and a topic whose oldest messages it has deleted."""
    embedded = request.param == EmbeddedBroker.kind
    with EmbeddedBroker(max_bytes=1_000_000) if embedded else new_broker(request.param) as running:
        topic = new_topic(running.address)
        KafkaPython.write(running.address, topic, SENT, batch_size=0)
        if not embedded:
            # What its retention does too, but minutes later and by the segment.
            admin = KafkaAdminClient(bootstrap_servers=running.address)
            admin.delete_records({TopicPartition(topic, 0): COUNT // 2 + 1})
            admin.close()
        yield running, topic


def earliest(address, topic):
    consumer = KafkaConsumer(bootstrap_servers=address)
    partition = TopicPartition(topic, 0)
    try:
        assert consumer.end_offsets([partition])[partition] == COUNT
        return consumer.beginning_offsets([partition])[partition]
    finally:
        consumer.close()


def test_the_beginning_moves(place):
    broker, topic = place
    start = earliest(broker.address, topic)
    assert COUNT // 2 <= start < COUNT - 5
    consumer = confluent_kafka.Consumer({"bootstrap.servers": broker.address, "group.id": "unused"})
    partition = confluent_kafka.TopicPartition(topic, 0)
    assert consumer.get_watermark_offsets(partition, timeout=LIMIT) == (start, COUNT)
    (found,) = consumer.offsets_for_times([confluent_kafka.TopicPartition(topic, 0, 1)], timeout=LIMIT)
    assert found.offset == start
    consumer.close()
    assert KafkaPython.read(broker.address, topic, COUNT - start) == SENT[start:]


def test_a_fetch_of_what_was_deleted_is_out_of_range(place):
    broker, topic = place
    with RawClient(broker) as client:
        client.send(fetch_request(topic, max_wait_ms=10_000))
        (answered,) = client.receive(FetchResponse[11]).responses[0].partitions
    assert answered.error_code == errors.OffsetOutOfRangeError.errno
    assert (answered.high_watermark, answered.last_stable_offset, answered.log_start_offset) == (-1, -1, -1)


def test_kafka_python_goes_on_as_auto_offset_reset_says(place):
    broker, topic = place
    start, partition = earliest(broker.address, topic), TopicPartition(topic, 0)

    def reader(reset):
        consumer = KafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset=reset)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        return consumer

    consumer = reader("earliest")
    assert next(consumer).offset == start
    consumer.close()
    consumer = reader("latest")

    def is_at_the_end():
        assert not consumer.poll(100)
        return consumer.position(partition) == COUNT

    wait_until("it goes to the end", is_at_the_end, LIMIT)
    consumer.close()
    consumer = reader("none")
    with pytest.raises(errors.OffsetOutOfRangeError):
        wait_until("it fails", lambda: consumer.poll(100), LIMIT)
    consumer.close()


def test_confluent_goes_on_as_auto_offset_reset_says(place):
    broker, topic = place
    start = earliest(broker.address, topic)

    def first(reset):
        settings = {"bootstrap.servers": broker.address, "group.id": "unused", "auto.offset.reset": reset}
        consumer = confluent_kafka.Consumer(settings | {"enable.partition.eof": True})
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        message = consumer.poll(LIMIT)
        consumer.close()
        return message

    assert first("earliest").offset() == start
    assert first("latest").error().code() == confluent_kafka.KafkaError._PARTITION_EOF
    assert first("error").error().code() == confluent_kafka.KafkaError._AUTO_OFFSET_RESET


def test_a_group_that_had_read_what_was_deleted_reads_on():
    with EmbeddedBroker(max_bytes=1_000_000) as broker:
        topic, group = new_topic(broker.address), uuid.uuid4().hex
        KafkaPython.write(broker.address, topic, SENT[:3], batch_size=0)
        assert Confluent.read_in_group(broker.address, topic, group, 3) == SENT[:3]
        KafkaPython.write(broker.address, topic, SENT[3:], batch_size=0)
        start = earliest(broker.address, topic)
        assert start > 3
        assert Confluent.read_in_group(broker.address, topic, group, COUNT - start) == SENT[start:]
        assert broker.process.log.read_text().count("it deletes the oldest messages from now on") == 1
