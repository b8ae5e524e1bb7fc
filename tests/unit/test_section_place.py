"""What is known of a section: by its Parameters, and by the ids of its runs."""

from __future__ import annotations

import json

import pytest

from donki.director.players.entry import RosterEntry
from donki.director.runs.check import findings
from donki.errors import InputError
from donki.run import Run
from donki.section_place import SectionPlace, is_below, is_run_of, run_below

HERE = SectionPlace(
    "tango://h:1/donki/section/s", "h", "/runs/journal.sqlite", ["tango://h:1/donki/section/t"]
)


def test_its_parameters_are_read_as_they_are_told():
    assert SectionPlace.read(HERE.to_json()) == HERE


@pytest.mark.parametrize(
    "parameters",
    ["{}", "section", '{"section": 1}', '{"section": {"director": 1}}', '{"section": {"other": "x"}}', "[]"],
)
def test_parameters_of_a_player_are_no_section(parameters):
    assert SectionPlace.read(parameters) is None


def test_the_id_of_its_run_tells_whose_it_is():
    run = Run("20261122T101500Z-3f9a", "ice", {"a": 1}, 7, "donki/director/1")
    below = run_below(run, "bank.1")
    assert below == Run("20261122T101500Z-3f9a-bank_1", "ice", {"a": 1}, 7, "donki/director/1")
    assert Run.from_json(below.to_json()) == below
    assert is_below(below.id, run.id)
    assert not is_below(run.id, run.id)
    assert is_run_of(below.id, "bank.1")
    assert not is_run_of(run.id, "3f9a")
    with pytest.raises(InputError, match="shorter names"):
        run_below(run, "x" * 90)


def test_a_circle_is_found_by_what_the_sections_say():
    entry = RosterEntry("s", "donki/section/s", parameters=HERE.to_json(), state="ON")
    assert findings([entry], "tango://h:1/donki/director/1") == []
    [itself] = findings([entry], HERE.director)
    assert "is its own section, a circle" in itself
    [through] = findings([entry], HERE.below[0])
    assert f"a circle: {HERE.director} is its section, and {HERE.below[0]} plays below that" in through


def test_its_parameters_are_plain_json():
    assert json.loads(HERE.to_json())["section"]["below"] == ["tango://h:1/donki/section/t"]
