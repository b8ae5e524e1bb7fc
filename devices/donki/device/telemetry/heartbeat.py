"""A sign of life to Kafka every 2 s, as NICOS expects it of a file writer or a forwarder (x5f2)."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version

from streaming_data_types import serialise_x5f2

from donki.errors import BrokerError
from donki.streams.kafka.sink import KafkaSink
from donki.threads import Threads

#: How often, in s: as kafka-to-nexus does. NICOS takes who is silent for 5 s more than that for dead.
INTERVAL = 2.0

#: How long the broker may take for one, in s.
PATIENCE = 2.0

#: The format of what is told: other keys may be added to it, and these stay.
VERSION = 1


class Heartbeat:
    """Tells a Kafka topic every `INTERVAL` that a device is alive and how it is, from a thread of its own.

    A broker that is away stops nothing: what it does not take is not sent later. It is logged once, and so is
    that it is back.

    Parameters
    ----------
    topic
        the Kafka topic
    software
        the name of the program
    device
        the name of the Tango device, which is the key of the messages too
    sink
        for Kafka; it is closed at the end
    status
        by key, what reads it: what is told of the device, as text
    threads
        where what goes wrong in its thread is said
    log
        of the device
    """

    def __init__(
        self,
        topic: str,
        software: str,
        device: str,
        sink: KafkaSink,
        status: Mapping[str, Callable[[], object]],
        threads: Threads,
        log: logging.Logger,
    ) -> None:
        self._topic = topic
        self._device = device
        self._identity = (software, version("donkiorchestra"), device, socket.gethostname(), os.getpid())
        self._sink = sink
        self._status = status
        self._threads = threads
        self._log = log
        self._is_away = False
        self._ended = threading.Event()
        self._name = f"heartbeat to {topic}"
        threads.start(self._name, self._run)

    def end(self) -> None:
        """Send no more; returns at once, also while the broker is waited for."""
        self._ended.set()
        self._sink.abandon("the device ends")

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due = max(due + INTERVAL, time.monotonic())
            with self._threads.guard(self._name):
                self._beat()
        with self._threads.guard(self._name):
            self._sink.close()

    def _beat(self) -> None:
        message = self._encode()
        try:
            self._sink.open_topic(self._topic)
            self._sink.send(self._topic, self._device, message, time.time_ns())
            self._sink.deliver(PATIENCE)
        except BrokerError as error:
            self._sink.discard()
            if not (self._is_away or self._ended.is_set()):
                self._log.warning("no heartbeats to topic %s: %s", self._topic, error)
            self._is_away = True
            return
        if self._is_away:
            self._log.info("heartbeats to topic %s again", self._topic)
        self._is_away = False

    def _encode(self) -> bytes:
        told = {"version": VERSION, **{key: str(read()) for key, read in self._status.items()}}
        return bytes(serialise_x5f2(*self._identity, int(1000 * INTERVAL), json.dumps(told)))
