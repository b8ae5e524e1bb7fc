"""A pulse becomes messages as the event formation unit makes them."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import scippnexus
from hypothesis import given
from hypothesis import strategies as st
from streaming_data_types import deserialise_ev44

from donki.errors import InputError
from donki.run import Run
from donki.streams.nexus.file import NexusFile
from donki.streams.schemas.encoding.ev44 import EVENTS_PER_MESSAGE
from donki.streams.schemas.ev44 import EventStream
from helpers.streams import open_stream

PULSE = 71_428_571


class Messages(list):
    """Takes the place of Kafka and keeps what it gets."""

    def send(self, topic, key, message, timestamp, events=0):
        self.append((topic, key, deserialise_ev44(bytes(message)), timestamp, events))


def trigger(reference_time):
    return SimpleNamespace(reference_time=reference_time)


@given(st.lists(st.integers(0, 3 * EVENTS_PER_MESSAGE + 1), max_size=5))
def test_pulses_are_split_numbered_and_timed(sizes):
    sent = Messages()
    stream = open_stream(EventStream, "panel", sent)
    rng = np.random.default_rng(1)
    pulses = [rng.integers(0, 10**6, (2, size)) for size in sizes]
    for number, (tof, pixel) in enumerate(pulses):
        stream.send(trigger(number * PULSE), tof, pixel)

    assert [message.message_id for _, _, message, _, _ in sent] == list(range(len(sent)))
    for topic, key, message, timestamp, events in sent:
        assert (topic, key, message.source_name) == ("topic", "panel", "panel")
        assert list(message.reference_time) == [timestamp]
        assert list(message.reference_time_index) == [0]
        assert events == len(message.time_of_flight) == len(message.pixel_id) <= EVENTS_PER_MESSAGE
    for number, (tof, pixel) in enumerate(pulses):
        parts = [message for _, _, message, time, _ in sent if time == number * PULSE]
        assert len(parts) == max(1, -(-len(tof) // EVENTS_PER_MESSAGE))
        np.testing.assert_array_equal(np.concatenate([part.time_of_flight for part in parts]), tof)
        np.testing.assert_array_equal(np.concatenate([part.pixel_id for part in parts]), pixel)


def test_a_script_may_set_the_pulses_own_time():
    sent = Messages()
    open_stream(EventStream, "panel", sent).send(trigger(5), [1], [2], reference_time=PULSE)
    assert list(sent[0][2].reference_time) == [PULSE]


@pytest.mark.parametrize(
    ("tof", "pixel", "message"),
    [
        ([1, 2], [1], "2 times of flight, but 1 pixel ids"),
        ([2**31], [1], "time of flight from 2147483648"),
        ([1], [2**31], "pixel ids from 2147483648"),
        ([0.5], [1], "rint"),
    ],
)
def test_a_bad_pulse_is_refused_naming_the_stream_and_nothing_is_sent(tof, pixel, message):
    sent = Messages()
    with pytest.raises(InputError, match=f"events of panel to topic.*{message}"):
        open_stream(EventStream, "panel", sent).send(trigger(1), tof, pixel)
    assert not sent


@pytest.mark.parametrize("time", [-1, 2**63, 1.5, "now", None])
def test_what_is_no_reference_time_is_refused(time):
    with pytest.raises(InputError, match="reference time"):
        open_stream(EventStream, "panel", Messages()).send(trigger(time), [1], [1])


def test_a_pulse_sent_again_has_its_message_id_again():
    sent = Messages()
    stream = open_stream(EventStream, "panel", sent)
    stream.send(trigger(1), [1], [1])
    stream.commit()
    stream.send(trigger(2), [2], [2])
    stream.discard()
    stream.send(trigger(2), [2], [2])
    assert [message.message_id for _, _, message, _, _ in sent] == [0, 1, 1]


@given(st.integers(1, 50), st.lists(st.integers(0, 120), min_size=1, max_size=4))
def test_a_message_has_no_more_events_than_is_set(most, sizes):
    sent = Messages()
    stream = open_stream(EventStream, "panel", sent, events_per_message=np.int64(most))
    for number, size in enumerate(sizes):
        stream.send(trigger(number), np.arange(size), np.arange(size))
    assert [m.message_id for _, _, m, _, _ in sent] == list(range(len(sent)))
    assert max(events for *_, events in sent) <= most
    assert len(sent) == sum(max(1, -(-size // most)) for size in sizes)
    np.testing.assert_array_equal(
        np.concatenate([m.pixel_id for _, _, m, _, _ in sent]), np.concatenate([np.arange(n) for n in sizes])
    )


def test_times_of_flight_may_run_past_the_pulse_and_before_it(tmp_path):
    """Slow neutrons arrive when the next pulse has begun, and keep the reference time of their own."""
    sent = Messages()
    file = NexusFile(tmp_path / "run.nxs", Run("run"), "p0")
    stream = open_stream(EventStream, "panel", sent, file)
    times = [-5, 0, PULSE - 1, PULSE, 5 * PULSE, 2**31 - 1]
    for number in (0, 1):
        stream.send(trigger(number * PULSE), times, np.arange(6))
    file.commit()
    file.close()
    for number, (_, _, message, _, _) in enumerate(sent):
        assert list(message.time_of_flight) == times
        assert list(message.reference_time) == [number * PULSE]
    with scippnexus.File(tmp_path / "run.nxs") as nexus:
        events = nexus["entry/instrument/panel"][...]["panel_events"]["detector_number", 4].value
    assert list(events.coords["event_time_offset"].values) == [5 * PULSE] * 2
    assert list(events.coords["event_time_zero"].values.astype(int)) == [0, PULSE]


def test_empty_pulses_are_left_out_where_that_is_chosen(tmp_path):
    sent = Messages()
    file = NexusFile(tmp_path / "run.nxs", Run("run"), "p0")
    stream = open_stream(EventStream, "panel", sent, file, empty_pulses=False)
    for number, column in enumerate(([1], [], [2])):
        stream.send(trigger(number), column, column)
    file.commit()
    file.close()
    assert [(m.message_id, time) for _, _, m, time, _ in sent] == [(0, 0), (1, 2)]
    with h5py.File(tmp_path / "run.nxs") as root:
        assert list(root["entry/instrument/panel/panel_events/event_time_zero"]) == [0, 2]


def test_the_file_has_the_detector_numbers_that_are_given(tmp_path):
    file = NexusFile(tmp_path / "run.nxs", Run("run"), "p0")
    numbers = np.arange(10, 22).reshape(3, 4)
    stream = open_stream(EventStream, "panel", Messages(), file, detector_number=numbers)
    stream.send(trigger(1), [1, 2], [11, 21])
    with pytest.raises(InputError, match="pixel ids from 9 to 11, but detector_number is from 10 to 21"):
        stream.send(trigger(2), [1, 2], [9, 11])
    file.commit()
    file.close()
    with scippnexus.File(tmp_path / "run.nxs") as nexus:
        events = nexus["entry/instrument/panel"][...]["panel_events"]
    np.testing.assert_array_equal(events.coords["detector_number"].values, numbers)
    assert events.bins.size().values.tolist() == [[0, 1, 0, 0], [0] * 4, [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("events_per_message", 0),
        ("events_per_message", 1.5),
        ("events_per_message", 10**9),
        ("detector_number", []),
        ("detector_number", [1, 1]),
        ("detector_number", [0.5]),
    ],
)
def test_settings_that_are_not_what_they_should_be_are_refused(name, value):
    with pytest.raises(InputError, match=f"events of panel to topic.*{name}"):
        open_stream(EventStream, "panel", Messages(), **{name: value})
