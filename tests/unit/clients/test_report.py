"""What donki report says of a run: which run, its figures, and bad input."""

from __future__ import annotations

import math
from importlib.metadata import version

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.writer import Journal
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Attempt, Outcome, PlayerState
from donki.director.rules.sequence import Sequence
from donki.errors import FileError, InputError
from donki.run import Run
from donki_client.report.report import print_report
from donki_client.report.statistics import RunStatistics, Spread
from helpers.recorded_run import complete, record, turn


def printed(folder, prefix="", width=80):
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        print_report(prefix, folder, None, console)
    return capture.get()


def statistics(folder, prefix=""):
    with JournalReader(folder) as reader:
        return RunStatistics.read(reader, reader.run(prefix))


@pytest.fixture
def eventful(tmp_path):
    """Three triggers: p1 fails twice at the second and does it at last, p0 misses the third."""
    effects = [
        turn(1, "p0", 10, events=1000, bytes=8000),
        turn(1, "p1", 20),
        complete(1, 20),
        turn(2, "p0", 30, events=3000, bytes=24000, late=9),
        turn(2, "p1", 1, outcome=Outcome.FAILED, error="no beam"),
        turn(2, "p1", 1, attempt=2, outcome=Outcome.FAILED, error="no beam"),
        turn(2, "p1", 40, attempt=3),
        complete(2, 45, late=9),
        turn(3, "p0", 0, outcome=Outcome.SKIPPED, error="it is not there"),
        turn(3, "p1", 20),
        complete(3, 20),
    ]
    record(tmp_path, effects, triggers=3, remarks=["taken up after trigger 2"])
    return tmp_path


def test_figures_by_player(eventful):
    first, second = statistics(eventful).parts
    assert (first.player.name, first.done, first.failed, first.skipped, first.repeated) == ("p0", 2, 0, 1, 0)
    assert (first.events, first.bytes) == (4000, 32000)
    assert (second.player.name, second.done, second.failed, second.skipped) == ("p1", 3, 2, 0)
    assert second.repeated == 1
    assert second.seen.median == pytest.approx(0.020)
    assert second.seen.largest == pytest.approx(0.040)
    assert first.acted.largest == pytest.approx(0.030)


def test_lateness_and_period(eventful):
    found = statistics(eventful)
    assert found.lateness.seconds == pytest.approx([0, 0.009, 0])
    assert found.lateness.overruns == 1
    assert "largest 9.00 ms (13 % of the period); 1 overrun" in str(found.lateness)
    assert found.mean_period == pytest.approx(0.071428571)
    assert found.median_period == pytest.approx(0.071428571)
    assert found.span == pytest.approx(2 * 0.071428571 + 0.020)


def test_the_report_holds_every_figure(eventful):
    shown = printed(eventful)
    for text in (
        "Run         20261122T101500Z-3f9a  Silicon",
        "Outcome     done",
        "Triggers    3 of 3",
        "Period      71.428571 ms asked; mean 71.4286 ms",
        "largest 9.00 ms (13 % of the period); 1 overrun\n",
        "Seed        7",
        'Metadata    {"sample": "Si"}',
        f"donkiorchestra {version('donkiorchestra')},",
        "trigger 2, p1: failed: no beam",
        "trigger 2, p1, attempt 2: failed: no beam",
        "trigger 3, p0: skipped: it is not there",
        "taken up after trigger 2",
    ):
        assert text in shown, shown
    rows = [line.split() for line in shown.splitlines() if line.startswith(("p0", "p1"))]
    assert rows[0][:7] == ["p0", "0", "2", "0", "1", "0", "4,000"]
    assert rows[1][:7] == ["p1", "1", "3", "2", "0", "1", "0"]
    assert rows[2] == ["p0", "20.0", "29.8", "30.0", "20.0", "29.8", "30.0"]


def test_figures_are_never_cut(tmp_path):
    record(tmp_path, [turn(1, "p0", events=123_456_789_012, bytes=10**15), turn(1, "p1"), complete(1)])
    shown = printed(tmp_path, width=40)
    assert "123,456,789,012" in shown
    assert "1,000,000,000.0" in shown
    assert "…" not in shown


def test_a_failed_run_says_why(tmp_path):
    error = "Player p1, trigger 1: the [red] lamp is off"
    record(tmp_path, [turn(1, "p1", outcome=Outcome.FAILED, error="off")], outcome="failed", error=error)
    shown = printed(tmp_path, width=200)
    assert f"Outcome     failed: {error}" in shown
    assert "no trigger was due" in shown


