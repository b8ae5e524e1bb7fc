"""What is the in-memory broker's own: its cap, its patience, its end."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
import time

import confluent_kafka
import pytest
from kafka import errors
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.protocol.metadata import MetadataRequest, MetadataResponse
from kafka.protocol.producer import InitProducerIdRequest, InitProducerIdResponse, ProduceResponse

from helpers.brokers import EmbeddedBroker
from helpers.kafka_clients import (
    LARGE,
    LIMIT,
    KafkaPython,
    confluent_producer,
    kafka_python_producer,
    new_topic,
)
from helpers.raw_client import RawClient, fetch_request, produce_request
from helpers.support import took, wait_until


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
        broker = cleanup.enter_context(EmbeddedBroker(max_bytes=10_000_000))
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


def test_without_retention_a_full_broker_says_so_keeps_what_it_has_and_takes_more_after_a_delete():
    with EmbeddedBroker(max_bytes=5_000_000, retention=False) as broker:
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
    with EmbeddedBroker(max_bytes=100_000, retention=False) as broker:
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


def test_a_message_that_can_never_fit_is_refused_and_nothing_is_deleted_for_it():
    with EmbeddedBroker(max_bytes=1_000_000) as broker:
        kept, large = new_topic(broker.address), new_topic(broker.address, max_message_bytes=str(LARGE))
        KafkaPython.write(broker.address, kept, [b"kept"])
        with pytest.raises(errors.PolicyViolationError, match="--max-bytes"):
            KafkaPython.write(broker.address, large, [bytes(1_000_000)])
        assert KafkaPython.read(broker.address, kept, 1) == [b"kept"]


def test_transactions_are_refused_at_once():
    with EmbeddedBroker() as broker:
        began = time.monotonic()
        producer = confluent_producer(broker.address, **{"transactional.id": "one"})
        with pytest.raises(confluent_kafka.KafkaException, match="has no transactions; leave") as refused:
            producer.init_transactions(LIMIT)
        assert refused.value.args[0].fatal()
        producer = kafka_python_producer(broker.address, transactional_id="two")
        with pytest.raises(errors.TransactionalIdAuthorizationFailedError):
            producer.init_transactions()
        producer.close()
        assert took(began) < 5
        with RawClient(broker) as client:  # as who has a coordinator already
            client.send(InitProducerIdRequest(version=1, transactional_id="3", transaction_timeout_ms=1000))
            answered = client.receive(InitProducerIdResponse[1])
        assert answered.error_code == errors.TransactionalIdAuthorizationFailedError.errno
        assert "refused a producer with transactions" in broker.process.log.read_text()


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
        assert took(begin) < 1
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
