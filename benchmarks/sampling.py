"""How fast events are drawn: each kind of source, for pulses of several sizes, against a floor.

The floor draws times of flight and pixel numbers by ``Generator.integers``, int32, even over a pulse and a
panel: two calls of numpy and nothing else. Source and floor take turns; the best round of each counts.

    python benchmarks/sampling.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from donki.sources import (
    Axis,
    Bank,
    Beam,
    EventList,
    EventListSource,
    Events,
    HistogramSource,
    Monitor,
    Panel,
    Peaks,
    PowderSource,
)

SIZES = (10_000, 100_000, 1_000_000)
PULSE = 71_428_571  # ns


def monitor(rng: np.random.Generator, **axes: int) -> Monitor:
    """Return a monitor of random intensities with axes, their bins by name."""
    labels = {"t": r"Time-of-flight [\gms]", "wavelength": "Wavelength [AA]", "y": "Y [cm]", "x": "X [cm]"}
    ends = {"t": PULSE / 1000, "wavelength": 10.0, "y": 100.0, "x": 100.0}
    intensity = rng.exponential(size=tuple(axes.values()))
    edges = tuple(Axis(labels[name], np.linspace(0, ends[name], bins + 1)) for name, bins in axes.items())
    return Monitor("random", "", edges, intensity, intensity, intensity)


def event_list(rng: np.random.Generator, rays: int) -> EventList:
    rows = np.column_stack([rng.exponential(size=rays), rng.random((rays, 2)) - 0.5, rng.random(rays) * 0.07])
    return EventList("random", "", ("p", "x", "y", "t"), rows)


def powder(columns: int, rows: int) -> PowderSource:
    bank = Bank.cylinder(1.1, 1.0, columns, rows, two_theta=(20, 160))
    return PowderSource(bank, Beam(76.55, (0.8, 2.6)), Peaks.cubic(5.431, "D", 0.6))


def draws(rng: np.random.Generator) -> dict[str, Callable[[int], Events]]:
    """Return for each kind of source a function that yields a pulse of n events."""
    tof, psd = monitor(rng, t=1000), monitor(rng, y=256, x=256)
    sources = {
        "TOF, 1,000 bins": HistogramSource(tof),
        "wavelength, 1,000 bins": HistogramSource(monitor(rng, wavelength=1000), flight_path=28.5),
        "TOF and PSD, 64 × 64": HistogramSource(tof, monitor(rng, y=64, x=64)),
        "TOF and PSD, 256 × 256": HistogramSource(tof, psd),
        "TOF and PSD, 1,024 × 1,024": HistogramSource(tof, monitor(rng, y=1024, x=1024)),
        "x by TOF, 128 × 500": HistogramSource(monitor(rng, x=128, t=500)),
        "list by weight, 10,000 rays": EventListSource(event_list(rng, 10_000), Panel(1, 1, 256, 256)),
        "list by weight, 1,000,000 rays": EventListSource(event_list(rng, 1_000_000), Panel(1, 1, 256, 256)),
        "powder, 64 × 64": powder(64, 64),
        "powder, 256 × 256": powder(256, 256),
        "powder, 1,024 × 1,024": powder(1024, 1024),
    }
    replayed = sources["list by weight, 1,000,000 rays"]
    return {
        name: lambda n, source=source: source.sample(rng, events=n) for name, source in sources.items()
    } | {"list replayed, 1,000,000 rays": lambda n: replayed.replay(3, n)}


def duration(draw: Callable[[int], Events], n: int) -> float:
    began = time.perf_counter()
    draw(n)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(1)

    def floor(n: int) -> Events:
        return Events(
            rng.integers(0, PULSE, size=n, dtype=np.int32), rng.integers(1, 65_537, size=n, dtype=np.int32)
        )

    table = Table(title=f"Drawing events, best of {rounds} rounds")
    table.add_column("source")
    for n in SIZES:
        table.add_column(f"{n:,}\nms", justify="right")
        table.add_column("\n10⁶ events/s", justify="right")
        table.add_column("\n/ floor", justify="right")
    for name, draw in {"floor: Generator.integers": floor, **draws(rng)}.items():
        cells = []
        for n in SIZES:
            times = [(duration(draw, n), duration(floor, n)) for _ in range(rounds)]
            best, best_floor = (min(column) for column in zip(*times, strict=True))
            cells += [f"{best * 1e3:.3f}", f"{n / best / 1e6:.0f}", f"{best_floor / best:.2f}"]
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
