"""The streams of every schema but ev44: the library and scippnexus read what a script sent."""

from types import SimpleNamespace
from unittest.mock import patch

import h5py
import numpy as np
import pytest
import scippnexus
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from streaming_data_types import (
    deserialise_ad00,
    deserialise_al00,
    deserialise_da00,
    deserialise_ep01,
    deserialise_f144,
    deserialise_hs01,
    deserialise_se00,
    deserialise_tdct,
    serialise_ad00,
)
from streaming_data_types.alarm_al00 import Severity
from streaming_data_types.array_1d_se00 import Location
from streaming_data_types.epics_connection_ep01 import ConnectionInfo

from donki.errors import InputError
from donki.run import Run
from donki.streams.nexus.file import NexusFile
from donki.streams.schemas.ad00 import ImageStream
from donki.streams.schemas.al00 import AlarmStream
from donki.streams.schemas.da00 import ArrayStream
from donki.streams.schemas.ep01 import ConnectionStream
from donki.streams.schemas.f144 import SeriesStream
from donki.streams.schemas.hs01 import HistogramStream
from donki.streams.schemas.se00 import SampleStream
from donki.streams.schemas.tdct import TimestampStream
from helpers.streams import open_stream

TIME = 1_700_000_000_000_000_000
DTYPES = st.sampled_from(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">i4", ">f8"])
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
SOURCES = TEXTS.filter(bool)
TIMES = st.integers(0, 2**63 - 1)
DATETIME = np.datetime64(TIME, "ns")


class Messages(list):
    """Takes the place of Kafka and keeps what it gets."""

    def send(self, topic, key, message, timestamp, events=0):
        self.append(bytes(message))


def trigger(reference_time=TIME):
    return SimpleNamespace(reference_time=reference_time)


def arrays(ndim):
    shapes = hnp.array_shapes(min_dims=ndim, max_dims=ndim, max_side=20)
    return st.tuples(DTYPES, shapes).flatmap(lambda kind: st.lists(hnp.arrays(*kind), min_size=1, max_size=3))


def same(decoded, array):
    assert np.asarray(decoded).dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(decoded, array)


@given(SOURCES, TIMES, arrays(0))
def test_a_series_is_read_by_the_library(source, time, values):
    sent = Messages()
    stream = open_stream(SeriesStream, source, sent, unit="K")
    for value in values:
        stream.send(trigger(time), value)
    for message, value in zip(sent, values, strict=True):
        decoded = deserialise_f144(message)
        assert (decoded.source_name, decoded.timestamp_unix_ns) == (source, time)
        np.testing.assert_array_equal(np.asarray(decoded.value, value.dtype), value)


@given(SOURCES, TIMES, arrays(2))
def test_images_are_byte_for_byte_the_librarys(source, time, images):
    sent = Messages()
    stream = open_stream(ImageStream, source, sent)
    for image in images:
        stream.send(trigger(time), image)
    for number, (message, image) in enumerate(zip(sent, images, strict=True)):
        native = image.astype(image.dtype.newbyteorder("="))
        assert message == serialise_ad00(source, number, time, native)
        decoded = deserialise_ad00(message)
        assert (decoded.source_name, decoded.unique_id, decoded.timestamp_ns) == (source, number, time)
        same(decoded.data, image)


@given(SOURCES, TIMES, st.integers(1, 4).flatmap(arrays), st.booleans(), TEXTS)
def test_arrays_are_read_by_the_library_with_axes_and_units(source, time, values, edges, unit):
    sent = Messages()
    axes = [f"axis {number}" for number in range(values[0].ndim)]
    last = np.arange(values[0].shape[-1] + edges, dtype=float)
    stream = open_stream(
        ArrayStream, source, sent, axes=axes, unit=unit, coordinates={axes[-1]: (last, "ns")}
    )
    for array in values:
        stream.send(trigger(time), array)
    for message, array in zip(sent, values, strict=True):
        decoded = deserialise_da00(message)
        assert (decoded.source_name, decoded.timestamp_ns) == (source, time)
        signal, coordinate = decoded.data
        assert (signal.name, signal.axes, signal.unit) == ("signal", axes, unit)
        same(signal.data, array)
        assert (coordinate.name, coordinate.axes, coordinate.unit) == (axes[-1], [axes[-1]], "ns")
        same(coordinate.data, last)


