"""`donki record` and `donki replay`: what was recorded comes back byte for byte, at its pace."""

from __future__ import annotations

import io
import re
import time
import uuid
from contextlib import closing

import h5py
import numpy as np
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from rich.console import Console
from streaming_data_types import serialise_ev44

from donki.errors import BrokerError, FileError, InputError, SourceError
from donki.sources import Recording, TopicReplay
from donki.streams.kafka.clients.null_headers import with_nulls
from donki.streams.manifest import OffsetRange
from donki_client.topics.record import record
from donki_client.topics.replay import parse_topic_map, replay
from donki_client.verify.kafka.past_messages import PastMessages
from helpers.donki_command import Command, press_ctrl_c, read_until
from helpers.kafka_clients import Confluent, KafkaPython, new_topic
from helpers.support import free_port, wait_until

LIMIT = 20.0
SILENT = Console(file=io.StringIO())
BEGIN = 1_795_348_800_000  # ms since 1970

MESSAGES = [  # partition, key, payload, headers
    (0, b"detector", b"\x00\xff" * 5_000, []),
    (
        1,
        None,
        b"",
        [("a", b"1"), ("a", None), ("a", b""), ("", b"\xff"), ("\N{GREEK SMALL LETTER LAMDA}", b"\x00")],
    ),
    (0, b"", None, []),
    (1, b"\x00\x01", b"x" * 3_000_000, [("h", b"v" * 1_000)]),
    (2, b"k", b"last", []),
]


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path)


def fill(address, topic, messages=MESSAGES, step=100):
    """Send messages, `step` ms apart by their time stamps."""
    producer = KafkaProducer(bootstrap_servers=[address], max_request_size=8 << 20, metrics_enabled=False)
    try:
        for number, (partition, key, payload, headers) in enumerate(messages):
            producer.send(topic, payload, key, with_nulls(headers), partition, BEGIN + step * number).get(
                LIMIT
            )
    finally:
        producer.close(LIMIT)


def read(address, topic, count):
    """Return by partition, in order, (key, payload, headers) and time stamp of each message."""
    consumer = KafkaConsumer(
        bootstrap_servers=[address], consumer_timeout_ms=1000 * LIMIT, metrics_enabled=False
    )
    try:
        consumer.assign([TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic))])
        consumer.seek_to_beginning()
        found = {}
        for _ in range(count):
            record = next(consumer)
            content = record.key, record.value, list(record.headers)
            found.setdefault(record.partition, []).append((content, record.timestamp))
        return found
    finally:
        consumer.close()


def contents(found):
    return {partition: [content for content, _ in messages] for partition, messages in found.items()}


def store(broker, topic, file, **limits):
    """Record a topic from its beginning on."""
    done = record([topic], file, SILENT, broker=broker.address, from_beginning=True, **limits)
    assert not done.interrupted
    return done.messages


def send(broker, file, topics, speed=0.0):
    done = replay(file, SILENT, broker=broker.address, speed=speed, topic_map=topics)
    assert not done.failure
    assert not done.interrupted
    return done


def unused():
    return f"test-{uuid.uuid4().hex}"


def test_what_was_recorded_comes_back_byte_for_byte(broker, command, tmp_path):
    large = str(8 << 20)
    old, new = (new_topic(broker.address, partitions=3, max_message_bytes=large) for _ in range(2))
    file = str(tmp_path / "topic.h5")
    fill(broker.address, old)
    several = f"127.0.0.1:{free_port()}, PLAINTEXT://{broker.address}"
    arguments = ("--broker", several, "--from", "beginning", "--count", "5")
    done = command.run("record", old, file, *arguments)
    assert done.returncode == 0, done.stderr
    assert "5 messages, 3.0 MB recorded" in done.stdout

    done = command.run("replay", file, "--broker", several, "--topic-map", f"{old}={new}")
    assert done.returncode == 0, done.stderr
    assert "5 of 5 messages sent, 5 acknowledged, 3.0 MB" in done.stdout
    was, came = (read(broker.address, topic, 5) for topic in (old, new))
    assert contents(came) == contents(was)
    stamps = sorted(stamp for messages in came.values() for _, stamp in messages)
    assert np.diff(stamps).tolist() == [100] * 4
    assert abs(stamps[0] / 1000 - time.time()) < 60


