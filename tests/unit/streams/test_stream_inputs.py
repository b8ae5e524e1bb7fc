"""What cannot be stored or sent is refused by name, in every stream, before anything is kept or sent."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from donki.errors import InputError
from donki.run import Run
from donki.streams.inputs import as_array, as_text
from donki.streams.nexus.file import NexusFile
from donki.streams.schemas.ad00 import ImageStream
from donki.streams.schemas.al00 import AlarmStream
from donki.streams.schemas.da00 import ArrayStream
from donki.streams.schemas.ep01 import ConnectionStream
from donki.streams.schemas.ev44 import EventStream
from donki.streams.schemas.f144 import SeriesStream
from donki.streams.schemas.hs01 import HistogramStream
from donki.streams.schemas.json import JsonStream
from donki.streams.schemas.payload import PayloadStream
from donki.streams.schemas.se00 import SampleStream
from donki.streams.schemas.tdct import TimestampStream
from helpers.streams import open_stream

TIME = 1_700_000_000_000_000_000


class Messages(list):
    """Takes the place of Kafka and keeps what it gets."""

    def send(self, topic, key, message, timestamp, events=0):
        self.append(bytes(message))


class Unit:
    """Stands for a unit of scipp or pint."""

    def __str__(self):
        return "counts"


class MuteError(Exception):
    """Cannot say what it is."""


class Mute:
    """Cannot say what it is either."""

    def __repr__(self):
        raise MuteError


class Masked:
    """Gives an array that is masked."""

    def __array__(self, dtype=None, copy=None):
        return np.ma.masked_equal([1.5, -9999.0], -9999.0)


#: Of each stream: what it takes besides topic and source, and what its `send` does.
STREAMS = {
    EventStream: ({}, [([1, 2], [3, 4])]),
    SeriesStream: ({"unit": "K"}, [(1.5,)]),
    ImageStream: ({}, [([[1.5, 2.5]],)]),
    ArrayStream: ({"axes": ["x"], "coordinates": {"x": ([1, 2], "m")}}, [([1.5, 2.5],)]),
    HistogramStream: (
        {"axes": ["x"], "coordinates": {"x": ([1, 2, 3], "m")}},
        [([1.5, 2.5], "counting")],
    ),
    SampleStream: ({"interval": 10}, [([1.5, 2.5],)]),
    AlarmStream: ({}, [("MAJOR", "warm")]),
    ConnectionStream: ({}, [("CONNECTED",)]),
    TimestampStream: ({}, [([TIME, TIME + 1],)]),
    JsonStream: ({}, [({"state": "warm"},)]),
    PayloadStream: ({}, [(b"bytes",)]),
}
BAD_NUMBERS = [
    None,
    "text",
    b"bytes",
    1j,
    [1j, 2],
    2**70,
    Mute(),
    [Mute()],
    np.datetime64("2026-01-01"),
    np.array(["a", "b"]),
    np.array([1, "a", None], object),
    np.zeros(2, [("a", int)]),
    np.float128(1),
    [[1], [1, 2]],
    {"a": 1},
    [],
    np.zeros((0, 3)),
    np.ones((1,) * 33),
]
BAD_TEXTS = [None, 3, b"bytes", Unit(), Mute(), "run\0 7", "caf\udce9.dat", ["a"]]
BAD_TIMES = [-1, 2**63, 1.5, True, "now", Mute(), np.ma.masked]
MASKED = [
    np.ma.masked_equal([1, 2], 2),
    [np.ma.masked_equal([1, 2], 2), [1, 2]],
    np.ma.masked_equal([True], True),
]


def bad_sends():
    for kind in (SeriesStream, ImageStream, ArrayStream, HistogramStream, SampleStream):
        for bad in (*BAD_NUMBERS, *MASKED):
            yield kind, (bad,), {}
    yield EventStream, ([1], [2**31]), {}
    yield EventStream, ([2**31], [1]), {}
    for bad in BAD_NUMBERS + MASKED + [[1.5], [True]]:
        if not (isinstance(bad, list) and not bad):
            yield EventStream, ([1], bad), {}
            yield EventStream, (bad, [1]), {}
        yield TimestampStream, (bad,), {}
    yield EventStream, ([1], [-1]), {}
    yield TimestampStream, ([-1],), {}
    yield TimestampStream, ([2**63],), {}
    for bad in BAD_TEXTS:
        yield AlarmStream, ("OK", bad), {}
        yield AlarmStream, (bad, "warm"), {}
        yield HistogramStream, ([1.5, 2.5], bad), {}
        yield ConnectionStream, (bad,), {}
    loop = {}
    loop["loop"] = loop
    for bad in (None, "text", b"bytes", 1.5, [], Mute(), loop):
        yield JsonStream, (bad,), {}
    for bad in (b"bytes", float("nan"), 1j, Mute(), "half of a pair: \ud800"):
        yield JsonStream, ({"a": bad},), {}
    for bad in (None, "text", 3, [1], b"", np.zeros(0), Mute(), bytes(20_000_000)):
        yield PayloadStream, (bad,), {}
    for kind, (_, [good]) in STREAMS.items():
        for bad in BAD_TIMES:
            if kind is not TimestampStream:
                yield kind, good, {"reference_time": bad}
    yield SeriesStream, ("one",), {}
    yield SampleStream, (np.zeros(3_000_000),), {}
    yield ImageStream, (np.zeros((2000, 2000)),), {}
    yield ArrayStream, ([1.0, 2.0, 3.0, 4.0],), {}
    yield HistogramStream, ([1.0, 2.0, 3.0],), {}


def not_refused(act, cases):
    """Return what happened instead, by case."""
    happened = []
    for case in cases:
        try:
            act(case)
        except InputError as error:
            if "to topic" not in str(error):
                happened.append((case, str(error)))
        except Exception as error:  # noqa: BLE001 - it is told
            happened.append((list(map(type, case)), repr(error)))
        else:
            happened.append((list(map(type, case)), "nothing"))
    return happened


def row_counts(path):
    times = (
        *("time", "alarm_time", "connection_status_time"),
        *("source_events/event_time_zero", "top_dead_center/time"),
    )
    with h5py.File(path) as root:
        group = root["entry/instrument/source"]
        return [len(group[name]) for name in times if name in group] or [len(group["cue_timestamp_zero"])]


@pytest.mark.parametrize("kind", STREAMS)
def test_what_cannot_be_sent_is_refused_by_name_and_nothing_of_it_is_kept(tmp_path, kind):
    path, sent = tmp_path / "run.nxs", Messages()
    file = NexusFile(path, Run("run"), "p0")
    settings, [good] = STREAMS[kind]
    stream = open_stream(kind, "source", sent, file, **settings)
    trigger = SimpleNamespace(reference_time=TIME)

    def send(case):
        arguments, options = case
        stream.send(trigger, *arguments, **options)

    cases = [case for bad_for, *case in bad_sends() if bad_for is kind]
    assert not_refused(send, cases) == []
    assert not sent
    stream.send(trigger, *good)
    assert not_refused(send, cases) == []
    file.commit()
    file.close()
    assert len(sent) == 1
    assert row_counts(path) == [2 if kind in (SampleStream, TimestampStream) else 1]


def bad_settings():
    for kind in STREAMS:
        for bad in (*BAD_TEXTS, ""):
            yield kind, {"source": bad}
    for kind in (SeriesStream, ImageStream, ArrayStream, HistogramStream, SampleStream):
        for bad in BAD_TEXTS:
            yield kind, {"unit": bad}
    for bad in BAD_TEXTS:
        yield ArrayStream, {"axes": [bad]}
        yield ArrayStream, {"axes": ["x"], "coordinates": {"x": ([1, 2], bad)}}
        yield ArrayStream, {"axes": bad}
        yield ArrayStream, {"coordinates": bad if bad is not None else 3}
    for bad in (["a"] * 2, ["."], ["alarm_time"], [f"a{number}" for number in range(32)], 3):
        yield ArrayStream, {"axes": bad}
    for bad in (
        None,
        3,
        ([1, 2],),
        ([1, 2], "m", 3),
        ([[1, 2]], "m"),
        (["a", "b"], "m"),
        ([], "m"),
        ([1j], "m"),
    ):
        yield ArrayStream, {"coordinates": {"x": bad}}
    for kind, dimensions in ((ImageStream, 2), (ArrayStream, 1)):
        for shape, dtype in [
            (None, "f8"),
            ((3,) * dimensions, None),
            ((3,) * dimensions, Mute()),
            ((3,) * dimensions, "(2,"),
            ((3,) * dimensions, "f2"),
            ((3.5,) * dimensions, "f8"),
            ((10**9,) * dimensions, "f8"),
            (3, "f8"),
            (Mute(), "f8"),
        ]:
            yield kind, {"shape": shape, "dtype": dtype}
    for bad in (0, -1, 1.5, True, "10", None, Mute(), 10**9):
        yield EventStream, {"events_per_message": bad}
        yield SampleStream, {"channel": 2**31 if bad == 0 else -1 if bad == 10**9 else bad}
        yield SampleStream, {"interval": 2**63 if bad == 10**9 else bad}
    for bad in (0, None, "no", Mute(), [True]):
        yield EventStream, {"empty_pulses": bad}
    for bad in ([], [1, 1], [0.5], [-1], [2**31], Mute(), np.ma.masked_equal([1, 2], 2), [[1], [1, 2]]):
        yield EventStream, {"detector_number": bad}


@pytest.mark.parametrize("kind", STREAMS)
def test_settings_are_checked_when_a_stream_is_opened(tmp_path, kind):
    path = tmp_path / "run.nxs"
    file = NexusFile(path, Run("run"), "p0")

    def open_it(case):
        given = {**STREAMS[kind][0], "source": "source", **case[0]}
        open_stream(kind, given.pop("source"), Messages(), file, **given)

    cases = [case for bad_for, *case in bad_settings() if bad_for is kind]
    assert not_refused(open_it, cases) == []
    file.commit()
    file.close()
    with h5py.File(path) as root:
        assert not list(root["entry/instrument"])


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (EventStream, {"events_per_message": np.int16(5), "empty_pulses": np.False_}),
        (EventStream, {"detector_number": np.arange(5, dtype=np.uint16)}),
        (SampleStream, {"interval": np.uint64(5), "channel": np.int8(3), "unit": np.str_("V")}),
        (ImageStream, {"shape": np.array([1, 2]), "dtype": np.float64}),
        (
            ArrayStream,
            {"axes": np.array(["x"]), "coordinates": {"x": (np.array([1, 2], ">u2"), np.str_("m"))}},
        ),
        (ArrayStream, {"axes": ("x",), "shape": (np.int64(2),), "dtype": np.dtype("f8")}),
    ],
)
def test_numpy_takes_the_place_of_python_in_settings(kind, options):
    settings, [good] = STREAMS[kind]
    sent = Messages()
    stream = open_stream(kind, np.str_("source"), sent, **{**settings, **options})
    stream.send(SimpleNamespace(reference_time=np.int64(TIME)), *good, reference_time=np.uint64(TIME + 1))
    assert sent


@pytest.mark.parametrize(
    "given",
    [
        np.ma.masked_equal([1.5, -9999.0, 3.5], -9999.0),
        np.ma.masked_equal(np.array([1.5, -9999.0, 3.5], np.float32), -9999.0),
        [1.5, np.ma.masked, 3.5],
        [np.float64(1.5), np.ma.masked_equal([1.5, -9999.0], -9999.0)[1], 3.5],
    ],
)
@pytest.mark.parametrize("kind", [SampleStream, ArrayStream])
def test_what_is_masked_becomes_nan_in_kafka_and_in_the_file(tmp_path, kind, given):
    path, sent = tmp_path / "run.nxs", Messages()
    file = NexusFile(path, Run("run"), "p0")
    settings = {"interval": 10} if kind is SampleStream else {"axes": ["x"]}
    column = "value" if kind is SampleStream else "signal"
    open_stream(kind, "source", sent, file, **settings).send(SimpleNamespace(reference_time=TIME), given)
    file.commit()
    file.close()
    with h5py.File(path) as root:
        np.testing.assert_array_equal(
            root["entry/instrument/source"][column][...].ravel(), [1.5, np.nan, 3.5]
        )
    nan = np.array([1.5, np.nan, 3.5], getattr(given, "dtype", float)).tobytes()
    assert nan in sent[0]


def test_a_masked_scalar_is_nan_and_what_is_whole_has_no_mask():
    readings = np.ma.masked_equal([1.5, -9999.0], -9999.0)
    assert np.isnan(as_array(readings[1], "it"))
    assert np.isnan(as_array(np.ma.masked, "it"))
    assert np.isnan(as_array(Masked(), "it")[1])
    assert type(as_array(np.ma.array([1, 2]), "it")) is np.ndarray


def test_of_a_subclass_the_text_itself_is_kept():
    class Liar(str):
        __slots__ = ()

        def __str__(self):
            return "another\0"

        def encode(self, *_):
            return b""

    assert as_text(Liar("text"), "it") == "text"
    assert type(as_text(Liar("text"), "it")) is str
    with pytest.raises(InputError, match="it: a text has no half of a surrogate pair"):
        as_text(Liar("caf\udce9"), "it")
