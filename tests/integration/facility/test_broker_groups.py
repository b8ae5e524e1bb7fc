"""Members of a group share a topic, at the in-memory broker as at Apache Kafka."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid

import confluent_kafka
import pytest
from kafka import ConsumerRebalanceListener, KafkaConsumer

from helpers.kafka_clients import (
    LIMIT,
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
