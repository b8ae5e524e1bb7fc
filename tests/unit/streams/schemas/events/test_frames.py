"""Slow neutrons go into the frame in which they arrive; none is lost, and none arrives at another time."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipp as sc
from hypothesis import given
from hypothesis import strategies as st
from streaming_data_types import deserialise_ev44

from donki.errors import InputError
from donki.player.trigger import Trigger
from donki.run import Run
from donki.streams.nexus.file import NexusFile
from donki.streams.schemas.ev44 import EventStream
from donki.streams.schemas.events.frames import by_frame
from helpers.streams import open_stream

SCRIPTS = Path(__file__).resolve().parents[5] / "scripts"
TIME = 1_700_000_000_000_000_000
PERIOD = 71_428_571
INT32 = st.integers(-(2**31), 2**31 - 1)


class Messages(list):
    """Takes the place of Kafka and keeps what it gets."""

    def send(self, topic, key, message, timestamp, events=0):
        self.append(deserialise_ev44(bytes(message)))
        assert list(self[-1].reference_time) == [timestamp]


def send(period, tof, pixel=None, file=None, reference_time=TIME, **settings):
    sent = Messages()
    stream = open_stream(EventStream, "panel", sent, file, frame="wrap", **settings)
    tof = np.asarray(tof, np.int32)
    stream.send(
        Trigger(1, reference_time, period=period), tof, np.arange(len(tof)) if pixel is None else pixel
    )
    return [(int(each.reference_time[0]) - reference_time, each.time_of_flight.tolist()) for each in sent]


@given(st.lists(INT32, max_size=60), st.integers(0, 1 << 40) | st.integers(1, 50))
def test_every_event_arrives_when_it_did_in_the_frame_of_the_latest_pulse(times, period):
    tof, pixel = np.array(times, np.int32), np.arange(len(times), dtype=np.int32)
    parts = list(by_frame(TIME, period, tof, pixel))
    arrived = {
        int(number): (part.reference_time + int(time), int(time))
        for part in parts
        for time, number in zip(part.time_of_flight, part.pixel_id, strict=True)
    }
    assert len(arrived) == sum(len(part.pixel_id) for part in parts) == len(times)
    for number, time in enumerate(times):
        arrival, since = arrived[number]
        assert arrival == TIME + time
        assert since == time if time < 0 or not period else since == time % period
    begins = [part.reference_time - TIME for part in parts]
    assert begins == sorted(set(begins))
    assert begins[0] == 0
    assert all(len(part.pixel_id) for part in parts[1:])


def test_slow_neutrons_follow_in_messages_of_their_frames():
    assert send(100, [5, 120, 99, 100, 345]) == [(0, [5, 99]), (100, [20, 0]), (300, [45])]
    assert send(100, [5, 99]) == [(0, [5, 99])]
    assert send(100, []) == [(0, [])]
    assert send(100, [150]) == [(0, []), (100, [50])]
    assert send(100, [150], empty_pulses=False) == [(100, [50])]
    assert send(100, [150, 160, 170], events_per_message=2) == [(0, []), (100, [50, 60]), (100, [70])]


def test_without_a_period_or_without_wrapping_events_stay_in_their_pulse():
    assert send(0, [5, 2**31 - 1]) == [(0, [5, 2**31 - 1])]
    sent = Messages()
    open_stream(EventStream, "panel", sent).send(Trigger(1, TIME, period=100), [5, 500], [1, 2])
    assert [each.time_of_flight.tolist() for each in sent] == [[5, 500]]


def test_the_file_has_a_pulse_for_each_frame(tmp_path):
    file = NexusFile(tmp_path / "run.nxs", Run.new(), "p")
    send(100, [5, 120, 99, 100, 345], file=file)
    file.commit()
    with h5py.File(tmp_path / "run.nxs") as found:
        events = found["entry/instrument/panel/panel_events"]
        assert events["event_time_zero"][()].tolist() == [TIME, TIME + 100, TIME + 300]
        assert events["event_index"][()].tolist() == [0, 2, 4]
        assert events["event_time_offset"][()].tolist() == [5, 99, 20, 0, 45]
        assert events["event_id"][()].tolist() == [0, 2, 1, 3, 4]


@pytest.mark.parametrize("frame", ["wrapped", "", None, 1, ["wrap"], np.array(["wrap", "wrap"])])
def test_another_frame_is_refused_by_name(frame):
    with pytest.raises(InputError, match="events of panel to topic: frame is one of pulse, wrap; got"):
        open_stream(EventStream, "panel", Messages(), frame=frame)


def test_an_event_after_the_end_of_time_is_refused_and_nothing_is_sent(tmp_path):
    file = NexusFile(tmp_path / "run.nxs", Run.new(), "p")
    with pytest.raises(InputError, match="later than 2\\*\\*63 ns since 1970"):
        send(100, [5, 120], file=file, reference_time=2**63 - 50)
    file.commit()
    with h5py.File(tmp_path / "run.nxs") as found:
        assert not len(found["entry/instrument/panel/panel_events/event_time_zero"])


@pytest.mark.parametrize(
    ("script", "drawn", "late"),
    [("run_player_0", "panel", 0.048), ("run_player_1", "monitor", 0.040), ("run_player_2", "rays", 0.054)],
)
def test_live_reduction_counts_every_event_of_the_shipped_scripts(script, drawn, late, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
    source = getattr(__import__(script), drawn)
    pulses = [source.sample(np.random.default_rng(seed), events=20_000) for seed in range(5)]

    def counted(**settings):
        """Count as esslivedata does, which histograms all times of flight from 0 to a 14th of a second."""
        sent = Messages()
        stream = open_stream(EventStream, "panel", sent, **settings)
        for number, pulse in enumerate(pulses):
            stream.send(Trigger(1 + number, TIME + number * PERIOD, period=PERIOD), *pulse)
        times = np.concatenate([each.time_of_flight for each in sent])
        assert len(times) == 100_000
        counts = sc.ones(sizes={"event": len(times)}, unit="counts")
        toa = sc.array(dims=["event"], values=times, unit="ns").to(unit="ms", dtype="float64")
        table = sc.DataArray(counts, coords={"time_of_arrival": toa})
        edges = sc.linspace("time_of_arrival", 0.0, 1000 / 14, 101, unit="ms")
        return table.hist(time_of_arrival=edges).sum().value

    assert counted(frame="wrap") == 100_000
    assert 1 - counted() / 100_000 == pytest.approx(late, abs=0.002)
