"""The bundled description of an instrument like LoKI."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from donki.instrument.tree import open_description
from donki.player.script.path import shipped_scripts
from donki_client.instrument.mapping import map_streams

FOLDER = shipped_scripts() / "instrument"


@pytest.fixture(scope="module")
def root():
    with open_description(FOLDER / "loki_like.nxs") as found:
        yield found


def test_it_is_what_its_script_makes(root, tmp_path):
    subprocess.run([sys.executable, FOLDER / "make_loki_like.py", tmp_path], check=True, timeout=60)
    with open_description(tmp_path / "loki_like.nxs") as fresh:
        made, kept = list(fresh.walk()), list(root.walk())
        assert [group.path for group in made] == [group.path for group in kept]
        for new, old in zip(made, kept, strict=True):
            assert new.streams == old.streams
            assert list(new.datasets) == list(old.datasets)
            for name, dataset in new.datasets.items():
                np.testing.assert_array_equal(dataset.read(), old.datasets[name].read())


def test_it_is_small_and_its_pixels_are_many(root):
    assert (FOLDER / "loki_like.nxs").stat().st_size < 330_000
    banks = [group for group in root.walk() if group.nx_class == "NXdetector"]
    ids = np.concatenate([bank.datasets["detector_number"].read().ravel() for bank in banks])
    np.testing.assert_array_equal(ids, np.arange(1, 1_605_633))


def test_all_of_it_is_played(root):
    mapping = map_streams(root, "loki_like.nxs")
    assert not mapping.unmapped
    detectors, others = mapping.players[:9], mapping.players[9:]
    assert [(one.parameters["topic"], one.parameters["source"]) for one in detectors] == [
        (f"loki_detector_bank{number}", "caen") for number in range(9)
    ]
    assert sum(one.parameters["rate"] for one in detectors) == pytest.approx(1e6, rel=1e-3)
    counts = {one.name: len(one.parameters[key]) for one in others for key in one.parameters if key in KEYS}
    assert counts == {"monitors": 4, "choppers": 3, "motion": 8, "logs": 60}
    sources = Counter(one.source for one in others[0].streams)
    assert sources == {f"cbm{number}": 1 for number in range(1, 5)}
    assert not any(one.assumed for one in mapping.players)


KEYS = ("monitors", "choppers", "motors", "logs")
