"""What a stream of events costs on its way to Kafka: events a second, and CPU seconds for 10⁹ events.

Contestants take turns, in messages of 1,000, 12,400 and 100,000 events, with each client; what is compared
are the medians of ratios within a round:

- floor: a bare producer of the same client that sends the same bytes, made before, with the same settings.
- Player: its RunOutput as it is (columns checked, ev44, checksum for the journal, window, delivery noted).
- library: ``serialise_ev44`` for each pulse, and such a bare producer.
- Player, drawn: a Player that draws each pulse from McStas monitors as well.
- nexus-streamer -e, which draws evenly and sends by confluent-kafka; where its command is given (make it a
  virtual environment of its own, ``pip install nexus-streamer==0.2.1``). Its clocks run from its first
  message to its last.

Then how near one machine comes to DREAM's 7.5e7 events/s, one and two Players, to the in-memory broker and to
one that only acknowledges; and where the CPU time of a Player goes, by thread, and by function of the thread
that sends.

CPU times are of the sending process, all its threads; the broker is another process.

    python benchmarks/streams.py [--nexus-streamer PATH] [--broker HOST:PORT] [--rounds 3]
"""

from __future__ import annotations

import argparse
import cProfile
import multiprocessing
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import contestants
import numpy as np
from contestants import (
    CLIENTS,
    LIMIT,
    PULSE,
    START,
    Contestant,
    bare,
    new_topic,
    nexus_streamer,
    player,
)
from rich.console import Console
from rich.table import Table

from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.run_output import RunOutput
from donki.streams.schemas import EventStream
from donki_client.facility.processes import Processes

DREAM = 7.5e7  # events/s
DREAM_PULSES = 10
FUNCTIONS = 12
RIVAL = "nexus-streamer"
MODULE = "donki_client.facility.broker"
NULL_BROKER = str(Path(__file__).with_name("null_broker.py"))


def compare(title: str, entries: dict[str, Contestant], rounds: int) -> list[Table]:
    """Let contestants take turns, and compare each to the floor of its client."""
    tables = []
    for size in contestants.PULSES:
        turns = [{name: stream(size) for name, stream in entries.items()} for _ in range(rounds)]
        table = Table(title=f"{title}, {size:,} events in a message (median of {rounds} rounds)")
        table.add_column("")
        for column in ("10⁶ events/s", "/ floor", "min-max", "CPU s/10⁹", f"a core, / {RIVAL}", "lost"):
            table.add_column(column, justify="right")
        for name in entries:
            costs = [turn[name] for turn in turns]
            floor = f"{name.partition(':')[0]}: floor"
            faster = [turn[name].rate / turn[floor].rate for turn in turns] if floor in entries else []
            cheaper = [turn[RIVAL].cpu_each / turn[name].cpu_each for turn in turns if RIVAL in turn]
            table.add_row(
                name,
                f"{statistics.median(cost.rate for cost in costs) / 1e6:.1f}",
                f"{statistics.median(faster):.2f}" if faster else "",
                f"{min(faster):.2f}-{max(faster):.2f}" if faster else "",
                f"{statistics.median(cost.cpu_each for cost in costs) * 1e9:.1f}",
                f"{statistics.median(cheaper):.1f}" if cheaper else "",
                f"{sum(cost.lost for cost in costs):,}",
            )
        tables.append(table)
    return tables


def stream_at_dream(broker: str, topic: str, client: str, barrier: Barrier, result: Any) -> None:
    """Stream pulses of DREAM's size as fast as it goes; tell when it began and ended, and the events."""
    size = int(DREAM / 14)
    rng = np.random.default_rng(1)
    tof, pixel = (rng.integers(1, end, size, dtype=np.int32) for end in (PULSE, contestants.PIXELS))
    run_output = RunOutput("p0", Run.new(), brokers=[broker], kafka_client=client)
    events = run_output.open(EventStream, topic, "panel")
    barrier.wait(LIMIT)
    began = time.monotonic()
    for number in range(1, DREAM_PULSES + 1):
        events.send(Trigger(number, START + number * PULSE), tof, pixel)
    run_output.deliver(LIMIT)
    result.send((began, time.monotonic(), run_output.counts.events))
    run_output.close()


