"""Runs whose Director died between their end and the writing of their master file."""

from __future__ import annotations

import contextlib
import io
import sqlite3

import h5py
import pytest
from rich.console import Console

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.writer import Journal
from donki.director.output import master_file
from donki.director.output.master_file import make_master_file, master_file_path
from donki.director.output.recorder import Recorder, Topics
from donki.director.output.run_record import finish_run
from donki.threads import Threads
from donki_client.verify.check_data import check_data
from donki_client.verify.journal_check import check_journal
from helpers.recorded_run import complete, record, turn
from helpers.support import wait_until

DIRECTOR = "donki/director/1"


def effects(count=3):
    for number in range(1, count + 1):
        yield turn(number, "p0", events=1000, messages=2, bytes=8000)
        yield complete(number)


def found(folder):
    with JournalReader(folder) as reader:
        return check_journal(reader, reader.run())


def is_finished(folder):
    with JournalReader(folder) as reader:
        run = reader.run()
        return reader.finished(run) == run.ended


def change(folder, statement):
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as connection, connection:
        connection.execute(statement)


def call_attempts_steps(path):
    """Make a master file as version 3 did."""
    with h5py.File(path, "r+") as file:
        file.move("entry/journal/attempt", "entry/journal/step")
    master_file._sign(path)


def start_director(folder, director=DIRECTOR):
    """Open the journal as a Director does that starts."""
    recorder = Recorder(director, folder, Topics((), "", None, "", 0), Threads())
    recorder.journal()
    return contextlib.closing(recorder)


@contextlib.contextmanager
def the_journal(folder):
    journal = Journal(folder, DIRECTOR)
    try:
        yield journal
        assert journal.flush()
    finally:
        journal.close()


def end_without_a_file(folder):
    return record(folder, effects())


def die_before_the_note(folder):
    run = record(folder, effects())
    make_master_file(folder, run.id)
    return run


def end_again_without_a_new_file(folder):
    run = record(folder, effects(), outcome="failed")
    with the_journal(folder) as journal:
        finish_run(journal, run.id)
    return record(folder, effects(5), run, taken_up=True)


def die_when_a_player_told_the_rest(folder):
    run = record(folder, effects())
    with the_journal(folder) as journal:
        finish_run(journal, run.id)
        journal.reopen(run.id)
        journal.file(run.id, "p0", "/late.nxs")
    return run


@pytest.mark.parametrize(
    "die",
    [
        end_without_a_file,
        die_before_the_note,
        end_again_without_a_new_file,
        die_when_a_player_told_the_rest,
    ],
)
def test_a_run_that_nobody_touched_is_not_flagged_and_the_next_director_finishes_it(die, tmp_path):
    run = die(tmp_path)
    assert found(tmp_path) == []
    assert not is_finished(tmp_path)
    with start_director(tmp_path):
        wait_until("the master file is finished", lambda: is_finished(tmp_path))
    assert found(tmp_path) == []
    master_file_path(tmp_path, run.id).unlink()
    assert found(tmp_path) == [f"the master file {master_file_path(tmp_path, run.id)} is not there"]
    with start_director(tmp_path):
        pass
    assert found(tmp_path) == [f"the master file {master_file_path(tmp_path, run.id)} is not there"]


def test_runs_of_another_director_are_left_to_it(tmp_path):
    run = record(tmp_path, effects())
    journal = Journal(tmp_path, "donki/director/2")
    try:
        assert journal.unfinished() == []
    finally:
        journal.close()
    with the_journal(tmp_path) as journal:
        assert journal.unfinished() == [run.id]


@pytest.mark.parametrize(
    ("statement", "said"),
    [("DELETE FROM finished", "gone"), ("UPDATE finished SET ended = ended + 1", "altered")],
)
def test_the_note_itself_is_not_to_be_changed(statement, said, tmp_path):
    run = record(tmp_path, effects())
    with the_journal(tmp_path) as journal:
        finish_run(journal, run.id)
    assert found(tmp_path) == []
    change(tmp_path, statement)
    assert found(tmp_path) == [f"journal, table finished: the line of the run is {said}"]


def test_a_master_file_that_cannot_be_written_at_the_next_start_is_remarked(tmp_path):
    run = record(tmp_path, effects())
    master_file_path(tmp_path, run.id).mkdir()
    with start_director(tmp_path), JournalReader(tmp_path) as reader:
        wait_until("it is remarked", lambda: reader.remarks(reader.run()))
        assert "cannot be written" in reader.remarks(reader.run())[0][1]


@pytest.mark.parametrize("outcome", ["done", None])
def test_nothing_is_said_of_what_was_not_noted(outcome, tmp_path):
    """Where Players did not tell what they delivered last, or the run has no end, more may be there."""
    record(tmp_path, effects(), outcome=outcome)
    output = io.StringIO()
    assert check_data("", tmp_path, Console(file=output, width=300))
    assert "all that the journal lists is there;" in output.getvalue()
    assert "and nothing else" not in output.getvalue()
    assert ("Players p0, p1" in output.getvalue()) == bool(outcome)
    change(tmp_path, "INSERT INTO parted SELECT key FROM player")
    assert check_data("", tmp_path, Console(file=output, width=300))
    assert ("and nothing else" in output.getvalue()) == bool(outcome)


def test_a_run_of_the_time_when_attempts_were_steps_is_compared_with_its_master_file(tmp_path):
    run = record(tmp_path, effects())
    with the_journal(tmp_path) as journal:
        finish_run(journal, run.id)
    call_attempts_steps(master_file_path(tmp_path, run.id))
    assert found(tmp_path) == []
    change(tmp_path, "UPDATE attempt SET events = events + 1 WHERE trigger = 2")
    assert ["journal, table attempt: 1 line is altered" in line for line in found(tmp_path)] == [True]
