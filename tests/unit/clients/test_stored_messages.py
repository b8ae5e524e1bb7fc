"""A file tells the very messages that were sent; what is changed in it is none of them."""

import itertools
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from crc32c import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.director.journal.reading.rows import Delivery
from donki.run import Run
from donki.streams.nexus.file import NexusFile
from donki.streams.nexus.file_names import FileNames
from donki.streams.schemas.ad00 import ImageStream
from donki.streams.schemas.al00 import AlarmStream
from donki.streams.schemas.da00 import ArrayStream
from donki.streams.schemas.ep01 import ConnectionStream
from donki.streams.schemas.ev44 import EventStream
from donki.streams.schemas.f144 import SeriesStream
from donki.streams.schemas.files import stored
from donki.streams.schemas.hs01 import HistogramStream
from donki.streams.schemas.json import JsonStream
from donki.streams.schemas.payload import PayloadStream
from donki.streams.schemas.se00 import SampleStream
from donki.streams.schemas.tdct import TimestampStream
from donki_client.verify import stored_data
from donki_client.verify.matching import Matcher
from donki_client.verify.stored_data import Expected, StoredData
from helpers.streams import open_stream

TIME = 1_700_000_000_000_000_000
PULSE = 71_428_571


class Sent(dict):
    """Takes the place of Kafka and keeps the payloads by source."""

    def send(self, topic, key, message, timestamp, events=0):
        self.setdefault(key, []).append(bytes(message))

    def note(self):
        """Return what a journal would have noted, and a matcher that takes what files hold."""
        return {
            source: Expected(
                [
                    Matcher(
                        iter([Delivery(1, 0, 0, 0, b"".join(crc32c(p).to_bytes(4, "little") for p in its))])
                    )
                ],
                12_400,
            )
            for source, its in self.items()
        }


def send_all(sent, file, sizes, rng):
    """Send by every stream, rows of these sizes in each message."""
    panel = open_stream(EventStream, "panel", sent, file)
    temperature = open_stream(SeriesStream, "T", sent, file, unit="K")
    alarm, connection = (
        open_stream(AlarmStream, "T", sent, file),
        open_stream(ConnectionStream, "T", sent, file),
    )
    camera = open_stream(ImageStream, "camera", sent, file)
    edges = {"y": (np.arange(3), "mm"), "tof": ([0.0, 5, 9], "us")}
    spectrum = open_stream(ArrayStream, "spectrum", sent, file, axes=["tof", "y"], coordinates=edges)
    bins = {"y": (np.arange(3), "mm"), "tof": ([0.0, 5, 9, 12], "us")}
    monitor = open_stream(HistogramStream, "monitor", sent, file, axes=["tof", "y"], coordinates=bins)
    chopper = open_stream(TimestampStream, "chopper", sent, file)
    adc = open_stream(SampleStream, "adc", sent, file, interval=1000, unit="V", channel=3)
    status = open_stream(JsonStream, "status", sent, file)
    other = open_stream(PayloadStream, "other", sent, file)
    for number, size in enumerate(sizes):
        at = SimpleNamespace(reference_time=TIME + number * PULSE)
        panel.send(at, rng.integers(0, 10**7, size), rng.integers(1, 100, size))
        temperature.send(at, rng.normal(300))
        alarm.send(at, "MINOR", f"zu warm: {size} °C")
        connection.send(at, "CONNECTED")
        camera.send(at, rng.integers(0, 100, (2, 3), dtype=np.uint16))
        spectrum.send(at, rng.poisson(3, (3, 2)))
        monitor.send(at, rng.poisson(3, (3, 2)), f'{{"state": "COUNTING", "µs": {size}}}')
        chopper.send(at, at.reference_time + np.arange(size + 1) * PULSE)
        adc.send(at, rng.normal(size=size + 1).astype(np.float32))
        status.send(at, {"state": "µs", "sizes": rng.integers(0, 9, size)})
        other.send(at, rng.bytes(size + 1))
        file.commit()
    file.close()


def findings(sent, *paths):
    """Return what came of comparing files with what was sent, by source."""
    expected = sent.note()
    stored = StoredData("p0", expected)
    stored.read(paths)
    assert stored.problems == []
    return {source: its.matchers[0].end() for source, its in expected.items()}


@settings(max_examples=20)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 99))
def test_a_file_tells_every_message_that_was_sent(tmp_path_factory, sizes, seed):
    path = tmp_path_factory.mktemp("nexus") / "run.nxs"
    sent = Sent()
    send_all(sent, NexusFile(path, Run("run"), "p0"), sizes, np.random.default_rng(seed))
    assert {payload[4:8] for payload in itertools.chain(*sent.values())} >= {
        *(b"ev44", b"f144", b"al00", b"ep01", b"ad00", b"da00", b"hs01", b"tdct", b"se00", b"json")
    }
    for source, found in findings(sent, path).items():
        assert (found.matched, found.missing_count, found.unknown) == (len(sent[source]), 0, 0), source


