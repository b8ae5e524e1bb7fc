"""The identity of a run."""

from __future__ import annotations

import json
import re

import pytest

from donki import run as module
from donki.errors import InputError
from donki.player.trigger import parse_trigger
from donki.run import VERSION, Run, name_for


def test_runs_that_begin_in_one_second_have_different_ids_that_sort_by_time_and_name_files(monkeypatch):
    at = module.datetime(2026, 11, 22, 10, 15, tzinfo=module.UTC)

    class Clock(module.datetime):
        @classmethod
        def now(cls, zone):
            return at

    monkeypatch.setattr(module, "datetime", Clock)
    runs = [Run.new() for _ in range(20_000)]
    assert len({run.id for run in runs}) == len(runs)
    assert all(re.fullmatch(r"20261122T101500Z-[0-9a-f]{16}", run.id) for run in runs)
    assert Run.from_json(runs[0].to_json()) == runs[0]
    at = at.replace(second=1)
    assert Run.new().id > max(run.id for run in runs)


@pytest.mark.parametrize(
    ("director", "other", "name"),
    [
        ("tango://host:10000/donki/director/1", "tango://host:10000/donki/director/2", "donki/director/1"),
        ("tango://a:10000/donki/director/1", "tango://b:10000/donki/director/1", None),
        ("tango://a:10000/donki/director/1", "", None),
        ("donki/director/1", "tango://a:10000/donki/director/1", None),
        ("", "donki/director/1", None),
    ],
)
def test_a_director_is_called_by_its_short_name_within_one_database(director, other, name):
    assert name_for(director, other) == (director if name is None else name)


@pytest.mark.parametrize("read", [Run.from_json, parse_trigger])
@pytest.mark.parametrize(
    ("version", "why"),
    [
        *(
            (
                later,
                f"is of version {later}, from a later version of DonkiOrchestra; version 1 is understood",
            )
            for later in (VERSION + 1, 2**40)
        ),
        *((odd, "the version is a whole number from 1; got ") for odd in (0, -1, True, 1.0, "1", None, [])),
    ],
)
def test_a_version_that_is_not_known_is_refused_by_name(read, version, why):
    with pytest.raises(InputError, match=why):
        read(json.dumps({"version": version, "id": "r", "trigger": 1, "more": "of that version"}))


def test_a_run_and_a_trigger_without_a_version_are_of_the_first():
    assert Run.from_json('{"id": "r"}') == Run.from_json('{"id": "r", "version": 1}') == Run("r")
    assert json.loads(Run("r").to_json())["version"] == VERSION
    for text in ('{"trigger": 7, "reference_time": 1}', '{"trigger": 7, "reference_time": 1, "version": 1}'):
        assert parse_trigger(text) == (7, None)


def test_a_trigger_carries_its_time_its_attempt_and_the_period():
    told = {"trigger": 7, "run": "r", "reference_time": 5, "attempt": 2, "period": 71_428_571}
    trigger, run = parse_trigger(json.dumps(told))
    assert (trigger, run) == (7, "r")
    assert (trigger.reference_time, trigger.attempt, trigger.period) == (5, 2, 71_428_571)
    assert parse_trigger("7")[0].period == parse_trigger('{"trigger": 7, "period": 0}')[0].period == 0
    for odd in (-1, 1.5, True, None, "1", 2**63):
        with pytest.raises(InputError, match='"period": ns from 0'):
            parse_trigger(json.dumps({"trigger": 7, "period": odd}))
