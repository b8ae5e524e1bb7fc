"""Members of a group share a topic, at the in-memory broker as at Apache Kafka."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid

import confluent_kafka
import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient as ConfluentAdmin
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer

from helpers.kafka_clients import (
    LIMIT,
    Confluent,
    kafka_python_producer,
    new_topic,
)
from helpers.support import wait_until


class Member(threading.Thread):
    """A member of a group; it reads until a message tells it to leave."""

    def __init__(self, address, topic, group):
        super().__init__(daemon=True)
        self.address = address
        self.topic = topic
        self.group = group
        self.partitions = []
        self.values = []
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        send(self.address, self.topic, b"leave", self.partitions)
        self.join(LIMIT)
        assert not self.is_alive()


class KafkaPythonMember(Member, ConsumerRebalanceListener):
    def run(self):
        # kafka-python 3.0.12 can stay outside for good when a poll() ends while it joins: so without a limit
        consumer = KafkaConsumer(
            bootstrap_servers=self.address,
            group_id=self.group,
            auto_offset_reset="earliest",
            heartbeat_interval_ms=200,
        )
        consumer.subscribe([self.topic], listener=self)
        for record in consumer:
            self.values.append(record.value)
            if record.value == b"leave":
                break
        consumer.close()

    def on_partitions_assigned(self, assigned):
        self.partitions = sorted(partition.partition for partition in assigned)

    def on_partitions_revoked(self, revoked):
        self.partitions = []


class ConfluentMember(Member):
    def run(self):
        consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self.address,
                "group.id": self.group,
                "auto.offset.reset": "earliest",
                "heartbeat.interval.ms": 200,
            }
        )
        consumer.subscribe([self.topic], on_assign=self.assigned, on_revoke=self.revoked)
        while b"leave" not in self.values:
            if (message := consumer.poll(0.1)) and not message.error():
                self.values.append(message.value())
        consumer.close()

    def assigned(self, _consumer, assigned):
        self.partitions = sorted(partition.partition for partition in assigned)

    def revoked(self, _consumer, _revoked):
        self.partitions = []


@pytest.mark.parametrize("member", [KafkaPythonMember, ConfluentMember])
def test_members_share_a_topic_and_take_over_from_one_who_leaves(broker, member):
    topic, group = new_topic(broker.address, partitions=2), uuid.uuid4().hex
    with member(broker.address, topic, group) as first:
        wait_until("the first member has both partitions", lambda: first.partitions == [0, 1], LIMIT)
        with member(broker.address, topic, group) as second:
            both = (first, second)
            wait_until("each has one partition", lambda: all(len(one.partitions) == 1 for one in both), LIMIT)
            assert {*first.partitions, *second.partitions} == {0, 1}
            send(broker.address, topic, b"shared", [0, 1])
            wait_until("each reads its message", lambda: first.values and second.values, LIMIT)
        wait_until("the first member has both again", lambda: first.partitions == [0, 1], LIMIT)
        send(broker.address, topic, b"alone", [0, 1])
        wait_until("the first member reads both messages", lambda: len(first.values) == 3, LIMIT)
    assert first.values[:3] == [b"shared", b"alone", b"alone"]
    assert second.values == [b"shared", b"leave"]


def send(address, topic, value, partitions):
    producer = kafka_python_producer(address)
    for partition in partitions:
        producer.send(topic, value, partition=partition).get(LIMIT)
    producer.close()


def test_a_member_that_falls_silent_loses_its_place(broker):
    topic, group = new_topic(broker.address), uuid.uuid4().hex
    code = (
        "import sys, confluent_kafka\n"
        "address, topic, group = sys.argv[1:]\n"
        "settings = {'bootstrap.servers': address, 'group.id': group, 'session.timeout.ms': 6000}\n"
        "consumer = confluent_kafka.Consumer(settings)\n"
        "consumer.subscribe([topic], on_assign=lambda *_: print('joined', flush=True))\n"
        "while True: consumer.poll(1)\n"
    )
    command = [sys.executable, "-c", code, broker.address, topic, group]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as silent:
        assert silent.stdout.readline() == "joined\n"
        silent.kill()
    with ConfluentMember(broker.address, topic, group) as member:
        wait_until("the place of the silent member is free", lambda: member.partitions == [0], LIMIT)


def test_groups_are_listed_and_described(broker):
    """Of two groups, one has a member and the other one has left what it committed."""
    topic, active, left = (new_topic(broker.address), *(f"group-{uuid.uuid4().hex}" for _ in range(2)))
    send(broker.address, topic, b"first", [0])
    assert Confluent.read_in_group(broker.address, topic, left, 1) == [b"first"]
    confluent = ConfluentAdmin({"bootstrap.servers": broker.address})
    kafka_python = KafkaAdminClient(bootstrap_servers=broker.address)
    with KafkaPythonMember(broker.address, topic, active) as member:
        wait_until("the member has its partition", lambda: member.partitions == [0], LIMIT)

        def ours(groups, key):
            return {key(group): group for group in groups if key(group) in (active, left)}

        listed = ours(kafka_python.list_groups(), lambda group: group["group_id"])
        states = {name: group["group_state"] for name, group in listed.items()}
        assert states == {active: "Stable", left: "Empty"}
        assert {(group["protocol_type"], group["group_type"]) for group in listed.values()} == {
            ("consumer", "classic")
        }
        stable = ours(kafka_python.list_groups(states_filter=["Stable"]), lambda group: group["group_id"])
        assert set(stable) == {active}
        assert not ours(kafka_python.list_groups(types_filter=["share"]), lambda group: group["group_id"])
        listed = ours(confluent.list_consumer_groups().result(LIMIT).valid, lambda group: group.group_id)
        states = {name: group.state for name, group in listed.items()}
        assert states == {active: ConsumerGroupState.STABLE, left: ConsumerGroupState.EMPTY}
        with pytest.warns(DeprecationWarning, match="list_groups"):
            listed = ours(confluent.list_groups(timeout=LIMIT), lambda group: group.id)
        assert {name: group.state for name, group in listed.items()} == {active: "Stable", left: "Empty"}
        described = kafka_python.describe_groups([active, left])
        [one] = described[active]["members"]
        assert one["client_id"].startswith("kafka-python")
        assert one["client_host"] == "/127.0.0.1"
        assert one["member_assignment"]["assigned_partitions"] == [{"topic": topic, "partitions": [0]}]
        assert (described[left]["group_state"], described[left]["members"]) == ("Empty", [])
        described = {
            name: future.result(LIMIT)
            for name, future in confluent.describe_consumer_groups([active, left]).items()
        }
        [one] = described[active].members
        assert [(place.topic, place.partition) for place in one.assignment.topic_partitions] == [(topic, 0)]
        assert described[active].partition_assignor == "range"
        assert described[left].members == []
    kafka_python.close()


def test_a_group_that_was_only_asked_about_is_not_there(broker):
    name = f"group-{uuid.uuid4().hex}"
    consumer = confluent_kafka.Consumer({"bootstrap.servers": broker.address, "group.id": name})
    consumer.committed([confluent_kafka.TopicPartition(new_topic(broker.address), 0)], timeout=LIMIT)
    consumer.close()
    confluent = ConfluentAdmin({"bootstrap.servers": broker.address})
    assert name not in {group.group_id for group in confluent.list_consumer_groups().result(LIMIT).valid}
