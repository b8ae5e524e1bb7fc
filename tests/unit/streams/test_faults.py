"""Faults put into the data: every kind does what it says, repeatably, and is recorded."""

from __future__ import annotations

import struct
from collections import Counter
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st
from streaming_data_types import (
    deserialise_ad00,
    deserialise_al00,
    deserialise_da00,
    deserialise_ep01,
    deserialise_ev44,
    deserialise_f144,
    deserialise_hs01,
    deserialise_se00,
    deserialise_tdct,
    serialise_ev44,
    serialise_f144,
)

from donki.errors import InputError
from donki.streams.faults.contents import ClockOffset, Future, Stale
from donki.streams.faults.injector import FaultInjector
from donki.streams.faults.kind import Occasion, Stage
from donki.streams.faults.kinds import KINDS
from donki.streams.faults.message import StreamMessage
from donki.streams.faults.rule import read_rules
from donki.streams.manifest import Manifest
from donki.streams.manifest_builder import NotingSink
from donki.streams.schemas import Route
from donki.streams.schemas.ad00 import ImageStream
from donki.streams.schemas.al00 import AlarmStream
from donki.streams.schemas.da00 import ArrayStream
from donki.streams.schemas.ep01 import ConnectionStream
from donki.streams.schemas.f144 import SeriesStream
from donki.streams.schemas.hs01 import HistogramStream
from donki.streams.schemas.payload import PayloadStream
from donki.streams.schemas.se00 import SampleStream
from donki.streams.schemas.tdct import TimestampStream

TIME = 1_700_000_000_000_000_000
TOPIC, SOURCE = "topic", "panel"
#: Of every kind, so that it strikes often but not always.
MIXED = [
    {"kind": "drop", "rate": 0.1},
    {"kind": "silence", "rate": 0.1, "length": 2},
    {"kind": "veto", "rate": 0.1},
    {"kind": "pixel_ids", "rate": 0.3, "share": 0.2},
    {"kind": "times_of_flight", "rate": 0.3, "share": 0.2},
    {"kind": "clock_offset", "offset": 0.003},
    {"kind": "clock_jump", "rate": 0.1, "offset": -0.001},
    {"kind": "stale", "rate": 0.2, "age": 0.5},
    {"kind": "future", "rate": 0.2},
    {"kind": "corrupt", "rate": 0.2, "bytes": 3},
    {"kind": "truncate", "rate": 0.2},
    {"kind": "burst", "rate": 0.1, "length": 3},
    {"kind": "lag", "rate": 0.1, "length": 7},
    {"kind": "delay", "rate": 0.2, "length": 2},
    {"kind": "reorder", "rate": 0.3},
    {"kind": "duplicate", "rate": 0.2, "copies": 2},
]


class Sink:
    """Keeps what it gets."""

    def __init__(self):
        self.sent = []

    def send(self, topic, key, message, timestamp, events=0, places=None):
        self.sent.append((topic, key, bytes(message), timestamp, events))

    @property
    def numbers(self):
        """The message ids of what came, which say trigger and number."""
        return [deserialise_ev44(message).message_id for _, _, message, _, _ in self.sent]


def an_injector(*rules, seed=1, player="p"):
    sink, faults = Sink(), []
    injector = FaultInjector(sink, read_rules(list(rules)), seed, player, faults.append)
    return injector, sink, faults


@cache
def pulse(trigger, number, events=10):
    columns = np.arange(events, dtype=np.int32)
    return serialise_ev44(SOURCE, 100 * trigger + number, [TIME + trigger], [0], columns, columns)


def play(injector, triggers=range(1, 31), messages=3, topic=TOPIC, source=SOURCE):
    """Send some messages at each trigger; return what left at each."""
    sent = {}
    for trigger in triggers:
        before = len(injector._sink.sent)
        injector.begin(trigger)
        for number in range(1, messages + 1):
            injector.send(topic, source, pulse(trigger, number), TIME + trigger, 10)
        injector.commit()
        sent[trigger] = injector._sink.sent[before:]
    return sent


