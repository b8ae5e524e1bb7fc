"""The brokers that messages go to: how they are reached, and how long they are waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from donki.errors import BrokerError
from donki.host_port import format_host_port
from donki.streams.kafka.brokers import format_brokers, parse_brokers, probe
from donki.streams.kafka.client import check_options
from donki.streams.kafka.clients import find_client
from donki.streams.kafka.producer import Producer, ProducerSettings
from donki.streams.kafka.silence import SilenceInquiry
from donki.streams.kafka.topics.settings import TopicSettings
from donki.streams.kafka.topics.topic import ensure_topics

CONNECT_TIMEOUT = 2.0
"""Seconds in which a broker must answer when it is first spoken to, where somebody waits for an answer."""

SETUP_TIMEOUT = 4.0
"""The same for a Player that is set up, as many may be at once; a Director waits for it for 5 s at least."""

DELIVERY_TIMEOUT = 10.0
"""Seconds after which a message that the broker has not acknowledged is given up."""

SEVERAL_CONNECT_TIMEOUT = 6.0
"""What `CONNECT_TIMEOUT` is of several brokers, of which some may be silent."""

SEVERAL_DELIVERY_TIMEOUT = 30.0
"""What `DELIVERY_TIMEOUT` is of several brokers, who by default notice after 9 s that one of them is dead."""

SEVERAL_REQUEST_TIMEOUT = 3.0
"""Seconds after which a request to one of several brokers is sent again, to the one that leads by then."""

SILENCE = 2.0
"""Seconds without any acknowledgement after which several brokers are asked why."""


class Limits(NamedTuple):
    """How long brokers are waited for, in s.

    Attributes
    ----------
    connect
        until one answers when it is first spoken to
    delivery
        until a message is acknowledged
    request
        until a request is sent again
    """

    connect: float
    delivery: float
    request: float


def limits_for(brokers: int) -> Limits:
    """Return how long a cluster of so many brokers is waited for."""
    if brokers > 1:
        return Limits(SEVERAL_CONNECT_TIMEOUT, SEVERAL_DELIVERY_TIMEOUT, SEVERAL_REQUEST_TIMEOUT)
    return Limits(CONNECT_TIMEOUT, DELIVERY_TIMEOUT, 0.9 * DELIVERY_TIMEOUT)


class KafkaCluster:
    """One broker, or several that stand in for each other.

    Topics are found and made by kafka-python, whichever client sends the messages.

    Parameters
    ----------
    brokers, options, name, client, topics, warn, patience
        as `KafkaSink` takes them

    Attributes
    ----------
    names
        as `format_brokers` writes them

    Raises
    ------
    InputError
        when a broker's address or an option is not what it should be, or the client is not installed
    """

    def __init__(
        self,
        brokers: Sequence[str],
        options: Mapping[str, Any] | None,
        name: str,
        client: str,
        topics: TopicSettings,
        warn: Callable[[str], object],
        patience: float,
    ) -> None:
        self._options = check_options(options or {})
        self._addresses = parse_brokers(brokers, self._options)
        self.names = format_brokers(self._addresses)
        self._name = name
        self._kind = find_client(client)
        self._security = self._kind.security(self._options)
        self._wanted = topics
        self._warn = warn
        self._patience = patience
        self._brokers = len(self._addresses)
        self._inquiry = SilenceInquiry(self._addresses, self._options)

    @property
    def limits(self) -> Limits:
        """How long it is waited for."""
        limits = limits_for(self._brokers)
        return limits._replace(connect=max(limits.connect, self._patience))

    @property
    def reason(self) -> str:
        """What the brokers say of why they acknowledge nothing; empty where that is not known."""
        return self._inquiry.reason

    def connect(self, topics: Sequence[str]) -> Producer:
        """Return a producer for topics, which are made where they do not exist.

        Raises
        ------
        BrokerError
            when no broker answers in time, or a topic cannot be made
        """
        first = self._find(topics)
        # A broker that answered just now is there: the producer has as long as it had.
        deadline = self._deadline()
        _, delivery, request = self.limits
        producer = self._kind(
            ProducerSettings([first], self._name, self._security, _left(deadline), delivery, request)
        )
        try:
            for topic in topics:
                producer.wait_for_leader(topic, _left(deadline))
        except BrokerError:
            producer.give_up()
            raise
        return producer

    def open_topic(self, topic: str, producer: Producer) -> None:
        """Have a producer know one more topic, which is made where it does not exist; raises as `connect`."""
        self._find([topic])
        producer.wait_for_leader(topic, self.limits.connect)

    def watch(self, topics: Sequence[str], silence: float) -> None:
        """Take that nothing of what was sent to topics was acknowledged for so many seconds."""
        if silence < SILENCE:
            self._inquiry.forget()
        elif self._brokers > 1:
            self._inquiry.ask(topics)

    def _find(self, topics: Sequence[str]) -> tuple[str, int]:
        """Make sure that topics exist; return the broker that said so."""
        deadline = self._deadline()
        first = probe(self._addresses, _left(deadline), self._options)
        # One broker may take all the time; of several, another one is asked.
        request = self.limits.request / 2 if self._brokers > 1 else _left(deadline)
        settings = {
            **self._options,
            "bootstrap_servers": [format_host_port(*first)],
            "client_id": self._name,
            "bootstrap_timeout_ms": int(1000 * _left(deadline)),
            "request_timeout_ms": int(1000 * request),
        }
        found = ensure_topics(topics, self.names, settings, _left(deadline), self._wanted)
        self._brokers = max(self._brokers, found.brokers)
        for topic, its in found.items():
            if line := self._wanted.differences(topic, its.partitions, its.replicas):
                self._warn(line)
        return first

    def _deadline(self) -> float:
        return time.monotonic() + self.limits.connect


def _left(deadline: float) -> float:
    """Return the seconds until a deadline, at least a tenth: a timeout of zero would mean none."""
    return max(0.1, deadline - time.monotonic())
