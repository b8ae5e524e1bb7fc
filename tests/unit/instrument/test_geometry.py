"""Places of pixels and flight paths: as scippnexus, which reduces the data, has them."""

from __future__ import annotations

import warnings

import h5py
import numpy as np
import pytest
import scipp as sc
import scippnexus
from scippneutron.conversion.beamline import two_theta

from donki.errors import InputError, SourceError
from donki.instrument.geometry import detector_geometry, group_at
from donki.instrument.places import distance_from_source, flight_path, position_of
from donki.instrument.tree import open_description
from helpers.descriptions import as_json, events, field, group, instrument, opened, panel, place

BANK = "/entry/instrument/bank"
FACTORS = {"m": 1.0, "cm": 1e2, "mm": 1e3}


def chain(rng):
    """Draw a chain of transformations."""
    made = []
    for _ in range(rng.integers(5)):
        is_rotation = rng.random() < 0.5
        unit = str(rng.choice(["deg", "rad"] if is_rotation else list(FACTORS)))
        step = ["rotation" if is_rotation else "translation", rng.uniform(-2, 2), unit, rng.normal(size=3)]
        made.append([*step, rng.normal(size=3)] if rng.random() < 0.4 else step)
    return made


def located(path, where=BANK):
    with opened(path, where) as detector:
        return detector_geometry(detector)


def positions(path, where=BANK):
    return located(path, where).pixels.positions


def of_scippnexus(path, where=BANK):
    """Return the positions of pixels, in m seen from the sample, in the order of detector_number."""
    with warnings.catch_warnings(), scippnexus.File(path) as file:
        warnings.simplefilter("ignore")
        loaded = scippnexus.compute_positions(file["entry"][()])
        bank = loaded["instrument"][where.rpartition("/")[2]]
        data = next(value for value in bank.values() if "detector_number" in getattr(value, "coords", {}))
        dims = data.coords["detector_number"].dims
        place = data.coords["position"] if "position" in data.coords else bank["position"]
        return place.to(unit="m").transpose([dim for dim in dims if dim in place.dims]).values - (
            loaded["sample"]["position"].to(unit="m").value
        )


