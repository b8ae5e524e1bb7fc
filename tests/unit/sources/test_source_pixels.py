"""White beams in pixels wherever they are: shares, spectra and times follow the stated physics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.errors import InputError, SourceError
from donki.sources import (
    Beam,
    DirectBeamSource,
    FlatSource,
    Guinier,
    Peaks,
    Pixels,
    PowderSource,
    PowerLaw,
    SmallAngleSource,
    Sphere,
)
from donki.sources.alias import AliasRows
from helpers.chi_square import assert_counts_follow

EVENTS = 400_000
SPEED = 3956.034  # m/s Å, h / m_n
BEAM = Beam(25.0, (2.0, 12.0))


def rng(seed=1):
    return np.random.default_rng(seed)


def scattered(count=300):
    """Return pixels in no order from 4 to 6 m off, at 0.3 to 10 degrees, with gaps in their numbers."""
    draw = rng(7)
    angle, around = np.radians(draw.uniform(0.3, 10, count)), draw.uniform(0, 2 * np.pi, count)
    towards = [np.sin(angle) * np.cos(around), np.sin(angle) * np.sin(around), np.cos(angle)]
    places = draw.uniform(4, 6, count)[:, None] * np.stack(towards, axis=-1)
    return Pixels.alike((5 + 3 * draw.permutation(count)).astype(np.int32), places)


def by_pixel(pixels, events):
    """Return the place of each event's pixel, and its wavelength."""
    order = np.argsort(pixels.detector_number)
    place = order[np.searchsorted(pixels.detector_number, events.pixel_id, sorter=order)]
    np.testing.assert_array_equal(pixels.detector_number[place], events.pixel_id)
    return place, events.time_of_flight * 1e-9 * SPEED / (25.0 + pixels.distance[place])


def fine(bins):
    """Return wavelengths, 64 in each of some bins of the band."""
    edges = np.linspace(*BEAM.band, 64 * bins + 1)
    return ((edges[1:] + edges[:-1]) / 2).reshape(bins, 64)


FORMS = [
    (Sphere(30.0), 1e-3, lambda q: (3 * (np.sin(30 * q) - 30 * q * np.cos(30 * q)) / (30 * q) ** 3) ** 2),
    (Guinier(20.0), 0.0, lambda q: np.exp(-(q**2) * 400 / 3)),
    (PowerLaw(4.0, 0.02), 0.01, lambda q: 1 / (1 + (q / 0.02) ** 2) ** 2),
]


@pytest.mark.parametrize(("form", "background", "expected"), FORMS)
def test_small_angle_scattering_follows_its_form_factor(form, background, expected):
    pixels = scattered()
    events = SmallAngleSource(pixels, BEAM, form, background=background).sample(rng(), events=EVENTS)
    place, wavelength = by_pixel(pixels, events)

    def seen(angle, waves):
        q = 4 * np.pi / waves * np.sin(angle / 2)
        return BEAM.flux(waves) * (expected(q) + background)

    every = np.linspace(*BEAM.band, 4000)
    angle = pixels.two_theta
    share = seen(angle[:, None], every).sum(axis=1) * pixels.solid_angle
    enough = share > share.sum() * 40 / EVENTS
    assert_counts_follow(np.bincount(place, minlength=len(share))[enough], share[enough])
    # The spectrum at small angles and at large ones, as the form factor makes them.
    for part in (angle < np.median(angle), angle >= np.median(angle)):
        counts, _ = np.histogram(wavelength[part[place]], np.linspace(*BEAM.band, 21))
        spectrum = sum(
            solid * seen(each, fine(20)).sum(axis=1)
            for each, solid in zip(angle[part], pixels.solid_angle[part], strict=True)
        )
        often = spectrum > spectrum.sum() * 20 / counts.sum()
        assert_counts_follow(counts[often], spectrum[often])


def test_a_flat_background_goes_by_the_solid_angle_and_has_the_spectrum_of_the_beam():
    pixels = scattered()
    place, wavelength = by_pixel(pixels, FlatSource(pixels, BEAM).sample(rng(), events=EVENTS))
    assert_counts_follow(np.bincount(place), 1 / pixels.distance**2)
    counts, _ = np.histogram(wavelength, np.linspace(*BEAM.band, 65))
    assert_counts_follow(counts, BEAM.flux(fine(64)).sum(axis=1))
    assert wavelength.min() > 2 * (1 - 1e-6)
    assert wavelength.max() < 12 * (1 + 1e-6)


