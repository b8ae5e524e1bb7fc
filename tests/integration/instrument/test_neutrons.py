"""Detectors and monitors of a description, played: what they sent is all there, and is the stated physics."""

from __future__ import annotations

import re

import h5py
import numpy as np
import pytest
import scipp
from scippneutron.conversion.tof import wavelength_from_tof

from donki.sources import Beam
from helpers.brokers import EmbeddedBroker
from helpers.chi_square import assert_counts_follow
from helpers.descriptions import group, instrument, panel, place
from helpers.donki_command import Command
from helpers.nexus_files import pixels_of

TRIGGERS = 20
FLIGHT_PATH, BAND = 25.0, (2.0, 9.0)  # m, Å: what comes before the next pulse
SCENARIO = """
seed: 5
triggers: {triggers}
rate: 14 Hz
hdf5: files
{broker}
players:
  bank:
    script: instrument/detector.py
    data_path: ["."]
    parameters:
      file: made.nxs
      detector: /entry/instrument/bank
      topic: loki_detector
      source: bank
      rate: 200000
      physics: {{kind: sans, radius: 20, background: 0.01}}
      beam: {{band: [2, 9]}}
  side:
    script: instrument/detector.py
    data_path: ["."]
    parameters:
      file: made.nxs
      detector: /entry/instrument/side
      topic: loki_side
      source: side
      physics: {{kind: replay}}
      profile: efu
  monitors:
    script: instrument/monitors.py
    data_path: ["."]
    parameters:
      file: made.nxs
      beam: {{band: [2, 9]}}
      profile: efu
      monitors:
        before: {{group: /entry/instrument/before, topic: loki_monitor, source: cbm1, rate: 50000}}
        behind:
          group: /entry/instrument/behind
          topic: loki_monitor
          source: cbm2
          sends: histogram
          rate: 50000
"""


class Played:
    """A run of the scenario."""

    def __init__(self, folder, broker=""):
        self.folder = folder
        self.command = Command(folder / "data")
        with instrument(folder / "made.nxs", source=-FLIGHT_PATH) as made:
            panel(made, "bank")
            ids = 1001 + np.arange(60) % 24
            pulses = [(np.arange(60) * 1000, ids), (np.full(20, 7), ids[:20])]
            panel(made, "side", 4, 6, size=(0.4, 0.4), z=2.0, first_pixel=1001, pulses=pulses)
            place(group(made, "before", "NXmonitor"), ("translation", -2, "m", (0, 0, 1)))
            place(group(made, "behind", "NXmonitor"), ("translation", 7, "m", (0, 0, 1)))
        (folder / "scenario.yaml").write_text(
            SCENARIO.format(triggers=TRIGGERS, broker=broker and f"broker: {broker}")
        )
        self.done = self.command.run("run", str(folder / "scenario.yaml"))

    def file(self, player):
        [path] = (self.folder / "files").glob(f"*_{player}.nxs")
        return path

    def columns(self, player, source):
        with h5py.File(self.file(player)) as file:
            events = file[f"entry/instrument/{source}/{source}_events"]
            return [events[name][()] for name in ("event_time_offset", "event_id", "event_index")]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    with EmbeddedBroker() as broker:
        yield Played(tmp_path_factory.mktemp("neutrons"), broker.address)


def test_all_that_was_sent_is_there(played):
    assert (played.done.returncode, played.done.stderr) == (0, ""), played.done.stdout
    said = re.search(
        r"all ([\d,]+) events and 20 values arrived at Kafka and in the files", played.done.stdout
    )
    assert said, played.done.stdout
    # 14 Hz for 20 triggers: 250,000 neutrons/s, and 800 replayed.
    assert int(said[1].replace(",", "")) == pytest.approx(250_000 * 20 / 14 + 800, abs=3_000)


def test_damage_to_a_file_is_found(played):
    assert played.command.run("check-data").returncode == 0
    kept = played.file("bank").read_bytes()
    try:
        with h5py.File(played.file("bank"), "r+") as file:
            pixels = file["entry/instrument/bank/bank_events/event_id"]
            pixels[7] = pixels[7] % 192 + 1
        checked = played.command.run("check-data")
        assert checked.returncode == 1
        assert re.search(r"bank.*nxs", checked.stdout), checked.stdout
    finally:
        played.file("bank").write_bytes(kept)


