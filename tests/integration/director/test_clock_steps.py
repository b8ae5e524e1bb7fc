"""The system's clock is set forth and back during a run whose Director dies: its times stay in order."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import h5py
import pytest

from helpers.orchestra import an_orchestra
from helpers.support import wait_until

#: How many runs are generated; more by hand: DONKI_ROUNDS=20.
ROUNDS = int(os.environ.get("DONKI_ROUNDS", "1"))

HOUR = 3600 * 10**9


@pytest.fixture(scope="module")
def system_clock(tmp_path_factory):
    """Set the system's clock, for a Director, by so many ns."""
    file = tmp_path_factory.mktemp("clock") / "offset"
    new = file.with_suffix(".new")

    def set_clock(offset):
        new.write_text(str(offset))
        new.replace(file)

    set_clock(0)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("DONKI_TEST_CLOCK", str(file))
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        yield set_clock


@pytest.fixture(scope="module")
def orchestra(facility, system_clock, tmp_path_factory):
    with an_orchestra(
        facility, tmp_path_factory.mktemp("clock"), "clock", "x", "y", director=False
    ) as orchestra:
        orchestra.director_server = dataclasses.replace(
            orchestra.director_server, module="helpers.clocked_director"
        )
        orchestra.start()
        yield orchestra


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_the_times_of_a_run_are_in_order_and_durations_right(orchestra, system_clock, seed):
    rng = random.Random(seed)
    orchestra.reset()
    director = orchestra.director
    director.Period = 0.02
    director.Triggers = -1
    began_at = time.monotonic()
    director.Start()
    run = director.RunId
    for _ in range(3):
        at = director.CurrentTrigger
        wait_until("it goes on", lambda at=at, director=director: director.CurrentTrigger >= at + 5)
        system_clock(rng.choice([-1, 1]) * rng.randint(1, 48) * HOUR)
        if rng.random() < 0.7:
            os.kill(orchestra.children["director"].pid, signal.SIGKILL)
            orchestra.children["director"].wait(5)
            orchestra.restart("director")
            director = orchestra.director
            director.Recover()
    at = director.CurrentTrigger
    wait_until("it goes on", lambda: director.CurrentTrigger >= at + 5)
    director.Stop()
    assert orchestra.ended() == "ON"
    lasted = time.monotonic() - began_at
    with closing(sqlite3.connect(orchestra.journal)) as journal:

        def row():
            return journal.execute("SELECT key, began, ended FROM run WHERE id = ?", (run,)).fetchone()

        wait_until("the end is noted", lambda: row()[2])
        key, began, ended = row()
        triggers = journal.execute(
            "SELECT reference_time, due, sent, done FROM trigger WHERE run = ? ORDER BY number", (key,)
        ).fetchall()
        steps = journal.execute("SELECT done - sent, duration FROM attempt WHERE run = ?", (key,)).fetchall()
        remarks = journal.execute("SELECT time FROM remark WHERE run = ?", (key,)).fetchall()
    assert all(later > sooner for sooner, later in pairwise(row[0] for row in triggers))
    assert all(began <= due <= sent < done <= ended for _, due, sent, done in triggers)
    assert all(began <= time <= ended for (time,) in remarks)
    assert 0 < (ended - began) / 1e9 <= lasted
    assert lasted - (ended - began) / 1e9 < 3
    # What a Player answered from memory took it longer than it took to ask.
    assert all(took > 0 and 0 < duration < 3 for took, duration in steps)
    for name in ("x", "y"):
        told = [note["reference_time"] for note in orchestra.notes("begin", name) if note["run"] == run]
        assert all(later > sooner for sooner, later in pairwise(told))
    master = orchestra.journal.with_name(f"{run}.nxs")
    wait_until("the master file is there", master.exists)
    with h5py.File(master) as file:
        start, end = (datetime.fromisoformat(file[f"entry/{at}_time"].asstr()[()]) for at in ("start", "end"))
        assert 0 < (end - start).total_seconds() == pytest.approx(file["entry/duration"][()], abs=0.002)
