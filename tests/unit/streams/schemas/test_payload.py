"""Messages whose bytes a script makes: they are sent and kept as they are, whatever they say."""

from datetime import UTC, datetime
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streaming_data_types import (
    SERIALISERS,
    deserialise_json,
    serialise_ev42,
    serialise_ev43,
    serialise_ev44,
    serialise_f144,
    serialise_hs00,
    serialise_json,
    serialise_senv,
    serialise_tdct,
    serialise_x5f2,
)

from donki.run import Run
from donki.streams.faults.injector import FaultInjector
from donki.streams.faults.kinds import KINDS
from donki.streams.faults.rule import read_rules
from donki.streams.nexus.file import NexusFile
from donki.streams.schemas.json import JsonStream
from donki.streams.schemas.payload import PayloadStream
from helpers.streams import open_stream

TIME = 1_700_000_000_000_000_000
TRIGGER = SimpleNamespace(reference_time=5)
HISTOGRAM = {
    "source": "s",
    "timestamp": TIME,
    "current_shape": [1],
    "dim_metadata": [{"length": 1, "bin_boundaries": np.array([0.0, 1.0]), "unit": "", "label": ""}],
    "data": np.array([1.0]),
    "errors": np.array([1.0]),
}


class Sent(list):
    """Takes the place of Kafka and keeps what it gets."""

    def send(self, topic, key, message, timestamp, events=0, places=None):
        self.append((bytes(message), timestamp, events))


@pytest.mark.parametrize(
    ("payload", "time", "events"),
    [
        (serialise_f144("s", 1.5, TIME), TIME, 0),
        (serialise_ev44("s", 1, [TIME, TIME + 7], [0, 1], [1, 2], [3, 4]), TIME, 2),
        (serialise_tdct("s", np.array([TIME], np.uint64)), TIME, 0),
        (serialise_ev42("s", 1, TIME, [1], [2]), TIME, 0),
        (serialise_ev43("s", 1, [TIME, TIME + 7], [0, 1], [1, 2], [3, 4]), TIME, 0),
        (serialise_hs00(HISTOGRAM), TIME, 0),
        (serialise_senv("s", 1, datetime.fromtimestamp(1.7e9, UTC), 1, 1, np.arange(3)), TIME, 0),
        (serialise_x5f2("a", "1", "b", "c", 1, 2000, "{}"), 5, 0),
        (serialise_json("{}"), 5, 0),
        (serialise_f144("s", 1.5, -1), 5, 0),
        (b'{"cmd": "stop"}', 5, 0),
        (b"\0\0\0\0f144", 5, 0),
        (b"\0\0\0\0ev44", 5, 0),
        (b"\0", 5, 0),
    ],
)
def test_time_and_events_are_told_from_the_bytes_where_they_can_be(payload, time, events):
    sent = Sent()
    stream = open_stream(PayloadStream, "any", sent)
    stream.send(TRIGGER, payload)
    stream.send(TRIGGER, memoryview(payload), reference_time=TIME + 1)
    assert sent == [(payload, time, events), (payload, TIME + 1, events)]


def payloads():
    """Any bytes, and such as say that they are of a schema."""
    names = st.sampled_from(sorted(SERIALISERS)).map(str.encode)
    said = st.tuples(st.binary(min_size=4, max_size=4), names, st.binary()).map(b"".join)
    whole = serialise_ev44("s", 1, [TIME], [0], [1, 2, 3], [3, 4, 5])
    damaged = st.builds(
        lambda at, byte: whole[:at] + bytes([byte]) + whole[at + 1 :],
        st.integers(0, len(whole) - 1),
        st.integers(0, 255),
    )
    return st.binary(min_size=1) | said | damaged


@settings(max_examples=60, deadline=None)
@given(st.lists(payloads(), min_size=1, max_size=8))
def test_whatever_the_bytes_the_file_keeps_them_and_faults_are_put_in(tmp_path_factory, given_bytes):
    path = tmp_path_factory.mktemp("payloads") / "run.nxs"
    file, sent, faults = NexusFile(path, Run("run"), "p"), Sent(), []
    needed = {"clock_offset": {"offset": 1}, "clock_jump": {"offset": 1}}
    rules = [{"kind": kind, "rate": 0.3, **needed.get(kind, {})} for kind in KINDS]
    injector = FaultInjector(sent, read_rules(rules), 1, "p", faults.append)
    stream = open_stream(PayloadStream, "any", injector, file)
    for trigger, payload in enumerate(given_bytes, start=1):
        injector.begin(trigger)
        stream.send(TRIGGER, payload)
        injector.commit()
        file.commit()
    injector.release()
    file.close()
    with h5py.File(path) as root:
        stored = PayloadStream.stored("any", root["entry/instrument/any"], 1)
        assert [message.encode(0) for message in stored] == given_bytes


def test_a_json_object_stands_in_kafka_as_the_flatbuffer_and_in_the_file_as_text(tmp_path):
    path, sent = tmp_path / "run.nxs", Sent()
    file = NexusFile(path, Run("run"), "p")
    stream = open_stream(JsonStream, "status", sent, file)
    stream.send(TRIGGER, {"µ": np.float64(1.5), "list": np.arange(2)})
    file.commit()
    file.close()
    [(message, time, _)] = sent
    assert (message[4:8], time) == (b"json", 5)
    text = deserialise_json(message)
    assert text == '{"\\u00b5": 1.5, "list": [0, 1]}'
    with h5py.File(path) as root:
        assert root["entry/instrument/status/json"][()].tobytes().decode() == text
    assert JsonStream.source_of(message) == ""
