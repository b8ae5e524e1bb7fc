"""Raw readouts: an event formation unit makes of them the events that Kafka gets."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming_data_types import deserialise_ev44

from donki.errors import InputError, ReadoutError
from donki.streams.readouts.front_ends import FRONT_ENDS
from donki.streams.readouts.sender import ReadoutSender
from donki.streams.schemas import EventStream, Route
from helpers.readouts import MOST_BYTES, TICKS, Time, Unit, a_receiver, events_of, ticks_of

PERIOD = 71_428_571
NOW = 1_790_000_000_000_000_000
#: By kind that comes with the package: readouts in a packet.
MOST_READOUTS = {"loki": 372, "bifrost": 372, "dream": 558}


class Messages(list):
    """Takes the place of Kafka and keeps what it gets."""

    def send(self, topic, key, message, timestamp, events=0):
        self.append(deserialise_ev44(bytes(message)))


def open_events(sender, **settings):
    """Open a stream that has readouts; return it, and the messages for Kafka."""
    messages = Messages()
    return EventStream(Route("topic", "bank", messages, readouts=sender), **settings), messages


def trigger(reference_time, period=PERIOD):
    return SimpleNamespace(reference_time=reference_time, period=period)


@st.composite
def pulses(draw):
    """Return the name of a kind, and pulses of it: reference time, times of flight, pixel ids."""
    name = draw(st.sampled_from(list(MOST_READOUTS)))
    first, last = FRONT_ENDS.find(name).pixels
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # The ends of seconds are where ticks carry over.
    pulse = draw(st.one_of(st.integers(NOW, NOW + 10**10), st.integers(-20, 20).map(lambda ns: NOW + ns)))
    drawn = []
    for size in draw(st.lists(st.sampled_from([0, 1, 2, 100, 371, 372, 373, 558, 559, 1500]), max_size=4)):
        pixel = rng.choice([first, last, *rng.integers(first, last, 50, endpoint=True)], size)
        tof = rng.choice([0, 1, PERIOD - 1, PERIOD, 2**31 - 1, *rng.integers(0, 4 * PERIOD, 50)], size)
        drawn.append((pulse, tof, pixel))
        pulse += PERIOD
    return name, drawn


@given(pulses(), st.sampled_from(["pulse", "wrap"]), st.booleans())
def test_the_events_are_those_of_the_messages(drawn, frame, empty_pulses):
    name, sent = drawn
    with a_receiver() as receiver, closing(ReadoutSender(receiver.address)) as sender:
        stream, messages = open_events(sender, readout=name, frame=frame, empty_pulses=empty_pulses)
        for pulse, tof, pixel in sent:
            stream.send(trigger(pulse), tof, pixel)
        unit = receiver.read(Unit())
    assert unit.events == events_of(messages)
    assert unit.lost == 0
    assert sender.counts == (len(unit.packets), unit.readouts)
    assert {packet.detector_type for packet in unit.packets} <= {FRONT_ENDS.find(name).detector_type}
    for packet in unit.packets:
        assert len(packet.readouts) <= MOST_READOUTS[name]
        assert packet.size <= MOST_BYTES
        assert abs(packet.pulse.ns - packet.previous.ns - PERIOD) <= 13
    empty = [message.reference_time[0] for message in messages if not len(message.pixel_id)]
    assert [beat.ticks for beat in unit.heartbeats] == list(map(ticks_of, empty))
    # In ns, the unit is off by the half of a tick each time, and by what it cuts off.
    exact = [
        (int(message.reference_time[0]), tof, pixel)
        for message in messages
        for tof, pixel in zip(message.time_of_flight.tolist(), message.pixel_id.tolist(), strict=True)
    ]
    for (pulse, tof, _), (of_unit, after, _) in zip(sorted(exact), sorted(unit.in_ns), strict=True):
        assert abs(pulse - of_unit) <= 7
        assert abs(tof - after) <= 7


@pytest.mark.parametrize("name", list(MOST_READOUTS))
def test_every_pixel_comes_back(name):
    first, last = FRONT_ENDS.find(name).pixels
    # All of the small one; of the others each place in the module, in modules all over.
    step = 1 if last < 20_000 else 97 if last < 1_000_000 else 499
    pixel = np.append(np.arange(first, last, step), last)
    with a_receiver() as receiver, closing(ReadoutSender(receiver.address, 10_000_000_000)) as sender:
        stream, _ = open_events(sender, readout=name)
        stream.send(trigger(NOW), np.zeros(len(pixel), int), pixel)
        unit = receiver.read(Unit())
    assert unit.lost == 0
    assert sorted(of_unit for _, _, of_unit in unit.events.elements()) == pixel.tolist()


def test_the_numbers_of_an_output_queue_go_on_from_source_to_source():
    with a_receiver() as receiver, closing(ReadoutSender(receiver.address)) as sender:
        # Ring 0 reads the first bank of LoKI out, ring 2 the second.
        first, _ = open_events(sender, readout="loki", detector_number=np.arange(1, 1001))
        again, _ = open_events(sender, readout="loki", detector_number=np.arange(1001, 2001))
        second, _ = open_events(sender, readout="loki", detector_number=802_817 + np.arange(1000))
        for stream, pixel in ((first, [1]), (second, []), (again, [1001]), (second, [802_817] * 400)):
            stream.send(trigger(NOW), [5] * len(pixel), pixel)
        unit = receiver.read(Unit())
    assert [(packet.queue, packet.number) for packet in unit.packets] == [
        *[(0, 0), (2, 0), (0, 1), (2, 1), (2, 2)]
    ]


@pytest.mark.parametrize(
    ("period", "before"), [(PERIOD, PERIOD), (0, PERIOD), (10**9, PERIOD), (10**7, 10**7)]
)
def test_the_pulse_before_is_a_period_earlier_and_no_more_than_one_of_the_source(period, before):
    with a_receiver() as receiver, closing(ReadoutSender(receiver.address)) as sender:
        open_events(sender, readout="dream")[0].send(trigger(NOW, period), [1], [1])
        (packet,) = receiver.read(Unit()).packets
    assert packet.previous.ticks == ticks_of(NOW - before)


def test_who_does_not_read_loses_packets_and_the_numbers_tell_how_many():
    pixel = np.full(3720, 1)
    with (
        a_receiver(buffer=40_000) as receiver,
        closing(ReadoutSender(receiver.address, 10_000_000_000)) as sender,
    ):
        stream, _ = open_events(sender, readout="loki")
        for number in range(20):
            stream.send(trigger(NOW + number * PERIOD), pixel, pixel)
        unit = receiver.read(Unit())
        stream.send(trigger(NOW + 20 * PERIOD), [1], [1])
        receiver.read(unit)
    assert 0 < len(unit.packets) < 201 == sender.counts.packets
    assert unit.lost + len(unit.packets) == sender.counts.packets
    assert sender.counts.readouts == 20 * 3720 + 1


def test_who_is_away_hinders_nobody():
    with a_receiver() as receiver:
        address = receiver.address
    with closing(ReadoutSender(address)) as sender:
        stream, messages = open_events(sender, readout="loki")
        for number in range(3):
            stream.send(trigger(NOW + number * PERIOD), [1], [1])
    assert len(messages) == sender.counts.packets == 3


def test_packets_leave_no_faster_than_they_may():
    with a_receiver() as receiver, closing(ReadoutSender(receiver.address, 10_000_000)) as sender:
        stream, _ = open_events(sender, readout="dream")
        pixel = np.full(100_000, 1)
        began = time.monotonic()
        stream.send(trigger(NOW), pixel, pixel)
        assert time.monotonic() - began > 0.14  # for 1.6 MB, less what may leave at once
        unit = receiver.read(Unit())
    assert unit.readouts == 100_000


def test_what_waits_for_its_turn_can_be_given_up_and_what_follows_is_sent():
    with a_receiver() as receiver, closing(ReadoutSender(receiver.address, 1_000_000)) as sender:
        stream, _ = open_events(sender, readout="dream")
        pixel = np.full(500_000, 1)
        sender.abandon("the Player was told to abort")
        with pytest.raises(ReadoutError, match=f"{receiver.address} were given up: the Player was told to"):
            stream.send(trigger(NOW), pixel, pixel)
        given_up = sender.counts
        assert 0 < given_up.readouts < len(pixel)
        sender.discard()
        stream.send(trigger(NOW), [1], [1])
        assert sender.counts.readouts == given_up.readouts + 1
        assert receiver.read(Unit()).lost == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"readout": "caen"}, "readout is one of loki, bifrost, dream.*; got 'caen'"),
        ({"readout": 3}, "readout is one of loki, bifrost, dream.*; got 3"),
        ({"readout": None}, "readout is one of loki, bifrost, dream.*; got None"),
        (
            {"readout": "bifrost", "detector_number": [1, 13_501]},
            "detector_number is from 1 to 13501, but those that bifrost reads out are from 1 to 13500",
        ),
        ({"readout": "dream", "detector_number": [0, 5]}, "detector_number is from 0 to 5, but"),
    ],
)
@pytest.mark.parametrize("address", ["", "127.0.0.1:9000"])
def test_what_cannot_be_read_out_is_refused_when_the_stream_is_opened(address, settings, message):
    with pytest.raises(InputError, match=f"events of bank to topic: {message}"):
        open_events(ReadoutSender(address), **settings)


@pytest.mark.parametrize("address", ["", "127.0.0.1:9000"])
@pytest.mark.parametrize("pixel", [0, 13_501])
def test_a_pixel_that_no_front_end_has_is_refused_and_nothing_is_sent(address, pixel):
    sender = ReadoutSender(address)
    stream, messages = open_events(sender, readout="bifrost")
    with pytest.raises(InputError, match="those that bifrost reads out are from 1 to 13500"):
        stream.send(trigger(NOW), [1, 1], [1, pixel])
    assert not messages
    assert sender.counts == (0, 0)


@pytest.mark.parametrize("pulse", [0, 2**32 * 10**9, 2**62])
def test_a_time_that_no_header_can_tell_is_refused_and_nothing_is_sent(pulse):
    sender = ReadoutSender("127.0.0.1:9000")
    stream, messages = open_events(sender, readout="bifrost")
    with pytest.raises(InputError, match="events of bank to topic: readouts have times from 1970 to 2106"):
        stream.send(trigger(pulse), [1], [1])
    assert not messages


@pytest.mark.parametrize("address", ["9000", "localhost", "localhost:0", "a b:1", ":9000", "h:70000"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InputError, match="readouts go to a HOST:PORT"):
        ReadoutSender(address)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70])
def test_a_host_that_nobody_knows_is_refused(host):
    with pytest.raises(ReadoutError, match=f"cannot be sent to {host}:9000: .*; mend ReadoutAddress"):
        ReadoutSender(f"{host}:9000")


def test_what_the_network_refuses_is_said():
    # A broadcast, which the system refuses to those who have not asked for it.
    with closing(ReadoutSender("255.255.255.255:9000")) as sender:
        stream, _ = open_events(sender, readout="loki")
        with pytest.raises(ReadoutError, match=r"to 255\.255\.255\.255:9000: .*Permission denied"):
            stream.send(trigger(NOW), [1], [1])
    assert sender.counts == (0, 0)


@pytest.mark.parametrize("rate", [0, 999_999, 10**12])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(InputError, match="bytes a second are accepted"):
        ReadoutSender("", rate)


def test_an_address_of_ipv6_is_one_too():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    assert ReadoutSender("[::1]:9000").is_on


def test_a_time_is_what_its_high_and_low_say():
    assert Time(1, TICKS // 2).ns == 1_500_000_000