@pytest.mark.parametrize("kind", ["axes", "full", "one"])
@pytest.mark.parametrize("seed", range(6))
def test_pixels_are_where_scippnexus_has_them(tmp_path, kind, seed):
    path = tmp_path / "made.nxs"
    rng = np.random.default_rng([seed, *kind.encode()])
    # Of a square, scippnexus cannot tell which offset is along which axis.
    rows, columns = shape = tuple(rng.permutation([2, 3, 4])[:2].tolist())
    unit, absolute = str(rng.choice(list(FACTORS))), bool(rng.integers(2))
    sizes = {"x": columns, "y": rows} if kind == "axes" else dict.fromkeys("xyz", shape)
    with instrument(path, source=None) as made:
        bank = group(made, "bank", "NXdetector")
        field(bank, "detector_number", 1 + 3 * np.arange(rows * columns).reshape(shape))
        for axis, size in sizes.items() if kind != "one" else [("x", shape)]:
            field(bank, f"{axis}_pixel_offset", rng.normal(size=size) * FACTORS[unit], unit)
        place(bank, *chain(rng), absolute=absolute)
        events(bank, "bank_events")
        sample = made.parent["sample"]
        del sample["depends_on"]
        place(sample, ("translation", 40, "m", (0, 1, 0)), *chain(rng), absolute=absolute)
    np.testing.assert_allclose(positions(path), of_scippnexus(path), atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_scattering_angles_are_those_of_the_beam_from_the_source(tmp_path, seed):
    path = tmp_path / "made.nxs"
    rng = np.random.default_rng(seed)
    with instrument(path, source=None) as made:
        panel(made, "bank")
        # The last one along y, from above: nothing is up then.
        steps = chain(rng) if seed < 5 else []
        place(group(made, "source", "NXsource"), ("translation", 20, "m", (0, 1, 0)), *steps)
        sample = made.parent["sample"]
        if seed < 5:
            del sample["depends_on"]
            place(sample, ("translation", 0.3, "m", (1, 0, 1)))
    found = located(path)
    with scippnexus.File(path) as file:
        loaded = scippnexus.compute_positions(file["entry"][()])
        beam = loaded["sample"]["position"] - loaded["instrument"]["source"]["position"]
    scattered = sc.vectors(dims=["y", "x"], values=of_scippnexus(path).reshape(12, 16, 3), unit="m")
    expected = two_theta(incident_beam=beam, scattered_beam=scattered)
    np.testing.assert_allclose(found.pixels.two_theta, expected.to(unit="rad").values, atol=1e-6)
    np.testing.assert_allclose(found.pixels.distance, sc.norm(scattered).values)
    assert "degrees off z" in " ".join(found.assumed)
    with opened(path, BANK) as bank:
        source = position_of(bank.root.find("/entry/instrument/source"))
        np.testing.assert_allclose(source, [0, 0, -flight_path(bank)], atol=1e-9)


def test_solid_angles_go_by_the_sizes_of_pixels(tmp_path):
    path = tmp_path / "made.nxs"
    with instrument(path) as made:
        bank = panel(made, "bank", 12, 16)
        field(bank, "x_pixel_size", np.linspace(1, 4, 16), "mm")
        field(bank, "y_pixel_size", 0.5, "cm")
        wrong = panel(made, "wrong", 12, 16)
        field(wrong, "x_pixel_size", np.linspace(1, 4, 7), "mm")
        field(wrong, "y_pixel_size", 0.5, "cm")
        negative = panel(made, "negative", 12, 16)
        field(negative, "x_pixel_size", -1.0, "mm")
        field(negative, "y_pixel_size", 0.5, "cm")
    pixels = located(path).pixels
    area = pixels.solid_angle * pixels.distance**2
    np.testing.assert_allclose(area, np.broadcast_to(np.linspace(1, 4, 16) * 5e-6, (12, 16)))
    for name, said in (("wrong", "does not fit"), ("negative", "not above 0")):
        found = located(path, f"/entry/instrument/{name}")
        assert said in " ".join(found.assumed)
        assert np.ptp(found.pixels.solid_angle * found.pixels.distance**2) < 1e-15


def test_numbers_have_gaps_and_any_shape(tmp_path):
    path = tmp_path / "made.nxs"
    with instrument(path) as made:
        bank = panel(made, "bank", 2, 3)
        del bank["detector_number"]
        field(bank, "detector_number", np.array([[7, -1, 90], [1000, 5, -1]]))
    pixels = located(path).pixels
    assert pixels.detector_number.tolist() == [7, 90, 1000, 5]
    assert pixels.detector_number.dtype == np.int32
    np.testing.assert_allclose(pixels.positions[:, 0], [-0.8 / 3, 0.8 / 3, -0.8 / 3, 0])


@pytest.mark.parametrize("square", [4, 3])
def test_offsets_of_an_axis_go_to_pixels_numbered_one_after_the_other(tmp_path, square):
    path = tmp_path / "made.nxs"
    with instrument(path) as made:
        bank = panel(made, "bank", 3, square)
        numbers = bank["detector_number"][()].ravel()
        del bank["detector_number"]
        field(bank, "detector_number", numbers)
    x, y, z = positions(path).reshape(3, square, 3).T
    assert np.ptp(x, axis=1).max() == 0
    assert np.ptp(y, axis=0).max() == 0
    assert (np.diff(x[:, 0]) > 0).all()
    assert (np.diff(y[0]) > 0).all()
    assert (z == 5).all()


def test_attributes_say_along_which_axis_an_offset_is(tmp_path):
    path = tmp_path / "made.nxs"
    for attributes in ({"x_pixel_offset_indices": [0]}, {"axes": ["x_pixel_offset", "y_pixel_offset"]}):
        with instrument(path) as made:
            panel(made, "bank", 4, 4).attrs.update(attributes)
        x = positions(path)[..., 0]
        assert (np.diff(x, axis=0) > 0).all()


def test_modules_have_their_own_arrays_and_places(tmp_path):
    path = tmp_path / "made.nxs"
    with instrument(path) as made:
        bank = group(made, "bank", "NXdetector")
        for number, z in enumerate((1.0, 2.0)):
            panel(bank, f"module_{number}", 2, 2, z=z, first_pixel=10 * number)
    pixels = located(path).pixels
    assert pixels.detector_number.tolist() == [0, 1, 2, 3, 10, 11, 12, 13]
    np.testing.assert_allclose(pixels.positions[:, 2], [1] * 4 + [2] * 4)


def test_faces_tell_where_pixels_are(tmp_path):
    path = tmp_path / "made.nxs"
    # Two squares side by side, the second of two triangles.
    corners = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (2, 0, 0), (2, 1, 0)]
    with instrument(path) as made:
        bank = group(made, "bank", "NXdetector")
        shape = group(bank, "detector_shape", "NXoff_geometry")
        field(shape, "vertices", np.array(corners, float) * 1000, "mm")
        field(shape, "winding_order", np.array([0, 1, 2, 3, 1, 4, 5, 1, 5, 2]))
        field(shape, "faces", np.array([0, 4, 7]))
        field(shape, "detector_faces", np.array([[0, 20], [1, 5], [2, 5]]))
        place(bank, ("translation", 3, "m", (0, 0, 1)))
    for numbers in ([5, 20], None):
        with h5py.File(path, "r+") as file:
            if numbers:
                file[BANK]["detector_number"] = np.array(numbers)
            else:
                del file[BANK]["detector_number"]
        pixels = located(path).pixels
        assert pixels.detector_number.tolist() == [5, 20]
        np.testing.assert_allclose(pixels.positions, [[1.5, 0.5, 3], [0.5, 0.5, 3]])


