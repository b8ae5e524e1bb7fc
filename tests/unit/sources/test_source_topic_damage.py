"""Damaged messages of recorded topics: refused by their place, or skipped and counted.

DONKI_CASES=20000 tries more than a test run does.
"""

from __future__ import annotations

import logging
import os
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streaming_data_types import deserialise_ev44, serialise_ev44, serialise_f144
from streaming_data_types.exceptions import ShortBufferException

from donki.errors import SourceError
from donki.sources import TopicReplay
from donki.streams.faults.damage import corrupt, truncate
from donki_client.topics.recording_file import RecordingFile

CASES = int(os.environ.get("DONKI_CASES", "60"))
START, PERIOD = 1_795_348_800_000_000_123, 71_428_571


def record(path, payloads):
    path.unlink(missing_ok=True)
    with RecordingFile(path, {"events": range(2)}) as file:
        for number, payload in enumerate(payloads):
            given = {"topic": "events", "partition": number % 2, "offset": 100 + number // 2}
            file.append(SimpleNamespace(**given, timestamp=number, key=None, value=payload, headers=[]))
    return path


def ev44(number, times=(START,), index=(0,), tof=(10, 20, 30), pixel=(1, 2, 3)):
    return bytes(serialise_ev44("bank", number, list(times), list(index), list(tof), list(pixel)))


@st.composite
def messages(draw):
    """A message, whole or damaged as the faults do it, or by what it says of its own columns."""
    number = draw(st.integers(0, 20))
    pulses = draw(st.integers(1, 3))
    events = draw(st.integers(0, 6))
    times = [START + (number + k) * PERIOD for k in range(pulses)]
    index = sorted(draw(st.lists(st.integers(0, events), min_size=pulses, max_size=pulses)))
    index[0] = 0
    tof = [1000 * number + k for k in range(events)]
    pixel = draw(st.sampled_from([[], [k + 1 for k in range(events)]]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    match draw(
        st.sampled_from(["whole"] * 4 + ["truncate", "corrupt", "index", "times", "pixels", "lengths"])
    ):
        case "truncate":
            return bytes(truncate(bytearray(ev44(number, times, index, tof, pixel)), rng)[0])
        case "corrupt":
            message = bytearray(ev44(number, times, index, tof, pixel))
            # The name and the schema of a message are left: another one is another source's, or no ev44.
            return b"".join([message[:4], b"ev44", bytes(corrupt(message[8:], 3, rng)[0])])
        case "index":
            index = draw(st.lists(st.integers(-2, events + 2), min_size=pulses, max_size=pulses))
        case "times":
            times[draw(st.integers(0, pulses - 1))] = draw(
                st.sampled_from([-(2**63), 2**63 - 1, -(2**62), 5])
            )
        case "pixels":
            pixel = [1] * draw(st.integers(0, 8))
        case "lengths":
            index = index + [events] * draw(st.integers(-pulses, 2))
    return ev44(number, times, index, tof, pixel)


def model(payload):
    """Return the pulses (time, events) of a message that is sound, by the package alone; None for another."""
    try:
        message = deserialise_ev44(payload)
    except (ShortBufferException, struct.error, ValueError, TypeError, AttributeError, IndexError):
        return None
    times, index, tof, pixel = (
        np.ravel(column).tolist() if np.ndim(column) else [] for column in message[2:]
    )
    bounds = [*index, len(tof)]
    sound = (
        len(times) == len(index) > 0
        and bounds[0] == 0
        and bounds == sorted(bounds)
        and (len(pixel) == len(tof) or not pixel)
        and all(abs(time) < 2**62 for time in times)
    )
    if not sound:
        return None
    events = list(zip(tof, pixel or [1] * len(tof), strict=True))
    return message.source_name, [
        (time, events[begin:end]) for time, begin, end in zip(times, bounds, bounds[1:], strict=False)
    ]


def played(replay):
    pulses = [replay.pulse(trigger) for trigger in range(1, len(replay) + 1)]
    return [
        (replay.start + offset, list(zip(times.tolist(), pixels.tolist(), strict=True)))
        for times, pixels, offset in pulses
    ]


@settings(max_examples=CASES)
@given(st.lists(messages(), min_size=1, max_size=6))
def test_whole_messages_are_replayed_and_others_refused_or_counted(tmp_path_factory, payloads):
    path = record(tmp_path_factory.mktemp("damage") / "a.h5", payloads)
    # A recording lies in the file by partition.
    modelled = [model(payload) for payload in payloads[::2] + payloads[1::2]]
    damaged = modelled.count(None)
    expected = {}
    for message in modelled:
        for time, events in message[1] if message and message[0] == "bank" else ():
            expected.setdefault(time, []).extend(events)
    if expected:
        replay = TopicReplay(path, source="bank", on_damage="skip")
        assert played(replay) == sorted(expected.items())
        assert replay.skipped == ({"messages": damaged} if damaged else {})
        replay.close()
    else:
        with pytest.raises(SourceError, match="expected ev44"):
            TopicReplay(path, source="bank", on_damage="skip")
    if damaged:
        place = r"a\.h5, topic events, partition \d, offset 10\d: .*; to skip it: on_damage='skip'"
        with pytest.raises(SourceError, match=place):
            TopicReplay(path, source="bank")
    elif expected:
        assert played(TopicReplay(path, source="bank")) == sorted(expected.items())


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (ev44(1)[:40], "cannot be decoded"),
        (ev44(1)[:5], "cannot be decoded"),
        (ev44(1, index=[]), "it has 1 reference times, but 0 in reference_time_index"),
        (ev44(1, index=[0, 2]), "it has 1 reference times, but 2 in reference_time_index"),
        (ev44(1, times=[], index=[]), "it has no reference time"),
        (ev44(1, times=[1, 2], index=[1, 2]), r"its reference_time_index, \[1, 2\], does not rise from 0"),
        (
            ev44(1, times=[1, 2], index=[0, 4]),
            r"its reference_time_index, \[0, 4\], does not rise from 0 to at most 3",
        ),
        (ev44(1, times=[1, 2], index=[2, 1]), r"its reference_time_index, \[2, 1\], does not rise"),
        (ev44(1, pixel=[1]), "it has 3 times of flight, but 1 pixel ids"),
        (ev44(1, times=[2**62]), "its reference time 4611686018427387904 ns is not before the year 2116"),
    ],
)
def test_a_damaged_message_is_named_by_its_place(tmp_path, caplog, payload, message):
    path = record(tmp_path / "a.h5", [ev44(0), b"", ev44(1), payload, serialise_f144("t", 1.0, 5)])
    with pytest.raises(SourceError, match=rf"a\.h5, topic events, partition 1, offset 101: .*{message}"):
        TopicReplay(path)
    replay = TopicReplay(path, on_damage="skip", log=logging.getLogger("a player's"))
    assert (replay.skipped, replay.other_messages) == ({"messages": 1}, {"": 1, "f144": 1})
    assert len(replay) == 1
    (record_,) = caplog.records
    assert "topic events: damaged and skipped: 1 messages; the first: " in record_.message


def test_a_topic_of_damaged_messages_alone_is_refused(tmp_path):
    path = record(tmp_path / "a.h5", [ev44(0)[:40], ev44(1)[:50]])
    with pytest.raises(SourceError, match="expected ev44 messages, found none but damaged ones: 2 messages"):
        TopicReplay(path, on_damage="skip")
