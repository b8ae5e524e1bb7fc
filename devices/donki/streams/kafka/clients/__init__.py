"""The Kafka clients that can send a Player's messages, by name; each is imported when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from donki.errors import InputError
from donki.registry import Registry

if TYPE_CHECKING:
    from donki.streams.kafka.producer import Producer

DEFAULT = "kafka-python"
"""The client where none is chosen."""


@dataclass(frozen=True)
class KafkaClient:
    """A Kafka client library.

    Attributes
    ----------
    name
        how it is chosen
    producer
        the class that sends by it, a `Producer`, as ``module:class``
    install
        what to install for it, where that is not done yet
    note
        what else to know, for the documentation
    """

    name: str
    producer: str
    install: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.name}, {self.note}" if self.note else self.name


CLIENTS: Registry[KafkaClient] = Registry("Kafka client")
"""The clients that can be chosen, by name."""


def register(client: KafkaClient) -> None:
    """Make a Kafka client known.

    Raises
    ------
    ValueError
        when another one has its name
    """
    CLIENTS.add(client.name, client)


def find_client(name: str) -> type[Producer]:
    """Return the producer of the Kafka client that is called so.

    Raises
    ------
    InputError
        when there is none of that name, or it is not installed
    """
    client = CLIENTS.find(name)
    if client is None:
        raise InputError(f"a Kafka client is {' or '.join(CLIENTS)}; got {name!r}")
    module, _, producer = client.producer.partition(":")
    try:
        return cast("type[Producer]", getattr(import_module(module), producer))
    except ImportError as error:
        remedy = f": pip install '{client.install}'" if client.install else ""
        raise InputError(f"the Kafka client {name} is not installed ({error}){remedy}") from None


register(KafkaClient(DEFAULT, "donki.streams.kafka.clients.kafka_python:KafkaPythonProducer"))
register(
    KafkaClient(
        "confluent-kafka",
        "donki.streams.kafka.clients.confluent:ConfluentProducer",
        "donkiorchestra[fast]",
        "which is faster and an extra",
    )
)
