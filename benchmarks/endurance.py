"""Whether a long run stays as it began: 100,000 triggers as fast as they go, and 14 Hz for ten minutes.

The first part sends the triggers to one Player in ten legs; between two legs a bare
``tango.Group.command_inout`` calls the same Player, so that a machine that grows slower is not taken for a
Director that does. The second part paces eight Players; beside it, in a process of its own, a bare loop
sleeps until each tick of the same clock. Journal, policies and timings are on, as always.

    python benchmarks/endurance.py [--triggers 100000] [--minutes 10] [--players 8] [--rate 14]
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import tango
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from triggers import EMPTY, group_round, wait_for

from donki.director.journal.reading.reader import JournalReader
from donki_client.facility.device_server import DeviceServer
from donki_client.facility.local import LocalFacility

LEGS = 10


def journey(host: str, director: tango.DeviceProxy, triggers: int, progress: Progress) -> Table:
    """Send many triggers to one Player, and compare the first tenth to the last."""
    group = tango.Group("players")
    group.add(f"{host}/donki/player/p0")
    numbers = itertools.count(10**9)
    director.Triggers = -1
    director.Period = 0
    director.Start()
    director.Pause()
    wait_for(director, "STANDBY")
    leg = triggers // LEGS
    bar = progress.add_task(f"{triggers} triggers", total=LEGS)
    ours, bare = [], []
    group_round(group, numbers, 0.5)
    for _ in range(LEGS):
        bare.append(group_round(group, numbers, 1.0))
        first, began = director.CurrentTrigger, time.perf_counter()
        director.Resume()
        while (last := director.CurrentTrigger) < first + leg:
            time.sleep(0.02)
        ours.append((time.perf_counter() - began) / (last - first) * 1e6)
        director.Pause()
        wait_for(director, "STANDBY")
        progress.advance(bar)
    bare.append(group_round(group, numbers, 1.0))
    director.Stop()
    wait_for(director, "ON")
    floors = [(before + after) / 2 for before, after in itertools.pairwise(bare)]
    table = Table(title=f"{triggers} triggers through 1 Player, by tenths (mean of a trigger, µs)")
    for column in ("tenth", "Director", "bare Group", "ratio"):
        table.add_column(column, justify="right")
    for number, (mine, floor) in enumerate(zip(ours, floors, strict=True), 1):
        table.add_row(str(number), f"{mine:.0f}", f"{floor:.0f}", f"{mine / floor:.2f}")
    growth = ours[-1] / ours[0]
    table.caption = f"last to first: {growth:.3f}, and {growth * floors[0] / floors[-1]:.3f} of bare Group's"
    return table


def bare_clock(period: int, seconds: float, results: multiprocessing.Queue) -> None:
    """Sleep until each tick, and tell how late the loop woke, in ns."""
    start = time.monotonic_ns() + period
    late = []
    for tick in range(round(seconds * 1e9 / period)):
        due = start + tick * period
        time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
        late.append(time.monotonic_ns() - due)
    results.put(late)


def watch_clock(
    director: tango.DeviceProxy, rate: float, minutes: float, runs: Path, progress: Progress
) -> Table:
    """Send triggers at a rate, beside a bare clock loop, and compare how late both are."""
    seconds = minutes * 60
    period = round(1e9 / rate)
    director.Period = period / 1e9
    director.Triggers = triggers = round(seconds * rate)
    results: multiprocessing.Queue = multiprocessing.Queue()
    loop = multiprocessing.Process(target=bare_clock, args=(period, seconds, results), daemon=True)
    loop.start()
    director.Start()
    bar = progress.add_task(f"{rate:g} Hz for {minutes:g} minutes", total=triggers)
    while str(director.state()) == "RUNNING":
        progress.update(bar, completed=director.CurrentTrigger)
        time.sleep(1)
    wait_for(director, "ON")
    progress.update(bar, completed=triggers)
    bare = np.array(results.get(timeout=60)) / 1e6
    with closing(JournalReader(runs)) as journal:
        run = journal.run(director.RunId)
        rows = np.concatenate(list(journal.triggers(run)))
    late = (rows["sent"] - rows["due"]) / 1e6
    drift = (rows["due"] - rows["due"][0] - np.arange(len(rows)) * period) / 1e6
    table = Table(title=f"{len(rows)} of {triggers} triggers at {rate:g} Hz: how late, in ms")
    for column in ("", "median", "p99", "max", "first tenth p99", "last tenth p99"):
        table.add_column(column, justify="right" if column else "left")
    for name, values in (("Director", late), ("bare clock loop", bare)):
        tenth = len(values) // 10
        p99s = (np.percentile(part, 99) for part in (values[:tenth], values[-tenth:]))
        median, p99 = np.percentile(values, (50, 99))
        table.add_row(name, *(f"{value:.3f}" for value in (median, p99, values.max(), *p99s)))
    table.caption = f"the last trigger was due {drift[-1]:.6f} ms off the clock; {director.Overruns} overruns"
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--triggers", type=int, default=100_000, help="of the first part; 0 leaves it out")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the second part; 0 leaves it out")
    parser.add_argument("--players", type=int, default=8, help="in the second part")
    parser.add_argument("--rate", type=float, default=14.0, help="of the second part, in Hz")
    options = parser.parse_args()

    console = Console()
    with tempfile.TemporaryDirectory() as folder, LocalFacility(Path(folder)) as facility:
        script = Path(folder, "empty.py")
        script.write_text(EMPTY)
        runs = Path(folder, "runs")
        host = f"tango://{facility.start_database().tango_host}"
        names = [f"p{number}" for number in range(options.players)]
        facility.start_servers(
            DeviceServer.director(RunDirectory=str(runs)),
            *(DeviceServer.player(name, script, priority=0) for name in names),
        )
        director = tango.DeviceProxy(f"{host}/donki/director/1")
        director.Check()
        with Progress(console=console) as progress:
            if options.triggers:
                director.SetPriority([[0, *[-1] * (len(names) - 1)], names])
                console.print(journey(host, director, options.triggers, progress))
            if options.minutes:
                director.SetPriority([[0] * len(names), names])
                console.print(watch_clock(director, options.rate, options.minutes, runs, progress))


if __name__ == "__main__":
    main()
