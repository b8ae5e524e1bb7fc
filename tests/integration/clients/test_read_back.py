"""What a run sent is read back while it is played; what a broker deleted before it is read is named."""

from __future__ import annotations

import re
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from donki_client.verify.kafka.topic_reader import RESET, TopicReader
from helpers.brokers import EmbeddedBroker
from helpers.donki_command import Command

TRIGGERS = 40
SCENARIO = """
triggers: {triggers}
rate: 14
broker: {broker}
players:
  p:
    script: run_player_0.py
    parameters: {{topic: {topic}}}
{faults}
"""
FAULTS = """
    faults:
      - {kind: corrupt, rate: 0.2, bytes: 3}
      - {kind: drop, rate: 0.1}
      - {kind: duplicate, rate: 0.1}
"""


def play(folder, broker, topic, faults=""):
    command = Command(folder / "data")
    path = folder / "scenario.yaml"
    path.write_text(SCENARIO.format(triggers=TRIGGERS, broker=broker, topic=topic, faults=faults))
    return command, command.run("run", str(path))


def beginning(broker, topic):
    consumer = KafkaConsumer(bootstrap_servers=broker)
    try:
        [offset] = consumer.beginning_offsets([TopicPartition(topic, 0)]).values()
        return offset
    finally:
        consumer.close()


def test_what_the_broker_deletes_during_a_run_has_been_read_by_then(tmp_path):
    with EmbeddedBroker(max_bytes=2_000_000) as broker:
        command, done = play(tmp_path, broker.address, "small", FAULTS)
        begin = beginning(broker.address, "small")
        assert begin > TRIGGERS // 3
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert "events arrived at Kafka" in done.stdout
        # All of it is not there any more.
        checked = command.run("check-data")
    assert checked.returncode == 1
    assert f"the broker deleted the messages 0 to {begin - 1} of the run" in checked.stdout
    assert "missing" not in checked.stdout
    assert "faults of kind" not in checked.stdout


def test_what_is_deleted_before_it_can_be_read_is_no_success(tmp_path):
    with EmbeddedBroker(max_bytes=200_000) as broker:
        _, done = play(tmp_path, broker.address, "tiny")
    assert done.returncode == 1
    assert re.search(r"topic tiny: by its retention, the broker deleted the messages \d+ to \d+", done.stdout)
    assert "missing" not in done.stdout
    assert "not in the journal" not in done.stdout


def test_messages_are_read_once_though_the_consumer_begins_again(broker):
    place = TopicPartition("read_once", 0)
    producer = KafkaProducer(bootstrap_servers=broker.address)
    consumer = KafkaConsumer(bootstrap_servers=broker.address, **RESET)
    reader = TopicReader(consumer, [])

    def read(count):
        found, end = [], time.monotonic() + 30
        while len(found) < count and time.monotonic() < end:
            found += [message.payload for message in reader.poll(0.2)]
        return found

    try:
        for payload in (b"a", b"b"):
            producer.send(place.topic, payload).get(30)
        reader.add({place: 0})
        assert read(2) == [b"a", b"b"]
        # As it happened under load, when other partitions were assigned.
        consumer.seek(place, 0)
        producer.send(place.topic, b"c").get(30)
        assert read(1) == [b"c"]
    finally:
        producer.close()
        consumer.close()
