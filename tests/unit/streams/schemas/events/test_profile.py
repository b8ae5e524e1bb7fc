"""As the event formation unit sends: other messages, the same events."""

from __future__ import annotations

import time
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming_data_types import deserialise_ev44

from donki.errors import InputError
from donki.run import Run
from donki.streams.nexus.file import NexusFile
from donki.streams.schemas.ev44 import EventStream
from helpers.streams import open_stream

START = 1_700_000_000_000_000_000
PULSE = 71_428_571
BANKS = "bank0", "bank1"

#: What a script sends: of a bank, for a pulse, so many events; late, split and between those of others.
sends = st.lists(
    st.tuples(st.sampled_from(BANKS), st.integers(0, 4), st.one_of(st.just(0), st.integers(1, 60))),
    max_size=12,
)


class Sent(list):
    """Takes the place of Kafka."""

    def send(self, topic, key, message, timestamp, events=0):
        self.append((key, bytes(message), timestamp, events))


def play(script, file=None, **settings):
    """Send by a stream a bank; return what came."""
    sent, rng = Sent(), np.random.default_rng(1)
    streams = {bank: open_stream(EventStream, bank, sent, file, **settings) for bank in BANKS}
    for bank, pulse, size in script:
        at = SimpleNamespace(reference_time=START + pulse * PULSE, period=PULSE)
        columns = rng.integers(0, 3 * PULSE, size), rng.integers(1, 1000, size)
        streams[bank].send(at, *columns)
    return sent


def events_of(sent):
    """Return the events by bank, in the order in which they came: reference time, time of flight, pixel."""
    found = {}
    for key, message, _, _ in sent:
        read = deserialise_ev44(message)
        assert (read.source_name, list(read.reference_time_index)) == (key, [0])
        assert len(read.time_of_flight) == len(read.pixel_id)
        [at] = read.reference_time
        found.setdefault(key, []).extend(
            (int(at), int(tof), int(pixel))
            for tof, pixel in zip(read.time_of_flight, read.pixel_id, strict=True)
        )
    return {key: events for key, events in found.items() if events}


@given(sends, st.integers(1, 40), st.sampled_from(["pulse", "wrap"]), st.booleans())
def test_the_events_are_those_of_the_plain_profile(script, most, frame, empty_pulses):
    settings = {"events_per_message": most, "frame": frame, "empty_pulses": empty_pulses}
    plain = play(script, **settings)
    began = time.time_ns()
    sent = play(script, profile="efu", **settings)
    ended = time.time_ns()
    assert events_of(sent) == events_of(plain)
    assert all(events for *_, events in sent)
    assert len({len(message) for key, message, _, _ in sent}) <= 1
    assert all(began <= stamp <= ended for _, _, stamp, _ in sent)
    for bank in BANKS:
        messages = [deserialise_ev44(message) for key, message, _, _ in sent if key == bank]
        assert [each.message_id for each in messages] == list(range(1, len(messages) + 1))
    for _, message, _, events in sent:
        count = EventStream.count_events(message)
        assert count.events == events == len(deserialise_ev44(message).pixel_id)
        assert [count.reference_time] == list(EventStream.times(bytearray(message)))
    # Another run of the same seed has the same bytes, at other times.
    assert [message[:2] for message in play(script, profile="efu", **settings)] == [
        message[:2] for message in sent
    ]


@pytest.mark.parametrize("sizes", [(3, 12_400, 1), (30_000,)])
def test_every_message_has_room_for_as_many_events_as_the_units_buffer(sizes):
    sent = play([("bank0", number, size) for number, size in enumerate(sizes)], profile="efu")
    assert {len(message) for _, message, _, _ in sent} == {99_304}
    _, message, _, events = sent[-1]
    tof, pixel = EventStream.event_columns(bytearray(message))
    as_if_full = np.frombuffer(message, np.int32, count=-1)
    # What lies beyond the events is zero: the same, whatever was sent before.
    assert np.count_nonzero(as_if_full) < 40 + np.count_nonzero(tof) + np.count_nonzero(pixel)
    assert len(tof) == len(pixel) == events


@given(sends, st.integers(1, 40))
def test_a_file_tells_the_very_messages(tmp_path_factory, script, most):
    path = tmp_path_factory.mktemp("efu") / "run.nxs"
    file = NexusFile(path, Run("run"), "p")
    sent = play(script, file, profile="efu", events_per_message=most)
    file.commit()
    file.close()
    with h5py.File(path) as content:
        for bank in BANKS:
            group = content["entry/instrument"][bank]
            # The most events that any message had may be fewer than there is room for.
            stored = EventStream.stored(bank, group, 1)
            told = [bytes(message.encode(number)) for number, message in enumerate(stored)]
            assert told == [message for key, message, _, _ in sent if key == bank]


def test_a_plain_file_says_nothing_of_profiles_and_an_unknown_one_is_refused(tmp_path):
    for profile in ("plain", "efu"):
        file = NexusFile(tmp_path / profile, Run("run"), "p")
        open_stream(EventStream, "bank0", Sent(), file, profile=profile)
        file.commit()
        file.close()
    with h5py.File(tmp_path / "plain") as content:
        assert list(content["entry/instrument/bank0/bank0_events"].attrs) == ["NX_class"]
    with h5py.File(tmp_path / "efu", "r+") as content:
        group = content["entry/instrument/bank0"]
        assert group["bank0_events"].attrs["events_per_message"] == 12_400
        group["bank0_events"].attrs["profile"] = "of tomorrow"
        with pytest.raises(ValueError, match="the profile of tomorrow, which is not known here"):
            next(EventStream.stored("bank0", group, 1))


@pytest.mark.parametrize("profile", ["EFU", "", None, 1, ["efu"]])
def test_what_is_no_profile_is_refused(profile):
    with pytest.raises(InputError, match="events of bank0 to topic: profile is one of plain, efu; got"):
        open_stream(EventStream, "bank0", Sent(), profile=profile)


def test_no_message_has_a_time_stamp_before_its_pulse():
    sent, ahead = Sent(), time.time_ns() + 10**12
    open_stream(EventStream, "bank0", sent, profile="efu").send(
        SimpleNamespace(reference_time=ahead), [1], [2]
    )
    assert sent[0][2] == ahead


def test_a_pulse_sent_again_is_the_same_message_at_another_time():
    sent = Sent()
    stream = open_stream(EventStream, "bank0", sent, profile="efu")
    for _ in range(2):
        stream.send(SimpleNamespace(reference_time=START), [1], [2])
        stream.discard()
        time.sleep(0.002)
    (_, first, then, _), (_, again, later, _) = sent
    assert first == again
    assert then < later
