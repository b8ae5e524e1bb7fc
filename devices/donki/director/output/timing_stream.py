"""When each trigger was, to Kafka while the run goes on."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from donki.director.output.timing_message import TimingEncoder
from donki.director.rules.effects import Attempt, TriggerDone
from donki.errors import BrokerError
from donki.streams.kafka.sink import KafkaSink
from donki.threads import Threads

#: How often the times are sent, in s.
GROUP = 0.1

#: How many triggers' times are kept while the broker takes none; then the oldest are given up.
BACKLOG = 10_000

#: How long the broker may take for a group, in s.
PATIENCE = 2.0

#: How long after the end of a run the broker may still be away, in s.
GRACE = 5.0


class TimingStream:
    """Sends a message for each complete trigger to a Kafka topic, from a thread of its own.

    A broker that is away stops nothing: the times wait, as many as `BACKLOG`, and are sent when it is back.
    What the broker had taken but not acknowledged then stands in the topic twice.

    Parameters
    ----------
    topic
        the Kafka topic
    source
        the source name in the messages
    sink
        for Kafka; it is closed at the end
    encoder
        of the messages
    remark
        takes what happened, for the journal
    threads
        where what goes wrong in its thread is said

    Attributes
    ----------
    problem
        why nothing can be sent at present; empty if it can
    """

    def __init__(
        self,
        topic: str,
        source: str,
        sink: KafkaSink,
        encoder: TimingEncoder,
        remark: Callable[[str], None],
        threads: Threads,
    ) -> None:
        self.problem = ""
        self._topic = topic
        self._source = source
        self._sink = sink
        self._encoder = encoder
        self._remark = remark
        self._notes: queue.SimpleQueue[Attempt | TriggerDone] = queue.SimpleQueue()
        self._attempts: dict[str, Attempt] = {}
        self._backlog: deque[tuple[int, bytes]] = deque()
        self._lost = 0
        self._ended = threading.Event()
        self._threads = threads
        self._name = f"timing to {topic}"
        self._thread = threads.start(self._name, self._run)

    def note(self, effect: Attempt | TriggerDone) -> None:
        """Take an attempt or a complete trigger; returns at once."""
        self._notes.put(effect)

    def end(self) -> None:
        """Send what is noted, and no more; returns at once."""
        self._ended.set()

    def wait(self) -> None:
        """Wait until all is sent or given up: after the end, that takes no longer than the broker may."""
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(GROUP):
            self._send()
        limit = time.monotonic() + GRACE
        while not self._send() and time.monotonic() < limit:
            time.sleep(GROUP)
        with self._threads.guard(self._name):
            self._sink.close()
        self._lost += len(self._backlog)
        if self._lost:
            self._remark(f"the times of {self._lost} triggers were not sent to topic {self._topic}")

    def _send(self) -> bool:
        """Send all that is noted; return False where the broker does not take it."""
        self._encode()
        if not self._backlog:
            return True
        try:
            self._sink.open_topic(self._topic)
            for reference_time, message in self._backlog:
                self._sink.send(self._topic, self._source, message, reference_time)
            self._sink.deliver(PATIENCE)
        except BrokerError as error:
            if not self.problem:
                self._remark(f"the times of triggers wait: {error}")
            self.problem = str(error)
            self._sink.discard()
            return False
        except BaseException as error:  # noqa: BLE001 - the same messages would fail again
            self.problem = self._threads.caught(self._name, error)
            self._lost += len(self._backlog)
            self._backlog.clear()
            self._sink.discard()
            return True
        self.problem = ""
        self._backlog.clear()
        return True

    def _encode(self) -> None:
        while True:
            try:
                effect = self._notes.get_nowait()
            except queue.Empty:
                return
            if isinstance(effect, Attempt):
                self._attempts[effect.player] = effect
                continue
            self._lost += 1
            with self._threads.guard(self._name):
                self._backlog.append((effect.reference_time, self._encoder.encode(effect, self._attempts)))
                self._lost -= 1
            self._attempts.clear()
            if len(self._backlog) > BACKLOG:
                self._backlog.popleft()
                self._lost += 1
