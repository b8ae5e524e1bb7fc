"""Topics are managed alike at the in-memory broker and at Apache Kafka."""

from __future__ import annotations

import uuid

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient as ConfluentAdmin
from confluent_kafka.admin import NewTopic as ConfluentTopic
from kafka import errors
from kafka.admin import KafkaAdminClient, NewTopic

from helpers.kafka_clients import (
    LIMIT,
    Kcat,
    confluent_producer,
)
from helpers.support import wait_until


@pytest.fixture
def admin(broker):
    client = KafkaAdminClient(bootstrap_servers=broker.address)
    yield client
    client.close()


def test_kafka_python_manages_topics(admin):
    name = f"test-{uuid.uuid4().hex}"
    admin.create_topics([NewTopic(name, 3, 1)])
    wait_until("the topic is listed", lambda: name in admin.list_topics())
    (described,) = admin.describe_topics([name])
    assert {partition["partition_index"] for partition in described["partitions"]} == {0, 1, 2}
    with pytest.raises(errors.TopicAlreadyExistsError):
        admin.create_topics([NewTopic(name, 1, 1)])
    admin.delete_topics([name])
    wait_until("the topic is gone", lambda: name not in admin.list_topics())


def test_confluent_manages_topics(broker):
    admin = ConfluentAdmin({"bootstrap.servers": broker.address})
    name = f"test-{uuid.uuid4().hex}"
    created = admin.create_topics([ConfluentTopic(name, 3, 1, config={"max.message.bytes": "5000000"})])
    created[name].result(LIMIT)
    wait_until("the topic is listed", lambda: name in admin.list_topics(timeout=LIMIT).topics)
    assert sorted(admin.list_topics(name, timeout=LIMIT).topics[name].partitions) == [0, 1, 2]
    resource = confluent_kafka.admin.ConfigResource(confluent_kafka.admin.RESOURCE_TOPIC, name)
    config = admin.describe_configs([resource])[resource].result(LIMIT)
    assert config["max.message.bytes"].value == "5000000"
    with pytest.raises(confluent_kafka.KafkaException, match="TOPIC_ALREADY_EXISTS"):
        admin.create_topics([ConfluentTopic(name, 1, 1)])[name].result(LIMIT)
    admin.delete_topics([name])[name].result(LIMIT)
    wait_until("the topic is gone", lambda: name not in admin.list_topics(timeout=LIMIT).topics)


@pytest.mark.parametrize(
    ("topic", "error"),
    [
        (NewTopic("no spaces", 1, 1), errors.InvalidTopicError),
        (NewTopic("..", 1, 1), errors.InvalidTopicError),
        (NewTopic("n" * 250, 1, 1), errors.InvalidTopicError),
        (NewTopic("test-none", 0, 1), errors.InvalidPartitionsError),
        (NewTopic("test-copies", 1, 3), errors.InvalidReplicationFactorError),
        (NewTopic("test-config", 1, 1, topic_configs={"no.such": "1"}), errors.InvalidConfigurationError),
        (
            NewTopic("test-size", 1, 1, topic_configs={"max.message.bytes": "much"}),
            errors.InvalidConfigurationError,
        ),
    ],
    ids=lambda value: getattr(value, "name", getattr(value, "__name__", None)),
)
def test_a_topic_that_cannot_be_is_refused(admin, topic, error):
    with pytest.raises(error):
        admin.create_topics([topic])
    assert topic.name not in admin.list_topics()


def test_writing_to_an_invalid_topic_is_refused(broker):
    producer = confluent_producer(broker.address)
    failed = []
    producer.produce("no spaces", b"", on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(LIMIT) == 0
    assert failed[0].code() == confluent_kafka.KafkaError.TOPIC_EXCEPTION
    assert Kcat.run(broker.address, "-P", "-t", "no spaces", __file__).returncode
