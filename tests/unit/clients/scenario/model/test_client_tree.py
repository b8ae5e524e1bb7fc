"""A scenario with sections, as it is read, simulated and changed."""

from __future__ import annotations

import pytest

from donki.director.rules.pace import SECOND
from donki_client.scenario.file import read_scenario, with_readout
from donki_client.scenario.model import players_in, sections_below
from donki_client.scenario.simulation import rehearse


@pytest.fixture
def scenario(tmp_path):
    (tmp_path / "s.py").write_text("def action(trigger): ...\n")
    (tmp_path / "top.yaml").write_text(
        "triggers: 10\nperiod: 1 s\nplayers: {}\nsections:\n  one: {scenario: one.yaml, timeout: 5 s}\n"
    )
    (tmp_path / "one.yaml").write_text(
        "triggers: 1\ndatabase: elsewhere:10000\n"
        "players:\n  a: {script: s.py}\n  b: {script: s.py, priority: 1}\n"
        "sections:\n  two: {scenario: two.yaml}\n"
    )
    (tmp_path / "two.yaml").write_text("triggers: 1\nplayers:\n  c: {script: s.py}\n")
    return read_scenario(tmp_path / "top.yaml")


def test_the_sections_come_before_those_that_play_in_them(scenario):
    below = list(sections_below(scenario))
    assert [section.path for section in below] == [("one",), ("one", "two")]
    assert {section.database for section in below} == {"elsewhere:10000"}
    assert below[1].run_id("20261122T101500Z-3f9a") == "20261122T101500Z-3f9a-one-two"
    assert list(players_in(scenario)) == ["a", "b", "c"]


def test_a_section_takes_as_long_as_its_levels(scenario):
    durations = {"a": (round(0.2 * SECOND),), "b": (round(0.4 * SECOND),), "c": (round(0.3 * SECOND),)}
    rehearsal = rehearse(scenario, durations)
    assert (rehearsal.late, rehearsal.failure) == (0, "")
    assert rehearsal.spans == [round(0.7 * SECOND)] * 10
    assert "one" in rehearse(scenario, {**durations, "c": (6 * SECOND,)}).failure


def test_readouts_of_all_players_go_to_one_address(scenario):
    changed = with_readout(scenario, "127.0.0.1:9000")
    assert {player.readout for player in players_in(changed).values()} == {"127.0.0.1:9000"}
    assert {player.readout for player in players_in(scenario).values()} == {""}
