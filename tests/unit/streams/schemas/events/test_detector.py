"""A detector stands where a script says: in our file, for essreduce, and in what file writers are told."""

from __future__ import annotations

import json
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from donki.director.output.run_messages import nexus_structure, run_start
from donki.director.players import answers
from donki.errors import InputError
from donki.run import Run
from donki.streams.listing import Stream
from donki.streams.nexus.file import NexusFile
from donki.streams.schemas.ev44 import EventStream
from helpers.nexus_files import pixels_of, write_structure
from helpers.streams import open_stream

RUN = Run("run")
TRIGGER = SimpleNamespace(reference_time=1_700_000_000_000_000_000)
NUMBERS = np.arange(3, 15).reshape(3, 4)
X, Y = np.linspace(-30, 30, 4), np.linspace(-1, 1, 3)[:, None]
FLAT = {"detector_number": NUMBERS, "x_pixel_offset": X, "y_pixel_offset": Y, "unit": "cm"}
SINK = SimpleNamespace(send=lambda *_: None)


def write(path, **settings):
    """Write a file with one event on each pixel."""
    file = NexusFile(path, RUN, "p")
    stream = open_stream(EventStream, "panel", SINK, file, **settings)
    numbers = np.ravel(settings.get("detector_number", [1]))
    stream.send(TRIGGER, np.full(len(numbers), 5), numbers)
    file.commit()
    file.close()
    return stream


def told(stream):
    """Return what a file writer is told of a stream, by way of the Player's answer."""
    said = {"run": "r", "files": [], "streams": [Stream("ev44", "t", "panel", stream.layout).as_dict()]}
    read = answers.read_output("Begin", json.dumps(said))["streams"]
    return nexus_structure(RUN, [Stream(**each) for each in read])


@pytest.mark.parametrize("position", [None, (0, 0, 0), (3, 0, 4), np.array([-1.5, 2.0, -7.25])])
def test_essreduce_finds_the_pixels_where_they_are(position, tmp_path):
    stream = write(tmp_path / "ours.nxs", position=position, **FLAT)
    pixels = pixels_of(tmp_path / "ours.nxs", "panel")
    x, y, z = (0, 0, 0) if position is None else position
    expected = np.stack(np.broadcast_arrays(X + x, Y + y, 0.0 + z), axis=-1)
    np.testing.assert_allclose(pixels.coords["position"].to(unit="cm").values, expected, atol=1e-12)
    np.testing.assert_array_equal(pixels.coords["detector_number"].values, NUMBERS)
    assert (pixels.bins.size().values == 1).all()
    # The same from a file as a file writer makes it.
    with h5py.File(tmp_path / "ours.nxs") as ours, h5py.File(tmp_path / "theirs.nxs", "w") as theirs:
        write_structure(theirs, told(stream))
        del theirs["entry/instrument/panel/panel_events"]
        ours.copy("entry/instrument/panel/panel_events", theirs["entry/instrument/panel"])
    theirs = pixels_of(tmp_path / "theirs.nxs", "panel")
    np.testing.assert_allclose(theirs.coords["position"].values, pixels.coords["position"].values)
    np.testing.assert_array_equal(theirs.coords["detector_number"].values, NUMBERS)
    assert (theirs.bins.size().values == 1).all()


