"""What streams send their messages to."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """Takes messages; Kafka is the last of them, others stand in front of it."""

    def send(
        self, topic: str, key: str, message: bytes | memoryview, timestamp: int, events: int = 0
    ) -> None:
        """Take one message; its buffer may be used again after the call.

        Parameters
        ----------
        topic
            where it goes
        key
            the name of its source
        message
            the payload
        timestamp
            of the message, ns since 1970 UTC
        events
            number of neutron events in it

        Raises
        ------
        BrokerError
            when this message or an earlier one could not be sent
        """
