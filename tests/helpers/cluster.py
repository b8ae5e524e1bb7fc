"""Several genuine Apache Kafka brokers that are one cluster, for tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from helpers.brokers import ApacheBroker, new_broker
from helpers.support import free_port

_MEMORY = ("-Xmx256m", "-Xss512k")


class Node(ApacheBroker):
    """One broker of a cluster.

    Attributes
    ----------
    number
        its node id, from 1
    """

    memory = _MEMORY
    start_limit = 120.0

    def __init__(self, number: int, voters: str, controller: int | None, settings: Sequence[str]) -> None:
        super().__init__()
        self.number = number
        self._voters = voters
        self._controller = controller
        self._settings = settings

    def settings(self, folder: Path) -> list[str]:
        """Return the lines of its properties."""
        listeners = [f"PLAINTEXT://{self.address}"]
        if self._controller:
            listeners.append(f"CONTROLLER://127.0.0.1:{self._controller}")
        return [
            f"process.roles=broker{',controller' if self._controller else ''}",
            f"node.id={self.number}",
            f"controller.quorum.voters={self._voters}",
            f"listeners={','.join(listeners)}",
            f"advertised.listeners=PLAINTEXT://{self.address}",
            *self.common_settings(folder),
            *self._settings,
        ]


class Cluster:
    """Brokers in processes of their own, gone when the `with` block ends.

    Topics have three replicas, and two of them must have a message before it is acknowledged.

    Parameters
    ----------
    controllers
        how many of them decide who leads what, the first ones; more than half of these must run
    size
        how many brokers
    settings
        further lines of their properties

    Attributes
    ----------
    nodes
        the brokers
    address
        of all, as Players take it
    """

    def __init__(self, controllers: int = 3, size: int = 3, settings: Sequence[str] = ()) -> None:
        new_broker(ApacheBroker.kind)  # leaves the test out where there is no Java
        ports: list[int] = []
        while len(ports) < controllers:
            ports.extend({free_port()} - set(ports))
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(ports, start=1))
        shared = [
            f"default.replication.factor={size}",
            "min.insync.replicas=2",
            "offsets.topic.num.partitions=1",
            "controller.quorum.election.timeout.ms=500",
            "controller.quorum.fetch.timeout.ms=1000",
            *settings,
        ]
        self.nodes: list[Node] = []
        while len(self.nodes) < size:
            number = len(self.nodes) + 1
            node = Node(number, voters, ports[number - 1] if number <= controllers else None, shared)
            if node.port not in ports:
                ports.append(node.port)
                self.nodes.append(node)
        self.address = ",".join(node.address for node in self.nodes)

    def node(self, number: int) -> Node:
        """Return a broker by its node id."""
        return self.nodes[number - 1]

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="donki-cluster-"))
        try:
            first, *others = self.nodes
            first.use(self._folder / "1")
            first.folder.mkdir()
            first.prepare(first.folder)
            for node in others:
                # To format a folder starts Java; they differ in the node's number alone.
                node.use(self._folder / str(node.number))
                shutil.copytree(first.folder, node.folder)
                node.write_settings(node.folder)
                meta = node.folder / "data" / "meta.properties"
                lines = meta.read_text().splitlines()
                kept = [line for line in lines if not line.startswith(("node.id=", "directory.id="))]
                meta.write_text("\n".join([*kept, f"node.id={node.number}", ""]))
            for node in self.nodes:
                node.begin()
            for node in self.nodes:
                node.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self._folder)

    def mend(self) -> None:
        """Have every broker run."""
        for node in self.nodes:
            if node.is_running:
                node.resume()
            else:
                node.begin()
        for node in self.nodes:
            node.wait_until_ready()
