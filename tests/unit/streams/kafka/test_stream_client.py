"""Which options and topics are taken, and that no secret is shown."""

import sys

import pytest

from donki.errors import InputError
from donki.streams.kafka.client import check_options
from donki.streams.kafka.clients import DEFAULT, KafkaClient, find_client, register
from donki.streams.kafka.clients.confluent import ConfluentProducer
from donki.streams.kafka.sink import KafkaSink
from donki.streams.kafka.topics.name import check_topic


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
    monkeypatch.delitem(sys.modules, "donki.streams.kafka.clients.confluent")
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(InputError, match=r"confluent-kafka is not installed .* 'donkiorchestra\[fast\]'"):
        KafkaSink(["localhost"], None, "p0", "confluent-kafka")
    KafkaSink(["localhost"], None, "p0")


def test_a_client_whose_name_is_taken_is_refused():
    with pytest.raises(ValueError, match=r"Kafka client kafka-python of .*another:Producer.* is that of"):
        register(KafkaClient(DEFAULT, "another:Producer"))


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
    find_client(DEFAULT).security(options)
    with pytest.raises(InputError, match=r"'sasl_kerberos_domain_name' .* or use kafka-python") as refusal:
        KafkaSink(["localhost"], options, "p0", "confluent-kafka")
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("topic", ["", ".", "..", "a/b", "a b", "ü", "x" * 250, None, 7, b"topic"])
def test_a_topic_that_no_broker_takes_is_refused(topic):
    with pytest.raises(InputError, match="topic"):
        check_topic(topic)
