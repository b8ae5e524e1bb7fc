"""Answers of Players: what is as it should be is read, and whatever else is named and harms nothing.

``DONKI_CASES`` says how many of each kind are tried.
"""

from __future__ import annotations

import json
import os
import random
from itertools import product

import pytest
import tango
from hypothesis import given
from hypothesis import strategies as st

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.writer import Journal
from donki.director.output.run_messages import nexus_structure
from donki.director.players import answers, attributes
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Attempt, Outcome, PlayerState, TriggerDone
from donki.director.rules.sequence import Sequence
from donki.errors import AnswerError
from donki.run import VERSION, Run
from donki.streams.listing import Stream
from donki.streams.manifest import Manifest, OffsetRange, StreamTotals
from donki.threads import Threads
from helpers.answers import GARBAGE, ODD, OUTPUT, REPORT, RUN, STREAMS, hostile_text

CASES = int(os.environ.get("DONKI_CASES", "300"))


def tried(read, *arguments):
    """Return what is read and why it is refused: one of them."""
    try:
        return read(*arguments), ""
    except AnswerError as error:
        return None, str(error)


def test_what_a_player_of_this_version_tells_is_read():
    manifest = Manifest(
        "localhost:9092",
        (OffsetRange("t", 0, 1, 2),),
        (StreamTotals("t", "s", 5, 99, 5, b"abcd"),),
        measured=(),
    )
    report = REPORT | {"manifest": manifest.as_dict()}
    said = answers.read_report(json.dumps(report), 1)
    assert Manifest.from_dict(said["manifest"]) == manifest
    assert answers.read_report(
        '{"trigger": 7, "attempt": 2, "duration": 0, "events": 0, "messages": 0, "bytes": 0}', 7
    )
    output = OUTPUT | {"manifest": manifest.as_dict() | {"taken": 5}}
    assert answers.read_output("End", json.dumps(output))["manifest"]["taken"] == 5
    assert answers.read_output("End", json.dumps(OUTPUT))["streams"] == STREAMS
    assert "manifest" not in answers.read_output("End", '{"run": "r", "files": [], "streams": []}')
    assert attributes.read_run(json.dumps(RUN)) == Run("r")
    assert attributes.read_lines([]) == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"events": 2**70}, "events"),
        ({"attempt": None}, "attempt"),
        ({"attempt": -1}, "attempt"),
        ({"attempt": True}, "attempt"),
        ({"trigger": 2}, "trigger: 2 instead of 1"),
        ({"duration": "1"}, "duration"),
        ({"manifest": REPORT["manifest"] | {"sent": [["t", "s", 1, 2, 3]]}}, "manifest.sent.0"),
        ({"manifest": REPORT["manifest"] | {"sent": [["t", "s", 1, 2, 3, "abc"]]}}, "manifest.sent.0"),
    ],
)
def test_what_cannot_be_read_is_named(changed, why):
    with pytest.raises(AnswerError, match=why):
        answers.read_report(json.dumps(REPORT | changed), 1)


LATER = VERSION + 1


@pytest.mark.parametrize("version", [LATER, 10**400, 0, -1, True, 1.5, "1", None, [1], {}])
@pytest.mark.parametrize("good", [REPORT, OUTPUT, RUN], ids=["Trigger", "End", "Run"])
def test_an_answer_of_a_version_that_is_not_known_is_refused_by_name(good, version):
    read = {
        "trigger": lambda text: answers.read_report(text, 1),
        "run": lambda text: answers.read_output("End", text),
        "id": attributes.read_run,
    }[next(key for key in ("trigger", "run", "id") if key in good)]
    # The rest of a later version may be otherwise.
    for said in (good | {"version": version}, {"version": version, "what": "else"}):
        why = tried(read, json.dumps(said))[1]
        assert "version" in why
        assert len(why) < 1000
        if version == LATER:
            assert f" is of version {LATER}, from a later version of DonkiOrchestra; " in why
    assert tried(read, json.dumps(good | {"version": VERSION})) == (
        read(json.dumps(good)) | {"version": VERSION} if "id" not in good else Run("r"),
        "",
    )


MORE = st.dictionaries(st.text(), st.none() | st.integers() | st.text(), max_size=12)


@given(
    MORE,
    MORE,
    st.sampled_from(["Trigger", "End"]),
)
def test_what_a_version_tells_more_is_read_over_and_named(more, deeper, command):
    good = REPORT if command == "Trigger" else OUTPUT
    known = set(answers.Report.__annotations__) | set(answers.Output.__annotations__)
    more = {key: value for key, value in more.items() if key not in known}
    deeper = {key: value for key, value in deeper.items() if key not in answers._OF_MANIFEST}
    text = json.dumps(more | good | {"manifest": deeper | good["manifest"]})
    said = answers.read_report(text, 1) if command == "Trigger" else answers.read_output(command, text)
    assert {key: said[key] for key in good if key != "manifest"} == {
        key: good[key] for key in good if key != "manifest"
    }
    assert Manifest.from_dict(said["manifest"]) == Manifest.from_dict(good["manifest"])
    named = answers.unknown_keys(command, said)
    assert len(named) == min(10, len(more) + len(deeper))
    assert set(named) <= {f"{key!r:.80}" for key in (*more, *deeper)}


