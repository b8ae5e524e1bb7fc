"""A Kafka client on a bare socket, for tests in which a client library would be in the way."""

from __future__ import annotations

import socket
import struct

from kafka.protocol.consumer import FetchRequest
from kafka.protocol.producer import (
    ProduceRequest,
)
from kafka.record.memory_records import MemoryRecordsBuilder

from helpers.kafka_clients import (
    LIMIT,
)


class RawClient:
    """Requests and responses on a bare socket, where a client library would be in the way."""

    def __init__(self, broker):
        host, port = broker.address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=LIMIT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, request):
        request.with_header(7, "raw")
        self.socket.sendall(request.encode(header=True, framed=True))

    def receive(self, response_class):
        size, correlation = struct.unpack(">ii", self._exactly(8))
        assert correlation == 7
        return response_class.decode(self._exactly(size - 4))

    def _exactly(self, size):
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            assert piece, "the broker closed the connection"
            data += piece
        return bytes(data)


def produce_request(topic, value, producer_id=-1, epoch=-1, sequence=-1):
    builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=len(value) + 1000)
    builder.append(timestamp=1, key=None, value=value, headers=[])
    if producer_id >= 0:
        builder.set_producer_state(producer_id, epoch, sequence, False)
    builder.close()
    data = ProduceRequest.TopicProduceData(
        name=topic,
        partition_data=[
            ProduceRequest.TopicProduceData.PartitionProduceData(index=0, records=bytes(builder.buffer()))
        ],
    )
    return ProduceRequest(version=8, acks=-1, timeout_ms=1000, topic_data=[data])


def fetch_request(topic, *, max_bytes=1_000_000, min_bytes=1, max_wait_ms=0):
    partition = FetchRequest.FetchTopic.FetchPartition(
        partition=0,
        fetch_offset=0,
        partition_max_bytes=max_bytes,
        current_leader_epoch=-1,
        log_start_offset=-1,
    )
    return FetchRequest(
        version=11,
        replica_id=-1,
        max_wait_ms=max_wait_ms,
        min_bytes=min_bytes,
        max_bytes=max_bytes,
        session_id=0,
        session_epoch=-1,
        topics=[FetchRequest.FetchTopic(topic=topic, partitions=[partition])],
        forgotten_topics_data=[],
    )
