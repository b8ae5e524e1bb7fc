"""Who the brokers are, which options are taken, and that no secret is shown."""

import socket
import sys
import time

import pytest

from donki.errors import BrokerError, InputError
from donki.streams.client import check_options, format_address, knock, parse_address
from donki.streams.confluent import ConfluentProducer
from donki.streams.kafka import CLIENTS, KafkaSink, find_client
from donki.streams.topic import check_topic


@pytest.mark.parametrize(
    ("broker", "address"),
    [
        ("localhost:9093", ("localhost", 9093)),
        (" kafka.example.org ", ("kafka.example.org", 9092)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("[::1]:9093", ("::1", 9093)),
        ("[::1]", ("::1", 9092)),
    ],
)
def test_brokers_are_hosts_with_ports(broker, address):
    assert parse_address(broker) == address


@pytest.mark.parametrize(
    "broker", ["", ":9092", "localhost:", "localhost:abc", "localhost:0", "localhost:65536", "a:²"]
)
def test_other_addresses_are_refused_by_name(broker):
    with pytest.raises(InputError, match=f"host:port.*{broker!r}"):
        parse_address(broker)


def test_no_broker_at_all_is_refused():
    with pytest.raises(InputError, match="host:port"):
        KafkaSink([], None, "p0")


@pytest.mark.parametrize(
    "name", ["acks", "enable_idempotence", "bootstrap_servers", "sasl_plain_passwort", "nonsense"]
)
def test_only_security_options_are_taken_and_their_values_never_shown(name):
    with pytest.raises(InputError, match=name) as refusal:
        check_options({"security_protocol": "SASL_SSL", name: "s3cret"})
    assert "s3cret" not in str(refusal.value)


def test_a_protocol_that_is_not_known_is_refused_rather_than_taken_for_plaintext():
    with pytest.raises(InputError, match=r"security_protocol.*SASL_SLL"):
        check_options({"security_protocol": "SASL_SLL"})


def test_a_file_that_an_option_names_must_be_there(tmp_path):
    with pytest.raises(InputError, match="ssl_cafile names is not there"):
        check_options({"ssl_cafile": str(tmp_path / "ca.pem")})


def test_a_client_that_there_is_not_is_refused():
    with pytest.raises(InputError, match="kafka-python or confluent-kafka; got 'librdkafka'"):
        KafkaSink(["localhost"], None, "p0", "librdkafka")


def test_a_client_that_is_not_installed_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.delitem(sys.modules, "donki.streams.confluent")
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(InputError, match=r"confluent-kafka is not installed .* 'donkiorchestra\[fast\]'"):
        KafkaSink(["localhost"], None, "p0", "confluent-kafka")
    KafkaSink(["localhost"], None, "p0")


def test_confluent_kafka_is_given_the_same_options_by_its_own_names():
    options = {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "p0",
        "sasl_plain_password": "s3cret",
        "ssl_cafile": "ca.pem",
        "ssl_password": None,
        "ssl_check_hostname": False,
    }
    assert ConfluentProducer.security(options) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "p0",
        "sasl.password": "s3cret",
        "ssl.ca.location": "ca.pem",
        "ssl.endpoint.identification.algorithm": "none",
    }


def test_an_option_that_confluent_kafka_does_not_know_is_refused_and_its_value_never_shown():
    options = {"security_protocol": "SASL_SSL", "sasl_kerberos_domain_name": "s3cret"}
    find_client(CLIENTS[0]).security(options)
    with pytest.raises(InputError, match=r"'sasl_kerberos_domain_name' .* or use kafka-python") as refusal:
        KafkaSink(["localhost"], options, "p0", "confluent-kafka")
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("address", [("localhost", 9093), ("::1", 9092)])
def test_an_address_is_written_as_it_is_read(address):
    assert parse_address(format_address(address)) == address


def test_one_broker_that_answers_is_enough():
    with socket.create_server(("127.0.0.1", 0)) as there, socket.create_server(("127.0.0.1", 0)) as gone:
        addresses = [gone.getsockname(), there.getsockname()]
        gone.close()
        knock(addresses, 2)


def test_brokers_that_are_down_are_named_at_once():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        host, port = gone.getsockname()
    began = time.monotonic()
    with pytest.raises(BrokerError, match=f"{host}:{port} .Connection refused"):
        knock([(host, port)], 2)
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("topic", ["", ".", "..", "a/b", "a b", "ü", "x" * 250])
def test_a_topic_that_no_broker_takes_is_refused(topic):
    with pytest.raises(BrokerError, match="topic"):
        check_topic(topic)
