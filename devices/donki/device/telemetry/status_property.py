"""Where NICOS and others see that both devices are alive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tango.server import device_property

from donki.device.base import DonkiDevice
from donki.device.properties.kafka import KafkaProperties, read_kafka_options
from donki.device.properties.rules import check_optional_topic
from donki.device.telemetry.heartbeat import Heartbeat
from donki.streams.kafka.sink import KafkaSink
from donki.streams.kafka.topics.settings import TopicSettings


class StatusProperty(KafkaProperties, DonkiDevice):
    """The properties of Kafka and of the topic, and what follows from them."""

    StatusTopic = device_property(
        dtype=str,
        default_value="",
        doc="Kafka topic to which it is sent every 2 s that the device is alive, and how it is (x5f2), for "
        "NICOS and others; empty: nowhere.",
    )

    rules: ClassVar[Mapping[str, Callable[[Any], object]]] = {
        **KafkaProperties.rules,
        "StatusTopic": check_optional_topic,
    }

    def start_heartbeat(self, status: Mapping[str, Callable[[], object]]) -> None:
        """Tell the topic, if there is one, until the device is closed; `status` as `Heartbeat` takes it."""
        if not self.StatusTopic:
            return
        device = self.get_name()
        options = read_kafka_options(self.KafkaOptions)
        sink = KafkaSink(
            list(self.KafkaBrokers),
            options,
            f"donki-{device.replace('/', '-')}-status",
            topics=TopicSettings(replication=self.TopicReplication),
        )
        software = type(self).__name__
        heartbeat = Heartbeat(self.StatusTopic, software, device, sink, status, self._threads, self._log)
        self._closing.callback(heartbeat.end)