@given(SOURCES, TIMES, st.integers(1, 4).flatmap(arrays), TEXTS)
def test_histograms_are_read_by_the_library_with_their_edges(source, time, values, info):
    sent = Messages()
    axes = [f"axis {number}" for number in range(values[0].ndim)]
    edges = [np.linspace(0, 1, size + 1) for size in values[0].shape]
    coordinates = {axis: (at, "mm") for axis, at in zip(axes, edges, strict=True)}
    stream = open_stream(HistogramStream, source, sent, axes=axes, coordinates=coordinates)
    if values[0].dtype == np.uint64:
        with pytest.raises(InputError, match="use int64 or float64"):
            stream.send(trigger(time), values[0], info)
        values = [array.astype(float) for array in values]
    for array in values:
        stream.send(trigger(time), array, info)
    for message, array in zip(sent, values, strict=True):
        decoded = deserialise_hs01(message)
        assert (decoded["source"], decoded["timestamp"], decoded["info"]) == (source, time, info)
        assert HistogramStream.source_of(message) == source
        np.testing.assert_array_equal(decoded["data"], array)
        for axis, at, size, its in zip(axes, edges, array.shape, decoded["dim_metadata"], strict=True):
            assert (its["label"], its["unit"], its["length"]) == (axis, "mm", size)
            same(its["bin_boundaries"], at)


@given(SOURCES, st.integers(0, 2**62), st.lists(DTYPES, min_size=1, max_size=1), st.data())
def test_samples_are_read_by_the_library(source, time, kind, data):
    packets = data.draw(st.lists(hnp.arrays(kind[0], st.integers(1, 50)), min_size=1, max_size=3))
    sent = Messages()
    stream = open_stream(SampleStream, source, sent, interval=np.int32(125), channel=np.uint8(3))
    for values in packets:
        stream.send(trigger(time), values)
    for number, (message, values) in enumerate(zip(sent, packets, strict=True)):
        decoded = deserialise_se00(message)
        assert (decoded.name, decoded.channel, decoded.timestamp_unix_ns) == (source, 3, time)
        assert (decoded.sample_ts_delta, decoded.ts_location) == (125, Location.Start)
        assert decoded.message_counter == number
        same(decoded.values, values)


@given(SOURCES, st.lists(hnp.arrays(np.int64, st.integers(1, 9), elements=TIMES), min_size=1, max_size=3))
def test_time_stamps_are_read_by_the_library(source, packets):
    sent = Messages()
    stream = open_stream(TimestampStream, source, sent)
    for times in packets:
        stream.send(trigger(), times)
    for number, (message, times) in enumerate(zip(sent, packets, strict=True)):
        decoded = deserialise_tdct(message)
        assert (decoded.name, decoded.sequence_counter) == (source, number)
        np.testing.assert_array_equal(decoded.timestamps, times)


@given(SOURCES, TIMES, st.sampled_from(list(Severity)), TEXTS)
def test_alarms_are_read_by_the_library(source, time, severity, text):
    sent = Messages()
    open_stream(AlarmStream, source, sent).send(trigger(time), severity.name, text)
    assert deserialise_al00(sent[0]) == (source, time, severity, text)


@given(SOURCES, TIMES, st.sampled_from(list(ConnectionInfo)))
def test_connections_are_read_by_the_library(source, time, status):
    sent = Messages()
    open_stream(ConnectionStream, source, sent).send(trigger(time), status.name)
    assert deserialise_ep01(sent[0]) == (time, status, source, "")


@pytest.mark.parametrize("kind", [ImageStream, TimestampStream])
def test_a_message_sent_again_has_its_number_again(kind):
    sent = Messages()
    stream = open_stream(kind, "camera", sent)
    value = [[1]] if kind is ImageStream else [1]
    stream.send(trigger(), value)
    stream.commit()
    stream.send(trigger(), value)
    stream.discard()
    stream.send(trigger(), value)
    assert sent[1] == sent[2] != sent[0]


def series(sent):
    return open_stream(SeriesStream, "T", sent)


def image(sent):
    return open_stream(ImageStream, "camera", sent)


def tof(sent):
    return open_stream(ArrayStream, "tof", sent, axes=["x"], coordinates={"x": ([1, 2, 3], "ns")})


