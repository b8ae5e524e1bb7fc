"""Why a cluster of several brokers does not acknowledge messages, as it says itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, RetriableError

from donki.errors import BrokerError
from donki.host_port import format_host_port
from donki.streams.kafka.brokers import format_brokers, is_alive, probe
from donki.streams.kafka.client import open_client
from donki.threads import Threads

_LIMIT = 6.0  # s in which some broker must answer
_ANSWER = 1.0  # s in which a broker that is asked must answer
_PAUSE = 3.0  # s from one question to the next
T = TypeVar("T")

_MIN_IN_SYNC = "min.insync.replicas"


class SilenceInquiry:
    """Asks a cluster, in a thread of its own, what keeps it from acknowledging messages.

    The Kafka clients tell no more than that time is up.

    Parameters
    ----------
    brokers
        hosts and ports
    options
        security settings of kafka-python

    Attributes
    ----------
    reason
        what it said last; empty for nothing
    """

    def __init__(self, brokers: Sequence[tuple[str, int]], options: Mapping[str, Any]) -> None:
        self.reason = ""
        self._brokers = brokers
        self._options = options
        self._threads = Threads()
        self._thread: threading.Thread | None = None
        self._due = 0.0

    def ask(self, topics: Iterable[str]) -> None:
        """Ask about these topics, unless that was done just now; returns at once."""
        if time.monotonic() < self._due or (self._thread and self._thread.is_alive()):
            return
        self._due = time.monotonic() + _PAUSE
        wanted = list(topics)
        self._thread = self._threads.start("silent cluster", lambda: self._ask(wanted), lambda _: None)

    def forget(self) -> None:
        """Take that it is not silent any more."""
        self.reason = ""

    def _ask(self, topics: Sequence[str]) -> None:
        try:
            self.reason = why_silent(self._brokers, self._options, topics)
        except (BrokerError, KafkaError) as error:
            self.reason = str(error)


def why_silent(brokers: Sequence[tuple[str, int]], options: Mapping[str, Any], topics: Sequence[str]) -> str:
    """Return what keeps messages to these topics from being acknowledged; empty where nothing does.

    Raises
    ------
    BrokerError, KafkaError
        when no broker answers
    """
    deadline = time.monotonic() + _LIMIT
    first = probe(brokers, _LIMIT / 2, options)
    settings = {
        **options,
        "bootstrap_servers": format_brokers([first]),
        "bootstrap_timeout_ms": int(1000 * _LIMIT),
        "request_timeout_ms": int(1000 * _ANSWER),
    }

    def answer(question: Callable[[], T]) -> T:
        # Any broker may be asked, also one that is dead, and another one the next time.
        while True:
            try:
                return question()
            except RetriableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    with open_client(KafkaAdminClient, format_brokers(brokers), settings) as admin:
        found = answer(admin.describe_cluster)["brokers"]
        nodes = {node["broker_id"]: (node["host"], node["port"]) for node in found}
        dead = [number for number, node in sorted(nodes.items()) if not is_alive(node, _ANSWER, options)]
        named = ", ".join(f"{format_host_port(*nodes[number])} (node {number})" for number in dead)
        remedy = f"; start {named}" if named else ""
        for topic in answer(lambda: admin.describe_topics(list(topics))):
            wanted = answer(partial(_min_in_sync, admin, topic["name"]))
            for partition in sorted(topic["partitions"], key=lambda each: int(each["partition_index"])):
                where = f"partition {partition['partition_index']} of topic {topic['name']}"
                replicas, in_sync = partition["replica_nodes"], set(partition["isr_nodes"])
                # Whoever is dead counts as in sync until the cluster has noticed it.
                alive = in_sync - set(dead)
                if partition["leader_id"] < 0:
                    return f"{where} has no leader{remedy}"
                if len(alive) < wanted:
                    return (
                        f"{where} has {len(alive)} of {len(replicas)} replicas in sync, and {_MIN_IN_SYNC} is"
                        f" {wanted}{remedy}"
                    )
    return f"silent: {named}" if named else ""


def _min_in_sync(admin: KafkaAdminClient, topic: str) -> int:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, [_MIN_IN_SYNC])
    said = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    return int(said[_MIN_IN_SYNC]["value"])
