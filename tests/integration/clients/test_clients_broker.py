"""`donki broker`: the in-memory broker in the foreground."""

from __future__ import annotations

import pytest
from kafka import KafkaProducer
from kafka.errors import PolicyViolationError

from helpers.donki_command import Command, press_ctrl_c, read_until
from helpers.support import free_port


def test_it_takes_messages_until_ctrl_c(tmp_path):
    port = free_port()
    with Command(tmp_path).running("broker", "--port", str(port)) as broker:
        said = "in memory, the oldest messages are deleted beyond 1 GiB; Ctrl-C ends it"
        read_until(broker, f"Kafka broker: 127.0.0.1:{port}, {said}")
        producer = KafkaProducer(bootstrap_servers=[f"127.0.0.1:{port}"], metrics_enabled=False)
        assert producer.send("topic", b"message").get(timeout=60).offset == 0
        producer.close()
        press_ctrl_c(broker)
        output, _ = broker.communicate(timeout=60)
    assert broker.returncode == 0
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("option", "limits"),
    [
        ("--retention", "the oldest messages are deleted beyond 300,000 bytes"),
        ("--no-retention", "no more than 300,000 bytes"),
    ],
)
def test_it_says_how_much_it_takes_and_what_becomes_of_more(tmp_path, option, limits):
    port = free_port()
    arguments = ("--port", str(port), "--max-bytes", "300000", option)
    with Command(tmp_path).running("broker", *arguments) as broker:
        read_until(broker, f"in memory, {limits}; Ctrl-C ends it")
        producer = KafkaProducer(bootstrap_servers=[f"127.0.0.1:{port}"], metrics_enabled=False)
        sent = [producer.send("topic", bytes(100_000)) for _ in range(5)]
        if option == "--retention":
            assert [future.get(timeout=60).offset for future in sent] == [*range(5)]
        else:
            with pytest.raises(PolicyViolationError, match="--max-bytes"):
                sent[-1].get(timeout=60)
        producer.close()
        press_ctrl_c(broker)
        output, _ = broker.communicate(timeout=60)
    assert broker.returncode == 0
    assert output.count("the in-memory broker is full") == 1


def test_a_port_in_use_is_named_in_one_line(tmp_path, facility):
    command = Command(tmp_path)
    done = command.run("broker", "--port", str(facility.database.port))
    assert done.returncode == 1
    assert f"127.0.0.1:{facility.database.port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
