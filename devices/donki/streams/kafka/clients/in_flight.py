"""What kafka-python has in flight, and whom to tell the result."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque

from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from kafka.future import Future

from donki.streams.kafka.producer import Delivery


class InFlight:
    """Messages in the order in which they were sent.

    Whoever sends looks at the oldest: callbacks would have the client's thread wait for locks at each
    message.
    """

    def __init__(self) -> None:
        self._messages: deque[tuple[Future, Delivery]] = deque()
        self._telling = threading.Lock()

    def add(self, future: Future, delivery: Delivery) -> None:
        """Take a message that was sent; `delivery` is told the result, in `tell` or `wait`."""
        self._messages.append((future, delivery))

    def tell(self) -> None:
        """Tell the results of the oldest messages, up to the first that has none yet."""
        messages = self._messages
        with self._telling:
            while messages and messages[0][0].is_done:
                future, delivery = messages.popleft()
                if future.exception is None:
                    delivery.acknowledged(future.value.partition, future.value.offset)
                else:
                    lose(delivery, future.exception)

    def wait(self, seconds: float) -> None:
        """Wait for the result of the oldest message, at most so long, and tell."""
        with self._telling:
            oldest = self._messages[0][0] if self._messages else None
        if oldest is None:
            time.sleep(seconds)
        else:
            # That it takes longer, or that it is lost: which one, `tell` tells.
            with contextlib.suppress(KafkaError):
                oldest.get(seconds)
        self.tell()


def lose(delivery: Delivery, error: Exception) -> None:
    """Tell that a message was lost, and why."""
    if isinstance(error, KafkaTimeoutError):
        delivery.timed_out()
    elif isinstance(error, MessageSizeTooLargeError):
        delivery.too_large()
    else:
        delivery.refused(str(error))
