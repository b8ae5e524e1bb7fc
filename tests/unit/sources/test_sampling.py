"""Events drawn from histograms follow the histograms, and are decided by the generator alone."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.errors import InputError, SourceError
from donki.sources import Axis, EventList, EventListSource, HistogramSource, Monitor, Panel, read_mcstas
from helpers.chi_square import assert_counts_follow

SAMPLES = Path(__file__).parents[3] / "scripts" / "mcstas"
EVENTS = 400_000


def monitor(intensity, *axes, name="test.dat"):
    """Make a monitor; an axis is (label, low, high) or (label, edges)."""
    intensity = np.asarray(intensity, float)
    axes = tuple(
        Axis(label, np.asarray(*limits, float) if len(limits) == 1 else np.linspace(*limits, bins + 1))
        for (label, *limits), bins in zip(axes, intensity.shape, strict=True)
    )
    return Monitor(name, "", axes, intensity, intensity, intensity)


def tof(intensity, low=0.0, high=1000.0, label=r"Time-of-flight [\gms]"):
    return monitor(intensity, (label, low, high), name="tof.dat")


def psd(intensity):
    return monitor(intensity, ("Y position [cm]", -1, 1), ("X position [cm]", -1, 1), name="psd.dat")


def test_times_follow_the_bins_and_are_even_inside_them():
    intensity = np.array([5, 0, 1, 30, 12.5, 0.4, 0, 8])
    pulse = HistogramSource(tof(intensity, 100, 900)).sample(np.random.default_rng(1), events=EVENTS)
    counts, _ = np.histogram(pulse.time_of_flight, np.linspace(100_000, 900_000, 8 * 25 + 1))
    assert counts.sum() == EVENTS
    assert_counts_follow(counts, np.repeat(intensity, 25))
    assert set(pulse.pixel_id) == {1}


def test_every_ns_of_a_bin_comes_and_none_beyond_it():
    pulse = HistogramSource(tof([0, 1, 0], 0, 0.03)).sample(np.random.default_rng(2), events=10_000)
    assert_counts_follow(np.bincount(pulse.time_of_flight, minlength=30), np.repeat([0, 1, 0], 10))


def test_pixels_follow_the_image_and_are_independent_of_the_times():
    times, image = np.array([1, 4, 2.0]), np.arange(12.0).reshape(3, 4)
    source = HistogramSource(tof(times, 0, 3), psd(image), first_pixel=100)
    pulse = source.sample(np.random.default_rng(3), events=EVENTS)
    counts, *_ = np.histogram2d(
        pulse.time_of_flight // 1000, pulse.pixel_id, bins=[range(4), range(100, 113)]
    )
    assert counts.sum() == EVENTS
    assert_counts_follow(counts, np.outer(times, image))


def test_events_come_in_no_order():
    pulse = HistogramSource(tof(np.ones(50)), psd(np.ones((5, 10)))).sample(
        np.random.default_rng(4), events=EVENTS
    )
    for column in pulse:
        away = column - column.mean()
        assert abs(np.mean(away[1:] * away[:-1]) / np.mean(away**2)) < 4 / sqrt(EVENTS)


@pytest.mark.parametrize("time_first", [True, False])
def test_a_monitor_with_a_time_axis_and_another_gives_both_together(time_first):
    intensity = np.array([[1, 0, 5], [0, 3, 0], [2, 2, 2], [0, 0, 9.0]])  # position, time
    axes = ("Angle [deg]", -4, 4), ("TOF [s]", 0, 3e-6)
    joint = monitor(intensity.T, *axes[::-1]) if time_first else monitor(intensity, *axes)
    pulse = HistogramSource(joint, first_pixel=7).sample(np.random.default_rng(5), events=EVENTS)
    counts, *_ = np.histogram2d(pulse.pixel_id, pulse.time_of_flight // 1000, bins=[range(7, 12), range(4)])
    assert counts.sum() == EVENTS
    assert_counts_follow(counts, intensity)


@given(st.integers(1, 5), st.integers(1, 5), st.data())
def test_pixels_are_numbered_by_rows_of_the_file(rows, columns, data):
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    image = np.zeros((rows, columns))
    image[row, column] = 1
    pulse = HistogramSource(tof([1, 1]), psd(image)).sample(np.random.default_rng(0), events=3)
    assert list(pulse.pixel_id) == [1 + row * columns + column] * 3


def test_wavelengths_fly_by_de_broglie():
    wavelengths = monitor([0, 1, 0], ("Wavelength [AA]", 0, 3))
    time = (
        HistogramSource(wavelengths, flight_path=10)
        .sample(np.random.default_rng(6), events=EVENTS)
        .time_of_flight
    )
    # 1 Å is 3956.034 m/s, so 252.778 µs a metre.
    assert time.min() == pytest.approx(2_527_784, abs=50)
    assert time.max() == pytest.approx(5_055_569, abs=50)
    assert_counts_follow(np.histogram(time, 50, (2_527_784, 5_055_569))[0], np.ones(50))


def test_energies_fly_as_the_wavelengths_they_are():
    edges = np.array([2.0, 4.0, 6.0])
    energies = monitor([1, 0], ("Energy [meV]", 81.80421 / edges[::-1] ** 2))  # E = 81.804 meV Å² / λ²
    wavelengths = monitor([0, 1], ("Wavelength [Angs]", edges))
    by_energy, by_wavelength = (
        HistogramSource(each, flight_path=28.5).sample(np.random.default_rng(7), events=1000).time_of_flight
        for each in (energies, wavelengths)
    )
    np.testing.assert_allclose(by_energy, by_wavelength, rtol=1e-6)


@pytest.mark.parametrize(
    ("unit", "ns"), [("s", 1e9), ("ms", 1e6), (r"\gms", 1e3), ("us", 1e3), ("mu-s", 1e3)]
)
def test_times_are_in_the_unit_of_their_label(unit, ns):
    source = HistogramSource(tof([0, 1], 0, 2000 / ns, label=f"Time-of-flight [{unit}]"))
    time = source.sample(np.random.default_rng(8), events=1000).time_of_flight
    assert time.min() // 10 == 100
    assert time.max() // 10 == 199


@given(
    st.lists(st.sampled_from([0, 0, 1, 3.5]), min_size=1, max_size=20).filter(any), st.integers(0, 100_000)
)
def test_no_event_falls_outside_the_bins_with_intensity(intensity, events):
    source = HistogramSource(tof(intensity, 0, len(intensity)), psd([intensity, intensity]))
    pulse = source.sample(np.random.default_rng(events), events=events)
    assert pulse.time_of_flight.dtype == pulse.pixel_id.dtype == np.int32
    assert len(pulse.time_of_flight) == len(pulse.pixel_id) == events
    assert np.take(intensity, pulse.time_of_flight // 1000).all()
    assert np.take([intensity, intensity], pulse.pixel_id - 1).all()


class Largest(np.random.Generator):
    """Draws the largest number below 1."""

    def random(self, size, dtype):
        return np.full(size, np.nextafter(dtype(1), dtype(0)))


@pytest.mark.parametrize("width", [1, 3, 16_777_219, 71_428_571, 1_999_999_999])
def test_the_last_ns_of_a_bin_is_still_inside_it(width):
    source = HistogramSource(tof([1], 0, width, label="t [ns]"))
    pulse = source.sample(Largest(np.random.PCG64(0)), events=1)
    assert pulse.time_of_flight[0] < width


def sources():
    return {
        "times": HistogramSource(tof([1, 2, 3])),
        "times and pixels": HistogramSource(tof([1, 2, 3]), psd([[1, 2], [3, 4]])),
        "both": HistogramSource(monitor([[1, 2], [3, 4]], ("x [m]", 0, 1), ("TOF [s]", 0, 0.1))),
        "list": EventListSource(read_mcstas(SAMPLES / "events.dat"), Panel(1, 1, 48, 48)),
    }


@pytest.mark.parametrize("name", sources())
def test_the_same_generator_gives_the_same_pulse(name):
    first, again, other = (
        np.concatenate(sources()[name].sample(np.random.default_rng(seed), events=70_000))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_seed_gives_the_same_pulse_in_every_version():
    pulse = sources()["times and pixels"].sample(np.random.default_rng(1), events=70_000)
    assert [column.sum(dtype=np.int64) for column in pulse] == [42_699_766_951, 210_178]


@pytest.mark.parametrize("name", sources())
def test_a_rate_is_the_mean_of_a_poisson_number(name):
    source, rng = sources()[name], np.random.default_rng(9)
    sizes = [len(source.sample(rng, rate=8.5).pixel_id) for _ in range(4000)]
    assert np.mean(sizes) == pytest.approx(8.5, abs=4 * sqrt(8.5 / 4000))
    assert np.var(sizes) == pytest.approx(8.5, rel=0.1)
    assert len(source.sample(rng, rate=0).pixel_id) == len(source.sample(rng, events=0).pixel_id) == 0


@pytest.mark.parametrize("name", sources())
@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({}, "either events=N, .* or rate=R"),
        ({"events": 1, "rate": 1.0}, "either events=N, .* or rate=R"),
        ({"events": -1}, "events=-1 is out of range: a pulse has 0 to"),
        ({"events": 1.5}, "events=1.5 is not a number of events"),
        ({"events": "12"}, "events='12' is not a number of events"),
        ({"rate": -1.0}, "rate=-1.0 is not a number of events"),
        ({"rate": "x"}, "rate='x' is not a number of events"),
    ],
)
def test_a_size_that_is_none_is_refused(name, size, message):
    with pytest.raises(InputError, match=message):
        sources()[name].sample(np.random.default_rng(0), **size)


def test_monitors_that_cannot_be_drawn_from_are_refused_by_name():
    xy = psd([[1, 1]])
    log = tof([1], label=r"Log(Time-of-flight [\gms])")
    d_spacing = monitor([1], ("d-spacing [AA]", 0, 1))
    for no_times in (xy, log, d_spacing, monitor([1], ("Energy transfer [meV]", 0, 1))):
        with pytest.raises(SourceError, match=f"^{no_times.name} has the axis .* exactly one that is a time"):
            HistogramSource(no_times)
    with pytest.raises(SourceError, match=r"^test\.dat has the axis 'TOF .* and 'Time .* exactly one"):
        HistogramSource(monitor([[1]], ("TOF [s]", 0, 1), ("Time [ms]", 0, 1)))
    with pytest.raises(SourceError, match=r"^tof\.dat has the axis .*: pixels need positions"):
        HistogramSource(tof([1]), tof([1]))
    with pytest.raises(InputError, match=r"^test.dat has the axes .*gives pixels as well: leave psd.dat out"):
        HistogramSource(monitor([[1]], ("TOF [s]", 0, 1), ("x [m]", 0, 1)), xy)
    with pytest.raises(SourceError, match=r"^tof\.dat: intensities: 1 of 2 are negative"):
        HistogramSource(tof([1, -1]))
    with pytest.raises(SourceError, match=r"^psd\.dat: intensities: all 2 are 0"):
        HistogramSource(tof([1]), psd([[0, 0]]))
    with pytest.raises(InputError, match=r"not the EventList events\.dat"):
        HistogramSource(EventList("events.dat", "", ("p",), np.ones((2, 1))))
    with pytest.raises(InputError, match=r"not the str tof\.dat"):
        HistogramSource("tof.dat")


def test_times_that_int32_ns_cannot_hold_are_refused():
    with pytest.raises(SourceError, match=r"^tof.dat: .* from 1.5 to 3 s, over 2.147 s"):
        HistogramSource(tof([1, 1], 0, 3e6))
    with pytest.raises(SourceError, match=r"^tof.dat: .* from -1e-05 to 0 s, below 0"):
        HistogramSource(tof([1, 1], -10, 10))
    with pytest.raises(SourceError, match=r"over 2.147 s.* check the flight path of 1e\+06 m"):
        HistogramSource(monitor([1, 1], ("Wavelength [AA]", 0, 10)), flight_path=1e6)
    with pytest.raises(SourceError, match=r"from .* to inf s"):
        HistogramSource(monitor([1, 1], ("Energy [meV]", 0, 10)), flight_path=1)
    # Without intensity there, the range alone does no harm.
    wide = HistogramSource(tof([0, 1, 0, 0], -2e6, 6e6))
    assert wide.sample(np.random.default_rng(0), events=1000).time_of_flight.max() < 2_000_000_000


@pytest.mark.parametrize("flight_path", [None, 0, -1, float("nan"), float("inf")])
def test_wavelengths_need_the_length_of_the_flight_path(flight_path):
    with pytest.raises(InputError, match=r"^test\.dat: the axis 'Wavelength .*flight_path= metres"):
        HistogramSource(monitor([1], ("Wavelength [AA]", 0, 10)), flight_path=flight_path)


def test_times_need_no_flight_path():
    with pytest.raises(InputError, match=r"^tof\.dat: flight_path=10 has no use"):
        HistogramSource(tof([1]), flight_path=10)


@pytest.mark.parametrize("first_pixel", [-1, 2**31 - 3])
def test_pixel_numbers_fit_into_int32(first_pixel):
    with pytest.raises(InputError, match=f"first_pixel={first_pixel} with 4 pixels"):
        HistogramSource(tof([1]), psd(np.ones((2, 2))), first_pixel=first_pixel)
    last = HistogramSource(tof([1]), psd([[0, 0], [0, 1]]), first_pixel=2**31 - 4)
    assert set(last.sample(np.random.default_rng(0), events=10).pixel_id) == {2**31 - 1}


def test_wavelengths_beside_times_are_all_seen():
    both = monitor([[1, 2], [0, 5]], ("Wavelength [AA]", 0, 10), ("Time-of-flight [\\gms]", 0, 2000))
    seen, alone = HistogramSource(both), HistogramSource(tof([1, 7], 0, 2000))
    rngs = [np.random.default_rng(1) for _ in range(2)]
    for column, expected in zip(
        seen.sample(rngs[0], events=100), alone.sample(rngs[1], events=100), strict=True
    ):
        np.testing.assert_array_equal(column, expected)
    pixels = HistogramSource(both, psd([[0, 1]])).sample(rngs[0], events=10).pixel_id
    assert set(pixels) == {2}


@pytest.mark.parametrize("options", ["(log)", "(abs) (log)", " (log) (abs) "])
def test_axes_of_logarithms_are_what_they_mean(options):
    seconds = monitor([1, 0, 1], (f"TOF [s] {options}", -3, 0))
    times = HistogramSource(seconds).sample(np.random.default_rng(1), events=1000).time_of_flight
    early = times[times < 10_000_000]
    assert 400 < len(early) < 600
    assert early.min() >= 1_000_000
    assert 100_000_000 <= times[times > 10_000_000].min() < times.max() <= 1_000_000_000
    assert Axis("TOF [s] (abs)", np.array([0.0, 1.0])).times().tolist() == [0, 1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused(bad):
    with pytest.raises(SourceError, match="intensities: 1 of 2 are not finite"):
        HistogramSource(tof([1, bad]))
    with pytest.raises(SourceError, match="intensities: 1 of 2 are not finite"):
        HistogramSource(tof([1, 1]), psd([[1, bad]]))
    with pytest.raises(InputError, match="edges are two or more finite numbers that rise"):
        Axis("TOF [s]", np.array([0, 1, bad]))
    for size in ({"rate": bad}, {"events": bad}):
        with pytest.raises(InputError, match=r"a pulse has 0 to|is not a number of events in a pulse"):
            HistogramSource(tof([1])).sample(np.random.default_rng(1), **size)
    axis = Axis("TOF [s]", np.array([0.0, 1.0]))
    with pytest.raises(InputError, match=r"axes of \(1,\) bins, but intensity, error and rays of \[\(2,\)"):
        Monitor("a.dat", "", (axis,), np.ones(2), np.ones(1), np.ones(1))


@pytest.mark.parametrize("size", [{"events": 10**12}, {"events": 2**63}, {"rate": 1e12}, {"rate": 1e300}])
def test_pulses_larger_than_memory_are_refused(size):
    with pytest.raises(InputError, match="out of range: a pulse has 0 to 134217728 events"):
        HistogramSource(tof([1])).sample(np.random.default_rng(1), **size)
