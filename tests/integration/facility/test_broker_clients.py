"""Three clients write and read the same through the in-memory broker and through Apache Kafka."""

from __future__ import annotations

import os
import threading
import time
import uuid

import confluent_kafka
import pytest
from kafka import KafkaConsumer, TopicPartition, errors

from helpers.brokers import EmbeddedBroker
from helpers.kafka_clients import (
    CLIENTS,
    LARGE,
    LIMIT,
    Confluent,
    KafkaPython,
    Kcat,
    confluent_producer,
    kafka_python_producer,
    new_topic,
)
from helpers.support import took

SIZES = (0, 1, 1_000, 100_000, 1_000_000, 5_000_000)


@pytest.mark.parametrize("reader", [*CLIENTS])
@pytest.mark.parametrize("writer", [*CLIENTS])
def test_messages_of_all_sizes_are_read_as_they_were_written(broker, writer, reader):
    topic = new_topic(broker.address, max_message_bytes=str(LARGE))
    values = [os.urandom(size) for size in SIZES if size or writer is not Kcat]  # kcat skips empty files
    writer.write(broker.address, topic, values)
    assert reader.read(broker.address, topic, len(values)) == values


@pytest.mark.parametrize("reader", [*CLIENTS])
@pytest.mark.parametrize("writer", [KafkaPython, Confluent])
def test_reading_starts_at_a_time(broker, writer, reader):
    topic = new_topic(broker.address)
    start = time.time_ns() // 1_000_000
    values = [b"%d" % number for number in range(50)]
    writer.write(broker.address, topic, values, timestamps=[start + 10 * number for number in range(50)])
    assert reader.read(broker.address, topic, 21, since=start + 285) == values[29:]


@pytest.mark.parametrize("client", [*CLIENTS])
def test_a_group_goes_on_where_it_stopped(broker, client):
    topic, group = new_topic(broker.address), uuid.uuid4().hex
    values = [b"%d" % number for number in range(30)]
    client.write(broker.address, topic, values)
    assert client.read_in_group(broker.address, topic, group, 10) == values[:10]
    assert client.read_in_group(broker.address, topic, group, 20) == values[10:]
    assert client.read_in_group(broker.address, topic, uuid.uuid4().hex, 30) == values


def test_a_message_larger_than_the_topic_takes_is_refused(broker):
    topic = new_topic(broker.address)
    producer = kafka_python_producer(broker.address)
    with pytest.raises(errors.MessageSizeTooLargeError):
        producer.send(topic, bytes(2_000_000)).get(LIMIT)
    producer.close()
    KafkaPython.write(broker.address, topic, [b"small"])
    failed = []
    producer = confluent_producer(broker.address)
    producer.produce(topic, bytes(2_000_000), on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(LIMIT) == 0
    assert failed[0].code() == confluent_kafka.KafkaError.MSG_SIZE_TOO_LARGE
    assert KafkaPython.read(broker.address, topic, 1) == [b"small"]


def test_a_reader_that_waits_is_told_at_once(broker):
    topic = new_topic(broker.address)
    KafkaPython.write(broker.address, topic, [b"first"])
    consumer = KafkaConsumer(bootstrap_servers=broker.address, fetch_max_wait_ms=10_000)
    consumer.assign([TopicPartition(topic, 0)])
    consumer.seek_to_beginning()
    assert next(consumer).value == b"first"
    consumer.poll(100)  # the next fetch is on its way
    begin = time.monotonic()
    KafkaPython.write(broker.address, topic, [b"second"])
    assert next(consumer).value == b"second"
    assert took(begin) < 5
    consumer.close()


def test_many_clients_at_once(broker):
    topic = new_topic(broker.address)
    values = [[b"%d-%d" % (writer, number) for number in range(50)] for writer in range(16)]
    writers = [
        threading.Thread(target=KafkaPython.write, args=(broker.address, topic, each)) for each in values
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(LIMIT)
    read = Confluent.read(broker.address, topic, 16 * 50)
    assert [[value for value in read if value.startswith(each[0][:-1])] for each in values] == values


def test_a_pause_of_the_broker_loses_and_doubles_nothing(own_broker):
    values = [b"%d" % number for number in range(3000)]

    def paced():
        for number, value in enumerate(values):
            if number == 1000:
                own_broker.pause()
                threading.Timer(3.0, own_broker.resume).start()
            yield value

    for client in (KafkaPython, Confluent):
        topic = new_topic(own_broker.address)
        client.write(own_broker.address, topic, paced())
        assert client.read(own_broker.address, topic, len(values)) == values
        assert end_of(own_broker.address, topic) == len(values)


def end_of(address, topic):
    consumer = KafkaConsumer(bootstrap_servers=address)
    try:
        return consumer.end_offsets([TopicPartition(topic, 0)])[TopicPartition(topic, 0)]
    finally:
        consumer.close()


def test_clients_find_a_broker_that_was_killed_and_started_again(own_broker):
    topic = new_topic(own_broker.address)
    kafka_python = kafka_python_producer(own_broker.address)
    confluent = confluent_producer(own_broker.address)

    def send_both(value):
        kafka_python.send(topic, value).get(LIMIT)
        failed = []
        confluent.produce(topic, value, on_delivery=lambda error, _: error and failed.append(error))
        assert confluent.flush(LIMIT) == 0
        assert not failed

    send_both(b"before")
    own_broker.restart()
    send_both(b"after")
    kafka_python.close()
    kept = [] if isinstance(own_broker, EmbeddedBroker) else [b"before"] * 2
    for client in CLIENTS:
        assert client.read(own_broker.address, topic, len(kept) + 2) == [*kept, b"after", b"after"]
