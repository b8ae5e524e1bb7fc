"""The scripts of detectors and monitors: what their Parameters state comes, what does not fit is named."""

from __future__ import annotations

import logging
import runpy
import shutil
from functools import partial

import numpy as np
import pytest

from donki.errors import InputError, SourceError
from donki.player.data_path import find_data
from donki.player.script.path import shipped_scripts
from donki.player.trigger import Trigger
from helpers.descriptions import as_json, events, field, group, instrument, panel, place

SCRIPTS = shipped_scripts()
PERIOD = 71_428_571
SECONDS = 40 * PERIOD * 1e-9  # of 40 triggers


class Stream:
    def __init__(self, **settings):
        self.settings, self.sent = settings, []

    def send(self, trigger, *values):
        self.sent.append(values)


class Player:
    """What an action script sees of its player."""

    def __init__(self, folder, parameters):
        self.parameters, self.streams, self.topics = parameters, {}, {}
        self.log = logging.getLogger("a player's")
        self.data_file = partial(find_data, [folder])

    def events(self, topic, *, source, **settings):
        self.topics[source] = topic
        return self.streams.setdefault(source, Stream(**settings))

    array = events

    def rng(self, trigger):
        return np.random.default_rng([1, trigger])


@pytest.fixture
def folder(tmp_path):
    ids = 1001 + np.arange(24)
    with instrument(tmp_path / "made.nxs") as made:
        panel(made, "bank")
        panel(made, "aside", first_pixel=500)["transformations/step_0"].attrs["vector"] = [0.3, 0.0, 1.0]
        pulses = [(np.arange(24) * 1000, ids), (np.full(8, 7), ids[:8])]
        side = panel(made, "side", 4, 6, first_pixel=1001, pulses=pulses)
        events(side, "more_events")
        for name, z in (("before", -2), ("behind", 40)):
            monitor = group(made, name, "NXmonitor")
            place(monitor, ("translation", z, "m", (0, 0, 1)))
        field(monitor, "detector_number", 17)
        group(made, "nowhere", "NXmonitor")
    return tmp_path


def play(folder, name, triggers=40, **parameters):
    """Return the player after the last trigger."""
    player = Player(folder, {"file": "made.nxs", **parameters})
    script = runpy.run_path(str(SCRIPTS / "instrument" / f"{name}.py"))
    script["setup"](player)
    for number in range(1, triggers + 1):
        script["action"](Trigger(number, 0, 1, PERIOD), player)
    script.get("stop", lambda: None)()
    return player


def detector(folder, triggers=40, *, of="bank", **parameters):
    """Return the pulses of a detector: times of flight and pixel ids of each."""
    said = {"detector": f"/entry/instrument/{of}", "topic": "loki_detector", "source": "caen", **parameters}
    player = play(folder, "detector", triggers, **said)
    assert player.topics == {"caen": "loki_detector"}
    assert player.streams["caen"].settings["frame"] == "wrap"
    return player.streams["caen"].sent


def monitors(folder, triggers=40, **of):
    return play(folder, "monitors", triggers, monitors=of)


KINDS = [
    {"kind": "flat"},
    {"kind": "powder", "temperature": 500.0, "a": 60.0, "shortest": 20.0},
    {"kind": "sans"},
    {"kind": "sans", "form": "guinier", "radius": 100},
    {"kind": "sans", "form": "power_law", "exponent": 3, "crossover": 0.01},
    {"kind": "direct", "width": 0.1, "transmission": 0.5},
    {"kind": "replay"},
]


@pytest.mark.parametrize("physics", KINDS, ids=lambda physics: "-".join(map(str, physics.values())))
def test_the_rate_is_that_which_is_stated(folder, physics):
    of = "side" if physics["kind"] == "replay" else "bank"
    pulses = detector(folder, of=of, rate=5_000, physics=physics)
    expected = 5_000 * SECONDS * physics.get("transmission", 1)
    assert sum(len(time) for time, _ in pulses) == pytest.approx(expected, abs=5 * np.sqrt(expected))
    first, last = (1001, 1024) if of == "side" else (1, 192)
    for time, pixel in pulses:
        assert time.dtype == pixel.dtype == np.int32
        assert first <= pixel.min() <= pixel.max() <= last
        assert time.min() >= 0
    again = detector(folder, 1, of=of, rate=5_000, physics=physics)
    np.testing.assert_array_equal(pulses[0], again[0])