@pytest.mark.parametrize(
    ("open_one", "values", "message"),
    [
        (series, ["warm"], "series of T to topic.*text"),
        (series, [[1, 2]], "series of T to topic.*0 dimensions"),
        (series, [1, 2.5], "int64 at first and is float64"),
        (image, [[1, 2]], "images of camera to topic.*2 dimensions"),
        (image, [[[1]], [[1, 2]]], r"shape \(1, 1\) at first"),
        (image, [[[]]], "empty"),
        (tof, [[1, 2, 3, 4]], "4 values along x, whose coordinate has 3"),
        (lambda sent: open_stream(TimestampStream, "chopper", sent), [[1.5]], "integers"),
        (lambda sent: open_stream(TimestampStream, "chopper", sent), [[-1]], "integers"),
        (lambda sent: open_stream(AlarmStream, "T", sent), ["BAD"], "OK, MINOR, MAJOR, INVALID"),
        (lambda sent: open_stream(ConnectionStream, "T", sent), ["lost"], "DISCONNECTED"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_sent(open_one, values, message):
    sent = Messages()
    stream = open_one(sent)
    *good, bad = values
    for value in good:
        stream.send(trigger(), value)
    with pytest.raises(InputError, match=message):
        stream.send(trigger(), bad)
    assert len(sent) == len(good)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (ArrayStream, {"axes": []}, "axes"),
        (HistogramStream, {"axes": ["info"]}, "axes"),
        (ArrayStream, {"axes": ["x", "x"]}, "axes"),
        (ArrayStream, {"axes": "xy"}, "axes"),
        (ArrayStream, {"axes": ["time"]}, "axes"),
        (ArrayStream, {"axes": ["a/b"]}, "axes"),
        (ArrayStream, {"axes": [""]}, "axes"),
        (ArrayStream, {"axes": ["x"], "coordinates": {"y": ([1], "m")}}, "coordinates"),
        (ArrayStream, {"axes": ["x"], "coordinates": {"x": ([[1]], "m")}}, "coordinate x"),
        (ArrayStream, {"axes": ["x"], "shape": [3]}, "shape and dtype are stated together"),
        (ArrayStream, {"axes": ["x"], "shape": [3, 2], "dtype": "u2"}, "shape has 1 sizes from 1"),
        (ImageStream, {"shape": [3, 0], "dtype": "u2"}, "shape has 2 sizes from 1"),
        (ImageStream, {"shape": [3, 2], "dtype": "str"}, "dtype is one of integers or floats"),
        (ImageStream, {"shape": [3, 2], "dtype": "nonsense"}, "dtype a type of numpy"),
        (SampleStream, {"interval": 0}, "interval"),
        (SampleStream, {"interval": True}, "interval"),
        (SampleStream, {"interval": 1, "channel": -1}, "channel"),
    ],
)
def test_settings_that_are_not_what_they_should_be_are_refused(kind, options, message):
    with pytest.raises(InputError, match=message):
        open_stream(kind, "source", Messages(), **options)


def test_what_a_script_states_of_images_holds_from_the_first():
    sent = Messages()
    stream = open_stream(ImageStream, "camera", sent, shape=[2, 3], dtype=">u2")
    assert stream.layout == {"unit": "counts", "shape": (2, 3), "dtype": "uint16"}
    stream.send(trigger(), np.zeros((2, 3), np.uint8))
    assert deserialise_ad00(sent[0]).data.dtype == np.uint16
    for image in (np.zeros((3, 2), np.uint16), np.zeros((2, 3))):
        with pytest.raises(InputError, match="images of camera"):
            stream.send(trigger(), image)
    assert len(sent) == 1


def test_the_layout_of_arrays_is_known_when_it_is_stated_or_seen():
    coordinates = {"x": ([1, 2, 3], "m")}
    seen = open_stream(ArrayStream, "a", Messages(), axes=["x"], coordinates=coordinates)
    assert seen.layout is None
    seen.send(trigger(), np.zeros(2, np.float32))
    stated = open_stream(
        ArrayStream, "a", Messages(), axes=["x"], coordinates=coordinates, shape=[2], dtype=np.float32
    )
    at = {"shape": (3,), "dtype": "int64", "unit": "m"}
    expected = {"shape": (2,), "dtype": "float32", "unit": "counts", "axes": ["x"], "coordinates": {"x": at}}
    assert stated.layout == seen.layout == expected


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.nxs"


@pytest.fixture
def file(path):
    return NexusFile(path, Run("run"), "p0")


def test_scippnexus_loads_every_stream_with_units_and_datetimes(file, path):
    sent = Messages()
    temperature = open_stream(SeriesStream, "T", sent, file, unit="K")
    alarm = open_stream(AlarmStream, "T", sent, file)
    connection = open_stream(ConnectionStream, "T", sent, file)
    camera = open_stream(ImageStream, "camera", sent, file)
    spectrum = open_stream(
        ArrayStream,
        "spectrum",
        sent,
        file,
        axes=["tof"],
        unit="counts",
        coordinates={"tof": ([0.0, 5, 9], "us")},
    )
    chopper = open_stream(TimestampStream, "chopper", sent, file)
    adc = open_stream(SampleStream, "adc", sent, file, interval=10, unit="V")
    for number in range(3):
        at = trigger(TIME + number)
        temperature.send(at, 4.2 + number)
        camera.send(at, np.full((2, 3), number, np.uint16))
        spectrum.send(at, [number, number + 1])
        chopper.send(at, [TIME + number, TIME + 100])
        adc.send(at, np.array([0.5, 1.5], np.float32))
    alarm.send(trigger(), "MAJOR", "zu warm: 5 °C")
    connection.send(trigger(), "CONNECTED")
    file.commit()
    file.close()
    times = TIME + np.arange(3).astype("datetime64[ns]").astype(int)
    with scippnexus.File(path) as nexus:
        instrument = nexus["entry/instrument"]
        log = instrument["T"][...]["value"]
        assert log.unit == "K"
        assert list(log.values) == [4.2, 5.2, 6.2]
        assert list(log.coords["time"].values.astype(int)) == list(times)
        assert list(instrument["T/alarm_message"][()].values) == ["zu warm: 5 °C"]
        assert list(instrument["T/alarm_time"][()].values) == [DATETIME]
        assert list(instrument["T/connection_status"][()].values) == ["CONNECTED"]
        frames = instrument["camera"][...]
        assert (frames.dims, frames.unit) == (("time", "y", "x"), "counts")
        assert frames["time", 2].values.tolist() == [[2] * 3] * 2
        assert frames.coords["time"].values[0] == DATETIME
        spectra = instrument["spectrum"][...]
        assert spectra.dims == ("time", "tof")
        assert list(spectra.coords["tof"].values) == [0, 5, 9]
        assert spectra.coords["tof"].unit == "us"
        assert list(instrument["chopper/top_dead_center/time"][()].values.astype(int)[:2]) == [
            TIME,
            TIME + 100,
        ]
        volts = instrument["adc"][...]
        assert volts.unit == "V"
        assert list(volts.coords["time"].values.astype(int)) == [
            TIME + step for step in (0, 10, 1, 11, 2, 12)
        ]


@settings(max_examples=30)
@given(triggers=st.lists(st.tuples(st.integers(0, 150), st.booleans()), min_size=1, max_size=6))
def test_only_what_was_committed_is_in_the_file(triggers, tmp_path_factory):
    path = tmp_path_factory.mktemp("nexus") / "run.nxs"
    file = NexusFile(path, Run("run"), "p0")
    sent = Messages()
    stream = open_stream(SeriesStream, "T", sent, file)
    alarm = open_stream(AlarmStream, "T", sent, file)
    kept = []
    with patch("donki.streams.nexus.column.MOST_ROWS_PER_CHUNK", 100):
        for number, (count, succeeds) in enumerate(triggers):
            for _ in range(count):
                stream.send(trigger(), number)
            alarm.send(trigger(), "OK", str(number))
            if succeeds:
                file.commit()
                kept.append((number, count))
            else:
                file.discard()
        file.close()
    with h5py.File(path) as root:
        group = root["entry/instrument/T"]
        alarms = list(group["alarm_message"].asstr()) if "alarm_message" in group else []
        assert alarms == [str(number) for number, _ in kept]
        values = [number for number, count in kept for _ in range(count)]
        if "value" in group:
            assert list(group["value"]) == values
            assert len(group["time"]) == len(values)
        else:
            assert not values


def test_what_is_more_than_a_log_keeps_its_class_beside_alarms(file, path):
    sent = Messages()
    open_stream(AlarmStream, "camera", sent, file)
    open_stream(ImageStream, "camera", sent, file)
    open_stream(ConnectionStream, "camera", sent, file)
    file.close()
    with h5py.File(path) as root:
        assert root["entry/instrument/camera"].attrs["NX_class"] == "NXdata"
