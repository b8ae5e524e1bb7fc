"""Numbers that cannot be: whatever a source is given, it is refused, or events come out that fit.

DONKI_CASES=20000 tries more than a test run does, --hypothesis-profile=random others.
"""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.errors import InputError, SourceError
from donki.sources import Bank, Beam, DiffractionImage, HistogramSource, Panel, Peaks, PowderSource, Ramp
from donki.sources.mcstas.monitor import Axis, Monitor

CASES = int(os.environ.get("DONKI_CASES", "60"))
BAD = [math.nan, math.inf, -math.inf, 1e300, -1e300, 1e18, 1e-300, -1, 0, 0.5, 2**31, 2**63, 10**12]

bank = Bank.cylinder(radius=1.1, height=1.0, columns=8, rows=4, two_theta=(30, 150))
beam = Beam(flight_path=76.55, band=(0.8, 2.6))
peaks = Peaks.cubic(4.046, "F", shortest=0.5)
times = Monitor("t.dat", "", (Axis("Wavelength [AA]", np.array([1.0, 2.0])),), *[np.ones(1)] * 3)


def powder(bank=bank, beam=beam, peaks=peaks, temperature=300.0, events=9, rate=None, **settings):
    source = PowderSource(bank, beam, peaks, **settings)
    size = {"rate": rate} if rate is not None else {"events": events}
    return source.sample(np.random.default_rng(1), temperature=temperature, **size)


def image(temperature=300.0, counts=100.0, **settings):
    detector = DiffractionImage(peaks=peaks, **settings)
    return detector.sample(np.random.default_rng(1), counts=counts, temperature=temperature)


def histogram(flight_path=20.0, first_pixel=1, events=9):
    source = HistogramSource(times, flight_path=flight_path, first_pixel=first_pixel)
    return source.sample(np.random.default_rng(1), events=events)


def panel(x=0.1, **settings):
    return Panel(**settings).pixel_ids(np.array([x, 0.0]), np.array([0.0, x]))


def ramp(seconds=1.0, **settings):
    return Ramp(**settings).sample(np.random.default_rng(1), [seconds])


def a_bank(**settings):
    return powder(bank=Bank.flat(**settings))


def a_cylinder(begin, end, **settings):
    return powder(bank=Bank.cylinder(two_theta=(begin, end), **settings))


def positions(x, solid_angle, first_pixel):
    return powder(bank=Bank(np.array([[[x, 0, 1.0]]]), np.array([[solid_angle]]), first_pixel))


def a_beam(shortest, longest, **settings):
    return powder(beam=Beam(band=(shortest, longest), **settings))


def a_monitor(distance, pixel):
    return beam.monitor(distance, pixel=pixel).sample(np.random.default_rng(1), events=9)


def some_peaks(d, strength, temperature, **settings):
    return powder(
        peaks=Peaks(np.array([d, 2.0]), np.array([strength, 1.0]), **settings), temperature=temperature
    )


def cubic(a, shortest, expansion):
    return powder(peaks=Peaks.cubic(a, "F", shortest, expansion=expansion), temperature=400.0)


MADE = {
    powder: {"resolution": 2e-3, "background": 0.2, "temperature": 310.0, "events": 9, "rate": None},
    image: {
        "rows": 8,
        "columns": 8,
        "pixel": 2e-2,
        "distance": 0.4,
        "wavelength": 1.2,
        "width": 0.3,
        "background": 0.2,
        "temperature": 300.0,
        "counts": 100.0,
    },
    histogram: {"flight_path": 20.0, "first_pixel": 1, "events": 9},
    panel: {"width": 1.0, "height": 1.0, "columns": 4, "rows": 4, "first_pixel": 1, "x": 0.1},
    ramp: {"start": 1.0, "end": 2.0, "duration": 3.0, "noise": 0.1, "seconds": 1.0},
    a_bank: {
        "width": 1.0,
        "height": 1.0,
        "columns": 4,
        "rows": 4,
        "distance": 2.0,
        "two_theta": 90.0,
        "first_pixel": 1,
    },
    a_cylinder: {
        "begin": 30.0,
        "end": 150.0,
        "radius": 1.0,
        "height": 1.0,
        "columns": 4,
        "rows": 4,
        "first_pixel": 1,
    },
    positions: {"x": 1.0, "solid_angle": 0.1, "first_pixel": 1},
    a_beam: {"shortest": 0.8, "longest": 2.6, "flight_path": 70.0, "moderator": 50.0},
    a_monitor: {"distance": 70.0, "pixel": 1},
    some_peaks: {"d": 1.0, "strength": 3.0, "expansion": 2e-5, "temperature": 310.0},
    cubic: {"a": 4.0, "shortest": 1.0, "expansion": 2e-5},
}


def fits(made, name):
    if name == "ramp":
        return bool(np.isfinite(made).all())
    if name == "image":
        return made.dtype == np.uint16
    if name == "panel":
        return made.dtype == np.int32 and bool((made >= -1).all())
    whole = made.time_of_flight.dtype == made.pixel_id.dtype == np.int32
    return whole and all(len(column) == 0 or column.min() >= 0 for column in made)


@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
@settings(max_examples=CASES)
@given(data=st.data())
def test_numbers_that_cannot_be_are_refused_or_come_to_nothing(make, data):
    values = dict(MADE[make])
    places = st.lists(st.sampled_from(sorted(values)), min_size=1, max_size=2, unique=True)
    for place in data.draw(places):
        values[place] = data.draw(st.sampled_from(BAD))
    try:
        made = make(**values)
    except (InputError, SourceError):
        return
    assert fits(made, make.__name__)
