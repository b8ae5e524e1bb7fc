"""A Player for each detector of events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from donki.errors import SourceError
from donki.instrument.geometry import detector_geometry
from donki.instrument.nodes import Dataset, Group
from donki_client.instrument.declared import Declared
from donki_client.instrument.names import shared_names
from donki_client.instrument.places import assumed_of, stated_beam
from donki_client.instrument.planned import Instrument, Planned
from donki_client.instrument.values import settings

SCRIPT = "instrument/detector.py"

#: Events per second of all detectors together, shared by their numbers of pixels.
TOTAL_RATE = 1_000_000

#: What instruments are built for, by the beginning of their names: where neutrons go, as long as the scenario
#: does not say otherwise.
PHYSICS = {
    **dict.fromkeys(("loki", "skadi", "sans", "larmor", "d11", "d22", "d33"), "sans"),
    **dict.fromkeys(("dream", "magic", "heimdal", "beer", "powgen", "hrpd", "wish", "polaris"), "powder"),
    **dict.fromkeys(("odin", "imat", "tbl"), "direct"),
}


def plan(instrument: Instrument) -> Iterator[Planned]:
    """Yield a Player for each stream of events of a detector whose pixels are known."""
    found: list[tuple[Declared, Group, int]] = []
    for declared in instrument.pool.find("ev44"):
        detector = declared.within(("NXdetector",))
        if detector is None:
            continue
        try:
            pixels = detector_geometry(detector).pixels.detector_number.size
        except SourceError as error:
            instrument.pool.refuse(declared, str(error))
        else:
            found.append((declared, detector, pixels))
    names = shared_names([detector.path for _, detector, _ in found], [one.path for one, *_ in found])
    total = sum(pixels for *_, pixels in found)
    for name, (declared, detector, pixels) in zip(names, found, strict=True):
        yield _player(instrument, name, declared, detector, pixels, pixels / total)
        instrument.pool.take(declared)


def _player(
    instrument: Instrument, name: str, declared: Declared, detector: Group, pixels: int, share: float
) -> Planned:
    physics, beam = _physics(instrument, declared), stated_beam(detector)
    is_replayed = physics["kind"] == "replay"
    return Planned(
        name=name,
        script=SCRIPT,
        about=[f"{pixels:,} pixels"],
        assumed=[] if is_replayed else assumed_of(beam),
        parameters=settings(
            {
                "file": instrument.file,
                "detector": detector.path,
                "topic": declared.topic,
                "source": declared.source,
                # A replay has the rate of what was recorded.
                "rate": None if is_replayed else float(f"{TOTAL_RATE * share:.3g}"),
                "physics": physics,
                "beam": {} if is_replayed else beam,
            }.items()
        ),
        streams=[declared],
        reads_file=True,
    )


def _physics(instrument: Instrument, declared: Declared) -> dict[str, Any]:
    """Return what is played: the events of the file if it has some, else what the instrument is built for."""
    events = declared.group.find("event_id")
    if isinstance(events, Dataset) and events.size:
        return {"kind": "replay"}
    name = instrument.name.lower()
    return {"kind": next((kind for prefix, kind in PHYSICS.items() if name.startswith(prefix)), "flat")}