CODECS = ("gzip", "snappy", "lz4", "zstd")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("where", ["kafka-python", "confluent-kafka", "topic"])
def test_compressed_messages_are_recorded_and_found_by_time(broker, tmp_path, codec, where):
    """By the producer, or by the broker where the topic says so; text, noise and nothing at all."""
    topic = new_topic(broker.address, **({"compression_type": codec} if where == "topic" else {}))
    rng = np.random.default_rng(5)
    noise = [rng.bytes(int(size)) for size in rng.integers(0, 20_000, 10)]
    values = [b"", b"x" * 200_000, *noise, *(b"line %d\n" % number * 50 for number in range(30))]
    stamps = [BEGIN + 10 * number for number in range(len(values))]
    if where == "confluent-kafka":
        client, settings = Confluent, {"compression.type": codec, "linger.ms": 50}
    else:
        client, settings = KafkaPython, {"compression_type": codec if where == "kafka-python" else None}
    client.write(broker.address, topic, values, timestamps=stamps, **settings)
    file = tmp_path / "compressed.h5"
    assert store(broker, topic, file, count=len(values)) == len(values)
    with closing(Recording(file)) as recording:
        assert [(message.payload, message.timestamp) for *_, message in recording.messages()] == [
            *zip(values, stamps, strict=True)
        ]
    extent = OffsetRange(topic, 0, 5, 7)
    with PastMessages([broker.address], {}, [extent], ended=(BEGIN + 70) * 1_000_000) as past:
        assert [message.payload for message in past] == values[5:8]


SMALL = [(number % 2, b"k", b"%d" % number, []) for number in range(6)]


@pytest.fixture
def recorded(broker, tmp_path):
    topic, file = new_topic(broker.address, partitions=2), tmp_path / "small.h5"
    fill(broker.address, topic, SMALL)
    assert store(broker, topic, file, count=6) == 6
    return topic, file


@pytest.mark.parametrize("speed", [0.5, 10])
def test_messages_keep_their_distances_divided_by_the_speed(broker, recorded, speed):
    old, file = recorded
    new = new_topic(broker.address, partitions=2)
    stored = [stamp for messages in read(broker.address, old, 6).values() for _, stamp in messages]
    takes = (max(stored) - min(stored)) / 1000 / speed
    started = time.monotonic()
    send(broker, file, {old: new}, speed)
    assert time.monotonic() - started > takes * 0.9
    stamps = [stamp for messages in read(broker.address, new, 6).values() for _, stamp in messages]
    assert (max(stamps) - min(stamps)) / 1000 == pytest.approx(takes, abs=0.002)
    assert [payload for _, payload, _ in contents(read(broker.address, new, 6))[0]] == [b"0", b"2", b"4"]


def test_a_topic_that_is_not_there_is_made_with_its_partitions(broker, recorded):
    old, file = recorded
    new = unused()
    send(broker, file, {old: new})
    assert contents(read(broker.address, new, 6)) == contents(read(broker.address, old, 6))


def test_fewer_partitions_keep_the_order_of_each(broker, recorded):
    old, file = recorded
    new = new_topic(broker.address)
    send(broker, file, {old: new})
    payloads = [payload for _, payload, _ in contents(read(broker.address, new, 6))[0]]
    assert payloads == [b"%d" % number for number in range(6)]


