"""A journal's files are deleted, moved, replaced, truncated while a run is noted: nothing of it is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.director.journal.writer import Journal
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Attempt, Outcome, PlayerState, TriggerDone
from donki.director.rules.pace import SECOND
from donki.director.rules.sequence import Sequence
from donki.errors import FileError
from donki.run import Run

DIRECTOR = "donki/director/1"
NAME = "journal.sqlite"

#: More by hand: DONKI_CASES=1000.
EXAMPLES = int(os.environ.get("DONKI_CASES", "25"))


def begin(journal, run):
    rules = Sequence([PlayerState("x", 0, SECOND)], -1, 0, epoch=0)
    journal.begin(
        Run(run, director=DIRECTOR), rules, [RosterEntry(name, f"a/player/{name}") for name in ("x", "y")]
    )


def trigger(journal, number):
    journal.sending(number, number)
    for player in ("x", "y"):
        journal.note(Attempt(number, player, 1, Outcome.DONE, number, number + 1, report={"attempt": 1}))
    journal.note(TriggerDone(number, number, number, number, number + 1))


def noted(folder, run):
    """Return the outcome of a run in the journal that is found, its triggers and how many steps; or None."""
    with closing(sqlite3.connect(f"file:{folder / NAME}?mode=ro", uri=True)) as journal:
        found = journal.execute("SELECT key, outcome FROM run WHERE id = ?", (run,)).fetchone()
        if found is None:
            return None
        triggers = journal.execute("SELECT number FROM trigger WHERE run = ? ORDER BY 1", found[:1])
        steps = journal.execute("SELECT COUNT(*) FROM attempt WHERE run = ?", found[:1])
        assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return found[1], [number for (number,) in triggers], steps.fetchone()[0]


def another_journal(folder, runs):
    """Make a journal of another Director, with so many runs."""
    journal = Journal(folder, "donki/director/2")
    for number in range(runs):
        begin(journal, f"other-{number}")
        trigger(journal, 1)
        journal.end("done", "")
    journal.close()


class Disk:
    """What befalls the files of a journal."""

    def __init__(self, folder):
        self.folder = folder
        self.aside = folder.with_name("aside")
        self.aside.mkdir()
        self.count = 0

    def new_place(self):
        self.count += 1
        return self.aside / str(self.count)

    def delete_database(self):
        (self.folder / NAME).unlink(missing_ok=True)

    def delete_log(self):
        (self.folder / f"{NAME}-wal").unlink(missing_ok=True)

    def delete_index(self):
        (self.folder / f"{NAME}-shm").unlink(missing_ok=True)

    def delete_files(self):
        for file in self.folder.glob("*"):
            file.unlink(missing_ok=True)

    def delete_folder(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def move_database(self):
        if (self.folder / NAME).exists():
            (self.folder / NAME).rename(self.new_place())

    def move_folder(self):
        if self.folder.exists():
            self.folder.rename(self.new_place())

    def replace_by_a_copy(self):
        if (self.folder / NAME).exists():
            copy = self.new_place()
            shutil.copy(self.folder / NAME, copy)
            copy.replace(self.folder / NAME)

    def replace_by_an_empty_file(self):
        if self.folder.exists():
            empty = self.new_place()
            empty.touch()
            empty.replace(self.folder / NAME)

    def replace_by_another(self):
        if self.folder.exists():
            other = self.new_place()
            # Its runs have the keys of ours.
            another_journal(other, 3)
            (other / NAME).replace(self.folder / NAME)

    def delete_mark(self):
        for mark in self.folder.glob("*.sent"):
            mark.unlink()

    def truncate_mark(self):
        for mark in self.folder.glob("*.sent"):
            os.truncate(mark, 0)

    def replace_mark(self):
        for mark in self.folder.glob("*.sent"):
            copy = self.new_place()
            copy.write_bytes(b"x" * 50)
            copy.replace(mark)


ILLS = [name for name in vars(Disk) if name.split("_")[0] in ("delete", "move", "replace", "truncate")]


@settings(max_examples=EXAMPLES)
@given(
    moments=st.lists(st.sampled_from([*ILLS, "trigger", "trigger", "commit"]), min_size=1, max_size=12),
    earlier=st.integers(0, 2),
)
def test_whatever_befalls_the_files_the_run_is_whole_where_they_belong(moments, earlier):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "runs")
        journal = Journal(folder, DIRECTOR)
        disk = Disk(folder)
        for number in range(earlier):
            begin(journal, f"earlier-{number}")
            journal.end("done", "")
        begin(journal, "run")
        triggers = 0
        for moment in moments:
            if moment == "trigger":
                triggers += 1
                trigger(journal, triggers)
            elif moment == "commit":
                journal.flush()
            else:
                getattr(disk, moment)()
        sent = journal._mark.last(journal._run_key)
        journal.end("done", "")
        assert journal.flush(), journal.problem
        assert journal.flush(), journal.problem
        assert journal.problem == ""
        assert noted(folder, "run") == ("done", list(range(1, triggers + 1)), 2 * triggers)
        assert sent == triggers
        # The next one goes on there.
        begin(journal, "next")
        trigger(journal, 1)
        journal.end("failed", "on fire")
        journal.close()
        assert noted(folder, "next") == ("failed", [1], 2)
        with closing(sqlite3.connect(folder / NAME)) as database:
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        journal = Journal(folder, DIRECTOR)
        assert journal.interrupted().completed == 1
        assert (folder / "donki-director-1.sent").stat().st_size == 48
        journal.close()


def test_all_runs_of_a_journal_that_was_deleted_are_there_again(tmp_path):
    folder = tmp_path / "runs"
    journal = Journal(folder, DIRECTOR)
    for number in range(5):
        begin(journal, f"run-{number}")
        trigger(journal, 1)
        journal.end("done", "")
    journal.flush()
    shutil.rmtree(folder)
    assert journal.flush()
    for number in range(5):
        assert noted(folder, f"run-{number}") == ("done", [1], 2)
    journal.close()


def test_a_file_that_was_moved_away_is_whole(tmp_path):
    folder = tmp_path / "runs"
    journal = Journal(folder, DIRECTOR)
    begin(journal, "run")
    trigger(journal, 1)
    journal.flush()
    moved = tmp_path / "moved" / NAME
    moved.parent.mkdir()
    (folder / NAME).rename(moved)
    trigger(journal, 2)
    journal.flush()
    journal.close()
    assert noted(moved.parent, "run")[1] == [1, 2]
    assert noted(folder, "run")[1] == [1, 2]
    with closing(sqlite3.connect(folder / NAME)) as database:
        ((text,),) = database.execute("SELECT text FROM remark")
    assert f"was moved to {moved}; what was noted of this run is there again" in text


@pytest.mark.parametrize("what", ["text", "a folder", "no folder can be made"])
def test_what_cannot_be_made_again_is_said_kept_and_made_again_when_it_can(tmp_path, what):
    folder = tmp_path / "runs"
    journal = Journal(folder, DIRECTOR)
    begin(journal, "run")
    trigger(journal, 1)
    journal.flush()
    shutil.rmtree(folder)
    obstacle = folder if what == "no folder can be made" else folder / NAME
    obstacle.parent.mkdir(exist_ok=True)
    if what == "a folder":
        obstacle.mkdir()
    else:
        obstacle.write_text("something else\n" * 1000)
    trigger(journal, 2)
    journal.flush()
    assert f"the journal {folder / NAME} cannot be written" in journal.problem
    assert "it is not there any more, and cannot be made again" in journal.problem
    with pytest.raises(FileError, match="cannot be made again"):
        begin(journal, "another")
    obstacle.rmdir() if what == "a folder" else obstacle.unlink()
    trigger(journal, 3)
    assert journal.flush()
    assert journal.problem == ""
    journal.end("done", "")
    journal.close()
    assert noted(folder, "run") == ("done", [1, 2, 3], 6)
