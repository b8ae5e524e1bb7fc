"""Requests about topics: metadata, create, delete, settings."""

from __future__ import annotations

from typing import Any

from kafka.errors import BrokerResponseError, InvalidReplicationFactorError, InvalidRequestError
from kafka.protocol.admin import CreateTopicsResponse, DeleteTopicsResponse, DescribeConfigsResponse
from kafka.protocol.metadata import MetadataResponse

from donki_client.facility.broker.records import NO_ERROR
from donki_client.facility.broker.topics import MAX_MESSAGE_BYTES, Topic, Topics

NODE = 0
_CLUSTER = "donki-memory-broker"
_TOPIC_RESOURCE = 2
_SET_ON_TOPIC = 1


class Admin:
    """Answers requests about topics.

    Parameters
    ----------
    host, port
        where clients find the broker
    """

    def __init__(self, topics: Topics, host: str, port: int) -> None:
        self._topics = topics
        self._host = host
        self._port = port

    def metadata(self, request: Any) -> Any:
        """Name the broker and the topics; a topic asked for by name is made where the client allows it."""
        if request.topics is None:
            topics = [_describe(topic) for topic in self._topics]
        else:
            topics = [self._find(wanted.name, request.allow_auto_topic_creation) for wanted in request.topics]
        return MetadataResponse(
            brokers=[MetadataResponse.MetadataResponseBroker(node_id=NODE, host=self._host, port=self._port)],
            cluster_id=_CLUSTER,
            controller_id=NODE,
            topics=topics,
        )

    def _find(self, name: str, make: bool) -> Any:
        try:
            topic = self._topics.ensure(name) if make else self._topics.get(name)
        except BrokerResponseError as error:
            return MetadataResponse.MetadataResponseTopic(name=name, error_code=error.errno, partitions=[])
        return _describe(topic)

    def create_topics(self, request: Any) -> Any:
        """Make topics, or only check whether they could be made."""
        return CreateTopicsResponse(
            topics=[self._create(wanted, validate_only=request.validate_only) for wanted in request.topics]
        )

    def _create(self, wanted: Any, *, validate_only: bool) -> Any:
        result = CreateTopicsResponse.CreatableTopicResult(
            name=wanted.name, error_code=NO_ERROR, error_message=None
        )
        config = {setting.name: setting.value for setting in wanted.configs}
        partitions = len(wanted.assignments) or wanted.num_partitions
        try:
            if wanted.replication_factor not in {-1, 1}:
                raise InvalidReplicationFactorError(
                    f"topic {wanted.name!r}: {wanted.replication_factor} replicas, but there is one broker"
                )
            self._topics.create(wanted.name, partitions, config, validate_only=validate_only)
        except BrokerResponseError as error:
            result.error_code, result.error_message = error.errno, str(error)
        return result

    def delete_topics(self, request: Any) -> Any:
        """Drop topics and what is in them."""
        return DeleteTopicsResponse(responses=[self._delete(name) for name in request.topic_names])

    def _delete(self, name: str) -> Any:
        result = DeleteTopicsResponse.DeletableTopicResult(name=name, error_code=NO_ERROR)
        try:
            self._topics.delete(name)
        except BrokerResponseError as error:
            result.error_code = error.errno
        return result

    def describe_configs(self, request: Any) -> Any:
        """Say the settings of topics."""
        return DescribeConfigsResponse(results=[self._settings(resource) for resource in request.resources])

    def _settings(self, resource: Any) -> Any:
        result = DescribeConfigsResponse.DescribeConfigsResult(
            error_code=NO_ERROR,
            error_message=None,
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
            configs=[],
        )
        try:
            if resource.resource_type != _TOPIC_RESOURCE:
                raise InvalidRequestError("the in-memory broker has settings of topics only")
            topic = self._topics.get(resource.resource_name)
        except BrokerResponseError as error:
            result.error_code, result.error_message = error.errno, str(error)
            return result
        if resource.configuration_keys is None or MAX_MESSAGE_BYTES in resource.configuration_keys:
            result.configs.append(
                DescribeConfigsResponse.DescribeConfigsResult.DescribeConfigsResourceResult(
                    name=MAX_MESSAGE_BYTES,
                    value=str(topic.max_message_bytes),
                    read_only=False,
                    config_source=_SET_ON_TOPIC,
                    is_sensitive=False,
                    synonyms=[],
                )
            )
        return result


def _describe(topic: Topic) -> Any:
    return MetadataResponse.MetadataResponseTopic(
        error_code=NO_ERROR,
        name=topic.name,
        is_internal=False,
        partitions=[
            MetadataResponse.MetadataResponseTopic.MetadataResponsePartition(
                error_code=NO_ERROR,
                partition_index=index,
                leader_id=NODE,
                replica_nodes=[NODE],
                isr_nodes=[NODE],
                offline_replicas=[],
            )
            for index in range(len(topic.partitions))
        ],
    )
