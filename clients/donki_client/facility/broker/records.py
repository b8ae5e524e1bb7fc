"""Requests for records: produce, fetch, offsets by time, the identity of a producer."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from kafka.errors import BrokerResponseError, TransactionalIdAuthorizationFailedError
from kafka.protocol.consumer import ListOffsetsResponse, OffsetSpec
from kafka.protocol.producer import InitProducerIdResponse, ProduceResponse

from donki_client.facility.broker.fetched import Fetched
from donki_client.facility.broker.partition import Partition
from donki_client.facility.broker.topics import Topics

NO_ERROR = 0


class Records:
    """Answers requests for records."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        # a client of a broker that ended must not find its own id in use at the next one
        self._next_producer_id = time.time_ns() // 1000

    def produce(self, request: Any) -> Any:
        """Append the batches; no response where the producer wants none (acks=0)."""
        responses = [
            ProduceResponse.TopicProduceResponse(
                name=topic.name,
                partition_responses=[self._append(topic.name, data) for data in topic.partition_data],
            )
            for topic in request.topic_data
        ]
        return ProduceResponse(responses=responses) if request.acks else None

    def _append(self, topic: str, data: Any) -> Any:
        response = ProduceResponse.TopicProduceResponse.PartitionProduceResponse(
            index=data.index, error_code=NO_ERROR, base_offset=-1, log_start_offset=-1
        )
        try:
            partition = self._topics.partition(topic, data.index)
            response.base_offset = partition.append(
                data.records or b"", self._topics.get(topic).max_message_bytes
            )
            response.log_start_offset = partition.start
        except BrokerResponseError as error:
            response.error_code, response.error_message = error.errno, str(error)
        return response

    async def fetch(self, request: Any) -> Fetched:
        """Read from the partitions; wait up to the request's max_wait_ms for its min_bytes."""
        deadline = asyncio.get_running_loop().time() + request.max_wait_ms / 1000
        appended = asyncio.Event()
        while True:
            appended.clear()
            fetched, partitions = self._read(request)
            if fetched.size >= request.min_bytes or fetched.failed:
                return fetched
            for partition in partitions:
                partition.readers.add(appended)
            try:
                async with asyncio.timeout_at(deadline):
                    await appended.wait()
            except TimeoutError:
                return fetched
            finally:
                for partition in partitions:
                    partition.readers.discard(appended)

    def _read(self, request: Any) -> tuple[Fetched, list[Partition]]:
        fetched = Fetched(request.version, len(request.topics))
        partitions = []
        for topic in request.topics:
            fetched.add_topic(topic.topic, len(topic.partitions))
            for wanted in topic.partitions:
                most = min(wanted.partition_max_bytes, request.max_bytes - fetched.size)
                try:
                    partition = self._topics.partition(topic.topic, wanted.partition)
                    records = partition.read(wanted.fetch_offset, most, at_least_one=not fetched.size)
                except BrokerResponseError as error:
                    fetched.add_failed(wanted.partition, error.errno)
                else:
                    partitions.append(partition)
                    fetched.add_partition(wanted.partition, partition.start, partition.end, records)
        return fetched, partitions

    def list_offsets(self, request: Any) -> Any:
        """Say the first offset, the next one, or the first at or after a time."""
        return ListOffsetsResponse(
            topics=[
                ListOffsetsResponse.ListOffsetsTopicResponse(
                    name=topic.name,
                    partitions=[self._offset(topic.name, wanted) for wanted in topic.partitions],
                )
                for topic in request.topics
            ]
        )

    def _offset(self, topic: str, wanted: Any) -> Any:
        response = ListOffsetsResponse.ListOffsetsTopicResponse.ListOffsetsPartitionResponse(
            partition_index=wanted.partition_index, error_code=NO_ERROR, timestamp=-1, offset=-1
        )
        try:
            partition = self._topics.partition(topic, wanted.partition_index)
            if wanted.timestamp == OffsetSpec.EARLIEST:
                response.offset = partition.start
            elif wanted.timestamp == OffsetSpec.LATEST:
                response.offset = partition.end
            else:
                response.offset, response.timestamp = partition.offset_at(wanted.timestamp)
        except BrokerResponseError as error:
            response.error_code = error.errno
        return response

    def init_producer_id(self, request: Any) -> Any:
        """Give an idempotent producer an id of its own; there are no transactions."""
        if request.transactional_id is not None:
            return InitProducerIdResponse(
                error_code=TransactionalIdAuthorizationFailedError.errno, producer_id=-1, producer_epoch=-1
            )
        self._next_producer_id += 1
        return InitProducerIdResponse(
            error_code=NO_ERROR, producer_id=self._next_producer_id, producer_epoch=0
        )
