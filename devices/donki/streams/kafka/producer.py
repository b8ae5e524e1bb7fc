"""What a `KafkaSink` asks of a Kafka client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

MOST_BYTES = 16_000_000
"""Most bytes in one message."""

MOST_PAYLOAD = MOST_BYTES - 8000
"""Most bytes that a stream puts into one; its key and what Kafka adds take some."""

BATCH = 1_000_000
"""Bytes that are gathered for a request while another one is in flight."""


class Delivery(Protocol):
    """Is told the result of one message; one of these is called, once."""

    def acknowledged(self, partition: int, offset: int) -> None:
        """Take note that all in-sync replicas have it, and where it stands in its topic."""

    def timed_out(self) -> None:
        """Take note that the broker has not said so in time."""

    def too_large(self) -> None:
        """Take note that the client or the topic takes no message of that size."""

    def refused(self, reason: str) -> None:
        """Take note that it is lost for another reason."""


@dataclass(frozen=True)
class ProducerSettings:
    """What a producer is made with.

    Attributes
    ----------
    brokers
        hosts and ports
    client
        the name under which the brokers know this client
    security
        what `Producer.security` returned
    connect_timeout
        seconds in which a broker must answer
    delivery_timeout
        seconds after which a message that the broker has not acknowledged is given up
    request_timeout
        seconds in which a broker must answer a request; after that another one may be asked
    """

    brokers: Sequence[tuple[str, int]]
    client: str
    security: Mapping[str, Any]
    connect_timeout: float
    delivery_timeout: float
    request_timeout: float


class Producer(Protocol):
    """Takes messages for one cluster: acknowledged by all in-sync replicas, once and in order.

    Messages of one key go to one partition of a topic, the one that `SourcePartitions` chooses.

    Deliveries are told in `send` and `poll`, by the thread that sends: another one would have to wait for
    Python's lock at each message.

    Raises
    ------
    BrokerError
        when no broker answers in time, or the client cannot be made with these settings
    """

    def __init__(self, settings: ProducerSettings) -> None: ...

    @staticmethod
    def security(options: Mapping[str, Any]) -> dict[str, Any]:
        """Return security settings of kafka-python as this client names them.

        Raises
        ------
        InputError
            when one has no counterpart; no value is shown
        """

    def wait_for_leader(self, topic: str, timeout: float) -> None:
        """Learn which broker leads a topic that exists.

        Raises
        ------
        BrokerError
            when none does, or no broker answers within `timeout` seconds
        """

    def send(
        self, topic: str, key: bytes, message: bytes | memoryview, timestamp: int, delivery: Delivery
    ) -> None:
        """Take a message, which is copied, with a time stamp in ms since 1970 UTC; `delivery` is told all."""

    def poll(self, seconds: float, *, flush: bool) -> None:
        """Tell of what was delivered; wait for it at most so long.

        Parameters
        ----------
        seconds
            most time
        flush
            whether everything is waited for: then nothing lingers to be sent with what comes
        """

    def give_up(self) -> None:
        """Leave the cluster at once; what is not acknowledged is lost."""
