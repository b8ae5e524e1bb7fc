"""A journal of each earlier version is brought to this one, whole or not at all; a later one is left alone.

``DONKI_CASES`` says how many states of old journals are tried.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.director.journal import migrations
from donki.director.journal.migrations import MIGRATIONS, VERSION, migrate
from donki.director.journal.place import FILE_NAME
from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.writer import Journal
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Attempt, Outcome, PlayerState, TriggerDone
from donki.director.rules.sequence import Sequence
from donki.errors import FileError
from donki.run import Run
from donki_client.scenario.history import History

DIRECTOR = "donki/director/1"
KEPT = Path(__file__).parents[3] / "data" / "run_of_1.0.0.dev0" / "journal.sqlite.gz"
EXAMPLES = int(os.environ.get("DONKI_CASES", "6"))
STATEMENTS = sum(len(list(migrations._statements(script))) for script in MIGRATIONS)

RUN = "INSERT INTO run VALUES (1, 'r', ?, '', '{}', 0, 2, 0, '{}', 5, 9, 'done', NULL)"
PLAYER = (
    "INSERT INTO player (key, run, name, device, priority, timeout, on_error, retries, script, script_hash,"
    " parameters) VALUES (1, 1, 'x', 'donki/player/x', 0, 1, 'ABORT', 0, 'x.py', 'abc', '{\"a\": 1}')"
)


def opened(path):
    return closing(sqlite3.connect(path, isolation_level=None))


def schema(path):
    """Return the tables and their columns, and the version."""
    with opened(path) as journal:
        tables = journal.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
        columns = {
            name: journal.execute("SELECT name, type FROM pragma_table_info(?)", (name,)).fetchall()
            for (name,) in tables
        }
        return columns, journal.execute("PRAGMA user_version").fetchone()[0]


def make(path, version, *, numbered=True, left_out=()):
    """Make a journal of a version with a run of one Player; without some statements of its last migration."""
    with opened(path) as journal:
        for number, script in enumerate(MIGRATIONS[:version], 1):
            for at, statement in enumerate(migrations._statements(script)):
                if number < version or at not in left_out:
                    journal.execute(statement)
        if numbered:
            journal.execute(f"PRAGMA user_version = {version}")
        journal.execute(RUN, (DIRECTOR,))
        journal.execute(PLAYER)
        journal.execute("INSERT INTO trigger VALUES (1, 1, 5, 5, 6, 7)")
        table = "step" if version < 4 else "attempt"
        journal.execute(f"INSERT INTO {table} VALUES (1, 1, 1, 1, 'done', 6, 7, '', 0.1, 3, 1, 24)")


def check_whole(folder):
    """Check that the run of `make` is there, and that another one can be noted."""
    journal = Journal(folder, DIRECTOR)
    try:
        assert set(journal.last_durations()) == {"x"}
        rules = Sequence([PlayerState("x", 0, 1)], 1, 0, epoch=0)
        journal.begin(Run("s", director=DIRECTOR), rules, [RosterEntry("x", "donki/player/x")])
        journal.note(Attempt(1, "x", 1, Outcome.DONE, 1, 2, report={"attempt": 1, "events": 5}))
        journal.note(TriggerDone(1, 1, 1, 1, 2))
        journal.end("done", "")
        assert journal.flush()
    finally:
        journal.close()
    with JournalReader(folder) as reader:
        for run_id in ("r", "s"):
            run = reader.run(run_id)
            assert (run.outcome, reader.counts(run)) == ("done", (1, 1))
            assert [player.name for player in reader.players(run)] == ["x"]


@pytest.fixture(scope="module")
def present(tmp_path_factory):
    """Return what a journal of this version has."""
    path = tmp_path_factory.mktemp("present") / FILE_NAME
    Journal(path.parent, DIRECTOR).close()
    return schema(path)


def test_a_new_journal_is_of_this_version(present):
    assert present[1] == VERSION


def test_the_first_version_is_what_the_first_release_wrote(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(gzip.decompress(KEPT.read_bytes()))
    make(tmp_path / "made", 1)
    assert schema(tmp_path / FILE_NAME)[0] == schema(tmp_path / "made")[0]


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_each_earlier_version_is_read_and_migrated(present, data):
    numbered = data.draw(st.booleans())
    version = data.draw(st.integers(1, VERSION - 1 if numbered else 2))
    left_out = set() if numbered or version < 2 else data.draw(st.sets(st.integers(0, 20)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / FILE_NAME, version, numbered=numbered, left_out=left_out)
        with JournalReader(folder) as reader:
            run = reader.run()
            said = [(player.parameters, player.faults) for player in reader.players(run)]
            assert said == [('{"a": 1}', "[]")]
            assert (reader.streams(run), reader.counts(run)) == ([], (1, 1))
            assert reader.repeated(run) == {}
            assert not reader.is_sealed(run)
        assert History(folder).experience("abc", {"a": 1}).durations == (1,)
        check_whole(folder)
        assert schema(folder / FILE_NAME) == present


class CutError(Exception):
    """Ends a migration."""


@pytest.mark.parametrize("after", [0, 1, STATEMENTS // 2, STATEMENTS - 1])
def test_a_migration_that_is_cut_short_leaves_the_journal_as_it_was(tmp_path, monkeypatch, present, after):
    """By an error, and by a death of the process, of which only the files are left."""
    path, dead = tmp_path / FILE_NAME, tmp_path / "dead" / FILE_NAME
    dead.parent.mkdir()
    make(path, 1, numbered=False)
    with opened(path) as journal:
        journal.execute("PRAGMA journal_mode=WAL")
    before = schema(path)
    done = []

    def cut(script):
        for statement in migrations_statements(script):
            if len(done) == after:
                for file in tmp_path.glob(f"{FILE_NAME}*"):
                    shutil.copy(file, dead.with_name(file.name))
                raise CutError
            done.append(statement)
            yield statement

    migrations_statements = migrations._statements
    with monkeypatch.context() as patched, opened(path) as journal:
        patched.setattr(migrations, "_statements", cut)
        with pytest.raises(CutError):
            migrate(journal, path)
    for left in (path, dead):
        assert schema(left) == before
        check_whole(left.parent)
        assert schema(left) == present


@pytest.mark.parametrize("version", [VERSION + 1, VERSION + 7, 2**31 - 1, -1])
def test_a_later_version_is_refused_by_name_and_left_as_it_is(tmp_path, version):
    make(tmp_path / FILE_NAME, VERSION)
    with opened(tmp_path / FILE_NAME) as journal:
        journal.execute(f"PRAGMA user_version = {version}")
    content = (tmp_path / FILE_NAME).read_bytes()
    later = rf"the journal .*/{FILE_NAME} is of version {version}, from a later version of DonkiOrchestra; "
    why = later if version > 0 else rf"{FILE_NAME}: the version is a whole number from 1; got -1"
    for open_it in (
        lambda: Journal(tmp_path, DIRECTOR),
        lambda: JournalReader(tmp_path),
        lambda: History(tmp_path).experience("abc", {}),
    ):
        with pytest.raises(FileError, match=why):
            open_it()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_a_journal_that_is_migrated_during_a_run_takes_that_run_and_no_other(tmp_path):
    journal = Journal(tmp_path, DIRECTOR)
    rules = Sequence([PlayerState("x", 0, 1)], 2, 0, epoch=0)
    try:
        journal.begin(Run("r", director=DIRECTOR), rules, [RosterEntry("x", "donki/player/x")])
        with opened(journal.path) as another:
            # As a later version would, which only adds.
            another.execute("ALTER TABLE player ADD COLUMN later TEXT NOT NULL DEFAULT ''")
            another.execute(f"PRAGMA user_version = {VERSION + 1}")
        journal.note(TriggerDone(1, 1, 1, 1, 2))
        assert journal.flush()
        assert journal.problem == ""
        journal.end("done", "")
        assert journal.flush()
        assert f"is of version {VERSION + 1}" in journal.problem
        with pytest.raises(FileError, match=f"is of version {VERSION + 1}"):
            journal.begin(Run("s", director=DIRECTOR), rules, [RosterEntry("x", "donki/player/x")])
    finally:
        journal.close()
    with opened(tmp_path / FILE_NAME) as noted:
        assert noted.execute("SELECT id, outcome FROM run").fetchall() == [("r", "done")]
        assert noted.execute("SELECT COUNT(*) FROM trigger").fetchone() == (1,)


@settings(max_examples=EXAMPLES)
@given(turns=st.lists(st.tuples(st.integers(1, 2), st.integers(1, 2), st.sampled_from(["failed", "done"]))))
def test_a_director_of_version_3_goes_on_noting_in_a_journal_that_was_migrated(turns):
    """What it writes is noted as it would be by itself: an attempt that failed may turn out to be done."""
    note = (
        "INSERT INTO step VALUES (1, ?, 1, ?, ?, 6, ?, '', ?, 3, 1, 24) ON CONFLICT DO UPDATE SET"
        " outcome = excluded.outcome, done = excluded.done, duration = excluded.duration,"
        " events = excluded.events, messages = excluded.messages, bytes = excluded.bytes"
        " WHERE outcome != 'done' AND excluded.outcome = 'done'"
    )
    with tempfile.TemporaryDirectory() as name:
        noted = {}
        for version in (3, 4):
            path = Path(name, f"{version}.sqlite")
            make(path, 3)
            with opened(path) as journal:
                if version == 4:
                    migrate(journal, path)
                for number, (trigger, attempt, outcome) in enumerate(turns):
                    journal.execute(note, (trigger, attempt, outcome, number, number / 10))
                table = "step" if version == 3 else "attempt"
                noted[version] = journal.execute(f"SELECT * FROM {table}").fetchall()
        assert noted[3] == noted[4]
