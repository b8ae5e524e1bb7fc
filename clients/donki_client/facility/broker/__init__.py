"""An in-memory Kafka broker for demos and tests.

It speaks the Kafka protocol on the loopback interface to kafka-python, librdkafka (confluent-kafka, kcat) and
whatever else is content with the requests in `donki_client.facility.broker.api`. It keeps records in memory
until their topic is deleted or the process ends, up to a stated number of bytes; then it deletes the oldest
of all topics, or refuses more, and says so. It has no disk, no replicas, no transactions and no access
control: for data that somebody wants to keep, run Apache Kafka.

Run it in a process of its own::

    python -m donki_client.facility.broker --port 9092 --max-bytes 1073741824
"""

from donki_client.facility.broker.server import MemoryBroker

__all__ = ["MemoryBroker"]