def test_times_fit_the_flight_path_and_the_band_that_a_frame_holds(folder):
    times = np.concatenate([time for time, _ in detector(folder, physics={"kind": "flat"})])
    fastest = (25 + 5) / 3956.034 * 1e9  # ns, of 1 Å
    assert times.min() >= fastest * 0.999
    assert times.max() - times.min() <= PERIOD * (30 / 25) * 1.02
    assert times.max() > fastest + PERIOD * 0.9


def test_a_replay_is_as_it_was_recorded_unless_a_rate_is_stated(folder):
    pulses = detector(folder, 3, of="side", physics={"kind": "replay"})
    assert [len(time) for time, _ in pulses] == [24, 8, 24]
    np.testing.assert_array_equal(pulses[0][1], 1001 + np.arange(24))
    nothing = detector(folder, 3, of="side", physics={"kind": "replay"}, rate=0)
    assert [len(time) for time, _ in nothing] == [0, 0, 0]
    with pytest.raises(InputError, match="events in a pulse are too many"):
        detector(folder, 1, of="side", physics={"kind": "replay"}, rate=1e12)
    # 16 events a pulse on average are 224/s.
    twice = detector(folder, 2, of="side", physics={"kind": "replay"}, rate=32e9 / PERIOD)
    np.testing.assert_array_equal(twice[0][1], np.repeat(1001 + np.arange(24), 2))


def test_a_simulation_gives_pixels_and_times(folder):
    for name in ("tof.dat", "psd.dat", "events.dat"):
        shutil.copy(SCRIPTS / "mcstas" / name, folder)
    with instrument(folder / "made.nxs") as made:
        panel(made, "bank", 48, 48, first_pixel=100)
    psd = {"kind": "mcstas", "file": "tof.dat", "pixels": "psd.dat"}
    assert sum(len(time) for time, _ in detector(folder, physics=psd)) > 20_000
    rays = {"kind": "mcstas", "file": "events.dat", "panel": [1.0, 1.0, 48, 48]}
    pulses = detector(folder, physics=rays)
    assert min(pixel.min() for _, pixel in pulses) >= 100
    with pytest.raises(InputError, match=r"events.dat: \d+ of its pixels are none of the detector"):
        detector(folder, physics={**rays, "panel": [1.0, 1.0, 64, 64]})
    with pytest.raises(
        InputError, match=r"tof.dat: 1 of its pixels are none of the detector, .* is 3;.*first_pixel"
    ):
        detector(folder, physics={"kind": "mcstas", "file": "tof.dat", "first_pixel": 3})


def test_monitors_send_events_or_histograms_where_they_are(folder):
    before = {"group": "/entry/instrument/before", "topic": "m", "source": "cbm1", "rate": 20_000}
    behind = {"group": "/entry/instrument/behind", "topic": "m", "source": "cbm2", "rate": 20_000}
    player = monitors(
        folder, a=before, b={**behind, "sends": "histogram", "bins": 16}, c={**behind, "source": "cbm3"}
    )
    first, histogram, last = (player.streams[f"cbm{number}"] for number in (1, 2, 3))
    assert first.settings["position"] == pytest.approx((0, 0, -2))
    assert last.settings["position"] == pytest.approx((0, 0, 40))
    assert {int(pixel[0]) for _, pixel in last.sent} == {17}
    edges, unit = histogram.settings["coordinates"]["frame_time"]
    assert (unit, len(edges), edges[-1], histogram.settings["axes"]) == ("ns", 17, PERIOD, ["frame_time"])
    counts = sum(counts for (counts,) in histogram.sent)
    times = np.concatenate([time for time, _ in last.sent]) % PERIOD
    expected, _ = np.histogram(times, edges)
    assert counts.sum() == pytest.approx(20_000 * SECONDS, abs=1_200)
    # Both are drawn, so that their difference spreads as both.
    assert np.sum((counts - expected) ** 2 / (counts + expected)) < 16 + 5 * np.sqrt(32)
    wavelength = np.concatenate([time for time, _ in first.sent]) * 1e-9 * 3956.034 / 23
    assert wavelength.min() >= 0.99


