"""Director and Players tell Kafka that they are alive, as NICOS reads it; nothing waits for that."""

import json
import socket
import time

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from streaming_data_types import deserialise_x5f2

from helpers.orchestra import an_orchestra
from helpers.support import free_port, wait_until

LIMIT = 40.0


def heartbeats(address, topic):
    """Return what each device has told, by its name, with the time stamps in s; as much as there is now."""
    partition, found = TopicPartition(topic, 0), {}
    try:
        consumer = KafkaConsumer(bootstrap_servers=address, group_id=None, enable_auto_commit=False)
    except KafkaError:
        return found
    try:
        if topic not in consumer.topics():
            return found
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        deadline = time.monotonic() + 10
        while consumer.position(partition) < end and time.monotonic() < deadline:
            for record in consumer.poll(timeout_ms=500).get(partition, ()):
                found.setdefault(record.key.decode(), []).append(
                    (record.timestamp / 1000, deserialise_x5f2(record.value))
                )
    finally:
        consumer.close()
    return found


def properties(address, topic):
    return {"KafkaBrokers": [address], "StatusTopic": topic}


def told(address, topic, device, since, **expected):
    """Whether a device has told since a time what it was expected to."""
    statuses = [
        json.loads(said.status_json) for at, said in heartbeats(address, topic).get(device, ()) if at >= since
    ]
    return any(expected.items() <= status.items() for status in statuses)


@pytest.fixture
def orchestra(facility, tmp_path, own_broker):
    """One Director and one Player with a broker of their own, which tell a topic that they are alive."""
    prefix = f"beat{free_port()}"
    with an_orchestra(facility, tmp_path, prefix, "p") as orchestra:
        orchestra.broker, orchestra.topic = own_broker, f"status-{prefix}"
        orchestra.devices = [orchestra.director, orchestra.players["p"]]
        for device in orchestra.devices:
            device.put_property(properties(own_broker.address, orchestra.topic))
            device.Init()
        orchestra.set("p")
        orchestra.refresh()
        yield orchestra


@pytest.mark.timeout(300)
def test_each_device_tells_how_it_is_and_its_end_ends_that(orchestra):
    address, topic = orchestra.broker.address, orchestra.topic
    names = {device.dev_name() for device in orchestra.devices}
    wait_until("both tell", lambda: set(heartbeats(address, topic)) == names, LIMIT)
    for name, beats in heartbeats(address, topic).items():
        said = beats[0][1]
        software = "DonkiDirector" if "director" in name else "DonkiPlayer"
        assert said.software_name == software
        assert (said.service_id, said.host_name) == (name, socket.gethostname())
        assert said.update_interval == 2000
        assert said.process_id == orchestra.children["p" if software == "DonkiPlayer" else "director"].pid
        assert json.loads(said.status_json)["version"] == 1

    gate = orchestra.gate("p", 1)
    orchestra.director.Start()
    running = {"state": "RUNNING", "run_id": orchestra.director.RunId}
    for name in names:
        wait_until(f"{name} runs", lambda name=name: told(address, topic, name, 0, **running), LIMIT)
    gate.unlink()
    assert orchestra.ended() == "ON"

    # Init without the topic is the end of it, and so is the end of a server.
    orchestra.director.put_property({"StatusTopic": [""]})
    orchestra.director.Init()
    orchestra.children["p"].kill()
    since = time.time()
    time.sleep(5)
    late = [at for beats in heartbeats(address, topic).values() for at, _ in beats if at > since + 1]
    assert late == []


@pytest.mark.timeout(300)
def test_a_broker_that_goes_keeps_nobody_waiting_and_is_told_when_it_is_back(orchestra):
    address, topic, broker = orchestra.broker.address, orchestra.topic, orchestra.broker
    names = {device.dev_name() for device in orchestra.devices}
    wait_until("both tell", lambda: set(heartbeats(address, topic)) == names, LIMIT)
    for go, come in ((broker.pause, broker.resume), (broker.kill, broker.start)):
        go()
        assert orchestra.play(20) == "ON"
        orchestra.director.Init()
        orchestra.refresh()
        since = time.time()
        come()
        for name in names:
            wait_until(
                f"{name} tells again",
                lambda name=name, since=since: told(address, topic, name, since, state="ON"),
                LIMIT,
            )