def test_without_a_fault_everything_passes_as_it_is():
    injector, sink, faults = an_injector(
        {"kind": "drop", "triggers": [7]}, {"kind": "drop", "rate": 1, "topic": "no"}
    )
    play(injector, range(1, 7))
    assert sink.numbers == [100 * trigger + number for trigger in range(1, 7) for number in (1, 2, 3)]
    assert not faults


def test_a_rule_holds_for_its_topic_source_and_triggers_alone():
    injector, sink, faults = an_injector({"kind": "drop", "triggers": [2, "4-5"], "source": SOURCE})
    play(injector, range(1, 7), messages=1)
    play(injector, range(1, 7), messages=1, source="other")
    assert sink.numbers == [101, 301, 601, 101, 201, 301, 401, 501, 601]
    assert [(fault.trigger, fault.message) for fault in faults] == [(2, 1), (4, 1), (5, 1)]


def test_dropped_messages_are_gone_and_their_checksums_noted():
    injector, sink, faults = an_injector({"kind": "drop", "rate": 0.3})
    play(injector, range(1, 101))
    assert len(faults) + len(sink.sent) == 300
    assert 60 < len(faults) < 120
    for fault in faults:
        assert fault.checksum == crc32c(pulse(fault.trigger, fault.message))
        assert 100 * fault.trigger + fault.message not in sink.numbers


def test_duplicates_follow_each_other():
    injector, sink, faults = an_injector({"kind": "duplicate", "triggers": [2], "copies": 2})
    play(injector, range(1, 4), messages=1)
    assert sink.numbers == [101, 201, 201, 201, 301]
    assert faults[0].detail == "sent 3 times"


def test_a_silent_source_says_nothing_for_so_many_triggers():
    injector, sink, faults = an_injector({"kind": "silence", "triggers": [3], "length": 3})
    play(injector, range(1, 8), messages=1)
    assert sink.numbers == [101, 201, 601, 701]
    assert [fault.trigger for fault in faults] == [3, 4, 5]


def test_a_delayed_message_comes_so_many_triggers_later():
    injector, sink, faults = an_injector({"kind": "delay", "triggers": [2], "length": 2})
    play(injector, range(1, 6), messages=1)
    assert sink.numbers == [101, 301, 201, 401, 501]
    assert faults[0].detail == "held back until trigger 4"


def test_a_burst_is_a_gap_and_then_all_at_once():
    injector, sink, _ = an_injector({"kind": "burst", "triggers": [2], "length": 3})
    sent = play(injector, range(1, 6), messages=1)
    assert sink.numbers == [101, 201, 301, 401, 501]
    assert [len(sent[trigger]) for trigger in sent] == [1, 0, 0, 3, 1]


def test_reordered_messages_change_places_with_the_next_also_across_triggers():
    injector, sink, faults = an_injector({"kind": "reorder", "triggers": [1]})
    play(injector, range(1, 3))
    assert sink.numbers == [102, 101, 201, 103, 202, 203]
    assert [fault.message for fault in faults] == [1, 3]


@given(st.integers(3, 30), st.integers(1, 3))
def test_a_lagging_source_falls_behind_by_more_and_more_and_catches_up(length, messages):
    injector, sink, faults = an_injector({"kind": "lag", "triggers": [5], "length": length})
    sent = play(injector, range(1, length + 10), messages)
    assert sink.numbers == sorted(sink.numbers)
    came = {
        deserialise_ev44(message).message_id // 100: trigger
        for trigger, its in sent.items()
        for _, _, message, _, _ in its
    }
    behind = [came[trigger] - trigger for trigger in range(1, length + 10)]
    lag = behind[4 : 4 + length]
    most = lag.index(max(lag))
    assert lag[: most + 1] == list(range(most + 1))
    assert lag[most:] == sorted(lag[most:], reverse=True)
    assert lag[-1] == 0
    assert max(lag) == length // 3
    assert not any(behind[:4] + behind[4 + length :])
    assert len(faults) == messages * sum(late > 0 for late in lag)