def test_a_run_without_an_end_is_not_called_done(tmp_path):
    record(tmp_path, [turn(1, "p0"), turn(1, "p1"), complete(1)], outcome=None)
    assert "Outcome     in progress, or its Director died" in printed(tmp_path)


def test_many_mishaps_are_cut_and_the_journal_is_named(tmp_path):
    failed = [turn(n, "p0", outcome=Outcome.FAILED, error="off") for n in range(1, 40)]
    record(tmp_path, failed)
    shown = printed(tmp_path)
    assert shown.count("failed: off") == 10
    assert "and 29 more; the journal has all" in shown


@pytest.fixture
def three_runs(tmp_path):
    for identity in ("20261122T1", "20261122T10", "20261123T9"):
        record(tmp_path, [], Run(identity))
    return tmp_path


@pytest.mark.parametrize(
    ("prefix", "found"),
    [("", "20261123T9"), ("20261123", "20261123T9"), ("20261122T1", "20261122T1"), ("20261122T10",) * 2],
)
def test_a_run_by_its_id_its_beginning_or_the_newest(three_runs, prefix, found):
    with JournalReader(three_runs) as reader:
        assert reader.run(prefix).id == found


def test_an_unknown_run_names_the_newest(three_runs):
    with pytest.raises(InputError, match=r"'x' is not in the journal .*20261123T9, 20261122T10, 20261122T1$"):
        printed(three_runs, "x")


def test_an_ambiguous_run_names_which(three_runs):
    with pytest.raises(InputError, match="there are several, 20261122T10, 20261122T1; give more"):
        printed(three_runs, "20261122")


def test_no_journal_says_where_it_looked(tmp_path):
    with pytest.raises(FileError, match=f"there is no journal {tmp_path}/journal.sqlite"):
        printed(tmp_path)


def test_an_empty_journal_says_so(tmp_path):
    record(tmp_path, [])
    with pytest.raises(InputError, match="is not in the journal"):
        printed(tmp_path, "2027")


def test_another_file_is_not_taken_for_a_journal(tmp_path):
    (tmp_path / "journal.sqlite").write_text("not a database at all, but long enough to look at" * 20)
    with pytest.raises(FileError, match="cannot be read"):
        printed(tmp_path)


def test_reading_leaves_the_folder_as_it_was(eventful):
    before = {path.name: path.stat().st_mtime_ns for path in eventful.iterdir()}
    printed(eventful)
    assert {path.name: path.stat().st_mtime_ns for path in eventful.iterdir()} == before


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(0, 3))
def test_a_spread_is_ordered_within_what_it_is_of_and_leaves_nan_out(times, unknown):
    spread = Spread.of(np.array([*times, *[np.nan] * unknown]))
    assert min(times) <= spread.median <= spread.p99 <= spread.largest == max(times)


def test_a_spread_of_nothing_is_not_a_number():
    spread = Spread.of(np.array([np.nan]))
    assert all(math.isnan(time) for time in (spread.median, spread.p99, spread.largest))


@settings(max_examples=20)
@given(st.data())
def test_every_step_counts_once(tmp_path_factory, data):
    outcomes = data.draw(st.lists(st.sampled_from(Outcome), max_size=30))
    folder = tmp_path_factory.mktemp("steps")
    record(folder, [turn(n, "p0", outcome=outcome) for n, outcome in enumerate(outcomes, 1)])
    part = statistics(folder).parts[0]
    assert (part.done, part.skipped) == (outcomes.count(Outcome.DONE), outcomes.count(Outcome.SKIPPED))
    assert part.done + part.skipped + part.failed == len(outcomes)


def test_faults_that_were_set_are_told_with_their_player(tmp_path):
    journal = Journal(tmp_path, "donki/director/1")
    faults = '[{"kind": "drop", "rate": 0.5}]'
    entries = [RosterEntry("p0", "a/player/p0", faults=faults), RosterEntry("p1", "a/player/p1")]
    journal.begin(Run("r"), Sequence([PlayerState(entry.name, 0, 1) for entry in entries], 1, 0, 0), entries)
    journal.note(Attempt(1, "p0", 1, Outcome.DONE, 1, 2, report={"attempt": 1}))
    journal.close()
    report = printed(tmp_path)
    assert f"\nFaults to inject into the data\n  p0: {faults}\n" in report
    assert "p1: [" not in report
