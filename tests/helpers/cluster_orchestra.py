"""An orchestra that sends to a Kafka cluster, a Player by each Kafka client, and what became of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from donki.director.journal.reading.reader import JournalReader
from donki.limits import OnError
from donki.streams.kafka.clients import CLIENTS
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility
from donki_client.verify.run_check import check_run
from helpers.orchestra import SCRIPTS, Orchestra
from helpers.support import wait_until

PARTITIONS = 3


@dataclass
class Delivered:
    """What check-data found of a run.

    Attributes
    ----------
    noted, found, left
        messages: by the journal, in their places, and left of attempts that failed, which is their mark
    missing, unmarked, late
        that were lost, that are there twice or unknown without a mark, and that are not in order
    problems
        all that is not as it should be, a line each
    """

    noted: int
    found: int
    left: int
    missing: int
    unmarked: int
    late: int
    problems: list[str]


class ClusterOrchestra(Orchestra):
    """A Director, and a Player by each Kafka client, whose topics have several partitions."""

    def use(self, brokers: str, topic: str, *, timeout: float, on_error: OnError, retries: int) -> None:
        """Start it with these brokers."""
        servers = [
            DeviceServer.player(
                f"{self.prefix}-{client}",
                SCRIPTS / "clustered.py",
                priority=0,
                parameters={"topic": topic},
                timeout=timeout,
                on_error=on_error,
                retries=retries,
                KafkaBrokers=brokers,
                KafkaClient=client,
                TopicPartitions=str(PARTITIONS),
            )
            for client in CLIENTS
        ]
        children = self.facility.start_servers(*servers, self.director_server)
        for client, server, child in zip(CLIENTS, servers, children, strict=False):
            self.players[client] = self.proxy(server.device)
            self.children[client] = child
        self.director = self.proxy(self.director_server.device)
        self.children["director"] = children[-1]

    def delivered(self, brokers: str) -> Delivered:
        """Return what became of the last run."""
        with JournalReader(self.journal.parent) as reader:
            wait_until("the journal has the end of the run", lambda: reader.run().ended is not None)
            data = check_run(reader, reader.run(), broker=brokers)
        findings = [stream.findings for stream in data.streams]
        return Delivered(
            sum(each.noted for each in findings),
            sum(each.matched for each in findings),
            sum(each.left_over for each in findings),
            sum(each.missing_count for each in findings),
            sum(each.twice + each.unknown for each in findings),
            sum(each.late_count for each in findings),
            data.problems,
        )


@contextmanager
def a_cluster_orchestra(
    facility: LocalFacility, folder: Path, prefix: str, brokers: str, topic: str, **settings: object
) -> Iterator[ClusterOrchestra]:
    """Start one, and end its servers when the block ends."""
    orchestra = ClusterOrchestra(facility, folder, prefix)
    try:
        orchestra.use(brokers, topic, **settings)
        yield orchestra
    finally:
        for child in orchestra.children.values():
            if child.is_alive:
                child.kill()
