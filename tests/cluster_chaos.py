"""Rounds of chaos in a Kafka cluster: brokers are killed, frozen and restarted while two Players send.

    python tests/cluster_chaos.py --rounds 30 --seed 1

plays 30 rounds with three genuine Apache brokers, in about half an hour: one Player sends by kafka-python,
the other by confluent-kafka, to topics of three partitions and three replicas, of which two must have each
message. After each round, when all brokers run again, the run is checked as ``donki check-data`` does it. It
ends with a table, and with exit status 0 only if nothing was lost, nothing is there twice without a mark, and
each source's messages are in order.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
from kafka import KafkaAdminClient
from rich.console import Console
from rich.table import Table

from donki.limits import OnError
from donki_client.facility.local import LocalFacility
from helpers.cluster import Cluster, Node
from helpers.cluster_orchestra import ClusterOrchestra, a_cluster_orchestra

TOPIC = "chaos"
TRIGGERS = 200
PERIOD = 0.05
#: How long a sequence may take, in s: brokers take a minute to start on a busy machine.
LIMIT = 400.0


class Faults:
    """What can befall the brokers, each in a way of its own; a broker that was killed is started again."""

    def __init__(self, cluster: Cluster, rng: random.Random) -> None:
        self._cluster = cluster
        self._rng = rng
        self.kinds: dict[str, Callable[[], None]] = {
            "leader killed": lambda: self._kill(self.leader()),
            "follower killed": lambda: self._kill(self._other(self.leader())),
            "controller killed": lambda: self._kill(self.controller()),
            "leader frozen": lambda: self._freeze(self.leader()),
            "follower frozen": lambda: self._freeze(self._other(self.leader())),
            "controller frozen": lambda: self._freeze(self.controller()),
            "two killed": self._kill_two,
            "all restarted in turn": self._roll,
            "leader killed, another frozen": self._kill_and_freeze,
        }

    def leader(self) -> Node:
        """Return the broker that leads some partition."""
        with KafkaAdminClient(bootstrap_servers=self._cluster.address.split(",")) as admin:
            [topic] = admin.describe_topics([TOPIC])
        leaders = [partition["leader_id"] for partition in topic["partitions"]]
        return self._cluster.node(self._rng.choice([each for each in leaders if each > 0]))

    def controller(self) -> Node:
        """Return the broker that decides who leads."""
        with KafkaAdminClient(bootstrap_servers=self._cluster.address.split(",")) as admin:
            [metadata] = admin.describe_metadata_quorum()["topics"]
        return self._cluster.node(metadata["partitions"][0]["leader_id"])

    def _other(self, node: Node) -> Node:
        return self._rng.choice([each for each in self._cluster.nodes if each is not node])

    def _pause(self, most: float = 3.0) -> None:
        time.sleep(self._rng.uniform(0.0, most))

    def _kill(self, node: Node) -> None:
        node.kill()
        self._pause()
        node.start()

    def _freeze(self, node: Node) -> None:
        node.pause()
        self._pause(12.0)
        node.resume()

    def _kill_two(self) -> None:
        first, second = self._rng.sample(self._cluster.nodes, 2)
        first.kill()
        self._pause()
        second.kill()
        self._pause(8.0)
        first.begin()
        second.begin()
        first.wait_until_ready()
        second.wait_until_ready()

    def _roll(self) -> None:
        for node in self._cluster.nodes:
            node.stop()
            node.start()

    def _kill_and_freeze(self) -> None:
        leader = self.leader()
        other = self._other(leader)
        leader.kill()
        other.pause()
        self._pause(8.0)
        other.resume()
        leader.start()


def _play(orchestra: ClusterOrchestra, cluster: Cluster, befall: Callable[[], None], delay: float) -> str:
    """Play a sequence in which something befalls the brokers; return how it ended."""
    director = orchestra.director
    director.Triggers, director.Period = TRIGGERS, PERIOD
    orchestra.refresh()
    director.Start()
    time.sleep(delay)
    # Not in a thread: brokers that it starts would end with it.
    befall()
    state = orchestra.ended_in_alarm(LIMIT)
    cluster.mend()
    said = "" if state == "ON" else f" ({director.LastError})"
    if state == "FAULT":
        director.Reset()
    return f"{state}{said}"


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(rounds: int, seed: int) -> None:
    """Play rounds of chaos."""
    console = Console(highlight=False, width=200)
    folder = Path(tempfile.mkdtemp(prefix="donki-cluster-chaos-"))
    total: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    failed = 0
    began = time.monotonic()
    with Cluster() as cluster, LocalFacility(folder / "facility") as facility:
        facility.start_database()
        settings = {"timeout": 60.0, "on_error": OnError.RETRY, "retries": 8}
        with a_cluster_orchestra(facility, folder, "chaos", cluster.address, TOPIC, **settings) as orchestra:
            for number in range(rounds):
                rng = random.Random(f"{seed}/{number}")
                faults = Faults(cluster, rng)
                # Each kind in turn, so that all are met.
                kind = list(faults.kinds)[number % len(faults.kinds)]
                ended = _play(orchestra, cluster, faults.kinds[kind], rng.uniform(0.5, 5.0))
                done = orchestra.delivered(cluster.address)
                held = not done.problems and ended.startswith("ON")
                failed += not held
                tried[kind] += 1
                for name in ("noted", "found", "left", "missing", "unmarked", "late"):
                    total[name] += getattr(done, name)
                said = f"round {number}  {'held' if held else 'FAILED'}  {kind}: {ended}"
                said += f", {done.noted} messages, {done.left} left of failed attempts"
                console.print(f"{time.monotonic() - began:7.1f} s  {said}", markup=False)
                for problem in done.problems:
                    console.print(f"    {problem}", markup=False, soft_wrap=True)
    shown = Table(title=f"{rounds} rounds in {time.monotonic() - began:.0f} s, seed {seed}: {failed} failed")
    for name in ("messages noted", "found", "with a mark", "lost", "twice without a mark", "out of order"):
        shown.add_column(name, justify="right")
    shown.add_row(*(f"{total[name]:,}" for name in ("noted", "found", "left", "missing", "unmarked", "late")))
    console.print(shown)
    console.print(", ".join(f"{count} × {kind}" for kind, count in tried.items()))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
