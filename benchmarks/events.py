"""What a stream of events costs: pulses of 12,400 events, as fast as one Player can send them, all delivered.

A Player's path (its RunOutput: columns checked, ev44, Kafka, NeXus) takes turns with the bare libraries
beneath it. The pulses differ: columns of random numbers, made before. The bare sides are floors:

- kafka-python: a producer with the Player's settings (acks=all, idempotent) that sends messages of the same
  size, encoded before, and flushes at the end; nothing bounds its memory.
- h5py by pulse: the same four columns, each pulse by resize and assign, as one writes it by hand.
- h5py by chunk: the event columns alone, ready made, in the whole chunks of the file; HDF5 gives no more.

Memory is the peak over idle of a process that streams 2 GB in one trigger, also to a broker that is stopped
(SIGSTOP) for 5 s in between, and to Kafka and HDF5 at once.

    python benchmarks/events.py [--broker HOST:PORT] [--pulses 1000] [--rounds 7] [--gigabytes 2]
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import os
import re
import signal
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from kafka import KafkaAdminClient, KafkaProducer
from rich.console import Console
from rich.table import Table
from streaming_data_types import serialise_ev44

from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.nexus.file import NexusFile
from donki.streams.run_output import RunOutput
from donki.streams.schemas import EventStream
from donki_client.facility.processes import Processes

EVENTS = 12_400
PULSE = 71_428_571  # ns
START = 1_700_000_000_000_000_000
CHUNK = 1 << 18

Pulse = tuple[int, np.ndarray, np.ndarray]
Stream = Callable[[int], float]


def pulses(count: int) -> Iterator[Pulse]:
    """Yield reference times, times of flight and pixel ids; the columns repeat after 200 pulses."""
    return itertools.islice(
        ((START + number * PULSE, *COLUMNS[number % len(COLUMNS)]) for number in itertools.count()), count
    )


def random_columns(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    ends = PULSE, 1_000_000
    return [tuple(rng.integers(1, end, EVENTS, dtype=np.int32) for end in ends) for _ in range(count)]


COLUMNS = random_columns(200)


@contextlib.contextmanager
def new_topic(broker: str) -> Iterator[str]:
    """Give a topic for one round, and its memory back to the broker."""
    topic = f"benchmark-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)
    try:
        yield topic
    finally:
        admin.delete_topics([topic])
        admin.close()


@contextlib.contextmanager
def new_path(folder: Path) -> Iterator[Path]:
    path = folder / f"{uuid.uuid4().hex[:8]}.nxs"
    try:
        yield path
    finally:
        path.unlink()


def player(broker: str, folder: Path | None) -> Stream:
    """Return how a Player streams to Kafka, and to a file where there is a folder."""

    def stream(count: int) -> float:
        with new_topic(broker) as topic:
            run = Run.new()
            run_output = RunOutput("p0", run, brokers=[broker], file_directory=folder)
            events = run_output.open(EventStream, topic, "panel")
            began = time.perf_counter()
            for number, (reference_time, tof, pixel) in enumerate(pulses(count), start=1):
                events.send(Trigger(number, reference_time), tof, pixel)
            run_output.deliver(60)
            seconds = time.perf_counter() - began
            run_output.close()
        if folder:
            (folder / f"{run.id}_p0.nxs").unlink()
        return seconds

    return stream


def player_file(folder: Path) -> Stream:
    """Return how a Player's file is written."""

    def stream(count: int) -> float:
        with new_path(folder) as path:
            file = NexusFile(path, Run("benchmark"), "p0")
            file.open_events("panel")
            began = time.perf_counter()
            for pulse in pulses(count):
                file.append_events("panel", *pulse)
            file.commit()
            seconds = time.perf_counter() - began
            file.close()
        return seconds

    return stream


class NoProducer:
    """Takes the place of a producer where only a file is written."""

    def send(self, topic: str, message: bytes) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


def bare_producer(broker: str, topic: str) -> KafkaProducer:
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
    return producer


class NoFile:
    """Takes the place of a file where only Kafka is spoken to."""

    def append(self, pulse: Pulse) -> None: ...

    def flush(self) -> None: ...


class BareFile:
    """The four columns of an event group by bare h5py."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._times, self._pixels, self._pulses, self._starts = (
            file.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(chunk,))
            for name, dtype, chunk in (
                ("event_time_offset", np.int32, CHUNK),
                ("event_id", np.int32, CHUNK),
                ("event_time_zero", np.uint64, CHUNK >> 4),
                ("event_index", np.int64, CHUNK >> 4),
            )
        )
        self._count = 0
        self._ready = [np.resize(np.concatenate(column), CHUNK) for column in zip(*COLUMNS, strict=True)]

    def append_pulse(self, pulse: Pulse) -> None:
        reference_time, tof, pixel = pulse
        events, number = self._pixels.shape[0], self._pulses.shape[0]
        for dataset, column in ((self._times, tof), (self._pixels, pixel)):
            dataset.resize(events + len(column), axis=0)
            dataset[events:] = column
        for dataset, value in ((self._pulses, reference_time), (self._starts, events)):
            dataset.resize(number + 1, axis=0)
            dataset[number] = value

    def append_chunk(self, pulse: Pulse) -> None:
        """Count the pulse; write a chunk when as many events have come."""
        self._count += len(pulse[1])
        events = self._pixels.shape[0]
        if self._count - events >= CHUNK:
            for dataset, column in zip((self._times, self._pixels), self._ready, strict=True):
                dataset.resize(events + CHUNK, axis=0)
                dataset[events:] = column

    def flush(self) -> None:
        self._file.flush()


def bare(broker: str | None, folder: Path | None, by: str = "append_pulse") -> Stream:
    """Return how bare libraries stream to Kafka, to a file, or to both."""
    messages = [serialise_ev44("panel", 0, [START], [0], *columns) for columns in COLUMNS]

    def stream(count: int) -> float:
        with contextlib.ExitStack() as stack:
            topic, producer, file, append = "", NoProducer(), NoFile(), NoFile().append
            if broker:
                topic = stack.enter_context(new_topic(broker))
                producer = stack.enter_context(contextlib.closing(bare_producer(broker, topic)))
            if folder:
                path = stack.enter_context(new_path(folder))
                file = BareFile(stack.enter_context(h5py.File(path, "x", rdcc_nbytes=0)))
                append = getattr(file, by)
            began = time.perf_counter()
            for number, pulse in enumerate(pulses(count)):
                producer.send(topic, messages[number % len(messages)])
                append(pulse)
            producer.flush()
            file.flush()
            return time.perf_counter() - began

    return stream


def status(field: str) -> float:
    """Return a size from this process's status (proc(5)) in MB."""
    (found,) = re.findall(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found) * 1024 / 1e6


