"""Synthetic instruments follow their formulas: geometry, Bragg's law, shares, and what moves the peaks."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.errors import InputError, SourceError
from donki.sources import (
    Bank,
    Beam,
    DiffractionImage,
    Peaks,
    PowderSource,
    PulseTrace,
    Ramp,
    SpotImage,
)
from helpers.chi_square import assert_counts_follow

EVENTS = 400_000
SPEED = 3956.034  # m/s Å, h / m_n
BEAM = Beam(75.0, (0.8, 3.0))


def rng(seed=1):
    return np.random.default_rng(seed)


def lone(two_theta, *, distance=1.0):
    """One small pixel."""
    return Bank.flat(1e-3, 1e-3, 1, 1, distance=distance, two_theta=two_theta, first_pixel=42)


def peak(d, **moving):
    return Peaks(np.array([d]), np.ones(1), **moving)


def test_a_flat_bank_faces_the_sample_and_is_numbered_by_rows():
    bank = Bank.flat(0.4, 0.2, 4, 2, distance=2.0, two_theta=90, first_pixel=10)
    np.testing.assert_allclose(bank.positions[0, 0], [2, -0.05, 0.15])
    np.testing.assert_allclose(bank.positions[1, 3], [2, 0.05, -0.15])
    assert np.all(np.diff(bank.two_theta, axis=1) > 0)
    assert bank.solid_angle.sum() == pytest.approx(0.02, rel=0.01)
    wide = Bank.flat(200, 200, 2_000, 2_000, distance=1.0, two_theta=30)
    assert wide.solid_angle.sum() == pytest.approx(2 * np.pi, rel=0.02)  # nearly half of all directions


def test_a_cylinder_stands_around_the_sample():
    bank = Bank.cylinder(1.5, 0.3, 100, 4, two_theta=(20, 160))
    np.testing.assert_allclose(np.hypot(bank.positions[..., 0], bank.positions[..., 2]), 1.5)
    assert bank.distance.min() == pytest.approx(np.hypot(1.5, 0.0375))
    assert np.degrees(bank.two_theta[:, 0]) == pytest.approx(20.7, abs=0.7)
    assert np.degrees(bank.two_theta[1, 50]) == pytest.approx(90.7, abs=0.1)
    whole = Bank.cylinder(1.0, 1e3, 360, 20_001, two_theta=(-180, 180))
    assert whole.solid_angle.sum() == pytest.approx(4 * np.pi, rel=0.01)


@pytest.mark.parametrize(("two_theta", "distance"), [(90, 1.0), (30, 2.5), (150, 0.7)])
@pytest.mark.parametrize("d", [0.9, 1.4])
def test_a_peak_comes_at_the_time_of_braggs_law_as_wide_as_the_resolution(two_theta, distance, d):
    beam = Beam(75.0, (0.1, 9.0))
    source = PowderSource(
        lone(two_theta, distance=distance),
        beam,
        peak(d),
        resolution=1e-3,
        background=0,
    )
    time, pixel = source.sample(rng(), events=EVENTS)
    expected = (75 + distance) / SPEED * 2 * d * np.sin(np.radians(two_theta / 2)) * 1e9
    assert set(pixel) == {42}
    assert time.mean() == pytest.approx(expected, rel=1e-5)
    assert time.std() / expected == pytest.approx(1e-3, rel=0.02)
    below = np.count_nonzero(time < expected * (1 - 1e-3))
    assert below / EVENTS == pytest.approx(0.1587, abs=0.01)


def test_peaks_move_with_the_temperature_and_background_does_not():
    peaks = peak(1.2, expansion=1e-4, temperature=300)
    source = PowderSource(lone(90), BEAM, peaks, resolution=1e-4, background=0)
    cold, hot, cold_again = (
        source.sample(rng(), events=1_000, temperature=each).time_of_flight for each in (None, 400, 300)
    )
    np.testing.assert_allclose(hot / cold, 1.01, rtol=1e-6)
    np.testing.assert_array_equal(cold, cold_again)
    source = PowderSource(lone(90), BEAM, peaks, background=1)
    once, other = (source.sample(rng(), events=1_000, temperature=each) for each in (300, 900))
    np.testing.assert_array_equal(once, other)


def test_background_has_its_share_and_the_spectrum_of_the_beam():
    source = PowderSource(lone(90), BEAM, peak(0.6), resolution=1e-5, background=0.7)
    time, _ = source.sample(rng(), events=EVENTS)
    wavelength = time * 1e-9 * SPEED / 76
    near = np.abs(wavelength - 1.2 * sqrt(0.5)) < 1e-3
    assert np.count_nonzero(near) / EVENTS == pytest.approx(0.3, abs=0.01)
    edges = np.linspace(0.8, 3.0, 12 + 1)
    inner = np.linspace(0.8, 3.0, 48 + 1)
    flux = BEAM.flux((inner[1:] + inner[:-1]) / 2).reshape(12, 4).sum(axis=1)
    counts, _ = np.histogram(wavelength[~near], edges)
    assert_counts_follow(counts[2:], flux[2:])


def test_peaks_are_as_strong_as_lorentz_factor_flux_and_structure_make_them():
    d, strength = np.array([0.7, 1.1, 1.7]), np.array([8.0, 3.0, 1.0])
    angle = np.radians(55)
    source = PowderSource(lone(110), BEAM, Peaks(d, strength), resolution=1e-4, background=0)
    time, _ = source.sample(rng(), events=EVENTS)
    found = time * 1e-9 * SPEED / 76 / (2 * np.sin(angle))
    counts, _ = np.histogram(found, [0.6, 0.9, 1.4, 2.0])
    expected = BEAM.flux(2 * d * np.sin(angle)) * strength * d**4
    assert_counts_follow(counts, expected)


def test_a_wide_bank_sees_each_peak_where_the_band_has_its_wavelength():
    bank = Bank.cylinder(1.0, 0.2, 140, 8, two_theta=(20, 160), first_pixel=1_000)
    peaks = Peaks.cubic(4.046, "F", 0.5)
    time, pixel = PowderSource(bank, BEAM, peaks, resolution=5e-4, background=0).sample(rng(), events=EVENTS)
    place = pixel - 1_000
    assert place.min() >= 0
    assert place.max() < 1_120
    wavelength = time * 1e-9 * SPEED / (75 + bank.distance.ravel()[place])
    found = wavelength / (2 * np.sin(bank.two_theta.ravel()[place] / 2))
    off = np.abs(found[:, None] / peaks.d - 1).min(axis=1)
    assert off.max() < 4.1 * 5e-4
    # The groups of pixels make the ends of the band that much less sharp.
    assert wavelength.min() > 0.8 * 0.9
    assert wavelength.max() < 3.0 * 1.1
    strongest = np.abs(found - peaks.d[0]) < 0.02
    assert np.degrees(bank.two_theta.ravel()[place[strongest]]).max() < 82  # 3 Å / 2 / 2.336 Å is sin 39.9°


def test_pixels_are_hit_by_their_solid_angle():
    bank = Bank.flat(0.6, 0.6, 6, 6, distance=1.0, two_theta=90)
    _, pixel = PowderSource(bank, BEAM, peak(1.0), background=1).sample(rng(), events=EVENTS)
    assert_counts_follow(np.bincount(pixel, minlength=37)[1:], bank.solid_angle.ravel())


def test_events_come_in_no_order():
    source = PowderSource(
        Bank.cylinder(1.0, 0.2, 50, 4, two_theta=(30, 150)), BEAM, Peaks.cubic(4.046, "F", 0.5)
    )
    for column in source.sample(rng(), events=EVENTS):
        away = column - column.mean()
        assert abs(np.mean(away[1:] * away[:-1]) / np.mean(away**2)) < 4 / sqrt(EVENTS)


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 70_000), st.floats(0, 1))
def test_the_generator_alone_decides_and_no_pixel_is_foreign(rows, columns, events, background):
    bank = Bank.cylinder(1.0, 1.0, columns, rows, two_theta=(60, 120), first_pixel=7)
    source = PowderSource(bank, BEAM, Peaks.cubic(5.431, "D", 0.6), background=background)
    once, again = (source.sample(rng(events), events=events) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert once.time_of_flight.dtype == once.pixel_id.dtype == np.int32
    assert len(once.pixel_id) == events
    if events:
        assert once.pixel_id.min() >= 7
        assert once.pixel_id.max() < 7 + rows * columns
        assert once.time_of_flight.min() > 0


def test_a_rate_is_a_mean():
    source = PowderSource(lone(90), BEAM, peak(1.0))
    sizes = [len(source.sample(rng(seed), rate=50).pixel_id) for seed in range(200)]
    assert np.mean(sizes) == pytest.approx(50, abs=4 * sqrt(50 / 200))


def test_a_beam_monitor_sees_the_band():
    time, pixel = Beam(75, (1, 3)).monitor(40.0, pixel=5).sample(rng(), events=10_000)
    assert set(pixel) == {5}
    assert 40 / SPEED * 1e9 - 1e3 <= time.min() < time.max() <= 3 * 40 / SPEED * 1e9 + 1e3
    # The flux at 50 K is highest at sqrt(2 a / 5) = 2.756 Å.
    counts, edges = np.histogram(time, 10)
    assert edges[np.argmax(counts)] * 1e-9 * SPEED / 40 > 2.3


@pytest.mark.parametrize(
    ("lattice", "squares", "strengths"),
    [
        ("P", [1, 2, 3, 4, 5, 6, 8, 9], [6, 12, 8, 6, 24, 24, 12, 30]),
        ("I", [2, 4, 6, 8], [12, 6, 24, 12]),
        ("F", [3, 4, 8], [8, 6, 12]),
        ("D", [3, 8], [4, 12]),
    ],
)
def test_cubic_lattices_have_their_allowed_peaks(lattice, squares, strengths):
    peaks = Peaks.cubic(4.0, lattice, 4 / 3)
    np.testing.assert_allclose(peaks.d, 4 / np.sqrt(squares))
    np.testing.assert_allclose(peaks.strength, strengths)


def image(**changes):
    settings = {"pixel": 2e-3, "distance": 0.4, "wavelength": 1.2, "width": 0.3, **changes}
    settings.setdefault("peaks", peak(2.0, expansion=1e-3))
    return DiffractionImage(200, 300, **settings)


def test_rings_lie_where_braggs_law_has_them_and_move_with_the_temperature():
    for temperature, d in ((300, 2.0), (None, 2.0), (400, 2.2)):
        frame = image(background=0).sample(rng(), counts=1e6, temperature=temperature)
        assert frame.shape == (200, 300)
        assert frame.dtype == np.uint16
        y, x = np.indices(frame.shape) - np.array([99.5, 149.5])[:, None, None]
        radius = np.hypot(x, y) * 2e-3
        ring = 0.4 * np.tan(2 * np.arcsin(1.2 / 2 / d))
        assert np.average(radius, weights=frame) == pytest.approx(ring, rel=0.01)
        assert np.std(np.arctan(np.repeat(radius, frame.ravel()) / 0.4)) < np.radians(0.5)
        assert frame.sum() == pytest.approx(1e6, abs=4e3)


def test_the_background_of_an_image_is_its_share_and_counts_are_capped():
    frame = image(background=0.25).sample(rng(), counts=1e6)
    y, x = np.indices(frame.shape) - np.array([99.5, 149.5])[:, None, None]
    ring = 0.4 * np.tan(2 * np.arcsin(1.2 / 4))
    on_ring = np.abs(np.hypot(x, y) * 2e-3 - ring) < 0.02
    assert frame[~on_ring].sum() / 1e6 == pytest.approx(0.25 * np.mean(~on_ring), rel=0.2)
    assert image().sample(rng(), counts=1e12).max() == 65_535
    assert not image().sample(rng(), counts=0).any()


def test_a_ramp_goes_from_one_value_to_another_and_stays():
    ramp = Ramp(300, 280, 60, noise=0.5)
    np.testing.assert_allclose(ramp.at([-1, 0, 30, 60, 1e6]), [300, 300, 290, 280, 280])
    readings = ramp.sample(rng(), np.full(100_000, 15.0))
    assert readings.mean() == pytest.approx(295, abs=0.01)
    assert readings.std() == pytest.approx(0.5, rel=0.02)
    assert Ramp(1, 2, 10).sample(rng(), 5) == 1.5


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Bank.flat(0, 1, 1, 1, distance=1, two_theta=0), InputError, "width must be above 0"),
        (lambda: Bank.cylinder(1, 1, 1, 1, two_theta=(9, 8)), InputError, "angles must rise, not go from 9"),
        (
            lambda: Bank.flat(1, 1, 9, 9, distance=1, two_theta=0, first_pixel=2**31 - 80),
            InputError,
            "pixel numbers run from 0",
        ),
        (lambda: Beam(75, (3, 1)), InputError, "band in Å, rising"),
        (lambda: Peaks(np.ones(2), np.ones(1)), InputError, "as many d as strength"),
        (lambda: Peaks(np.zeros(1), np.ones(1)), InputError, "every d, in Å, above 0"),
        (lambda: Peaks.cubic(4, "X", 1), InputError, "lattice 'X'.*one of P"),
        (lambda: Peaks.cubic(4, "D", 3.9), InputError, "has no peak from 3.9 Å on"),
        (
            lambda: PowderSource(lone(90), BEAM, peak(1.0), resolution=0),
            InputError,
            "resol",
        ),
        (
            lambda: PowderSource(lone(90), BEAM, Peaks(np.ones(1) * 9, np.ones(1))),
            SourceError,
            "no peak from 9",
        ),
        (
            lambda: PowderSource(lone(90), Beam(1e4, (1, 9)), peak(1.0)),
            SourceError,
            "narrow the band or shorten",
        ),
        (lambda: image(pixel=0), InputError, "image's pixel must be above 0"),
        (lambda: image(background=2), InputError, "background=2 is a share"),
        (lambda: image(wavelength=3.9), SourceError, "no ring of 3.9 Å falls on the detector"),
        (lambda: image().sample(rng(), counts=-1), InputError, "counts=-1"),
        (lambda: Ramp(1, 2, 0), InputError, "duration, in s, is above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_spot_goes_along_a_figure_of_eight_and_has_its_counts():
    image = SpotImage(60, 100, width=3.0, cycle=8.0, background=0.2)
    assert image.place(0) == image.place(8) == (29.5, 49.5)
    assert image.place(2) == pytest.approx((29.5, 74.5))
    assert image.place(1) == pytest.approx((44.5, 49.5 + 25 / sqrt(2)))
    frame = image.sample(rng(), counts=1e6, seconds=1.0)
    assert frame.sum() == pytest.approx(1e6, rel=0.01)
    bright = frame - 0.2e6 / 6000
    y, x = np.indices(frame.shape)
    assert np.average(y, weights=bright) == pytest.approx(44.5, abs=0.2)
    assert np.average(x, weights=bright) == pytest.approx(49.5 + 25 / sqrt(2), abs=0.2)


def test_without_a_spot_light_is_even_and_a_narrow_spot_takes_no_light_away():
    even = SpotImage(50, 50, background=1.0).sample(rng(), counts=250_000)
    assert even.mean() == pytest.approx(100, rel=0.01)
    assert even.var() == pytest.approx(100, rel=0.1)
    narrow = SpotImage(4, 4, width=1e-3, background=0.0).sample(rng(), counts=1000)
    assert narrow.shape == (4, 4)


def test_a_trace_has_pulses_of_their_height_and_a_base_line_of_its_noise():
    quiet = PulseTrace(20_000, 8, rate=0, base=200, noise=4.0).sample(rng())
    assert (quiet.dtype, len(quiet)) == (np.uint16, 20_000)
    assert quiet.mean() == pytest.approx(200, abs=0.2)
    assert quiet.std() == pytest.approx(4.0, rel=0.05)
    pulses = PulseTrace(200_000, 8, rate=10_000, rise=50, decay=400, height=1000, base=0, noise=0)
    trace = pulses.sample(rng()).astype(float)
    # The mean of a shot noise is its rate times the area of a pulse, which is known.
    peak = np.log(8) * 50 * 400 / 350
    area = 350 / (np.exp(-peak / 400) - np.exp(-peak / 50)) * 1000
    assert trace.mean() == pytest.approx(10_000e-9 * area, rel=0.3)
    above = np.flatnonzero((trace[1:] > 400) & (trace[:-1] <= 400))
    assert len(above) == pytest.approx(16, abs=8)
    assert PulseTrace(1000, 8, rate=1e6, height=1e6, bits=10).sample(rng()).max() == 1023


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: SpotImage(0, 5), "rows and columns must be whole numbers"),
        (lambda: SpotImage(5, 5, width=0), "width=0 in pixels is above 0"),
        (lambda: SpotImage(5, 5).sample(rng(), counts=-1), "counts=-1 is not a number of counts"),
        (lambda: PulseTrace(0, 8), "samples from 1"),
        (lambda: PulseTrace(10, 8, bits=17), "bits from 2 to 16"),
        (lambda: PulseTrace(10, 8, rise=500, decay=50), "faster than it decays"),
        (lambda: PulseTrace(10, 8, noise=-1), "are 0 or more"),
        (lambda: PulseTrace(10, 8, rate=1e12), "pulses in a trace; 1e\\+06 is the most"),
    ],
)
def test_images_and_traces_that_cannot_be_are_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()
