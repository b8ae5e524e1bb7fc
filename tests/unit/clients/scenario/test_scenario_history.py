"""What the journal tells of earlier runs, for `donki check`."""

from __future__ import annotations

import pytest

from donki.director.journal.place import FILE_NAME
from donki.director.journal.writer import Journal
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Attempt, Outcome, PlayerState
from donki.director.rules.sequence import Sequence
from donki.errors import FileError
from donki.run import Run
from donki_client.scenario.history import History

MS = 1_000_000


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path, "donki/director/1")
    yield journal
    journal.close()


def play(journal, run_id, steps, script_hash="abc", parameters='{"events": 10}'):
    """Journal a run of the Player p: each step with its duration in ms, and its events or its outcome."""
    run = Run(run_id)
    entry = RosterEntry("p", "donki/player/p", script_hash=script_hash, parameters=parameters)
    journal.begin(run, Sequence([PlayerState("p", 0, 1)], len(steps), 0, epoch=0), [entry])
    for trigger, (duration, said) in enumerate(steps, 1):
        done = not isinstance(said, Outcome)
        report = {"duration": 0.1, "events": said, "messages": 1, "bytes": 8 * said} if done else None
        outcome = Outcome.DONE if done else said
        journal.note(Attempt(trigger, "p", 1, outcome, 0, duration * MS, "", report))
    journal.end("done", "")
    assert journal.flush()


def test_the_last_run_of_the_same_script_with_the_same_parameters_counts(journal, tmp_path):
    play(journal, "r1", [(1, 10), (2, 20)])
    play(journal, "r2", [(3, 10), (4, 30)])
    play(journal, "r3", [(5, 10)], script_hash="other")
    play(journal, "r4", [(6, 10)], parameters='{"events": 11}')
    past = History(tmp_path)
    experience = past.experience("abc", {"events": 10})
    assert experience.source == "r2"
    assert experience.durations == (3 * MS, 4 * MS)
    assert (experience.events, experience.bytes) == (20, 160)
    assert past.experience("nobody's", {}) is None


def test_only_what_was_done_counts(journal, tmp_path):
    play(journal, "r1", [(1, 10), (2, Outcome.SKIPPED), (3, 30)])
    play(journal, "r2", [(2, Outcome.FAILED)])
    experience = History(tmp_path).experience("abc", {"events": 10})
    assert (experience.source, experience.durations) == ("r1", (1 * MS, 3 * MS))


def test_without_a_journal_nothing_is_known_and_none_is_made(tmp_path):
    past = History(tmp_path / "nowhere")
    assert past.experience("abc", {}) is None
    assert not (tmp_path / "nowhere").exists()


def test_what_is_no_journal_is_named(tmp_path):
    (tmp_path / FILE_NAME).write_text("no journal, but long enough to be taken for one" * 100)
    with pytest.raises(FileError, match=r"the journal .*journal\.sqlite cannot be read"):
        History(tmp_path).experience("abc", {})
