"""Sources tell where their pixels are: a neutron at the place of a pixel is seen by it."""

from pathlib import Path

import numpy as np
import pytest

from donki.sources import (
    Axis,
    Bank,
    Beam,
    EventList,
    EventListSource,
    HistogramSource,
    Monitor,
    Panel,
    Peaks,
    PowderSource,
    read_mcstas,
)

MCSTAS = Path(__file__).parents[3] / "scripts" / "mcstas"
TOF = Axis("Time-of-flight [\\gms]", np.array([0.0, 10.0, 20.0]))


def monitor(*axes):
    counts = np.ones([len(axis.edges) - 1 for axis in axes])
    return Monitor("m", "m", axes, counts, counts, counts)


def test_a_neutron_in_the_middle_of_a_pixel_is_seen_by_it():
    panel = Panel(width=0.9, height=0.4, columns=6, rows=5, first_pixel=100)
    geometry = panel.geometry
    assert geometry["detector_number"].dtype == np.int32
    assert geometry["detector_number"].shape == (5, 6)
    seen = panel.pixel_ids(geometry["x_pixel_offset"], geometry["y_pixel_offset"])
    np.testing.assert_array_equal(seen, geometry["detector_number"])
    assert geometry["unit"] == "m"
    assert geometry["x_pixel_offset"][0, :2] == pytest.approx([-0.375, -0.225])
    assert "z_pixel_offset" not in geometry
    rays = EventList("rays", "", ("p", "x", "y", "t"), np.array([[1, 0.1, 0.1, 1e-3]]))
    np.testing.assert_equal(EventListSource(rays, panel).geometry, geometry)


def test_a_bank_is_seen_from_the_sample():
    bank = Bank.cylinder(1.1, 1.0, columns=8, rows=4, two_theta=(30, 150), first_pixel=7)
    geometry = bank.geometry
    offsets = [geometry[f"{axis}_pixel_offset"] for axis in "xyz"]
    np.testing.assert_array_equal(np.stack(offsets, axis=-1), bank.positions)
    np.testing.assert_array_equal(geometry["detector_number"], np.arange(7, 39).reshape(4, 8))
    assert "position" not in geometry
    source = PowderSource(bank, Beam(76.55, (0.8, 2.6)), Peaks.cubic(4.046, "F", shortest=0.5))
    np.testing.assert_equal(source.geometry, geometry)
    assert set(source.sample(np.random.default_rng(1), events=2000).pixel_id) <= set(range(7, 39))


def test_the_pixels_of_a_mcstas_psd_are_where_its_axes_say():
    source = HistogramSource(read_mcstas(MCSTAS / "tof.dat"), read_mcstas(MCSTAS / "psd.dat"), first_pixel=5)
    geometry = source.geometry
    np.testing.assert_array_equal(geometry["detector_number"], np.arange(5, 5 + 48 * 48).reshape(48, 48))
    # The file has -50 to 50 cm in 48 bins; x is the fast axis.
    middles = (np.arange(48) + 0.5) / 48 - 0.5
    for row in (0, 47):
        np.testing.assert_allclose(geometry["x_pixel_offset"][row], middles)
        np.testing.assert_allclose(geometry["y_pixel_offset"][:, row], middles)


@pytest.mark.parametrize(
    ("axes", "shape", "known"),
    [
        ([Axis("X position [mm]", np.array([-1.0, 0, 1]))], (2,), {"x": [-5e-4, 5e-4]}),
        ([Axis("z [m]", np.array([1.0, 2, 3]))], (2,), {"z": [1.5, 2.5]}),
        ([Axis("Longitude [deg]", np.array([1.0, 2, 3]))], (2,), {}),
        ([Axis("Radius [m]", np.array([1.0, 2, 3]))], (2,), {}),
        ([Axis("y position [m] (log)", np.array([-2.0, -1, 0]))], (2,), {}),
        ([], (1,), {"x": [0], "y": [0]}),
    ],
)
def test_what_axes_do_not_tell_is_left_out(axes, shape, known):
    geometry = HistogramSource(monitor(*axes, TOF)).geometry
    assert geometry["detector_number"].shape == shape
    assert {name[0]: geometry[name].tolist() for name in geometry if name.endswith("offset")} == {
        axis: pytest.approx(offsets) for axis, offsets in known.items()
    }


def test_a_beam_monitor_stands_before_the_sample_or_behind_it():
    beam = Beam(flight_path=76.5, band=(0.8, 2.6))
    assert beam.monitor(distance=71.5, pixel=3).geometry["position"] == pytest.approx((0, 0, -5))
    assert beam.monitor(distance=80.0).geometry["position"] == pytest.approx((0, 0, 3.5))
    assert beam.monitor(distance=71.5, pixel=3).geometry["detector_number"].tolist() == [3]


def test_a_list_tells_of_its_pixels_as_much_as_it_knows():
    rays = np.array([[1, 1e-3, 4], [1, 2e-3, 9], [1, 2e-3, 4]])
    numbered = EventListSource(EventList("rays", "", ("p", "t", "id"), rays))
    assert {name: values.tolist() for name, values in numbered.geometry.items()} == {
        "detector_number": [4, 9]
    }
    alone = EventListSource(EventList("rays", "", ("p", "t"), rays[:, :2]), pixel=8)
    assert alone.geometry["detector_number"].tolist() == [8]
    assert alone.geometry["x_pixel_offset"].tolist() == [0]