def test_the_direct_beam_is_a_spot_on_the_axis():
    x, y = np.meshgrid(np.linspace(-0.05, 0.05, 41), np.linspace(-0.05, 0.05, 31))
    places = np.stack([x, y, np.full_like(x, 8.0)], axis=-1)
    pixels = Pixels.alike(np.arange(x.size, dtype=np.int32).reshape(x.shape), places)
    events = DirectBeamSource(pixels, BEAM, width=0.012).sample(rng(), events=EVENTS)
    counts = np.bincount(events.pixel_id, minlength=x.size)
    expected = np.exp(-(x**2 + y**2) / 2 / 0.012**2).ravel()
    often = expected > expected.sum() * 20 / EVENTS
    assert_counts_follow(counts[often], expected[often])
    wavelength = events.time_of_flight * 1e-9 * SPEED / (25 + pixels.distance.ravel()[events.pixel_id])
    counts, _ = np.histogram(wavelength, np.linspace(*BEAM.band, 17))
    assert_counts_follow(counts, BEAM.flux(fine(16)).sum(axis=1))


def test_a_powder_is_seen_by_pixels_wherever_they_are():
    pixels = scattered()
    peaks = Peaks(np.array([60.0, 40.0]), np.ones(2))
    source = PowderSource(pixels, BEAM, peaks, resolution=1e-3, background=0)
    place, wavelength = by_pixel(pixels, source.sample(rng(), events=20_000))
    d = wavelength / (2 * np.sin(pixels.two_theta[place] / 2))
    assert np.abs(d[:, None] / peaks.d - 1).min(axis=1).max() < 4.1e-3
    np.testing.assert_equal(source.geometry, pixels.geometry)


@settings(max_examples=8)
@given(st.integers(1, 40), st.integers(0, 70_000), st.floats(0, 2))
def test_the_generator_alone_decides_and_no_pixel_is_foreign(count, events, background):
    pixels = scattered(count)
    source = SmallAngleSource(pixels, BEAM, Sphere(100.0), background=background)
    once, again = (source.sample(rng(events), events=events) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert once.time_of_flight.dtype == once.pixel_id.dtype == np.int32
    assert len(once.pixel_id) == events
    assert set(once.pixel_id.tolist()) <= set(pixels.detector_number.tolist())


def test_one_pixel_on_the_axis_is_enough():
    pixels = Pixels.alike(np.array([3], np.int32), np.array([[0, 0, 5.0]]))
    for source in (
        SmallAngleSource(pixels, BEAM, Sphere(100.0)),
        FlatSource(pixels, BEAM),
        DirectBeamSource(pixels, BEAM),
    ):
        assert set(source.sample(rng(), events=100).pixel_id) == {3}


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=12).filter(lambda weights: sum(weights) > 1e-3))
def test_each_row_of_an_alias_table_has_its_own_distribution(weights):
    rows = np.array([weights, np.roll(weights, 1), np.zeros(len(weights))])
    row = np.repeat(np.array([0, 1], np.int32), 20_000)
    drawn = AliasRows(rows).draw(rng(), row)
    for number in (0, 1):
        counts = np.bincount(drawn[row == number], minlength=len(weights))
        share = rows[number] / rows[number].sum()
        assert not counts[share == 0].any()
        assert np.abs(counts - share * 20_000).max() < 6 * np.sqrt(5000)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Pixels.alike(np.array([-1], np.int32), np.ones((1, 3))), InputError, "numbers from 0"),
        (
            lambda: Pixels.alike(np.array([1], np.int32), np.zeros((1, 3))),
            InputError,
            "is where the sample is",
        ),
        (lambda: Pixels.alike(np.array([1, 2], np.int32), np.ones((3, 3))), InputError, "shapes"),
        (lambda: Sphere(0), InputError, "a sphere's radius, in Å, is above 0"),
        (lambda: Guinier(np.nan), InputError, "radius of gyration"),
        (lambda: PowerLaw(0), InputError, "exponent is above 0"),
        (lambda: PowerLaw(4, -1), InputError, "crossover, in 1/Å"),
        (
            lambda: SmallAngleSource(scattered(), BEAM, Sphere(1), background=-1),
            InputError,
            "background=-1 is a share",
        ),
        (lambda: DirectBeamSource(scattered(), BEAM, width=0), InputError, "width=0 of the beam's spot"),
        (
            lambda: DirectBeamSource(scattered(), BEAM, width=1e-4),
            SourceError,
            r"meets no pixel: the nearest pixel is 0\.\d+ m off",
        ),
        (
            lambda: DirectBeamSource(Pixels.alike(np.array([1], np.int32), np.array([[0, 0, -1.0]])), BEAM),
            SourceError,
            "none is behind the sample",
        ),
        (lambda: FlatSource(scattered(), Beam(1000, (2, 12))), SourceError, "narrow the band"),
        (
            lambda: SmallAngleSource(scattered(), BEAM, Guinier(1e8)),
            SourceError,
            "small-angle scattering: nothing of 2 to 12 Å comes to any of the 300 pixels",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