def dream(broker: str, client: str, players: int) -> float:
    """Return events/s that so many Players, each a process, stream at once."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(players)
    with new_topic(broker) as topic:
        pipes, processes = [], []
        for _ in range(players):
            here, there = context.Pipe()
            arguments = (broker, topic, client, barrier, there)
            processes.append(context.Process(target=stream_at_dream, args=arguments))
            processes[-1].start()
            pipes.append(here)
        told = [pipe.recv() for pipe in pipes]
        for process in processes:
            process.join()
    began, ended, events = zip(*told, strict=True)
    return sum(events) / (max(ended) - min(began))


def dreams(brokers: dict[str, str]) -> Table:
    size = int(DREAM / 14)
    table = Table(
        title=f"Pulses of {size:,} events, 12,400 a message: 10⁶ events/s of DREAM's {DREAM / 1e6:.0f}"
    )
    for column in ("client", "Players", *brokers):
        table.add_column(column, justify="right")
    for client in CLIENTS:
        for players in (1, 2):
            rates = [dream(broker, client, players) for broker in brokers.values()]
            table.add_row(client, str(players), *(f"{rate / 1e6:.1f} ({rate / DREAM:.0%})" for rate in rates))
    return table


def thread_times() -> Counter[str]:
    """Return the CPU time in s of this process's threads, in user and in kernel mode (proc(5))."""
    times: Counter[str] = Counter()
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        whose = "the thread that sends" if task.name == str(os.getpid()) else "the client's threads"
        times[f"{whose}, user"] += int(fields[11])
        times[f"{whose}, kernel"] += int(fields[12])
    return Counter({name: ticks / os.sysconf("SC_CLK_TCK") for name, ticks in times.items()})


def profile(broker: str, client: str, size: int = 12_400) -> Table:
    """Return where the CPU time of a Player goes that streams to a broker that only acknowledges."""
    columns, pulses = contestants.COLUMNS[size], 3 * contestants.PULSES[size]
    table = Table(title=f"Where it goes: {client}, {size:,} events in a message")
    table.add_column("")
    table.add_column("CPU s/10⁹", justify="right")

    def stream(profiler: cProfile.Profile | None = None) -> Counter[str]:
        with new_topic(broker) as topic:
            run_output = RunOutput("p0", Run.new(), brokers=[broker], kafka_client=client)
            events = run_output.open(EventStream, topic, "panel", events_per_message=size)
            before = thread_times()
            if profiler:
                profiler.enable()
            for number in range(1, pulses + 1):
                events.send(Trigger(number, START + number * PULSE), *columns[number % len(columns)])
            run_output.deliver(LIMIT)
            if profiler:
                profiler.disable()
            after = thread_times()
            run_output.close()
        return after - before

    for name, seconds in sorted(stream().items(), reverse=True):
        table.add_row(name, f"{seconds / pulses / size * 1e9:.2f}")
    table.add_section()
    profiler = cProfile.Profile(time.thread_time)
    stream(profiler)
    found = pstats.Stats(profiler).get_stats_profile().func_profiles
    for name, entry in sorted(found.items(), key=lambda item: -item[1].tottime)[:FUNCTIONS]:
        file = Path(entry.file_name)
        where = "" if file.name == "~" else f", {file.parent.name}/{file.name}"
        table.add_row(f"{name}{where}", f"{entry.tottime / pulses / size * 1e9:.2f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--broker", help="host:port; without it the in-memory broker is started")
    parser.add_argument("--nexus-streamer", metavar="PATH", help="the command nexus_streamer, 0.2.1 of PyPI")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        null = processes.start("null", [sys.executable, NULL_BROKER]).wait_for(r"listening on (\S+)\n", 20)[1]
        broker = options.broker
        if broker is None:
            command = [sys.executable, "-m", MODULE, "--port", "0", "--max-bytes", str(4 << 30)]
            broker = processes.start("broker", command).wait_for(r"listening on (\S+)\n", 20)[1]
        entries: dict[str, Contestant] = {}
        for client in CLIENTS:
            entries |= {
                f"{client}: floor": bare(broker, client),
                f"{client}: Player": player(broker, client),
                f"{client}: library": bare(broker, client, encoded=False),
            }
        entries["confluent-kafka: Player, drawn"] = player(broker, "confluent-kafka", drawn=True)
        if options.nexus_streamer:
            entries[RIVAL] = nexus_streamer(broker, options.nexus_streamer, Path(name))
        else:
            console.print("nexus-streamer is left out: give its command with --nexus-streamer")
        where = options.broker or "the in-memory broker"
        console.print(*compare(f"To {where}", entries, options.rounds))
        entries = {
            f"{client}: {who}": make(null, client)
            for client in CLIENTS
            for who, make in (("floor", bare), ("Player", player))
        }
        console.print(*compare("To a broker that only acknowledges", entries, options.rounds))
        console.print(dreams({where: broker, "one that only acknowledges": null}))
        for client in CLIENTS:
            console.print(profile(null, client))


if __name__ == "__main__":
    main()
