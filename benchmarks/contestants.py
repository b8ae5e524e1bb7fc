"""Who takes part in ``streams.py``: each streams events to a topic of its own, and says what that took."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import confluent_kafka
import h5py
import numpy as np
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from streaming_data_types import serialise_ev44

from donki.player.script.path import shipped_scripts
from donki.player.trigger import Trigger
from donki.run import Run
from donki.sources import HistogramSource, read_mcstas
from donki.streams.run_output import RunOutput
from donki.streams.schemas import EventStream

CLIENTS = ("kafka-python", "confluent-kafka")
PULSES = {1_000: 6_000, 12_400: 1_200, 100_000: 160}  # by events in a message: how many in a turn
PULSE = 71_428_571  # ns
START = 1_700_000_000_000_000_000
PIXELS = 65_536
KEY = b"panel"
LIMIT = 60.0  # s

Columns = tuple[np.ndarray, np.ndarray]


class Cost(NamedTuple):
    """What a turn took: wall and CPU time in s, events that arrived, and those that did not."""

    wall: float
    cpu: float
    events: int
    lost: int = 0

    @property
    def rate(self) -> float:
        return self.events / self.wall

    @property
    def cpu_each(self) -> float:
        return self.cpu / self.events


Contestant = Callable[[int], Cost]


def random_columns(size: int) -> list[Columns]:
    rng = np.random.default_rng(1)
    count = max(4, 2_000_000 // size)
    return [
        tuple(rng.integers(1, end, size, dtype=np.int32) for end in (PULSE, PIXELS)) for _ in range(count)
    ]


COLUMNS = {size: random_columns(size) for size in PULSES}
MESSAGES = {
    size: [bytes(serialise_ev44("panel", 0, [START], [0], *each)) for each in columns]
    for size, columns in COLUMNS.items()
}


@contextlib.contextmanager
def new_topic(broker: str, name: str = "") -> Iterator[str]:
    """Give a topic for one turn, and its memory back to the broker."""
    topic = name or f"benchmark-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)
    gc.collect()
    try:
        yield topic
    finally:
        admin.delete_topics([topic])
        admin.close()


@contextlib.contextmanager
def clock(events: int, costs: list[Cost]) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    costs.append(Cost(time.perf_counter() - wall, time.process_time() - cpu, events))


def player(broker: str, client: str, *, drawn: bool = False) -> Contestant:
    """Return how a Player streams."""
    mcstas = shipped_scripts() / "mcstas"
    source = HistogramSource(read_mcstas(mcstas / "tof.dat"), pixels=read_mcstas(mcstas / "psd.dat"))
    rng = np.random.default_rng(1)

    def stream(size: int) -> Cost:
        costs: list[Cost] = []
        given = itertools.cycle(COLUMNS[size])
        with new_topic(broker) as topic:
            run_output = RunOutput("p0", Run.new(), brokers=[broker], kafka_client=client)
            events = run_output.open(EventStream, topic, "panel", events_per_message=size)
            # The first message waits for what the client and the broker agree on once.
            events.send(Trigger(1, START), *next(given))
            run_output.deliver(LIMIT)
            with clock(size * PULSES[size], costs):
                for number in range(2, PULSES[size] + 2):
                    trigger = Trigger(number, START + number * PULSE)
                    if drawn:
                        pulse = source.sample(rng, events=size)
                        events.send(trigger, pulse.time_of_flight, pulse.pixel_id)
                    else:
                        events.send(trigger, *next(given))
                run_output.deliver(LIMIT)
            assert run_output.counts.events == size * (PULSES[size] + 1)
            run_output.close()
        return costs[0]

    return stream


def kafka_python(broker: str, topic: str) -> tuple[Callable[[bytes, int], Any], Callable[[], Any]]:
    """Return how a bare producer sends a message, and how it ends."""
    producer = KafkaProducer(
        bootstrap_servers=broker,
        acks="all",
        enable_idempotence=True,
        batch_size=1_000_000,
        linger_ms=0,
        max_request_size=16_000_000,
        metrics_enabled=False,
    )
    producer.partitions_for(topic)

    def send(message: bytes, time_stamp: int) -> None:
        producer.send(topic, message, key=KEY, timestamp_ms=time_stamp)

    return send, producer.flush


def confluent(broker: str, topic: str) -> tuple[Callable[[bytes, int], Any], Callable[[], Any]]:
    """Return how a bare producer sends a message, and how it ends."""
    producer = confluent_kafka.Producer(
        {
            "bootstrap.servers": broker,
            "acks": "all",
            "enable.idempotence": True,
            "batch.size": 1_000_000,
            "linger.ms": 5,
            "message.max.bytes": 16_000_000,
            "queue.buffering.max.messages": 0,
            "queue.buffering.max.kbytes": 8_000,
        }
    )
    producer.list_topics(topic, LIMIT)

    def check(error: confluent_kafka.KafkaError | None, _message: confluent_kafka.Message) -> None:
        # Without it nobody would know what was lost: flush does not tell.
        if error:
            raise SystemExit(error.str())

    def send(message: bytes, time_stamp: int) -> None:
        while True:
            try:
                producer.produce(topic, message, KEY, on_delivery=check, timestamp=time_stamp)
            except BufferError:
                producer.poll(0.1)
            else:
                break
        producer.poll(0)

    return send, lambda: producer.flush(LIMIT)


BARE = {"kafka-python": kafka_python, "confluent-kafka": confluent}


def bare(broker: str, client: str, *, encoded: bool = True) -> Contestant:
    """Return how a bare producer sends messages that are made before, or each by the library."""

    def stream(size: int) -> Cost:
        costs: list[Cost] = []
        given = itertools.cycle(MESSAGES[size] if encoded else COLUMNS[size])
        with new_topic(broker) as topic:
            send, end = BARE[client](broker, topic)
            send(MESSAGES[size][0], START // 1_000_000)
            end()
            with clock(size * PULSES[size], costs):
                for number in range(1, PULSES[size] + 1):
                    moment = START + number * PULSE
                    each = next(given)
                    message = (
                        each if encoded else bytes(serialise_ev44("panel", number, [moment], [0], *each))
                    )
                    send(message, moment // 1_000_000)
                end()
        return costs[0]

    return stream


def nexus_streamer(broker: str, command: str, folder: Path) -> Contestant:
    """Return how nexus-streamer sends events that it makes up: more, for it is watched from outside."""

    def stream(size: int) -> Cost:
        pulses = 4 * PULSES[size]
        path, instrument = folder / "fake.nxs", f"i{uuid.uuid4().hex[:8]}"
        write_skeleton(path, pulses)
        arguments = ["-f", str(path), "-b", broker, "-i", instrument, "-z", "-e", str(size)]
        with contextlib.ExitStack() as stack:
            for topic in ("sampleEnv", "runInfo"):
                stack.enter_context(new_topic(broker, f"{instrument}_{topic}"))
            topic = TopicPartition(stack.enter_context(new_topic(broker, f"{instrument}_events")), 0)
            watch = stack.enter_context(contextlib.closing(KafkaConsumer(bootstrap_servers=broker)))
            process = subprocess.Popen(
                [command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            seen: list[tuple[int, float, float]] = []
            while process.poll() is None:
                arrived = watch.end_offsets([topic])[topic]
                if arrived and (not seen or arrived != seen[-1][0]):
                    seen.append((arrived, time.perf_counter(), cpu_time(process.pid)))
                time.sleep(0.01)
            arrived = watch.end_offsets([topic])[topic]
        (first, began, cpu_before), (last, ended, cpu_after) = seen[0], seen[-1]
        return Cost(ended - began, cpu_after - cpu_before, (last - first) * size, (pulses - arrived) * size)

    return stream


def cpu_time(pid: int) -> float:
    """Return the CPU time in s of a process (proc(5)); 0 where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def write_skeleton(path: Path, pulses: int) -> None:
    """Write the file of times and pixels that nexus-streamer wants; its events it makes up."""
    with h5py.File(path, "w") as file:
        panel = file.create_group("entry/instrument/panel")
        events = panel.create_group("panel_events")
        for group, nexus_class in (
            (file["entry"], "NXentry"),
            (file["entry/instrument"], "NXinstrument"),
            (panel, "NXdetector"),
            (events, "NXevent_data"),
        ):
            group.attrs["NX_class"] = nexus_class
        file["entry/start_time"] = np.bytes_("2026-01-01T00:00:00Z")
        panel["detector_number"] = np.arange(1, PIXELS + 1, dtype=np.int32)
        events["event_id"] = events["event_time_offset"] = np.zeros(1, np.int32)
        events["event_time_zero"] = np.arange(pulses, dtype=np.uint64) * PULSE
        events["event_index"] = np.zeros(pulses, np.int64)
        for name in ("event_time_offset", "event_time_zero"):
            events[name].attrs["units"] = "ns"
        events["event_time_zero"].attrs["offset"] = "2026-01-01T00:00:00Z"
