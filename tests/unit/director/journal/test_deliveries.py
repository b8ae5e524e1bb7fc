"""What was delivered goes into the journal and comes out again, and nothing twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.writer import Journal
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Outcome
from donki.director.rules.sequence import Sequence
from donki.run import Run
from donki.streams.faults.fault import Fault
from donki.streams.manifest import Manifest, OffsetRange, StreamTotals, WrittenFile
from helpers.recorded_run import EPOCH, complete, record, turn


def checksums(*numbers):
    return np.array(numbers, "<u4").tobytes()


def tally(*numbers, source="panel", events=10):
    return StreamTotals("t", source, events * len(numbers), 100 * len(numbers), events, checksums(*numbers))


def manifest(last, *numbers, **more):
    return Manifest("a:1, b:2", (OffsetRange("t", 0, 5, last),), (tally(*numbers),), **more)


def done(trigger, said, attempt=1, **report):
    return turn(trigger, "p0", attempt=attempt, manifest=said.as_dict(), **report)


FAULT = Fault(2, "drop", "t", "panel", 1, "not sent", 20)


@pytest.fixture
def journal(tmp_path):
    """A run with a dropped message at trigger 2, and a failed attempt at trigger 3."""
    effects = [
        done(1, manifest(6, 10, 11)),
        complete(1),
        done(2, manifest(7, 21, measured=(tally(20, 21),), faults=(FAULT,))),
        complete(2),
        turn(3, "p0", outcome=Outcome.FAILED, error="no"),
        done(3, manifest(9, 30), attempt=2),
        done(3, manifest(9, 30), attempt=2),
        complete(3),
        turn(3, "p1"),
    ]
    record(tmp_path, effects)
    with JournalReader(tmp_path) as reader:
        yield reader


def test_streams_and_their_places_are_known(journal):
    run = journal.run()
    [stream] = journal.streams(run)
    assert (stream.topic, stream.source, stream.brokers) == ("t", "panel", "a:1, b:2")
    assert journal.extents(run) == {"a:1, b:2": [OffsetRange("t", 0, 5, 9)]}


def test_deliveries_are_as_they_were_sent_and_as_they_were_measured(journal):
    [stream] = journal.streams(journal.run())
    sent = [(delivery.trigger, delivery.checksums) for delivery in journal.deliveries(stream)]
    assert sent == [(1, checksums(10, 11)), (2, checksums(21)), (3, checksums(30))]
    measured = [delivery.checksums for delivery in journal.deliveries(stream, measured=True)]
    assert measured == [checksums(10, 11), checksums(20, 21), checksums(30)]
    assert journal.totals(stream) == (40, 4, 400, 10)
    assert journal.totals(stream, measured=True) == (50, 5, 500, 10)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=12))
def test_files_are_those_that_are_there_in_the_order_of_the_notes(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("runs")
    there = {}
    effects = []
    for trigger, (is_gone, path) in enumerate(told, start=1):
        if is_gone:
            there.pop(path, None)
            said = Manifest("a:1", (), (), gone=(path,))
        else:
            there[path] = True
            said = Manifest("a:1", (), (), files=(WrittenFile(path, -1, 0),))
        effects += [done(trigger, said), complete(trigger)]
    record(folder, effects)
    with JournalReader(folder) as reader:
        assert set(reader.players(reader.run())[0].files) == set(there)


def test_faults_and_repeated_triggers_are_known(journal):
    run = journal.run()
    [stream] = journal.streams(run)
    assert list(journal.faults(stream)) == [FAULT]
    assert journal.repeated(run) == {stream.player: [3]}


def test_what_comes_by_a_fault_alone_was_not_measured_there(tmp_path):
    record(
        tmp_path,
        [done(1, manifest(5, 9, measured=())), done(2, manifest(6, 10, 11, measured=(tally(11),)))],
    )
    with JournalReader(tmp_path) as reader:
        [stream] = reader.streams(reader.run())
        measured = [delivery.checksums for delivery in reader.deliveries(stream, measured=True)]
    assert measured == [b"", checksums(11)]


def test_what_comes_after_the_last_trigger_is_noted_each_time(tmp_path):
    journal = Journal(tmp_path, "donki/director/1")
    try:
        run = Run("r")
        journal.begin(run, Sequence([], 1, 0, EPOCH), [RosterEntry("p0", "donki/player/p0")])
        for number in (7, 8):
            journal.remainder(journal.player_keys["p0"], manifest(number, number).as_dict())
        journal.remainder(journal.player_keys["p0"], {})
        journal.end("done", "")
    finally:
        journal.close()
    with JournalReader(tmp_path) as reader:
        [stream] = reader.streams(reader.run())
        found = [(delivery.trigger, delivery.checksums) for delivery in reader.deliveries(stream)]
    assert found == [(0, checksums(7)), (0, checksums(8))]


def test_a_run_that_sent_nothing_has_no_streams(tmp_path):
    record(tmp_path, [turn(1, "p0"), complete(1)])
    with JournalReader(tmp_path) as reader:
        run = reader.run()
        assert reader.streams(run) == []
        assert reader.extents(run) == {}
