"""The RunDirectory of a Director that runs is deleted, moved away or made unusable."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress

import h5py
import pytest
import tango

from helpers.orchestra import an_orchestra
from helpers.support import wait_until


@pytest.fixture(scope="module")
def orchestra(facility, tmp_path_factory):
    with an_orchestra(facility, tmp_path_factory.mktemp("lost"), "lost", "x") as orchestra:
        orchestra.refresh()
        yield orchestra


def noted(orchestra, run):
    """Return the outcome of a run and its triggers; no outcome where the journal is only being made again."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{orchestra.journal}?mode=ro", uri=True)) as journal,
    ):
        row = journal.execute("SELECT key, outcome FROM run WHERE id = ?", (run,)).fetchone()
        if row is not None:
            key, outcome = row
            rows = journal.execute("SELECT number FROM trigger WHERE run = ? ORDER BY 1", (key,)).fetchall()
            return outcome, [number for (number,) in rows]
    return "", []


@pytest.mark.parametrize("what", ["deleted", "moved"])
def test_a_folder_that_is_gone_during_a_run_is_there_again_with_the_run(orchestra, tmp_path, what):
    director = orchestra.director
    director.Period, director.Triggers = 0.01, -1
    director.Start()
    run = director.RunId
    wait_until("it runs", lambda: director.CurrentTrigger >= 20)
    folder = orchestra.journal.parent
    if what == "deleted":
        shutil.rmtree(folder)
    else:
        shutil.move(folder, tmp_path / "away")
    wait_until("the journal is there again", orchestra.journal.exists, 3)
    at = director.CurrentTrigger
    wait_until(
        f"it goes on from trigger {at}",
        lambda: director.CurrentTrigger >= at + 20,
        instead=lambda: (director.CurrentTrigger, director.Status(), orchestra.players["x"].Status()),
    )
    director.Stop()
    assert orchestra.ended() == "ON"
    wait_until("the end is noted", lambda: noted(orchestra, run)[0])
    assert noted(orchestra, run) == ("stopped", list(range(1, director.CurrentTrigger + 1)))
    master = folder / f"{run}.nxs"
    wait_until("the master file is there", master.exists)
    with h5py.File(master) as file:
        assert len(file["entry/timing/trigger"]) == director.CurrentTrigger
    assert (folder / "donki-director-lost.sent").exists()


def test_a_folder_that_cannot_be_made_again_is_said_and_keeps_a_run_from_starting(orchestra):
    director = orchestra.director
    folder = orchestra.journal.parent
    shutil.rmtree(folder)
    folder.write_text("in the way")
    wait_until("Status says it", lambda: "cannot be made again" in director.Status(), 3)
    with pytest.raises(tango.DevFailed) as refused:
        director.Start()
    assert str(orchestra.journal) in refused.value.args[0].desc
    assert orchestra.state() == "ON"
    folder.unlink()
    wait_until("all is well", lambda: "cannot be made again" not in director.Status(), 3)
    assert orchestra.play(3) == "ON"
    wait_until("it is noted", lambda: noted(orchestra, director.RunId) == ("done", [1, 2, 3]))
