"""The in-memory broker beside Apache Kafka: the same clients do the same to both, and see the same."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient as ConfluentAdmin
from confluent_kafka.admin import NewTopic as ConfluentTopic
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition, errors
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.protocol.consumer import FetchRequest, FetchResponse
from kafka.protocol.metadata import MetadataRequest, MetadataResponse
from kafka.protocol.producer import (
    InitProducerIdRequest,
    InitProducerIdResponse,
    ProduceRequest,
    ProduceResponse,
)
from kafka.record.memory_records import MemoryRecordsBuilder

from brokers import EmbeddedBroker
from kafka_clients import (
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
from support import wait_until

SIZES = (0, 1, 1_000, 100_000, 1_000_000, 5_000_000)


@pytest.mark.parametrize("reader", CLIENTS)
@pytest.mark.parametrize("writer", CLIENTS)
def test_messages_of_all_sizes_are_read_as_they_were_written(broker, writer, reader):
    topic = new_topic(broker.address, max_message_bytes=str(LARGE))
    values = [os.urandom(size) for size in SIZES if size or writer is not Kcat]  # kcat skips empty files
    writer.write(broker.address, topic, values)
    assert reader.read(broker.address, topic, len(values)) == values


@pytest.mark.parametrize("reader", CLIENTS)
@pytest.mark.parametrize("writer", [KafkaPython, Confluent])
def test_reading_starts_at_a_time(broker, writer, reader):
    topic = new_topic(broker.address)
    start = time.time_ns() // 1_000_000
    values = [b"%d" % number for number in range(50)]
    writer.write(broker.address, topic, values, timestamps=[start + 10 * number for number in range(50)])
    assert reader.read(broker.address, topic, 21, since=start + 285) == values[29:]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_group_goes_on_where_it_stopped(broker, client):
    topic, group = new_topic(broker.address), uuid.uuid4().hex
    values = [b"%d" % number for number in range(30)]
    client.write(broker.address, topic, values)
    assert client.read_in_group(broker.address, topic, group, 10) == values[:10]
    assert client.read_in_group(broker.address, topic, group, 20) == values[10:]
    assert client.read_in_group(broker.address, topic, uuid.uuid4().hex, 30) == values


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
    assert time.monotonic() - begin < 5
    consumer.close()


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


def test_a_fetch_waits_for_the_bytes_it_asks_for_and_no_longer_than_it_says(broker):
    topic = new_topic(broker.address)
    KafkaPython.write(broker.address, topic, [b"value"])
    with RawClient(broker) as client:
        begin = time.monotonic()
        client.send(fetch_request(topic, min_bytes=10_000, max_wait_ms=500))
        response = client.receive(FetchResponse[11])
        assert 0.5 <= time.monotonic() - begin < 5
        assert len(response.responses[0].partitions[0].records) < 1000
        client.send(fetch_request(topic, min_bytes=10_000, max_wait_ms=15_000))
        KafkaPython.write(broker.address, topic, [bytes(10_000)])
        response = client.receive(FetchResponse[11])
        assert time.monotonic() - begin < 15
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
        assert time.monotonic() - begin < 10


def test_producers_at_full_speed_leave_others_their_turn():
    flood = (
        "import sys, confluent_kafka\n"
        "limits = {'message.max.bytes': 8 << 20, 'queue.buffering.max.kbytes': 32 << 10}\n"
        "producer = confluent_kafka.Producer({'bootstrap.servers': sys.argv[1], 'linger.ms': 0} | limits)\n"
        "while True:\n"
        "    try: producer.produce(sys.argv[2], bytes(1_000_000))\n"
        "    except BufferError: producer.poll(0.001)\n"
    )
    with contextlib.ExitStack() as cleanup:
        broker = cleanup.enter_context(EmbeddedBroker(max_bytes=10_000_000))  # what is refused flows as fast
        for _ in range(2):
            command = [
                sys.executable,
                "-c",
                flood,
                broker.address,
                new_topic(broker.address, max_message_bytes=str(LARGE)),
            ]
            child = cleanup.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
            cleanup.callback(child.kill)
        wait_until("the broker is full", lambda: "is full" in broker.process.log.read_text(), LIMIT)
        client = cleanup.enter_context(RawClient(broker))
        answered, end = 0, time.monotonic() + 2
        while time.monotonic() < end:
            client.send(MetadataRequest(version=4, topics=[], allow_auto_topic_creation=False))
            client.receive(MetadataResponse[4])
            answered += 1
        assert answered > 30


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


def test_a_full_broker_says_so_keeps_what_it_has_and_takes_more_after_a_delete():
    with EmbeddedBroker(max_bytes=5_000_000) as broker:
        kept, filler = new_topic(broker.address), new_topic(broker.address)
        KafkaPython.write(broker.address, kept, [b"kept"])
        KafkaPython.write(broker.address, filler, [bytes(900_000)] * 5)
        with pytest.raises(errors.PolicyViolationError, match="--max-bytes"):
            KafkaPython.write(broker.address, filler, [bytes(900_000)])
        failed = []
        confluent = confluent_producer(broker.address)
        confluent.produce(filler, bytes(900_000), on_delivery=lambda error, _: failed.append(error))
        assert confluent.flush(LIMIT) == 0
        assert failed[0].code() == confluent_kafka.KafkaError.POLICY_VIOLATION
        assert KafkaPython.read(broker.address, kept, 1) == [b"kept"]
        assert broker.process.log.read_text().count("is full") == 1
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        admin.delete_topics([filler])
        admin.close()
        KafkaPython.write(broker.address, kept, [bytes(900_000)])


def test_the_cap_holds_for_small_messages_and_topics_too():
    with EmbeddedBroker(max_bytes=100_000) as broker:
        topic = new_topic(broker.address)
        with RawClient(broker) as client:
            stored = 0
            while True:
                client.send(produce_request(topic, b""))
                (answered,) = client.receive(ProduceResponse[8]).responses[0].partition_responses
                if answered.error_code:
                    break
                stored += 1
        assert answered.error_code == errors.PolicyViolationError.errno
        assert 100 < stored < 1000
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        with pytest.raises(errors.PolicyViolationError):
            admin.create_topics([NewTopic("many", 900, 1)])
        admin.close()


def test_too_many_clients_do_not_end_it():
    with EmbeddedBroker() as broker:
        resource.prlimit(broker.pid, resource.RLIMIT_NOFILE, (20, 20))
        with contextlib.ExitStack() as crowd:
            for _ in range(30):
                crowd.enter_context(RawClient(broker))
            wait_until("it says so", lambda: "cannot take another client" in broker.process.log.read_text())
        KafkaPython.write(broker.address, "test", [b"value"])


def test_sigterm_ends_it_within_a_second_and_cleanly():
    with EmbeddedBroker() as broker, RawClient(broker) as client:
        topic = new_topic(broker.address)
        client.send(fetch_request(topic, max_wait_ms=60_000))
        new_topic(broker.address)  # answered after the fetch began to wait
        begin = time.monotonic()
        child = broker.process
        child.terminate()
        assert child.wait(5) == 0
        assert time.monotonic() - begin < 1
        assert child.log.read_text() == f"listening on {broker.address}\n"


def test_an_address_in_use_is_one_clear_line_and_exit_status_1():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "donki_client.facility.broker", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert not done.stdout
