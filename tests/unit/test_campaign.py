"""The chaos campaign itself: what it never draws, and that nothing ends it early."""

from __future__ import annotations

from helpers.chaos import campaign
from helpers.chaos.invariants import Violation
from helpers.chaos.plan import Kind, draw


def test_the_journal_is_not_deleted_where_its_director_is_killed():
    faults = [Kind.DIRECTOR_KILLED, Kind.JOURNAL_DELETED, Kind.INIT]
    drawn = {frozenset(draw(1, number, faults).kinds) for number in range(300)}
    assert {Kind.DIRECTOR_KILLED, Kind.INIT} in drawn
    assert {Kind.JOURNAL_DELETED, Kind.INIT} in drawn
    assert not any(kinds >= {Kind.DIRECTOR_KILLED, Kind.JOURNAL_DELETED} for kinds in drawn)


def test_a_harness_that_fails_is_a_failed_round_with_its_traceback(monkeypatch, tmp_path):
    class Broken:
        address = "127.0.0.1:1"
        database = campaign.Address("127.0.0.1", 1)
        servers = ()

        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def pid(self, _name):
            return 2**22

        def mend(self):
            raise RuntimeError("nothing answers")

    monkeypatch.setattr(campaign, "Stage", Broken)
    monkeypatch.setattr(
        campaign, "Pulses", lambda _stage: type("NoPulses", (), {"close": lambda self: None})()
    )
    broker = type("NoBroker", (), {"pid": 2**22, "address": "127.0.0.1:1", "kill": lambda self: None})()
    told = []
    tally = campaign.play_rounds(tmp_path, broker, 1, range(3), list(Kind), told.append)
    assert tally.rounds == len(tally.failed) == len(told) == 3
    for result in told:
        (finding,) = result.found
        assert finding.ill is Violation.HARNESS
        assert 'raise RuntimeError("nothing answers")' in finding.text
        assert str(finding) in str(result)
