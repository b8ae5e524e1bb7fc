"""NeXus files of McStas are read as ``mcdetector_out_data_nexus`` in McCode's mccode-r.c writes them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from donki.errors import SourceError
from donki.sources import EventList, HistogramSource, read_mcstas

SAMPLES = Path(__file__).parents[3] / "scripts" / "mcstas"


def attribute(item, name, text):
    """Write a text as NXputattr does: of fixed length."""
    item.attrs[name] = np.bytes_(text.encode())


def monitor_group(file, number, component, filename, attributes):
    """Make the groups of a monitor, as McStas nests them, and the link to them."""
    entry = file.require_group("entry1")
    place = entry.require_group(f"instrument/components/{number:04d}_{component}/output")
    name = filename.replace(".", "_")
    group = place.create_group(name)
    attribute(group, "NX_class", "NXdata")
    attribute(group, "component", component)
    attribute(group, "filename", filename)
    for key, text in attributes.items():
        attribute(group, key, text)
    entry.require_group("data")[name] = group
    return group


def histogram(file, number, component, filename, title, labels, values, limits):
    """Write a histogram, the first axis first, as it lies in the memory of McStas."""
    shape = values[0].shape
    group = monitor_group(
        file, number, component, filename, {"title": title, "type": f"array_{len(shape)}d{shape}"}
    )
    for rank, (label, bins, (low, high)) in enumerate(zip(labels, shape, limits, strict=True), start=1):
        valid = "".join(c if c.isalnum() or c == "_" else "_" for c in label)
        axis = group.create_dataset(
            valid, data=low + (high - low) * (np.arange(bins) + 0.5) / bins, compression="gzip"
        )
        attribute(axis, "long_name", label)
        axis.attrs["axis"] = np.int32(rank)
    for name, part in zip(("data", "errors", "ncount"), values, strict=True):
        group.create_dataset(name, data=part, compression="gzip")
        attribute(group[name], "long_name", f"{name} '{title}'")
    group["data"].attrs["signal"] = np.int32(1)
    return group


def event_list(file, number, component, filename, columns, rows):
    group = monitor_group(
        file, number, component, filename, {"title": "List", "variables": f"{' '.join(columns)} "}
    )
    group.create_dataset("events", data=rows, maxshape=(None, rows.shape[1]), chunks=rows.shape)
    return group


def as_nexus(file, number, name):
    """Write a sample file that comes along as McStas would have with --format=NeXus."""
    text = read_mcstas(SAMPLES / f"{name}.dat")
    if isinstance(text, EventList):
        return event_list(file, number, name, f"{name}.dat", text.columns, text.rows)
    order = {1: (0,), 2: (1, 0)}[len(text.axes)]
    values = [part.transpose(order) for part in (text.intensity, text.error, text.rays)]
    axes = [text.axes[number] for number in order]
    limits = [(axis.edges[0], axis.edges[-1]) for axis in axes]
    labels = [axis.label for axis in axes]
    return histogram(file, number, name, f"{name}.dat", text.title, labels, values, limits)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mccode.h5"


@pytest.fixture
def simulated(path):
    with h5py.File(path, "x") as file:
        for number, name in enumerate(("tof", "psd", "lambda", "events"), start=3):
            as_nexus(file, number, name)
    return path


@pytest.mark.parametrize("name", ["tof", "psd", "lambda"])
@pytest.mark.parametrize("named", ["{}", "{}.dat", "{}_dat"])
def test_a_histogram_is_what_its_text_file_would_be(simulated, name, named):
    found = read_mcstas(simulated, monitor=named.format(name))
    text = read_mcstas(SAMPLES / f"{name}.dat")
    assert found.title == text.title
    for part in ("intensity", "error", "rays"):
        np.testing.assert_array_equal(getattr(found, part), getattr(text, part))
    for axis, expected in zip(found.axes, text.axes, strict=True):
        assert axis.label == expected.label
        np.testing.assert_allclose(axis.edges, expected.edges)


def test_a_list_is_what_its_text_file_would_be(simulated):
    found, text = read_mcstas(simulated, monitor="events"), read_mcstas(SAMPLES / "events.dat")
    assert found.columns == text.columns
    np.testing.assert_array_equal(found.rows, text.rows)


def test_events_are_drawn_from_it(simulated):
    source = HistogramSource(
        read_mcstas(simulated, monitor="tof"), pixels=read_mcstas(simulated, monitor="psd")
    )
    text = HistogramSource(read_mcstas(SAMPLES / "tof.dat"), pixels=read_mcstas(SAMPLES / "psd.dat"))
    drawn, expected = (each.sample(np.random.default_rng(1), events=1000) for each in (source, text))
    np.testing.assert_array_equal(drawn.pixel_id, expected.pixel_id)
    np.testing.assert_allclose(drawn.time_of_flight, expected.time_of_flight, atol=1)


def test_a_monitor_of_three_axes(path):
    values = np.arange(24.0).reshape(2, 3, 4)
    with h5py.File(path, "x") as file:
        labels, limits = ["x [m]", "y [m]", "z [m]"], [(0, 2), (0, 3), (0, 4)]
        histogram(file, 1, "cube", "cube.dat", "", labels, [values] * 3, limits)
    found = read_mcstas(path)
    assert [axis.label for axis in found.axes] == ["y [m]", "z [m]", "x [m]"]
    assert found.intensity.shape == (3, 4, 2)
    assert found.intensity[2, 3, 1] == values[1, 2, 3]


def test_monitors_right_under_data_as_older_versions_write_them(path):
    with h5py.File(path, "x") as file:
        file.move(as_nexus(file, 1, "tof").name, "entry1/data/tof_dat_")
        del file["entry1/data/tof_dat"], file["entry1/instrument"]
    assert read_mcstas(path).title == read_mcstas(SAMPLES / "tof.dat").title


def test_which_monitor_is_asked_for_where_there_are_several(simulated):
    with pytest.raises(SourceError, match=r"several monitors; name one with monitor=: events, lambda, ps"):
        read_mcstas(simulated)
    with pytest.raises(SourceError, match=r"no monitor called 'tov'; there is events, lambda, psd, tof"):
        read_mcstas(simulated, monitor="tov")


def test_a_text_file_has_one_monitor():
    with pytest.raises(SourceError, match=r"tof\.dat is not a NeXus file, so monitor='tof' has no meaning"):
        read_mcstas(SAMPLES / "tof.dat", monitor="tof")


def broken(group, how):
    match how:
        case "shapes":
            del group["errors"]
            group["errors"] = np.zeros(3)
        case "axis":
            del group[next(name for name in group if "axis" in group[name].attrs)]
        case "falling":
            axis = next(group[name] for name in group if "axis" in group[name].attrs)
            axis[:] = axis[()][::-1]
        case "nan":
            group["data"][0] = np.nan


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("shapes", "data, errors and ncount of .* have one shape"),
        ("axis", r"has no axis 1 of \d+ bins"),
        ("falling", "the axis .* has 2 bins at least, and rises"),
        ("nan", "data has numbers that are not finite"),
    ],
)
def test_what_is_no_histogram_is_named(path, how, message):
    with h5py.File(path, "x") as file:
        broken(as_nexus(file, 1, "tof"), how)
    with pytest.raises(SourceError, match=message):
        read_mcstas(path)


def test_a_list_whose_columns_have_no_names_is_refused(path):
    with h5py.File(path, "x") as file:
        event_list(file, 1, "list", "list.dat", ["p", "x"], np.ones((3, 4)))
    with pytest.raises(SourceError, match=r"names each column of events, of shape \(3, 4\); found 'p x'"):
        read_mcstas(path)


def test_a_nexus_file_that_was_cut_short_is_refused(simulated):
    simulated.write_bytes(simulated.read_bytes()[:500])
    with pytest.raises(SourceError, match=r"mccode\.h5: cannot read an HDF5 \(NeXus\) file: .*truncated"):
        read_mcstas(simulated)


def test_a_nexus_file_of_something_else_is_refused(path):
    with h5py.File(path, "x") as file:
        file["entry/data"] = [1, 2]
    with pytest.raises(SourceError, match="expected monitors of McStas, as --format=NeXus writes them"):
        read_mcstas(path)


@pytest.mark.parametrize("kind", ["S99", h5py.string_dtype()])
def test_attributes_may_be_arrays_of_one_text(simulated, kind):
    before = read_mcstas(simulated, "tof"), read_mcstas(simulated, "events")
    with h5py.File(simulated, "a") as file:

        def change(_, item):
            for name, value in list(item.attrs.items()):
                if isinstance(value, str | bytes):
                    text = value if isinstance(value, bytes) else value.encode()
                    item.attrs[name] = np.array([b" " + text], kind)
                elif name == "axis":
                    item.attrs[name] = np.array([b"%d" % int(np.ravel(value)[0])])

        file.visititems(change)
    after = read_mcstas(simulated, "tof"), read_mcstas(simulated, "events")
    assert after[0].axes[0].label == before[0].axes[0].label
    assert after[1].columns == before[1].columns


def test_a_list_of_one_event_has_one_dimension(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("entry1/data/bank_list")
        group.attrs["variables"] = "p x y n id t"
        group["events"] = np.arange(6.0)
    assert read_mcstas(path).rows.tolist() == [[0, 1, 2, 3, 4, 5]]
    with h5py.File(path, "a") as file:
        file["entry1/data/bank_list"].attrs["variables"] = "p x y n id"
    with pytest.raises(
        SourceError, match=r"names each column of events, of shape \(6,\); found 'p x y n id'"
    ):
        read_mcstas(path)