def test_from_the_end_on_until_ctrl_c_and_the_file_is_whole(broker, command, tmp_path):
    topics = [new_topic(broker.address) for _ in range(2)]
    file = tmp_path / "live.h5"
    fill(broker.address, topics[0], [(0, None, b"before", [])])
    with command.running("record", *topics, str(file), "--broker", broker.address) as process:
        read_until(process, "recording")
        for topic in topics:
            fill(broker.address, topic, [(0, None, topic.encode(), [])])
        wait_until("the messages are in the file", lambda: file.stat().st_size > 0)
        wait_for_messages(file, 2)
        press_ctrl_c(process)
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    assert "2 messages" in output
    assert "Traceback" not in output
    payloads = sorted(message.payload.decode() for *_, message in Recording(file).messages())
    assert payloads == sorted(topics)


def wait_for_messages(file, count):
    """Wait until a file that is being written holds messages: a flush makes what came before visible."""

    def there():
        try:
            with h5py.File(file, "r", locking=False) as opened:
                parts = [part for topic in opened.values() for part in topic.values()]
                # The columns of one flush become visible one after another.
                return sum(min((len(c) for c in part.values() if len(c)), default=0) for part in parts)
        except (OSError, KeyError, RuntimeError):
            return 0

    wait_until("the messages are in the file", lambda: there() == count, LIMIT)


def test_what_was_flushed_survives_a_kill(broker, command, tmp_path):
    topic, file = new_topic(broker.address), tmp_path / "killed.h5"
    fill(broker.address, topic, [(0, None, b"%d" % number, []) for number in range(50)])
    arguments = ("record", topic, str(file), "--broker", broker.address, "--from", "beginning")
    with command.running(*arguments) as process:
        wait_for_messages(file, 50)
        process.kill()
        process.communicate(timeout=LIMIT)
    assert [message.payload for *_, message in Recording(file).messages()] == [b"%d" % n for n in range(50)]


def test_a_limit_that_ctrl_c_forestalls_is_not_met(broker, command, tmp_path):
    topic = new_topic(broker.address)
    arguments = ("record", topic, str(tmp_path / "few.h5"), "--broker", broker.address, "--count", "3")
    with command.running(*arguments) as process:
        read_until(process, "recording")
        press_ctrl_c(process)
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert "0 messages" in output


def test_a_time_limit_ends_it_and_nothing_is_replayed_as_nothing(broker, tmp_path):
    topic, file = new_topic(broker.address), tmp_path / "none.h5"
    assert store(broker, topic, file, seconds=0.2) == 0
    done = send(broker, file, {})
    assert (done.recorded, done.sent, done.acknowledged, done.is_whole) == (0, 0, 0, True)


def test_ctrl_c_ends_a_replay_and_says_how_far_it_came(broker, command, tmp_path):
    topic, file = new_topic(broker.address), tmp_path / "slow.h5"
    fill(broker.address, topic, [SMALL[0], (0, b"k", b"later", [])], step=600_000)
    store(broker, topic, file, count=2)
    new = new_topic(broker.address)
    with command.running(
        "replay", str(file), "--broker", broker.address, "--topic-map", f"{topic}={new}"
    ) as process:
        assert contents(read(broker.address, new, 1)) == {0: [(b"k", b"0", [])]}
        press_ctrl_c(process)
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert "1 of 2 messages sent, 1 acknowledged" in output
    assert "Traceback" not in output


def test_a_broker_that_dies_is_named_and_the_count_is_told(own_broker, command, tmp_path):
    topic, file = new_topic(own_broker.address), tmp_path / "slow.h5"
    fill(own_broker.address, topic, [(0, b"k", b"%d" % n, []) for n in range(400)], step=50)
    store(own_broker, topic, file, count=400)
    new = new_topic(own_broker.address)
    with command.running(
        "replay", str(file), "--broker", own_broker.address, "--topic-map", f"{topic}={new}"
    ) as process:
        # Enough that the client has heard of the first of them.
        read(own_broker.address, new, 20)
        own_broker.kill()
        output, _ = process.communicate(timeout=LIMIT * 2)
    assert process.returncode == 1
    sent, acknowledged = re.search(r"(\d+) of 400 messages sent, (\d+) acknowledged", output).groups()
    assert 1 <= int(acknowledged) < int(sent) < 400
    assert own_broker.address in output.splitlines()[-1]