def test_the_file_has_units_and_a_chain_of_transformations(tmp_path):
    write(tmp_path / "run.nxs", position=(3, 0, 4), **FLAT)
    with h5py.File(tmp_path / "run.nxs") as file:
        detector = file["entry/instrument/panel"]
        assert detector["x_pixel_offset"].shape == detector["y_pixel_offset"].shape == NUMBERS.shape
        assert detector["x_pixel_offset"].attrs["units"] == "cm"
        assert detector["depends_on"].asstr()[()] == "transformations/position"
        assert detector["transformations"].attrs["NX_class"] == "NXtransformations"
        position = detector["transformations/position"]
        assert position[()] == pytest.approx(5)
        assert position.attrs["vector"] == pytest.approx([0.6, 0, 0.8])
        assert {name: position.attrs[name] for name in ("transformation_type", "units", "depends_on")} == {
            "transformation_type": "translation",
            "units": "cm",
            "depends_on": ".",
        }


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=3).flatmap(
        lambda shape: hnp.arrays(float, tuple(shape), elements=st.sampled_from([0.0, -1.5, 2.25]))
    )
)
def test_file_writers_are_told_the_offsets_of_every_pixel(offsets):
    numbers = np.arange(offsets.size).reshape(offsets.shape)
    stream = open_stream(EventStream, "panel", SINK, detector_number=numbers, x_pixel_offset=offsets)
    with h5py.File.in_memory() as file:
        write_structure(file, told(stream))
        detector = file["entry/instrument/panel"]
        np.testing.assert_array_equal(detector["detector_number"][()], numbers)
        axes = list(detector.attrs["x_pixel_offset_indices"])
        values = detector["x_pixel_offset"][()]
        others = tuple(axis for axis in range(offsets.ndim) if axis not in axes)
        np.testing.assert_array_equal(np.broadcast_to(np.expand_dims(values, others), offsets.shape), offsets)


def test_of_a_detector_that_is_not_known_nothing_is_told():
    stream = open_stream(EventStream, "panel", SINK)
    assert stream.layout is None
    with h5py.File.in_memory() as file:
        write_structure(file, nexus_structure(RUN, [Stream("ev44", "t", "panel")]))
        assert set(file["entry/instrument/panel"]) == {"depends_on", "panel_events"}
        assert file["entry/instrument/panel/depends_on"].asstr()[()] == "."


def test_a_detector_that_is_too_large_to_be_told_is_in_our_file_alone():
    numbers = np.arange(100_000)
    assert open_stream(EventStream, "panel", SINK, detector_number=numbers).layout is None
    # Several that are too large together: their events are written all the same.
    stream = open_stream(EventStream, "panel", SINK, detector_number=numbers[:60_000])
    streams = [Stream("ev44", "t", f"panel_{number}", stream.layout) for number in range(3)]
    message = run_start(RUN, "job", filename="f", start_time=0, topic="t", brokers=["b"], streams=streams)
    assert len(message) < 10_000
    assert message.count(b'"ev44"') == 3


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"unit": "furlong"}, "unit is one of m, cm, mm, um, nm; got 'furlong'"),
        ({"unit": None}, "unit is one of"),
        ({"unit": np.array(["m", "m"])}, "unit is one of"),
        (
            {"x_pixel_offset": [1, 2, 3]},
            r"x_pixel_offset has the shape \(3, 4\) of detector_number; got \(3,\)",
        ),
        ({"y_pixel_offset": np.nan}, "y_pixel_offset: numbers are expected, none above"),
        ({"z_pixel_offset": "far"}, "z_pixel_offset: numbers are expected"),
        ({"z_pixel_offset": [[1], [2, 3]]}, "z_pixel_offset is a list whose parts differ in length"),
        ({"position": (1, 2)}, r"a position is x, y and z; got \(1, 2\)"),
        ({"position": 5}, "a position is x, y and z"),
        ({"position": (0, 0, np.inf)}, "position: numbers are expected"),
        ({"position": (1e300, 1e300, 0)}, "position: numbers are expected, none above"),
        ({"position": "here"}, "position: numbers are expected"),
        ({"detector_number": None}, "x_pixel_offset is of pixels; give their detector_number too"),
        ({"detector_number": 3}, "detector_number is an array"),
        ({"detector_number": []}, "detector_number is an array"),
        ({"detector_number": [1, 1]}, "names each pixel once"),
        ({"detector_number": [-1, 1]}, "detector_number is of pixels from 0"),
    ],
)
def test_what_is_no_detector_is_refused_by_name(odd, why):
    with pytest.raises(InputError, match=f"events of panel to topic: {why}|events of panel to topic.*{why}"):
        open_stream(EventStream, "panel", SINK, **{**FLAT, **odd})