def test_a_description_in_json_is_played(folder):
    offsets = [("x_pixel_offset", [0.1, 0.2]), ("z_pixel_offset", [3.0, 3.0])]
    children = [
        {"module": "dataset", "config": {"name": "detector_number", "values": [4, 9], "dtype": "int32"}},
        *(
            {"module": "dataset", "config": {"name": name, "values": values}, "attributes": {"units": "m"}}
            for name, values in offsets
        ),
    ]
    bank = {"type": "group", "name": "bank", "attributes": {"NX_class": "NXdetector"}, "children": children}
    as_json(folder / "made.json", [{"type": "group", "name": "entry", "children": [bank]}])
    said = {"file": "made.json", "detector": "/entry/bank", "beam": {"flight_path": 20, "band": [1, 5]}}
    pulses = detector(folder, 5, **said)
    assert set(np.concatenate([pixel for _, pixel in pulses])) == {4, 9}
    with pytest.raises(InputError, match="has no groups with events to replay; state other physics: kind"):
        detector(folder, 1, **said, physics={"kind": "replay"})


@pytest.mark.parametrize(
    ("parameters", "error", "said"),
    [
        ({"detector": "/entry/bank9"}, InputError, "'/entry/bank9': there is no such group"),
        ({"detector": "/entry/instrument"}, SourceError, "has no detector_number"),
        ({"file": "gone.nxs"}, InputError, "no such file"),
        ({"raet": 1}, InputError, r"raet: unknown; did you mean rate\?"),
        ({"rate": -1}, InputError, "rate: "),
        ({"physics": {"kind": "pwder"}}, InputError, "physics: expected kind: one of 'powder'"),
        ({"physics": {"kind": "sans", "exponent": 4}}, InputError, "exponent is none of form sphere"),
        ({"physics": {"kind": "powder", "a": 0.1}}, InputError, "0 < shortest <= a"),
        (
            {"physics": {"kind": "direct"}, "detector": "/entry/instrument/aside"},
            SourceError,
            r"meets no pixel: the nearest pixel is \d\.\d+ m off",
        ),
        ({"physics": {"kind": "replay"}}, InputError, "has no groups with events to replay"),
        ({"physics": {"kind": "mcstas", "file": "../x"}}, InputError, "leads outside the folders"),
        ({"beam": {"band": [5, 1]}}, InputError, "band in Å, rising"),
        ({"beam": {"flight_path": 4000, "band": [1, 5]}}, SourceError, "narrow the band or shorten"),
    ],
)
def test_what_does_not_fit_a_detector_is_named(folder, parameters, error, said):
    with pytest.raises(error, match=said):
        detector(folder, 1, **parameters)


@pytest.mark.parametrize(
    ("of", "error", "said"),
    [
        (
            {"a": {"topic": "m", "source": "s"}},
            InputError,
            "monitors.a: expected its group .* or its distance",
        ),
        (
            {name: {"topic": "m", "source": "s", "distance": 3} for name in "ab"},
            InputError,
            "monitors.b: has the source s of a; give one of them a Player of its own",
        ),
        (
            {"a": {"topic": "m", "source": "s", "group": "/entry/instrument/nowhere"}},
            SourceError,
            "monitors.a: /entry/instrument/nowhere: has no depends_on and no distance",
        ),
        ({"a": {"topic": "m", "source": "s", "distance": 3, "bins": 0}}, InputError, "monitors.a.bins: "),
    ],
)
def test_what_does_not_fit_a_monitor_is_named(folder, of, error, said):
    with pytest.raises(error, match=said):
        monitors(folder, 1, **of)


def test_what_was_taken_for_granted_is_in_the_log(folder, caplog):
    caplog.set_level(logging.INFO)
    with instrument(folder / "made.nxs") as made:
        del panel(made, "bank")["x_pixel_offset"].attrs["units"]
    detector(folder, 1)
    assert "/entry/instrument/bank/x_pixel_offset has no units: taken as m" in caplog.text