def test_a_source_that_lags_again_and_again_stays_in_order():
    injector, sink, _ = an_injector({"kind": "lag", "rate": 0.3, "length": 9})
    play(injector, range(1, 200))
    injector.release()
    assert sink.numbers == sorted(sink.numbers)
    assert len(sink.sent) == 3 * 199


def test_a_veto_leaves_the_events_of_a_pulse_out_for_all_sources_and_players_alike():
    kept = {}
    for player in "pq":
        injector, sink, faults = an_injector({"kind": "veto", "rate": 0.2}, player=player)
        for trigger in range(1, 101):
            injector.begin(trigger)
            for source in ("panel", "monitor"):
                injector.send(TOPIC, source, pulse(trigger, 1), TIME, 10)
                injector.send(TOPIC, source, pulse(trigger, 2, 0), TIME, 0)
            injector.send(TOPIC, "T", b"\0\0\0\0f144 and so on", TIME)
            injector.commit()
        for source in ("panel", "monitor"):
            messages = [message for _, key, message, _, _ in sink.sent if key == source]
            ids = [deserialise_ev44(message).message_id for message in messages]
            assert ids == sorted(ids)
            kept[player, source] = {number // 100 for number in ids if number % 100 == 1}
            assert sum(number % 100 == 2 for number in ids) == 100
        assert sum(key == "T" for _, key, *_ in sink.sent) == 100
        assert {fault.trigger for fault in faults} == set(range(1, 101)) - kept[player, "panel"]
        assert {(fault.kind, fault.detail) for fault in faults} == {("veto", "not sent")}
    assert len({frozenset(triggers) for triggers in kept.values()}) == 1
    assert 60 < len(kept["p", "panel"]) < 95


def test_what_carries_no_time_cannot_be_stale():
    injector, sink, faults = an_injector({"kind": "stale", "age": 1})
    injector.begin(1)
    for message in (b"\0\0\0\0none at all", b"", b"short"):
        injector.send(TOPIC, SOURCE, message, TIME)
    assert [message for _, _, message, _, _ in sink.sent] == [b"\0\0\0\0none at all", b"", b"short"]
    assert not faults


def test_one_stamp_far_ahead_is_that_of_one_message():
    injector, sink, faults = an_injector({"kind": "future", "triggers": [2], "ahead": 3600})
    play(injector, range(1, 4), messages=1)
    assert [stamp - TIME for *_, stamp, _ in sink.sent] == [1, 3600 * 10**9 + 2, 3]
    assert [message for _, _, message, _, _ in sink.sent] == [pulse(number, 1) for number in (1, 2, 3)]
    assert [fault.detail for fault in faults] == ["time stamp +3600000000000 ns"]


def test_what_is_held_back_is_sent_at_the_end():
    injector, sink, _ = an_injector({"kind": "delay", "rate": 1, "length": 100})
    play(injector, range(1, 4), messages=1)
    assert not sink.sent
    injector.release()
    assert sink.numbers == [101, 201, 301]


def test_corrupt_messages_differ_in_so_many_bytes_and_count_no_events():
    injector, sink, faults = an_injector({"kind": "corrupt", "rate": 1, "bytes": 4})
    play(injector)
    for fault, (*_, message, _, events) in zip(faults, sink.sent, strict=True):
        whole = pulse(fault.trigger, fault.message)
        assert len(message) == len(whole)
        assert sum(a != b for a, b in zip(message, whole, strict=True)) == 4
        assert (events, fault.checksum) == (0, crc32c(message))


def test_truncated_messages_are_the_beginning_of_themselves():
    injector, sink, faults = an_injector({"kind": "truncate", "rate": 1})
    play(injector)
    for fault, (*_, message, _, events) in zip(faults, sink.sent, strict=True):
        whole = pulse(fault.trigger, fault.message)
        assert 0 < len(message) < len(whole)
        assert whole.startswith(message)
        assert events == 0


@pytest.mark.parametrize(
    ("kind", "column", "outside"),
    [
        ("pixel_ids", "pixel_id", lambda values: values >= 2**30),
        ("times_of_flight", "time_of_flight", lambda values: (values < 0) | (values >= 10**9)),
    ],
)
def test_some_events_lie_outside_and_all_else_is_as_it_was(kind, column, outside):
    injector, sink, faults = an_injector({"kind": kind, "rate": 1, "share": 0.3})
    play(injector)
    assert len(faults) == 90
    for *_, message, _, events in sink.sent:
        event = deserialise_ev44(message)
        values = getattr(event, column)
        assert np.count_nonzero(outside(values)) == 3
        assert (values[~outside(values)] == np.arange(10)[~outside(values)]).all()
        other = "pixel_id" if column == "time_of_flight" else "time_of_flight"
        assert (getattr(event, other) == np.arange(10)).all()
        assert events == 10


def test_faults_of_events_leave_other_messages_and_empty_pulses_alone():
    injector, sink, faults = an_injector(
        {"kind": "pixel_ids", "rate": 1}, {"kind": "times_of_flight", "rate": 1}
    )
    injector.begin(1)
    empty = serialise_ev44(SOURCE, 1, [TIME], [0], [], [])
    for message in (empty, b"\0\0\0\0f144 and so on"):
        injector.send(TOPIC, SOURCE, message, TIME, 0)
    assert [message for _, _, message, _, _ in sink.sent] == [empty, b"\0\0\0\0f144 and so on"]
    assert not faults


def test_a_clock_is_off_and_jumps_again_and_again():
    injector, sink, _ = an_injector(
        {"kind": "clock_offset", "offset": 0.25}, {"kind": "clock_jump", "triggers": [2, 4], "offset": -1}
    )
    play(injector, range(1, 6), messages=1)
    shifts = [
        timestamp - TIME - number // 100
        for number, (*_, timestamp, _) in zip(sink.numbers, sink.sent, strict=True)
    ]
    assert shifts == [250_000_000, -750_000_000, -750_000_000, -1_750_000_000, -1_750_000_000]
    for *_, message, timestamp, _ in sink.sent:
        assert deserialise_ev44(message).reference_time[0] == timestamp


class Timed(SimpleNamespace):
    reference_time = TIME


@pytest.mark.parametrize(
    ("kind", "settings", "arguments", "time"),
    [
        (SeriesStream, {}, (1.5,), lambda m: deserialise_f144(m).timestamp_unix_ns),
        (ArrayStream, {"axes": ["x"]}, (np.arange(3),), lambda m: deserialise_da00(m).timestamp_ns),
        (
            HistogramStream,
            {"axes": ["x"], "coordinates": {"x": (np.arange(4), "us")}},
            (np.arange(3),),
            lambda m: deserialise_hs01(m)["timestamp"],
        ),
        (ImageStream, {}, (np.ones((2, 2)),), lambda m: deserialise_ad00(m).timestamp_ns),
        (AlarmStream, {}, ("MAJOR", "hot"), lambda m: deserialise_al00(m).timestamp_ns),
        (ConnectionStream, {}, ("CONNECTED",), lambda m: deserialise_ep01(m).timestamp),
        (SampleStream, {"interval": 10}, (np.ones(3),), lambda m: deserialise_se00(m).timestamp_unix_ns),
        (
            PayloadStream,
            {},
            (serialise_f144("a", 1.5, TIME),),
            lambda m: deserialise_f144(m).timestamp_unix_ns,
        ),
        (TimestampStream, {}, ([TIME, TIME],), lambda m: deserialise_tdct(m).timestamps[1]),
    ],
)
def test_the_clock_of_every_schema_is_shifted_and_nothing_else(kind, settings, arguments, time):
    sink = Sink()
    kind(Route(TOPIC, SOURCE, sink), **settings).send(Timed(), *arguments)
    message = sink.sent[0][2]
    whole = StreamMessage(TOPIC, SOURCE, bytearray(message), TIME)
    shifted, _ = ClockOffset({"offset": 5e-6}).apply(whole, occasion := Occasion(1, np.random.default_rng()))
    assert int(time(shifted.payload)) - int(time(message)) == 5_000
    assert shifted.timestamp == TIME + 5_000
    there_and_back, _ = ClockOffset({"offset": -5e-6}).apply(shifted, occasion)
    assert bytes(there_and_back.payload) == message
    whole = StreamMessage(TOPIC, SOURCE, bytearray(message), TIME)
    future, _ = Future({"ahead": 1800.0}).apply(whole, occasion)
    assert (bytes(future.payload), future.timestamp) == (message, TIME + 1800 * 10**9)
    stale, _ = Stale({"age": 5e-6}).apply(whole, occasion)
    assert int(time(stale.payload)) - int(time(message)) == -5_000
    assert stale.timestamp == TIME


def test_faults_leave_setup_and_stop_alone():
    injector, sink, faults = an_injector({"kind": "drop", "rate": 1})
    injector.send(TOPIC, SOURCE, pulse(0, 1), TIME, 10)
    play(injector, range(1, 3))
    injector.send(TOPIC, SOURCE, pulse(0, 2), TIME, 10)
    assert sink.numbers == [1, 2]
    assert len(faults) == 6


@given(seed=st.integers(0, 2**63 - 1), failed=st.sets(st.integers(1, 20)))
def test_the_same_seed_gives_the_same_faults_whatever_is_repeated(seed, failed):
    first, _, expected = an_injector(*MIXED, seed=seed)
    whole = play(first, range(1, 21))
    again, sink, faults = an_injector(*MIXED, seed=seed)
    for trigger in range(1, 21):
        if trigger in failed:
            noted = len(faults)
            again.begin(trigger)
            again.send(TOPIC, SOURCE, pulse(trigger, 1), TIME + trigger, 10)
            again.discard()
            del faults[noted:]
        before = len(sink.sent)
        play(again, [trigger])
        assert sink.sent[before:] == whole[trigger]
    assert faults == expected


def test_seeds_players_streams_and_rules_have_faults_of_their_own():
    rule = {"kind": "drop", "rate": 0.5}
    told = []
    for rules, seed, player, source in [
        ([rule], 1, "p", "s"),
        ([rule], 2, "p", "s"),
        ([rule], 1, "q", "s"),
        ([rule], 1, "p", "t"),
        ([{**rule, "rate": 0.000001}, rule], 1, "p", "s"),
    ]:
        injector, _, faults = an_injector(*rules, seed=seed, player=player)
        play(injector, source=source)
        told.append(tuple((fault.trigger, fault.message) for fault in faults))
    assert len(set(told)) == len(told)


def test_a_rule_does_not_change_what_another_does():
    alone, _, faults = an_injector({"kind": "drop", "rate": 0.3})
    play(alone)
    both, _, mixed = an_injector({"kind": "corrupt", "rate": 0.3}, {"kind": "drop", "rate": 0.3})
    play(both)
    assert [fault for fault in mixed if fault.kind == "drop"] == faults


@given(st.integers(0, 2**32))
def test_every_message_is_where_the_records_say(seed):
    injector, sink, faults = an_injector(*MIXED, seed=seed)
    play(injector)
    injector.release()
    found = Counter(int(crc32c(message)) for _, _, message, _, _ in sink.sent)
    lost = [fault for fault in faults if KINDS.find(fault.kind).stage is Stage.LOSS]
    copies = sum(2 for fault in faults if fault.kind == "duplicate")
    assert len(sink.sent) == 90 - len(lost) + copies
    assert not any(found[fault.checksum] for fault in lost)
    for fault in faults:
        if fault not in lost:
            assert found[fault.checksum] >= (3 if fault.kind == "duplicate" else 1)


def test_the_manifest_lists_what_was_sent_and_what_was_measured():
    sink = Sink()
    sent = NotingSink(sink.send)
    injector = FaultInjector(sent, read_rules([{"kind": "drop", "triggers": [1]}]), 1, "p", lambda _: None)
    measured = NotingSink(lambda *message: injector.send(*message[:-1]))
    injector.begin(1)
    measured.send(TOPIC, SOURCE, pulse(1, 1), TIME, 10)
    measured.send("other", SOURCE, b"x", TIME)
    injector.commit()
    assert sent.take() == ()
    first, other = measured.take()
    assert (first.events, first.messages, first.largest) == (10, 1, 10)
    assert struct.unpack("<I", first.checksums)[0] == crc32c(pulse(1, 1))
    manifest = Manifest("b:1", (), (), (first, other))
    assert Manifest.from_dict(manifest.as_dict()) == manifest


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"kind": "drop"}, r"faults: a list"),
        ([7], r"faults\[0\]: an object"),
        ([{"rate": 1}], r"faults\[0\]\.kind: one of drop, .*; it is missing"),
        ([{"kind": "dropp", "rate": 1}], r"got 'dropp'; did you mean drop\?"),
        ([{"kind": "drop"}], r"faults\[0\]: says neither rate nor triggers"),
        ([{"kind": "drop", "rate": 0}], r"faults\[0\]\.rate: a probability above 0 and at most 1; got 0"),
        ([{"kind": "drop", "rate": True}], r"\.rate: .* got True"),
        ([{"kind": "drop", "rate": 1, "copies": 2}], r"\.copies: unknown; .* has the keys kind, rate"),
        ([{"kind": "duplicate", "rate": 1, "copies": 0}], r"\.copies: a whole number from 1 to 100; got 0"),
        ([{"kind": "drop", "triggers": []}], r"\.triggers: a list of numbers from 1 and spans"),
        ([{"kind": "drop", "triggers": ["9-3"]}], r"got '9-3'"),
        ([{"kind": "drop", "triggers": [1.5]}], r"got 1.5"),
        ([{"kind": "clock_offset"}], r"\.offset: a number of s .*; it is missing"),
        ([{"kind": "clock_offset", "offset": 0}], r"\.offset: .* not 0; got 0"),
        ([{"kind": "stale", "age": 0}], r"\.age: a number of s above 0 and at most 86400; got 0"),
        ([{"kind": "future"}], r"faults\[0\]: says neither rate nor triggers"),
        ([{"kind": "future", "rate": 1, "ahead": 1e6}], r"\.ahead: .* got 1000000"),
        ([{"kind": "lag", "rate": 1, "length": 2}], r"\.length: a whole number from 3 to 1000; got 2"),
        ([{"kind": "pixel_ids", "rate": 1, "share": float("nan")}], r"\.share: .* got nan"),
        (
            [{"kind": "drop", "rate": 1}, {"kind": "drop", "rate": 1, "topic": ""}],
            r"faults\[1\]\.topic: the name",
        ),
    ],
)
def test_rules_that_cannot_be_meant_are_refused_by_name(said, expected):
    with pytest.raises(InputError, match=expected):
        read_rules(said)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(
    ["kind", "rate", "triggers", "topic", "source", "length", "offset", "share", "copies", "age", "ahead"]
)


@given(st.lists(st.dictionaries(keys, json_values | st.sampled_from(list(KINDS)) | st.just(0.5)), max_size=3))
def test_whatever_is_said_is_read_or_refused(said):
    try:
        rules = read_rules(said)
    except InputError:
        return
    injector = FaultInjector(Sink(), rules, 1, "p", lambda _: None)
    play(injector, range(1, 4))
