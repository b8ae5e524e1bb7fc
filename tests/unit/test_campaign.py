"""The chaos campaign itself: what it never draws, and that nothing ends it early."""

from __future__ import annotations

from dataclasses import replace

from helpers.chaos import campaign
from helpers.chaos.invariants import Violation
from helpers.chaos.layout import APART, DIRECTOR, SECTION, Layout
from helpers.chaos.plan import OF_HOSTS, Kind, draw


def test_the_journal_is_not_deleted_where_its_director_is_killed():
    faults = [Kind.DIRECTOR_KILLED, Kind.JOURNAL_DELETED, Kind.INIT]
    drawn = {frozenset(draw(1, number, faults).kinds) for number in range(300)}
    assert {Kind.DIRECTOR_KILLED, Kind.INIT} in drawn
    assert {Kind.JOURNAL_DELETED, Kind.INIT} in drawn
    assert not any(kinds >= {Kind.DIRECTOR_KILLED, Kind.JOURNAL_DELETED} for kinds in drawn)


def test_hosts_are_struck_where_there_are_some_and_a_section_as_a_player():
    layouts = [
        Layout(together=together, section=section) for together in ("", "ab") for section in ("", "bc")
    ]
    for layout in (*layouts, *(replace(layout, on_hosts=True) for layout in layouts)):
        drawn = [draw(1, number, list(Kind), layout) for number in range(300)]
        assert {kind for plan in drawn for kind in plan.kinds} == set(Kind) - (
            set() if layout.on_hosts else OF_HOSTS
        )
        targets = {fault.target for plan in drawn for fault in plan.faults} - {""}
        assert targets == set(layout.names) == set(drawn[0].parts)
        priorities = {f.target for plan in drawn for f in plan.faults if f.kind is Kind.PRIORITY}
        assert priorities == set(layout.players_of(DIRECTOR))


def test_each_server_but_the_directors_is_on_a_host_of_its_own():
    assert APART.hosts == []
    layout = Layout(together="ab", section="bc", on_hosts=True)
    assert layout.hosts == ["chaos-on-a", "chaos-on-c", "chaos-on-s"]
    assert layout.host_of("a") == layout.host_of("b") == "chaos-on-a"
    assert layout.players_of(DIRECTOR) == ("a", SECTION)
    assert layout.players_of(SECTION) == ("b", "c")


def test_a_harness_that_fails_is_a_failed_round_with_its_traceback(monkeypatch):
    class Broken:
        broker = type("NoBroker", (), {"pid": 2**22, "address": "127.0.0.1:1", "kill": lambda self: None})()
        database = campaign.Address("127.0.0.1", 1)
        layout = APART
        servers = ()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def pid(self, _name):
            return 2**22

        def mend(self):
            raise RuntimeError("nothing answers")

    monkeypatch.setattr(
        campaign, "Pulses", lambda _stage: type("NoPulses", (), {"close": lambda self: None})()
    )
    told = []
    tally = campaign.play_rounds(Broken(), 1, range(3), list(Kind), told.append)
    assert tally.rounds == len(tally.failed) == len(told) == 3
    for result in told:
        (finding,) = result.found
        assert finding.ill is Violation.HARNESS
        assert 'raise RuntimeError("nothing answers")' in finding.text
        assert str(finding) in str(result)
