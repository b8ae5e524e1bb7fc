"""A pulse becomes messages as the event formation unit makes them."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming_data_types import deserialise_ev44

from donki.errors import InputError
from donki.streams.ev44 import EVENTS_PER_MESSAGE
from donki.streams.events import EventStream


class Messages(list):
    """Takes the place of Kafka and keeps what it gets."""

    def send(self, topic, key, message, timestamp, events=0):
        self.append((topic, key, deserialise_ev44(bytes(message)), timestamp, events))


def trigger(reference_time):
    return SimpleNamespace(reference_time=reference_time)


@given(st.lists(st.integers(0, 3 * EVENTS_PER_MESSAGE + 1), max_size=5))
def test_pulses_are_split_numbered_and_timed(sizes):
    sent = Messages()
    stream = EventStream("topic", "panel", sent, None)
    rng = np.random.default_rng(1)
    pulses = [rng.integers(0, 10**6, (2, size)) for size in sizes]
    for number, (tof, pixel) in enumerate(pulses):
        stream.send(trigger(number * 71_428_571), tof, pixel)

    assert [message.message_id for _, _, message, _, _ in sent] == list(range(len(sent)))
    for topic, key, message, timestamp, events in sent:
        assert (topic, key, message.source_name) == ("topic", "panel", "panel")
        assert list(message.reference_time) == [timestamp]
        assert list(message.reference_time_index) == [0]
        assert events == len(message.time_of_flight) == len(message.pixel_id) <= EVENTS_PER_MESSAGE
    for number, (tof, pixel) in enumerate(pulses):
        parts = [message for _, _, message, time, _ in sent if time == number * 71_428_571]
        assert len(parts) == max(1, -(-len(tof) // EVENTS_PER_MESSAGE))
        np.testing.assert_array_equal(np.concatenate([part.time_of_flight for part in parts]), tof)
        np.testing.assert_array_equal(np.concatenate([part.pixel_id for part in parts]), pixel)


def test_a_script_may_set_the_pulses_own_time():
    sent = Messages()
    EventStream("topic", "panel", sent, None).send(trigger(5), [1], [2], reference_time=71_428_571)
    assert list(sent[0][2].reference_time) == [71_428_571]


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
        EventStream("topic", "panel", sent, None).send(trigger(1), tof, pixel)
    assert not sent


@pytest.mark.parametrize("time", [-1, 2**63, 1.5, "now", None])
def test_what_is_no_reference_time_is_refused(time):
    with pytest.raises(InputError, match="reference time"):
        EventStream("topic", "panel", Messages(), None).send(trigger(time), [1], [1])


def test_a_pulse_sent_again_has_its_message_id_again():
    sent = Messages()
    stream = EventStream("topic", "panel", sent, None)
    stream.send(trigger(1), [1], [1])
    stream.commit()
    stream.send(trigger(2), [2], [2])
    stream.rollback()
    stream.send(trigger(2), [2], [2])
    assert [message.message_id for _, _, message, _, _ in sent] == [0, 1, 1]