def test_what_cannot_be_recorded_is_named(broker, recorded, tmp_path):
    topic, file = recorded
    new, nowhere = tmp_path / "new.h5", f"127.0.0.1:{free_port()}"
    for topics, path, address, kind, message in (
        (["no-such-topic"], new, broker.address, BrokerError, "has no topic no-such-topic"),
        ([topic], file, broker.address, FileError, "exists and is never overwritten"),
        ([topic], tmp_path / "no" / "new.h5", broker.address, FileError, "is its folder there?"),
        ([topic], new, nowhere, BrokerError, "no Kafka broker answers"),
        ([topic], new, "nonsense:x", InputError, "given as host:port"),
    ):
        with pytest.raises(kind, match=message.replace("?", r"\?")):
            record(topics, path, SILENT, broker=address)
    assert not new.exists()
    assert len(Recording(file)) == 6


def test_what_cannot_be_replayed_is_named(broker, recorded, tmp_path):
    _, file = recorded
    other = tmp_path / "other.h5"
    h5py.File(other, "w").close()
    for path, address, topics, kind, message in (
        (file, f"127.0.0.1:{free_port()}", {}, BrokerError, "no Kafka broker answers"),
        (file, broker.address, {"a": "b"}, InputError, "topic a is not in .*small.h5; in it are test-"),
        (tmp_path / "none.h5", broker.address, {}, SourceError, "cannot read a recording"),
        (other, broker.address, {}, SourceError, "expected a file that donki record wrote.*another HDF5"),
    ):
        with pytest.raises(kind, match=message):
            replay(path, SILENT, broker=address, topic_map=topics)
    with pytest.raises(InputError, match="'a': OLD=NEW is expected"):
        parse_topic_map(["a"])


def ev44(source, number, reference_time, index, times, pixels):
    return serialise_ev44(source, number, reference_time, index, np.int32(times), np.int32(pixels))


def test_the_pulses_of_a_recorded_topic_are_a_source(broker, tmp_path):
    topic, file = new_topic(broker.address), tmp_path / "pulses.h5"
    payloads = [
        ev44("panel", 0, [1_000], [0], [1, 2], [5, 6]),
        ev44("monitor", 0, [1_000], [0], [7], []),
        b"0000f144 of another kind",
        ev44("panel", 1, [2_000, 4_000], [0, 1], [3, 4, 5], [7, 8, 9]),
        ev44("panel", 2, [1_000], [0], [9], [1]),
    ]
    fill(broker.address, topic, [(0, None, payload, []) for payload in payloads])
    store(broker, topic, file, count=5)
    panel = TopicReplay(file, source="panel", loop=True)
    assert (len(panel), panel.start) == (3, 1_000)
    got = [tuple(map(np.ndarray.tolist, pulse[:2])) + pulse[2:] for pulse in map(panel.pulse, range(1, 5))]
    assert got[:3] == [([1, 2, 9], [5, 6, 1], 0), ([3], [7], 1_000), ([4, 5], [8, 9], 3_000)]
    assert got[3] == ([1, 2, 9], [5, 6, 1], 4_500)
    assert [pulse.offset for pulse in panel.between(1_000, 5_000)] == [1_000, 3_000, 4_500]
    panel.close()
    monitor = TopicReplay(file, topic, "monitor")
    assert tuple(map(np.ndarray.tolist, monitor.pulse(1)[:2])) == ([7], [1])
    monitor.close()
    with pytest.raises(SourceError, match="expected one source of ev44 messages, found panel, monitor; name"):
        TopicReplay(file)
    with pytest.raises(SourceError, match="topic 'other' is not in it; recorded were test-"):
        TopicReplay(file, "other")
    with pytest.raises(SourceError, match="of source 'x', found panel, monitor"):
        TopicReplay(file, source="x")
