"""What no client library sends: both brokers answer it alike."""

from __future__ import annotations

import contextlib
import socket
import struct
import time

import pytest
from kafka import errors
from kafka.protocol.consumer import FetchResponse
from kafka.protocol.producer import (
    InitProducerIdRequest,
    InitProducerIdResponse,
    ProduceResponse,
)

from helpers.kafka_clients import (
    LARGE,
    LIMIT,
    Confluent,
    KafkaPython,
    kafka_python_producer,
    new_topic,
)
from helpers.raw_client import RawClient, fetch_request, produce_request
from helpers.support import took


def test_a_fetch_waits_for_the_bytes_it_asks_for_and_no_longer_than_it_says(broker):
    topic = new_topic(broker.address)
    KafkaPython.write(broker.address, topic, [b"value"])
    with RawClient(broker) as client:
        begin = time.monotonic()
        client.send(fetch_request(topic, min_bytes=10_000, max_wait_ms=500))
        response = client.receive(FetchResponse[11])
        assert time.monotonic() - begin >= 0.5
        assert took(begin) < 5
        assert len(response.responses[0].partitions[0].records) < 1000
        client.send(fetch_request(topic, min_bytes=10_000, max_wait_ms=15_000))
        KafkaPython.write(broker.address, topic, [bytes(10_000)])
        response = client.receive(FetchResponse[11])
        assert took(begin) < 15
        assert len(response.responses[0].partitions[0].records) > 10_000


def test_a_batch_sent_again_is_stored_once(broker):
    topic = new_topic(broker.address)
    with RawClient(broker) as client:
        client.send(InitProducerIdRequest(version=1, transactional_id=None, transaction_timeout_ms=1000))
        producer = client.receive(InitProducerIdResponse[1])

        def send(value, sequence, epoch=0):
            client.send(produce_request(topic, value, producer.producer_id, epoch, sequence))
            (answered,) = client.receive(ProduceResponse[8]).responses[0].partition_responses
            return answered.error_code, answered.base_offset

        assert [send(b"%d" % number, number) for number in range(7)] == [(0, number) for number in range(7)]
        assert send(b"6", 6) == (0, 6)
        assert send(b"3", 3) == (0, 3)
        assert send(b"8", 8)[0] == errors.OutOfOrderSequenceNumberError.errno
        assert send(b"7", 7) == (0, 7)
        assert send(b"8", 0, epoch=1) == (0, 8)
        assert send(b"late", 8)[0] == errors.InvalidProducerEpochError.errno
    assert KafkaPython.read(broker.address, topic, 9) == [b"%d" % number for number in range(9)]


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda data: data[:40], errors.InvalidRecordError),
        (lambda data: data[:-1] + b"?", errors.CorruptRecordError),
        (lambda data: data + data, errors.InvalidRecordError),
    ],
    ids=["cut", "changed", "two"],
)
def test_a_malformed_batch_is_refused(broker, spoil, error):
    topic = new_topic(broker.address)
    request = produce_request(topic, b"value")
    (data,) = request.topic_data[0].partition_data
    data.records = spoil(data.records)
    with RawClient(broker) as client:
        client.send(request)
        (answered,) = client.receive(ProduceResponse[8]).responses[0].partition_responses
    assert issubclass(errors.for_code(answered.error_code), (error, errors.CorruptRecordError))


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "negative size": struct.pack(">i", -1),
    "no size": struct.pack(">i", 0),
    "enormous size": struct.pack(">i", 2**31 - 1),
    "too short for a header": struct.pack(">i", 3) + b"\0\0\0",
    "unknown request": struct.pack(">ihhih", 10, 999, 0, 1, -1),
    "unknown version": struct.pack(">ihhih", 10, 0, 999, 1, -1),
    "cut produce": struct.pack(">ihhih", 10, 0, 8, 1, -1),
    "array beyond the end": struct.pack(">ihhihhhii", 20, 0, 8, 1, -1, -1, -1, 1000, 2**31 - 1),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_closes_its_own_connection_only(broker, garbage):
    topic = new_topic(broker.address)
    producer = kafka_python_producer(broker.address)
    producer.send(topic, b"before").get(LIMIT)
    with RawClient(broker) as client:
        client.socket.sendall(garbage)
        with contextlib.suppress(ConnectionResetError):
            assert client.socket.recv(1) == b"", "expected the broker to close the connection"
    producer.send(topic, b"after").get(LIMIT)
    producer.close()
    assert KafkaPython.read(broker.address, topic, 2) == [b"before", b"after"]


def test_a_client_that_does_not_read_stalls_no_other(broker):
    topic = new_topic(broker.address, max_message_bytes=str(LARGE))
    KafkaPython.write(broker.address, topic, [bytes(1_000_000)] * 20)
    fetch = fetch_request(topic, max_bytes=50_000_000)
    with RawClient(broker) as slow:
        for _ in range(5):
            slow.send(fetch)
        assert slow.socket.recv(4, socket.MSG_PEEK), "the answer began"
        begin = time.monotonic()
        other = new_topic(broker.address)
        KafkaPython.write(broker.address, other, [b"value"] * 100)
        assert Confluent.read(broker.address, other, 100) == [b"value"] * 100
        assert took(begin) < 10