SAID = {
    "Priority": 0,
    "Timeout": 1.0,
    "OnError": 0,
    "Retries": 0,
    "Script": "s.py",
    "ScriptHash": "",
    "Parameters": "{}",
    "Faults": "[]",
    "Run": "{}",
    "State": tango.DevState.ON,
    "Status": "ready",
    "Server": "",
}


@pytest.mark.parametrize(("name", "value"), list(product(SAID, [*ODD, 7, (), [1.5], tango.DevState.ON])))
def test_settings_are_read_as_what_they_are_or_refused(name, value):
    said, why = tried(attributes.read_settings, SAID | {name: value})
    if said is None:
        assert name in why
        assert len(why) < 1000
    else:
        assert type(said[name]) is type(SAID[name]) or (name == "Timeout" and type(value) is int)


@pytest.mark.parametrize("value", [*ODD, *GARBAGE], ids=lambda value: f"{type(value).__name__}")
def test_lines_output_and_run_are_what_they_are_or_refused(value):
    said, why = tried(attributes.read_lines, value)
    assert all(isinstance(item, str) for item in said or ())
    assert len(why) < 1000
    said, why = tried(answers.read_output, "End", value)
    assert isinstance(said, dict | None)
    assert len(why) < 1000
    for key in OUTPUT:
        said, why = tried(answers.read_output, "End", json.dumps(OUTPUT | {key: value}))
        assert said is None or type(said[key]) is type(OUTPUT[key])
        assert said is not None or key in why or "Invalid JSON" in why
        assert len(why) < 1000
    said, why = tried(attributes.read_run, value)
    assert isinstance(said, Run | None)
    assert len(why) < 1000


def test_no_answer_harms_the_journal(tmp_path):
    """What is read can be kept, and told of afterwards, or it is refused when it arrives."""
    rng = random.Random(1)
    threads = Threads()
    journal = Journal(tmp_path, "donki/director/1", threads)
    read = 0
    try:
        run = Run("r")
        sequence = Sequence([PlayerState("x", 0, 1)], CASES, 0, 0)
        journal.begin(run, sequence, [RosterEntry("x", "donki/player/x")])
        for trigger in range(1, CASES + 1):
            good = REPORT | {"trigger": trigger}
            text = hostile_text(rng, good)
            report, why = tried(answers.read_report, text, trigger)
            assert len(why) < 1000
            read += report is not None
            report = report or good
            journal.note(Attempt(trigger, "x", 1, Outcome.DONE, trigger, trigger, report=report))
            journal.note(TriggerDone(trigger, trigger, trigger, trigger, trigger))
            output, _ = tried(answers.read_output, "End", hostile_text(rng, OUTPUT))
            if output:
                nexus_structure(run, [Stream(**said) for said in output["streams"]])
                journal.remainder(journal.player_keys["x"], output.get("manifest", {}))
        journal.end("done", "")
        assert journal.flush()
    finally:
        journal.close()
    assert 0 < read < CASES / 2
    assert (threads.problems, journal.problem) == ([], "")
    with JournalReader(tmp_path) as reader:
        run = reader.run()
        assert sum(map(len, reader.triggers(run))) == CASES
        for stream in reader.streams(run):
            reader.totals(stream)
            assert len(list(reader.deliveries(stream))) <= 2 * CASES


def test_a_note_that_cannot_be_kept_keeps_no_other_out(tmp_path):
    threads = Threads()
    journal = Journal(tmp_path, "donki/director/1", threads)
    try:
        journal.begin(
            Run("r"), Sequence([PlayerState("x", 0, 1)], 3, 0, 0), [RosterEntry("x", "donki/player/x")]
        )
        for trigger, report in enumerate(
            [{"events": 1}, {"events": 2**70}, {"events": "\ud800"}, [], {"events": 2}], 1
        ):
            journal.note(Attempt(trigger, "x", 1, Outcome.DONE, 1, 1, report=report))
            journal.note(TriggerDone(trigger, 1, 1, 1, 1))
        journal.end("done", "")
        assert journal.flush()
        journal._thread.join(0.3)
        assert journal._thread.is_alive()
        events = journal._connection.execute("SELECT events FROM attempt ORDER BY trigger").fetchall()
        remarks = journal._connection.execute("SELECT text FROM remark").fetchall()
        assert journal._connection.execute("SELECT count(*) FROM trigger").fetchone() == (5,)
        assert journal._connection.execute("SELECT outcome FROM run").fetchone() == ("done",)
    finally:
        journal.close()
    assert events == [(1,), (0,), (2,)]
    assert all("could not be kept" in text for (text,) in remarks)
    assert len(remarks) == 2
    assert "journal" in threads.problems[0]
