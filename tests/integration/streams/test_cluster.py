"""Runs that send to a cluster of three genuine Kafka brokers, of which some die: by each Kafka client."""

from __future__ import annotations

import re
import threading
import time

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.partitioner import murmur2

from donki.limits import OnError
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.kafka.clients import CLIENTS
from donki.streams.kafka.topics.settings import TopicSettings
from donki.streams.run_output import RunOutput
from donki.streams.schemas import EventStream
from helpers import donki_command
from helpers.cluster import Cluster
from helpers.cluster_orchestra import PARTITIONS, a_cluster_orchestra
from helpers.donki_command import Command
from helpers.orchestra import SCRIPTS
from helpers.support import wait_until

TOPIC = "clustered"

#: What is waited for at most, in s: a busy machine takes a minute to start a broker.
LIMIT = 240.0

pytestmark = pytest.mark.timeout(3 * LIMIT)


@pytest.fixture(scope="module")
def the_cluster():
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(the_cluster):
    """The cluster, all of its brokers running and in sync."""
    the_cluster.mend()
    return the_cluster


@pytest.fixture(scope="module")
def orchestra(facility, the_cluster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clustered")
    settings = {"timeout": 120.0, "on_error": OnError.ABORT, "retries": 0}
    with a_cluster_orchestra(
        facility, folder, "clustered", the_cluster.address, TOPIC, **settings
    ) as orchestra:
        yield orchestra


def described(cluster, topic):
    """Return the partitions of a topic, by number."""
    with KafkaAdminClient(bootstrap_servers=cluster.address.split(",")) as admin:
        [found] = admin.describe_topics([topic])
    return {partition["partition_index"]: partition for partition in found["partitions"]}


def places(cluster, topic):
    """Return by key where the messages of a topic are: the numbers of the partitions."""
    consumer = KafkaConsumer(
        bootstrap_servers=cluster.address.split(","), group_id=None, enable_auto_commit=False
    )
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        found = {}
        began = time.monotonic()
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            assert time.monotonic() < began + LIMIT, f"{topic} could not be read to its end"
            for partition, records in consumer.poll(timeout_ms=200).items():
                for record in records:
                    found.setdefault(record.key, set()).add(partition.partition)
    finally:
        consumer.close()
    return found


def play(orchestra, befall, triggers=40):
    """Play a sequence of 2 s; something befalls the cluster as soon as half of it is done."""
    director = orchestra.director
    director.Triggers, director.Period = triggers, 0.05
    orchestra.refresh()
    director.Start()
    wait_until("half of it is done", lambda: director.CurrentTrigger > triggers // 2, LIMIT)
    befall()
    return orchestra.ended_in_alarm(LIMIT)


def test_a_leader_that_dies_in_mid_run_costs_nothing(cluster, orchestra):
    leader = None

    def kill_the_leader():
        nonlocal leader
        leader = cluster.node(described(cluster, TOPIC)[0]["leader_id"])
        leader.kill()

    assert play(orchestra, kill_the_leader) == "ON", orchestra.director.LastError
    led_by = described(cluster, TOPIC)[0]
    assert led_by["leader_id"] not in (leader.number, -1)
    done = orchestra.delivered(cluster.address)
    assert (done.problems, done.missing, done.unmarked, done.late) == ([], 0, 0, 0)
    assert done.found == done.noted == 40 * 9 * len(list(CLIENTS))
    # Both clients choose the partition of a source as Java's do, and it has one alone.
    found = places(cluster, TOPIC)
    assert len(found) == 4 * len(list(CLIENTS))
    for key, its in found.items():
        assert its == {(murmur2(key) & 0x7FFF_FFFF) % PARTITIONS}
    assert len(set.union(*found.values())) > 1


def test_a_broker_that_freezes_and_comes_back_costs_nothing(cluster, orchestra):
    frozen = cluster.node(described(cluster, TOPIC)[0]["leader_id"])
    thaw = threading.Timer(4.0, frozen.resume)

    def freeze():
        frozen.pause()
        thaw.start()

    try:
        assert play(orchestra, freeze) == "ON", orchestra.director.LastError
    finally:
        thaw.join()
    done = orchestra.delivered(cluster.address)
    assert (done.problems, done.missing, done.unmarked, done.late) == ([], 0, 0, 0)


def test_without_enough_replicas_a_player_fails_in_time_and_says_why(cluster, orchestra):
    gone = cluster.nodes[1:]

    def kill_two():
        for node in gone:
            node.kill()

    assert play(orchestra, kill_two) == "FAULT"
    error = orchestra.director.LastError
    assert "did not acknowledge messages to topic" in error
    # Who leads a partition of a broker that died can no longer be decided.
    assert re.search(
        r"has 1 of 3 replicas in sync, and min.insync.replicas is 2; start|has no leader; start", error
    )
    for node in gone:
        assert f"{node.address} (node {node.number})" in error
    cluster.mend()
    orchestra.director.Reset()
    wait_until(
        "two brokers are in sync",
        lambda: all(len(part["isr_nodes"]) > 1 for part in described(cluster, TOPIC).values()),
        LIMIT,
    )
    assert play(orchestra, lambda: None) == "ON", orchestra.director.LastError
    assert orchestra.delivered(cluster.address).problems == []


def test_a_scenario_makes_its_topics_with_partitions_and_replicas(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(donki_command, "LIMIT", LIMIT)
    command = Command(tmp_path / "data")
    path = tmp_path / "cluster.yaml"
    head = f"triggers: 3\nbroker: '{cluster.address}'\n"
    players = (
        "players:\n"
        f"  first: {{script: {SCRIPTS / 'clustered.py'}, parameters: {{topic: said}}}}\n"
        f"  second: {{script: {SCRIPTS / 'clustered.py'}, parameters: {{topic: said}}}}\n"
    )
    path.write_text(f"{head}file_writer: said-files\npartitions: 3\nreplication: 2\n{players}")
    done = command.run("run", str(path))
    assert done.returncode == 0, done
    for topic, partitions in (("said", 3), ("said-logs", 3), ("said-files", 1)):
        found = described(cluster, topic)
        assert len(found) == partitions
        assert all(len(each["replica_nodes"]) == 2 for each in found.values())
    assert command.run("check-data").returncode == 0

    path.write_text(f"{head}partitions: 4\nreplication: 3\n{players}")
    done = command.run("run", str(path))
    assert done.returncode == 0, done
    assert "topic said is there and has 3 partitions, not 4 and 2 replicas, not 3; it is used" in done.stdout

    path.write_text(f"{head}replication: 4\n{players}")
    for name in ("check", "run"):
        done = command.run(name, str(path))
        assert done.returncode != 0
        said = "replication: 4 brokers are wanted, and 3 brokers run at"
        assert said in " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("client", list(CLIENTS))
def test_more_replicas_than_brokers_are_refused_with_the_remedy(cluster, client):
    warnings = []
    run_output = RunOutput(
        "p0",
        Run.new(),
        brokers=[cluster.address],
        kafka_client=client,
        topics=TopicSettings(2, 5),
        warn=warnings.append,
    )
    try:
        run_output.open(EventStream, TOPIC, "panel_0").send(Trigger(1, 1), [1], [1])
        with pytest.raises(
            Exception, match=r"5 replicas are wanted, and 3 brokers run; .*TopicReplication.* 3"
        ):
            run_output.open(EventStream, f"{TOPIC}-5-{client}", "panel_1")
        run_output.deliver(60)
    finally:
        run_output.close()
    assert warnings == [
        f"topic {TOPIC} is there and has 3 replicas, not 5; it is used as it is: delete it to have it made"
        " again, or change it with Kafka's own tools"
    ]
