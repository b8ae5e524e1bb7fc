"""Where the neutrons of a detector go: a source for each kind of physics, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from donki.errors import InputError
from donki.instrument.parameters import physics
from donki.sources import (
    Beam,
    DirectBeamSource,
    EventList,
    EventListSource,
    Events,
    FlatSource,
    FormFactor,
    Guinier,
    HistogramSource,
    Monitor,
    Panel,
    Peaks,
    Pixels,
    PowderSource,
    PowerLaw,
    SmallAngleSource,
    Source,
    Sphere,
    read_mcpl,
    read_mcstas,
)

DataFile = Callable[[str], Path]
"""Returns a file that Parameters name: ``player.data_file``."""


@dataclass(frozen=True)
class Simulated:
    """Pulses that are drawn: from a source, of which a share of the neutrons comes."""

    source: Source
    share: float = 1.0

    def pulse(self, rng: np.random.Generator, mean: float) -> Events:
        """Return a Poisson number of events, of this mean before the share."""
        return self.source.sample(rng, rate=mean * self.share)


def simulated(asked: physics.Simulation, pixels: Pixels, beam: Beam, data_file: DataFile) -> Simulated:
    """Return what draws the events of a detector.

    Parameters
    ----------
    asked
        the Parameter ``physics``
    pixels
        of the detector
    beam
        of the instrument
    data_file
        returns a file that the Parameters name

    Raises
    ------
    InputError, SourceError
        when the physics does not fit the detector or the beam
    """
    return _KINDS[type(asked)](asked, pixels, beam, data_file)


def _powder(asked: physics.Powder, pixels: Pixels, beam: Beam, _: DataFile) -> Simulated:
    peaks = Peaks.cubic(asked.a, asked.lattice, asked.shortest, expansion=asked.expansion)
    settled = Peaks(peaks.d * peaks.scale(asked.temperature), peaks.strength)
    return Simulated(
        PowderSource(pixels, beam, settled, resolution=asked.resolution, background=asked.background)
    )


def _small_angle(asked: physics.SmallAngle, pixels: Pixels, beam: Beam, _: DataFile) -> Simulated:
    forms: Mapping[str, Callable[[], FormFactor]] = {
        "sphere": partial(Sphere, asked.radius),
        "guinier": partial(Guinier, asked.radius),
        "power_law": partial(PowerLaw, asked.exponent, asked.crossover),
    }
    return Simulated(SmallAngleSource(pixels, beam, forms[asked.form](), background=asked.background))


def _direct(asked: physics.Direct, pixels: Pixels, beam: Beam, _: DataFile) -> Simulated:
    return Simulated(DirectBeamSource(pixels, beam, width=asked.width), asked.transmission)


def _flat(_: physics.Flat, pixels: Pixels, beam: Beam, __: DataFile) -> Simulated:
    return Simulated(FlatSource(pixels, beam))


def _mcstas(asked: physics.McStas, pixels: Pixels, beam: Beam, data_file: DataFile) -> Simulated:
    path = data_file(asked.file)
    is_mcpl = path.name.removesuffix(".gz").endswith(".mcpl")
    found = _mcpl(path, asked) if is_mcpl else read_mcstas(path, asked.monitor)
    first = int(pixels.detector_number.min()) if asked.first_pixel is None else asked.first_pixel
    source: EventListSource | HistogramSource
    if isinstance(found, EventList):
        panel = None if asked.panel is None else Panel(*asked.panel, first_pixel=first)
        source = EventListSource(found, panel)
    else:
        histogram = None if asked.pixels is None else read_mcstas(data_file(asked.pixels))
        if isinstance(histogram, EventList):
            raise InputError(
                f"physics.pixels: {asked.pixels} is a list of events; give a histogram of positions"
            )
        length = asked.flight_path or beam.flight_path + float(pixels.distance.mean())
        has_time = any(axis.is_time for axis in found.axes)
        source = HistogramSource(
            found, histogram, flight_path=None if has_time else length, first_pixel=first
        )
    _check_pixels(source, pixels, path)
    return Simulated(source)


def _mcpl(path: Path, asked: physics.McStas) -> Monitor | EventList:
    columns = ("p", "t", "id") if asked.panel is None else ("p", "t", "x", "y")
    return read_mcpl(path, columns)


def _check_pixels(source: EventListSource | HistogramSource, pixels: Pixels, path: Path) -> None:
    """Refuse a file with pixels that the detector does not have."""
    foreign = np.setdiff1d(source.geometry["detector_number"], pixels.detector_number)
    if foreign.size:
        raise InputError(
            f"{path}: {foreign.size} of its pixels are none of the detector, the first is {foreign[0]}; those"
            f" of the detector are from {pixels.detector_number.min()} to {pixels.detector_number.max()}:"
            " state first_pixel, or a panel of as many pixels"
        )


_KINDS: Mapping[type, Callable[[Any, Pixels, Beam, DataFile], Simulated]] = {
    physics.Powder: _powder,
    physics.SmallAngle: _small_angle,
    physics.Direct: _direct,
    physics.Flat: _flat,
    physics.McStas: _mcstas,
}
