"""A Player for each detector of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from donki.errors import InputError, SourceError
from donki.instrument.geometry import detector_geometry
from donki.instrument.neutrons.beam import beam_of
from donki.instrument.neutrons.physics import simulated
from donki.instrument.nodes import Dataset, Group
from donki.instrument.parameters import read_parameters
from donki.instrument.parameters.detector import DetectorParameters
from donki.instrument.parameters.physics import Direct, Powder
from donki.sources import Pixels
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


@dataclass(frozen=True)
class _Detector:
    """A stream of events of a detector: how many pixels it has, and what is played on them.

    ``parameters`` are those of the script, their rate to be filled in; ``misfit`` is why the physics of the
    instrument does not fit, empty where it does.
    """

    declared: Declared
    group: Group
    pixels: int
    parameters: Mapping[str, Any]
    misfit: str

    @property
    def is_replayed(self) -> bool:
        return bool(self.parameters["physics"]["kind"] == "replay")


def plan(instrument: Instrument) -> Iterator[Planned]:
    """Yield a Player for each stream of events of a detector whose pixels are known."""
    found: list[_Detector] = []
    for declared in instrument.pool.find("ev44"):
        detector = declared.within(("NXdetector",))
        if detector is None:
            continue
        try:
            pixels = detector_geometry(detector).pixels
        except SourceError as error:
            instrument.pool.refuse(declared, str(error))
        else:
            found.append(_detector(instrument, declared, detector, pixels))
    names = shared_names([one.group.path for one in found], [one.declared.path for one in found])
    total = sum(one.pixels for one in found)
    for name, one in zip(names, found, strict=True):
        yield _player(name, one, one.pixels / total)
        instrument.pool.take(one.declared)


def _detector(instrument: Instrument, declared: Declared, detector: Group, pixels: Pixels) -> _Detector:
    physics = _physics(instrument, declared)
    parameters = {
        "file": instrument.file,
        "detector": detector.path,
        "topic": declared.topic,
        "source": declared.source,
        "rate": None,
        "physics": physics,
        "beam": {} if physics["kind"] == "replay" else stated_beam(detector),
    }
    misfit = _misfit(parameters, detector, pixels)
    if misfit:
        misfit = f"is flat, for {physics['kind']} does not fit: {misfit}"
        parameters["physics"] = {"kind": "flat"}
    return _Detector(declared, detector, pixels.detector_number.size, parameters, misfit)


def _misfit(parameters: Mapping[str, Any], detector: Group, pixels: Pixels) -> str:
    """Return why a Player could not be set up with the physics of its instrument; empty where it can.

    A bank may be where none of it goes: a powder has no peaks close to the beam.
    """
    asked = read_parameters(DetectorParameters, parameters)
    if not isinstance(asked.physics, Powder | Direct):
        # All others reach every bank.
        return ""
    try:
        simulated(asked.physics, pixels, beam_of(asked.beam, detector, []), Path)
    except (InputError, SourceError) as error:
        return str(error)
    return ""


def _player(name: str, one: _Detector, share: float) -> Planned:
    # A replay has the rate of what was recorded.
    rate = None if one.is_replayed else float(f"{TOTAL_RATE * share:.3g}")
    return Planned(
        name=name,
        script=SCRIPT,
        about=[f"{one.pixels:,} pixels"],
        assumed=[
            *assumed_of(one.parameters["beam"]),
            *([f"{name} {one.misfit}"] if one.misfit else []),
        ],
        parameters=settings({**one.parameters, "rate": rate}.items()),
        streams=[one.declared],
        reads_file=True,
    )


def _physics(instrument: Instrument, declared: Declared) -> dict[str, Any]:
    """Return what is played: the events of the file if it has some, else what the instrument is built for."""
    events = declared.group.find("event_id")
    if isinstance(events, Dataset) and events.size:
        return {"kind": "replay"}
    name = instrument.name.lower()
    return {"kind": next((kind for prefix, kind in PHYSICS.items() if name.startswith(prefix)), "flat")}