def test_a_reduction_finds_the_form_factor(played):
    data = pixels_of(played.file("bank"), "bank")
    assert data.sizes == {"dim_0": 12, "dim_1": 16}
    distance = scipp.norm(data.coords["position"])
    assert distance.min().value == pytest.approx(5.0, abs=0.01)
    two_theta = np.arctan2(
        np.hypot(data.coords["position"].fields.x.values, data.coords["position"].fields.y.values),
        data.coords["position"].fields.z.values,
    )

    # I(2θ), of spheres and a background.
    waves = np.linspace(*BAND, 2001)
    q = 4 * np.pi / waves * np.sin(two_theta[..., None] / 2)
    spheres = (3 * (np.sin(20 * q) - 20 * q * np.cos(20 * q)) / (20 * q) ** 3) ** 2 + 0.01
    flux = Beam(FLIGHT_PATH, BAND).flux(waves)
    seen = (spheres * flux).sum(axis=-1) / distance.values**2
    counts = data.bins.size().values
    edges = np.quantile(two_theta, np.linspace(0, 1, 13))
    place = np.clip(np.searchsorted(edges, two_theta.ravel(), side="right") - 1, 0, 11)
    assert_counts_follow(np.bincount(place, counts.ravel()), np.bincount(place, seen.ravel()))

    # I(λ): from times of flight over the whole path.
    path = distance + scipp.scalar(FLIGHT_PATH, unit="m")
    wavelength = wavelength_from_tof(
        tof=data.bins.coords["event_time_offset"].to(unit="us", dtype="float64"), Ltotal=path
    )
    counts, _ = np.histogram(wavelength.bins.constituents["data"].values, np.linspace(*BAND, 21))
    spectrum = (spheres * flux / distance.values[..., None] ** 2).sum(axis=(0, 1))
    assert counts.sum() == len(wavelength.bins.constituents["data"])
    assert_counts_follow(counts, spectrum[:-1].reshape(20, 100).sum(axis=1))


def test_recorded_events_come_again_in_their_order(played):
    time, pixel, index = played.columns("side", "side")
    assert np.diff(index).tolist() == [60, 20] * 9 + [60]
    np.testing.assert_array_equal(pixel[:60], 1001 + np.arange(60) % 24)
    np.testing.assert_array_equal(time[80:140], np.arange(60) * 1000)


def test_monitors_see_the_beam_where_they_are(played):
    speed = 3956.034  # m/s Å
    beam = Beam(FLIGHT_PATH, BAND)
    fine = np.linspace(*BAND, 1601)
    flux = beam.flux((fine[1:] + fine[:-1]) / 2)
    time, pixel, _ = played.columns("monitors", "cbm1")
    assert set(pixel) == {1}
    counts, _ = np.histogram(time * 1e-9 * speed / 23, np.linspace(*BAND, 17))
    assert_counts_follow(counts, flux.reshape(16, 100).sum(axis=1))
    with h5py.File(played.file("monitors")) as file:
        assert file["entry/instrument/cbm1/transformations/position"][()] == pytest.approx(2)
        histogram = file["entry/instrument/cbm2"]
        counts, edges = histogram["signal"][()].sum(axis=0), histogram["frame_time"][()]
        assert histogram["frame_time"].attrs["units"] == "ns"
    assert counts.sum() == pytest.approx(50_000 * 20 / 14, abs=1_500)
    assert (len(counts), edges[-1]) == (100, 71_428_571)
    # 32 m from the moderator, the longest wavelengths arrive in the next frame.
    fine = np.linspace(*BAND, 200_001)
    expected, _ = np.histogram(fine * 32 / speed * 1e9 % 71_428_571, edges, weights=beam.flux(fine))
    often = expected > expected.sum() * 0.005
    assert_counts_follow(counts[often][1:-1], expected[often][1:-1])


def test_two_runs_of_one_seed_are_the_same(played, tmp_path):
    again = Played(tmp_path)
    assert again.done.returncode == 0, again.done.stdout
    for player, source in (("bank", "bank"), ("side", "side"), ("monitors", "cbm1")):
        for once, other in zip(played.columns(player, source), again.columns(player, source), strict=True):
            np.testing.assert_array_equal(once, other)