def stream_and_measure(broker: str, topic: str, folder: Path | None, count: int, result: Any) -> None:
    """Tell when streaming begins; then the peak over idle in MB, the seconds and the bytes delivered."""
    run_output = RunOutput("p0", Run.new(), brokers=[broker], file_directory=folder)
    events = run_output.open(EventStream, topic, "panel")
    idle = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    result.send("begun")
    began = time.perf_counter()
    for number, (reference_time, tof, pixel) in enumerate(pulses(count), start=1):
        events.send(Trigger(number, reference_time), tof, pixel)
    run_output.deliver(60)
    result.send((status("VmHWM") - idle, time.perf_counter() - began, run_output.counts.bytes))
    run_output.close()


def peak_memory(broker: str, folder: Path | None, count: int, stop: int | None) -> tuple[float, float, int]:
    """Stream in a process of its own, and stop the broker of a pid for 5 s where one is given."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    with new_topic(broker) as topic:
        process = context.Process(target=stream_and_measure, args=(broker, topic, folder, count, there))
        process.start()
        here.recv()
        if stop:
            timers = [
                threading.Timer(after, os.kill, (stop, number))
                for after, number in ((1, signal.SIGSTOP), (6, signal.SIGCONT))
            ]
            for timer in timers:
                timer.start()
        measured = here.recv()
        process.join()
        if stop:
            timers[1].join()
    return measured


def compare(table: Table, what: str, floor: str, ours: Stream, bare: Stream, count: int, rounds: int) -> None:
    for side in (ours, bare):
        side(count // 10)
    pairs = [(ours(count), bare(count)) for _ in range(rounds)]
    megabytes = count * EVENTS * 8 / 1e6
    rates = [f"{megabytes / statistics.median(side):.0f}" for side in zip(*pairs, strict=True)]
    ratios = sorted(theirs / mine for mine, theirs in pairs)
    spread = f"{ratios[0]:.2f}-{ratios[-1]:.2f}"
    table.add_row(what, floor, *rates, f"{statistics.median(ratios):.2f}", spread)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--broker", help="host:port; without it the in-memory broker is started")
    parser.add_argument("--pulses", type=int, default=1000, help="in each round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="streamed while memory is watched")
    options = parser.parse_args()

    speed = Table(title=f"Pulses of {EVENTS:,} events, MB/s (median of {options.rounds} rounds)")
    for column in ("to", "bare is"):
        speed.add_column(column)
    for column in ("Player", "bare", "ratio", "ratio min-max"):
        speed.add_column(column, justify="right")
    memory = Table(title=f"Peak memory over idle while {options.gigabytes:g} GB are streamed")
    memory.add_column("to")
    for column in ("MB", "GB delivered", "s"):
        memory.add_column(column, justify="right")

    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        folder = Path(name)
        broker, pid = options.broker, None
        if broker is None:
            room = int(options.gigabytes * 1.2e9) + (1 << 30)
            module = [sys.executable, "-m", "donki_client.facility.broker", "--port", "0"]
            child = processes.start("broker", [*module, "--max-bytes", str(room)])
            broker, pid = child.wait_for(r"listening on (\S+)\n", 20)[1], child.pid
        kafka, file, both = player(broker, None), player_file(folder), player(broker, folder)
        for what, floor, ours, theirs in (
            ("Kafka", "kafka-python", kafka, bare(broker, None)),
            ("HDF5", "h5py by pulse", file, bare(None, folder)),
            ("HDF5", "h5py by chunk", file, bare(None, folder, "append_chunk")),
            ("Kafka and HDF5", "kafka-python, h5py by pulse", both, bare(broker, folder)),
            ("Kafka and HDF5", "kafka-python, h5py by chunk", both, bare(broker, folder, "append_chunk")),
        ):
            compare(speed, what, floor, ours, theirs, options.pulses, options.rounds)
        count = int(options.gigabytes * 1e9 / (8 * EVENTS))
        for what, directory, stop in (
            ("Kafka", None, None),
            *([("Kafka, stopped for 5 s", None, pid)] if pid else []),
            ("Kafka and HDF5", folder, None),
        ):
            megabytes, seconds, delivered = peak_memory(broker, directory, count, stop)
            memory.add_row(what, f"{megabytes:.0f}", f"{delivered / 1e9:.2f}", f"{seconds:.1f}")
    console = Console()
    console.print(speed)
    console.print(memory)


if __name__ == "__main__":
    main()
