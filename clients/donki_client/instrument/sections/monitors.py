"""One Player for all beam monitors, whether they send events or histograms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from donki.errors import SourceError
from donki.instrument.geometry import pixel_numbers_of
from donki.instrument.nodes import Dataset, Group
from donki_client.instrument.declared import Declared
from donki_client.instrument.names import shared_names
from donki_client.instrument.places import MONITOR_DISTANCE, assumed_of, stated_beam, stated_distance
from donki_client.instrument.planned import Instrument, Planned
from donki_client.instrument.values import settings

SCRIPT = "instrument/monitors.py"

#: What a monitor sends by the module that writes it.
SENDS = {"ev44": "events", "da00": "histogram"}

#: The most bins of a histogram that the script makes.
MOST_BINS = 100_000

#: Neutrons per second in a monitor.
RATE = 1000


def plan(instrument: Instrument) -> Iterator[Planned]:
    """Yield the Player of the monitors, if there are any, and more where two have the same source."""
    found = []
    for declared in instrument.pool.find(*SENDS):
        if monitor := declared.within(("NXmonitor",)):
            try:
                pixel_numbers_of(monitor)
            except SourceError as error:
                instrument.pool.refuse(declared, str(error))
            else:
                found.append((declared, monitor))
    names = shared_names([monitor.path for _, monitor in found], [declared.path for declared, _ in found])
    waiting = dict(zip(names, found, strict=True))
    beam = stated_beam(found[0][1]) if found else {}
    while waiting:
        # A script has one stream of a source.
        first = {declared.source: name for name, (declared, _) in reversed(waiting.items())}
        played = {name: waiting.pop(name) for name in tuple(waiting) if name in first.values()}
        monitors = {name: _settings(*one) for name, one in played.items()}
        yield Planned(
            name="monitors",
            script=SCRIPT,
            about=["Beam monitors: events, or histograms of time of flight; rates in neutrons/s"],
            parameters=settings({"file": instrument.file, "beam": beam, "monitors": monitors}.items()),
            streams=[declared for declared, _ in played.values()],
            reads_file=True,
            assumed=[*assumed_of(beam), *_assumed(monitor for _, monitor in played.values())],
        )
        instrument.pool.take(*(declared for declared, _ in played.values()))


def _settings(declared: Declared, monitor: Group) -> dict[str, Any]:
    sends = SENDS[declared.stream.module]
    return settings(
        {
            "group": monitor.path,
            "topic": declared.topic,
            "source": declared.source,
            "sends": sends,
            "rate": RATE,
            "distance": stated_distance(monitor),
            "bins": _bins(declared) if sends == "histogram" else None,
        }.items()
    )


def _assumed(monitors: Iterable[Group]) -> list[str]:
    return [
        f"the description does not say where {monitor.path} is: distance {MONITOR_DISTANCE:g} m is made up"
        for monitor in monitors
        if stated_distance(monitor) is not None
    ]


def _bins(declared: Declared) -> int | None:
    """Return how many bins a histogram has: as its module is told, or as it was written."""
    variables = declared.config.get("variables")
    for variable in variables if isinstance(variables, list) else []:
        shape = variable.get("shape") if isinstance(variable, dict) else None
        if (
            isinstance(shape, list)
            and len(shape) == 1
            and isinstance(shape[0], int)
            and 0 < shape[0] <= MOST_BINS
        ):
            return shape[0]
    for name in ("signal", "value"):
        written = declared.group.find(name)
        if isinstance(written, Dataset) and len(written.shape) == 2 and written.size:
            return min(written.shape[1], MOST_BINS)
    return None