@pytest.mark.parametrize("told", [None, [1, 0], [8, 7]])
def test_a_cylinder_for_each_pixel_tells_where_it_is(tmp_path, told):
    path = tmp_path / "made.nxs"
    ends = [(0, 0, 1), (0, 0.1, 1), (2, 0, 1), (0, 3, 1), (0, 3.1, 1), (2, 3, 1)]
    with instrument(path) as made:
        bank = group(made, "bank", "NXdetector")
        field(bank, "detector_number", np.array([7, 8]))
        shape = group(bank, "detector_shape", "NXcylindrical_geometry")
        field(shape, "vertices", np.array(ends, float), "m")
        field(shape, "cylinders", np.arange(6).reshape(2, 3))
        if told:
            field(shape, "detector_number", np.array(told))
    expected = [[1, 0, 1], [1, 3, 1]]
    np.testing.assert_allclose(positions(path), expected[::-1] if told else expected)


def test_a_log_gives_its_last_value_and_that_is_told(tmp_path):
    path = tmp_path / "made.nxs"
    with instrument(path) as made:
        bank = panel(made, "bank")
        del bank["depends_on"], bank["transformations"]
        place(bank, ("translation", [1.0, 4.0, 4000.0], "mm", (0, 0, 1)), ("translation", [], "m", (0, 1, 0)))
    found = located(path)
    np.testing.assert_allclose(found.pixels.positions[..., 2], 4)
    chain = f"{BANK}/transformations"
    assert found.assumed == (
        f"{chain}/step_1 has no value: taken as 0",
        f"{chain}/step_0 has 3 values: the last one counts, 4000",
    )


def test_what_a_structure_in_json_leaves_open_is_told(tmp_path):
    translation = {"transformation_type": "translation", "vector": [0, 0, 1], "depends_on": "."}
    path = as_json(
        tmp_path / "made.json",
        [
            {
                "type": "group",
                "name": "bank",
                "children": [
                    {
                        "module": "dataset",
                        "config": {"name": "detector_number", "values": [1, 2], "dtype": "int64"},
                    },
                    {"module": "dataset", "config": {"name": "x_pixel_offset", "values": [0.5, 0.75]}},
                    {"module": "dataset", "config": {"name": "depends_on", "values": "z", "dtype": "string"}},
                    {
                        "module": "dataset",
                        "config": {"name": "z", "values": [3.0], "dtype": "double"},
                        "attributes": [
                            {"name": name, "values": value} for name, value in translation.items()
                        ],
                    },
                ],
            }
        ],
    )
    found = located(path, "/bank")
    np.testing.assert_allclose(found.pixels.positions, [[0.5, 0, 3], [0.75, 0, 3]])
    assert found.assumed == (
        "/bank/x_pixel_offset has no units: taken as m",
        "/bank/z has no units: taken as m",
    )


def test_distances_are_those_along_the_beam(tmp_path):
    path = tmp_path / "made.nxs"
    with instrument(path, source=-23.6) as made:
        monitor = group(made, "monitor", "NXmonitor")
        place(monitor, ("translation", -200, "cm", (0, 0, 1)))
        field(group(made, "old", "NXmonitor"), "distance", 1.5, "m")
        group(made, "nowhere", "NXmonitor")
    with open_description(path) as root:
        assert flight_path(root.find(BANK) or root.find("entry")) == pytest.approx(23.6)
        assert distance_from_source(root.find("/entry/instrument/monitor")) == pytest.approx(21.6)
        assert distance_from_source(root.find("/entry/instrument/old")) == pytest.approx(25.1)
        assert position_of(root.find("/entry/instrument/old")).tolist() == [0, 0, 1.5]
        with pytest.raises(SourceError, match="nowhere: has no depends_on and no distance"):
            position_of(root.find("/entry/instrument/nowhere"))


