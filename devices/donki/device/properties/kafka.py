"""How both devices reach Kafka: their properties in the Tango database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tango.server import device_property

from donki.json_text import parse_object
from donki.streams.kafka.client import check_options
from donki.streams.kafka.sink import KafkaSink
from donki.streams.kafka.topics.settings import BROKERS_OWN, check_replication


def read_kafka_options(text: str) -> dict[str, Any]:
    """Return the property KafkaOptions as an object; what it holds is never shown, for it may be a secret.

    Raises
    ------
    InputError
        when it is not a JSON object
    """
    return parse_object("the property KafkaOptions", text, '{"security_protocol": "SSL"}', secret=True)


class KafkaProperties:
    """Stands before the device among the bases of its class."""

    KafkaBrokers = device_property(
        dtype=(str,),
        default_value=["localhost:9092"],
        doc="Kafka brokers, host:port each, or several with commas; PLAINTEXT:// may stand before one.",
    )
    KafkaOptions = device_property(
        dtype=str,
        default_value="{}",
        doc="JSON object of options for the Kafka client: security and the like.",
    )
    TopicReplication = device_property(
        dtype=int,
        default_value=BROKERS_OWN,
        doc="How many brokers keep a copy of the Kafka topics that the device makes; 0: as many as the "
        "brokers are set to. A topic that exists is used as it is.",
    )

    rules: ClassVar[Mapping[str, Callable[[Any], object]]] = {
        "KafkaBrokers": lambda brokers: KafkaSink(brokers, None, "donki-check"),
        "KafkaOptions": lambda text: check_options(read_kafka_options(text)),
        "TopicReplication": check_replication,
    }