def test_messages_are_numbered_on_from_file_to_file(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "MOST_BYTES", 64)
    sent, rng = Sent(), np.random.default_rng(1)
    names = FileNames(tmp_path, "{run}_{player}.nxs", "run", "p0")
    file = NexusFile(names, Run("run"), "p0")
    chopper = open_stream(TimestampStream, "chopper", sent, file)
    adc = open_stream(SampleStream, "adc", sent, file, interval=10)
    for number in range(10):
        at = SimpleNamespace(reference_time=TIME + number * PULSE)
        chopper.send(at, at.reference_time + np.arange(3))
        adc.send(at, rng.normal(size=4))
        file.commit()
        if number % 5 == 4:
            file.close()
    first, second = names.paths
    for found in findings(sent, first, second).values():
        assert (found.matched, found.agrees) == (10, True)
    for found in findings(sent, first).values():
        assert (found.matched, found.missing_count) == (5, 5)


def change(path, data, row, value):
    with h5py.File(path, "r+") as file:
        file["entry/instrument"][data][row] = value


def shorten(path, source):
    with h5py.File(path, "r+") as file:
        group = file["entry/instrument"][source]
        for column in group.get("top_dead_center", group).values():
            if column.maxshape[0] is None:
                column.resize(len(column) - 1, axis=0)


@pytest.fixture(autouse=True)
def whole_files(monkeypatch):
    """HDF5 comes to an end of all these files; test_damaged_files.py has others."""
    monkeypatch.setattr(stored_data, "refuse_if_endless", lambda path: None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.nxs"


@pytest.fixture
def sent(path):
    sent = Sent()
    send_all(sent, NexusFile(path, Run("run"), "p0"), [4, 4, 4], np.random.default_rng(1))
    return sent


@pytest.mark.parametrize(
    ("data", "row", "value"),
    [
        ("panel/panel_events/event_id", 5, 999),
        ("T/value", 1, 4.2),
        ("T/time", 1, TIME + 5),
        ("T/alarm_message", 1, "fine"),
        ("T/alarm_severity", 1, "HOT"),
        ("T/connection_status", 1, "DISCONNECTED"),
        ("camera/value", (1, 0, 0), 1000),
        ("spectrum/signal", (1, 0, 0), 1000),
        ("chopper/top_dead_center/time", 7, TIME),
        ("chopper/top_dead_center/time", 5, TIME),
        ("chopper/top_dead_center/cue_timestamp_zero", 1, TIME),
        ("adc/value", 7, 99.0),
        ("adc/time", 7, TIME),
        ("adc/cue_index", 1, 4),
        ("status/json", 60, ord("x")),
        ("other/payload", 7, 1),
        ("other/cue_index", 1, 4),
    ],
)
def test_a_row_that_was_changed_is_a_message_missing(path, sent, data, row, value):
    change(path, data, row, value)
    found = findings(sent, path)
    source = data.partition("/")[0]
    assert found[source].missing_count in (1, 2)
    assert found[source].unknown == found[source].missing_count
    assert all(its.agrees for other, its in found.items() if other not in (source, "T"))


@pytest.mark.parametrize("source", ["chopper", "adc", "camera", "spectrum", "T", "status", "other"])
def test_rows_that_were_lost_are_messages_missing(path, sent, source):
    shorten(path, source)
    assert findings(sent, path)[source].missing_count


def test_rows_that_were_lost_without_their_cue_are_a_message_missing(path, sent):
    with h5py.File(path, "r+") as file:
        for name in ("value", "time"):
            file[f"entry/instrument/adc/{name}"].resize(10, axis=0)
    found = findings(sent, path)["adc"]
    assert (found.matched, found.missing_count, found.unknown) == (2, 1, 0)


def test_a_source_that_cannot_be_read_is_named_and_the_others_are_read(path, sent):
    with h5py.File(path, "r+") as file:
        del file["entry/instrument/adc/value"], file["entry/instrument/adc/cue_timestamp_zero"]
        del file["entry/instrument/chopper"]
        file["entry/instrument/chopper"] = 1
    expected = sent.note()
    stored = StoredData("p0", expected)
    stored.read([path])
    assert [line.partition(" in the file ")[0] for line in stored.problems] == [
        "Player p0: adc",
        "Player p0: chopper",
    ]
    assert expected["T"].matchers[0].end().matched == 9