def test_sample_and_source_are_known_by_their_names_where_they_have_no_class(tmp_path):
    path = tmp_path / "made.nxs"
    with instrument(path, source=-12.0) as made:
        panel(made, "bank")
        sample = made.parent["sample"]
        del sample["depends_on"], sample.attrs["NX_class"], made["source"].attrs["NX_class"]
        place(sample, ("translation", 1, "m", (0, 0, 1)))
    np.testing.assert_allclose(positions(path)[..., 2], 4)
    with opened(path, BANK) as bank:
        assert flight_path(bank) == pytest.approx(13)


@pytest.mark.parametrize(
    ("distance", "nx_class"), [(-30.0, "NXsource"), (30.0, "NXsource"), (30.0, "NXmoderator")]
)
def test_a_source_is_upstream_whatever_the_sign_of_its_distance(tmp_path, distance, nx_class):
    path = tmp_path / "made.nxs"
    with instrument(path, source=None) as made:
        field(group(made, "source", nx_class), "distance", distance, "m")
        place(group(made, "monitor", "NXmonitor"), ("translation", -5, "m", (0, 0, 1)))
    with opened(path, "/entry/instrument/monitor") as monitor:
        assert distance_from_source(monitor) == pytest.approx(25)


def spoil(bank, how):
    step = bank["transformations/step_0"]
    offset = bank["x_pixel_offset"]
    match how:
        case "circle":
            step.attrs["depends_on"] = "step_0"
        case "nowhere":
            step.attrs["depends_on"] = "/entry/gone"
        case "kind":
            step.attrs["transformation_type"] = "shear"
        case "vector":
            step.attrs["vector"] = [1.0, 2.0]
        case "unit":
            step.attrs["units"] = "deg"
        case "shape":
            del bank["x_pixel_offset"]
            field(bank, "x_pixel_offset", np.zeros(5), "m")
        case "nan":
            offset[0] = np.nan
        case "numbers":
            del bank["detector_number"]
        case "floats":
            del bank["detector_number"]
            field(bank, "detector_number", np.zeros(3))
        case "twice":
            bank["detector_number"][0, 1] = 1
        case "high":
            bank["detector_number"][0, 1] = 2**31
        case "gaps":
            bank["detector_number"][...] = -1
        case "sample":
            for name in "depends_on", "x_pixel_offset", "y_pixel_offset":
                del bank[name]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("circle", "leads round in a circle: /entry.*step_0 → /entry.*step_0; mend one"),
        ("nowhere", "step_0: depends on '/entry/gone', where nothing is"),
        ("kind", "step_0: expected a transformation.*found 'shear'"),
        ("vector", "step_0: expected x, y and z as the attribute vector"),
        ("unit", "step_0: its units 'deg' are not those of a length"),
        ("shape", r"x_pixel_offset: its shape \(5,\) does not fit that of detector_number, \(12, 16\)"),
        ("nan", "x_pixel_offset: 1 of its numbers are not finite"),
        ("numbers", "bank: has no detector_number or"),
        ("floats", "detector_number: expected the numbers of pixels, integers"),
        ("twice", "bank: names pixel 1 2 times"),
        ("high", "pixel 2147483648 is above"),
        ("gaps", "bank: all its pixels have negative numbers"),
        ("sample", "bank: 192 of its 192 pixels are where the sample is"),
    ],
)
def test_what_is_not_sound_is_named(tmp_path, how, said):
    path = tmp_path / "made.nxs"
    with instrument(path) as made:
        spoil(panel(made, "bank"), how)
    with pytest.raises(SourceError, match=said):
        located(path)


def test_what_is_not_there_is_named(tmp_path):
    path = tmp_path / "made.nxs"
    with instrument(path, source=None) as made:
        panel(made, "bank")
    with open_description(path) as root:
        with pytest.raises(SourceError, match=r"there is no NXsource in its entry.*state the flight path"):
            flight_path(root.find(BANK))
        with pytest.raises(InputError, match="'/entry/bank': there is no such group"):
            group_at(root, "/entry/bank")
