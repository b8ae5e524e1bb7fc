"""`donki broker`: the in-memory broker in the foreground."""

from __future__ import annotations

from kafka import KafkaProducer

from helpers.donki_command import Command, press_ctrl_c, read_until
from helpers.support import free_port


def test_it_takes_messages_until_ctrl_c(tmp_path):
    port = free_port()
    with Command(tmp_path).running("broker", "--port", str(port)) as broker:
        read_until(broker, f"Kafka broker: 127.0.0.1:{port}, in memory")
        producer = KafkaProducer(bootstrap_servers=[f"127.0.0.1:{port}"], metrics_enabled=False)
        assert producer.send("topic", b"message").get(timeout=60).offset == 0
        producer.close()
        press_ctrl_c(broker)
        output, _ = broker.communicate(timeout=60)
    assert broker.returncode == 0
    assert "Traceback" not in output


def test_a_port_in_use_is_named_in_one_line(tmp_path, facility):
    command = Command(tmp_path)
    done = command.run("broker", "--port", str(facility.database.port))
    assert done.returncode == 1
    assert f"127.0.0.1:{facility.database.port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
