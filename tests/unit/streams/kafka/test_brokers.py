"""Who the Kafka brokers are: what people write is read, or refused by name; one that answers is enough."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import BrokerError, InputError
from donki.host_port import format_host_port, parse_host_port
from donki.streams.kafka import cluster as kafka
from donki.streams.kafka import consumer
from donki.streams.kafka.brokers import PROTOCOLS, format_brokers, parse_brokers, probe
from donki.streams.kafka.sink import KafkaSink
from donki.streams.kafka.topics.topic import FoundTopics
from donki_client.address import Address
from donki_client.facility import kafka_broker
from helpers.support import took

NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)
HOSTS = NAMES | st.ip_addresses().map(str)
PORTS = st.integers(1, 65535)
BLANKS = st.text(" \t\n", max_size=2)


@st.composite
def brokers(draw):
    """Return a protocol, and texts that name brokers in any of the ways that are taken, with who they are."""
    protocol = draw(st.sampled_from(PROTOCOLS))
    texts, wanted = [], []
    for _ in range(draw(st.integers(1, 3))):
        parts = draw(st.lists(BLANKS, max_size=2))
        for host, port in draw(st.lists(st.tuples(HOSTS, PORTS), min_size=1, max_size=3)):
            text = format_host_port(host, port)
            has_port = draw(st.booleans())
            scheme = draw(st.sampled_from(["", f"{protocol}://", f"{protocol.lower()}://"]))
            address = text if has_port else text.rpartition(":")[0]
            parts.append(draw(BLANKS) + scheme + address + draw(BLANKS))
            wanted.append((host, port if has_port else 9092))
        texts.append(",".join(parts))
    return protocol, texts, list(dict.fromkeys(wanted))


@given(brokers())
def test_brokers_are_read_however_they_are_named(given_brokers):
    protocol, texts, wanted = given_brokers
    options = {"security_protocol": protocol}
    assert parse_brokers(texts, options) == wanted
    assert parse_brokers(",".join(texts), options) == wanted
    assert parse_brokers(format_brokers(wanted), options) == wanted


@given(st.text(max_size=30) | st.text("[]:,/.19aA \x1b", max_size=12))
def test_any_other_text_is_refused_by_name(text):
    try:
        found = parse_brokers(text)
    except InputError:
        with pytest.raises(InputError, match=r"host:port|named with"):
            parse_brokers(text)
        return
    assert parse_brokers(format_brokers(found)) == found
    for host, port in found:
        assert not set(host) & set(", /\\@[]\x1b\n")
        assert 1 <= port <= 65535


@pytest.mark.parametrize(
    ("broker", "said"),
    [
        ("", "several with commas; got ''"),
        (" , ", "several with commas; got ' , '"),
        (":9092", "a port from 1 to 65535; got ':9092'"),
        ("localhost:0", "a port from 1 to 65535; got 'localhost:0'"),
        ("a:1,localhost:65536", "a port from 1 to 65535; got 'localhost:65536'"),
        ("a:²", "a port from 1 to 65535; got 'a:²'"),
        ("::1:9092", "an IPv6 address in brackets; got '::1:9092'"),
        ("[::1:9092", "got '\\[::1:9092'"),
        ("[localhost]:9092", "got '\\[localhost\\]:9092'"),
        ("http://a:80", "PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL and :// before it; got 'http://a:80'"),
        ("kafka/a:80", "got 'kafka/a:80'"),
        ("SSL://a:9093", "'SSL://a:9093' is named with SSL, but the Kafka options say PLAINTEXT; set .*SSL"),
    ],
)
def test_what_names_no_broker_is_refused_with_the_remedy(broker, said):
    with pytest.raises(InputError, match=said):
        parse_brokers(broker)
    with pytest.raises(InputError, match=said):
        KafkaSink([broker], None, "p0")


def test_a_protocol_that_the_options_contradict_is_refused_with_the_remedy():
    options = {"security_protocol": "SASL_SSL"}
    said = "'plaintext://b' is named with PLAINTEXT, but the Kafka options say SASL_SSL; .* leave out plaintext://"
    with pytest.raises(InputError, match=said):
        parse_brokers("SASL_SSL://a, plaintext://b", options)


def test_no_broker_at_all_is_refused():
    with pytest.raises(InputError, match="host:port"):
        KafkaSink([], None, "p0")


@given(HOSTS, PORTS)
def test_an_address_of_a_tango_database_is_read_by_the_same_rules(host, port):
    text = format_host_port(host, port)
    assert parse_host_port(text) == (host, port)
    assert parse_host_port(text.rpartition(":")[0]) is None
    if ":" in host:
        with pytest.raises(InputError, match="HOST:PORT is expected"):
            Address.parse(text)
    else:
        assert str(Address.parse(text)) == text


@contextmanager
def answering():
    """Yield the address of what answers each connection as soon as it says something."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(connection.recv(10_000))

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()


def test_of_several_one_that_takes_connections_and_says_nothing_is_passed_over():
    with socket.create_server(("127.0.0.1", 0)) as silent, answering() as there:
        assert probe([silent.getsockname(), there], 2) == there
        assert probe([silent.getsockname(), there], 2, {"security_protocol": "SSL"}) == there
        assert probe([silent.getsockname()], 2) == silent.getsockname()
        with pytest.raises(BrokerError, match=r"no Kafka broker answers at .* \(timed out\)"):
            probe([silent.getsockname()] * 2, 0.2)


@pytest.fixture
def gone_and_there():
    """Addresses: of a broker that is down, and of one that answers."""
    with answering() as there, socket.create_server(("127.0.0.1", 0)) as gone:
        addresses = [gone.getsockname(), there]
        gone.close()
        yield addresses


def test_one_broker_that_answers_is_enough(gone_and_there):
    assert probe(gone_and_there, 2) == gone_and_there[1]


def test_clients_begin_with_the_broker_that_answers(gone_and_there, monkeypatch):
    gone, there = map(format_host_port, *zip(*gone_and_there, strict=True))
    begun = []

    class Client:
        def __init__(self, settings):
            begun.extend(format_host_port(*broker) for broker in settings.brokers)

        def wait_for_leader(self, *_): ...

        @staticmethod
        def security(options):
            return options

    def ensure_topics(topics, names, settings, *_):
        begun.extend(settings["bootstrap_servers"])
        return FoundTopics()

    monkeypatch.setattr(kafka, "find_client", lambda _: Client)
    monkeypatch.setattr(kafka, "ensure_topics", ensure_topics)
    sink = KafkaSink([gone, there], {}, "test")
    sink.open_topic("a")
    sink.open_topic("b")
    assert begun == [there] * 3
    for module in (kafka_broker, consumer):
        monkeypatch.setattr(module, "open_client", MagicMock())
    kafka_broker.check_broker(f"{gone}, {there}")
    consumer.open_consumer([gone, there], {})
    for module in (kafka_broker, consumer):
        assert module.open_client.call_args.args[2]["bootstrap_servers"] == [there]


def test_brokers_that_are_down_are_named_at_once():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        host, port = gone.getsockname()
    began = time.monotonic()
    with pytest.raises(BrokerError, match=f"{host}:{port} .Connection refused"):
        probe([(host, port)], 2)
    assert took(began) < 0.5


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example.org", "\N{SNOWMAN}" * 80])
def test_a_host_name_that_cannot_be_looked_up_does_not_answer(host):
    with pytest.raises(BrokerError, match="no Kafka broker answers at"):
        probe([(host, 9092)], 2)
