"""What was found compared with what was noted: every difference is found, named, explained if possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import donki_client.matching
from donki.director.recorded import Delivery
from donki_client.matching import Matcher, Message

#: Two messages at each of ten triggers; a message is called by its checksum, 10 * trigger + number.
NOTED = [10 * trigger + number for trigger in range(1, 11) for number in (1, 2)]


def deliveries(noted=NOTED):
    return [
        Delivery(trigger, 0, 0, 0, np.array([c for c in noted if c // 10 == trigger], "<u4").tobytes())
        for trigger in dict.fromkeys(checksum // 10 for checksum in noted)
    ]


def compare(found, repeated=(), **ending):
    matcher = Matcher(iter(deliveries()), repeated)
    for checksum in found:
        matcher.find(checksum)
    return matcher.end(**ending)


def without(*checksums):
    return [checksum for checksum in NOTED if checksum not in checksums]


def after(checksum, *more):
    at = NOTED.index(checksum) + 1
    return [*NOTED[:at], *more, *NOTED[at:]]


def test_all_in_its_place_agrees():
    findings = compare(NOTED)
    assert findings.agrees
    assert (findings.noted, findings.matched) == (20, 20)


@pytest.mark.parametrize("gone", [11, 52, 102])
def test_a_missing_message_is_named(gone):
    findings = compare(without(gone))
    assert findings.missing == [Message(gone // 10, gone % 10, gone)]
    assert not findings.agrees
    assert (findings.twice, findings.unknown, findings.late_count) == (0, 0, 0)


def test_a_message_that_is_there_twice_is_told_from_an_unknown_one():
    findings = compare(after(31, 31))
    assert (findings.twice, findings.unknown, findings.after) == (1, 0, 3)
    findings = compare(after(31, 7))
    assert (findings.twice, findings.unknown, findings.extra) == (0, 1, {7})


def test_a_changed_message_is_missing_and_unknown():
    findings = compare([7 if checksum == 51 else checksum for checksum in NOTED])
    assert (findings.missing_count, findings.unknown) == (1, 1)


def test_a_message_that_came_late_is_named():
    findings = compare([*without(32)[:10], 32, *without(32)[10:]])
    assert findings.late == [Message(3, 2, 32)]
    assert not findings.missing_count


def test_what_a_failed_attempt_left_is_explained_by_its_trigger_alone():
    left = after(22, 31, 99)
    assert compare(left, repeated=[3]).agrees
    assert compare(left, repeated=[3]).left_over == 2
    assert compare(left, repeated=[1]).unknown == 1
    assert compare(left, repeated=[7]).unknown == 1
    assert compare([*NOTED, 99], repeated=[11]).agrees


def test_what_a_failed_attempt_left_may_stand_for_what_came_of_the_next():
    left = after(22, 32)
    assert compare(left, repeated=[3]).agrees
    assert compare(left, repeated=[3]).left_over == 1
    assert compare(left).late == [Message(3, 1, 31)]


def test_what_a_director_that_died_did_not_note_is_explained_at_the_end_alone():
    assert compare([*NOTED, 111, 112], broken_off=True).agrees
    assert not compare([*NOTED, 111, 112]).agrees
    assert not compare([7, *NOTED], broken_off=True).agrees


def test_the_first_place_is_named():
    findings = compare([*after(31, 7)[:-2], 8])
    assert (findings.unknown, findings.after) == (2, 3)


def test_what_lies_too_far_apart_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(donki_client.matching, "WINDOW", 4)
    findings = compare([*without(11), 11])
    assert findings.missing == [Message(1, 1, 11)]
    assert findings.unknown == 1
    assert (findings.noted, findings.matched) == (20, 19)


@given(st.lists(st.sampled_from([*NOTED, 7, 8]), max_size=40))
def test_every_message_is_accounted_for(found):
    findings = compare(found)
    assert findings.noted == 20
    assert findings.matched + findings.missing_count == 20
    assert findings.matched + findings.twice + findings.unknown == len(found)
    assert findings.agrees == (found == NOTED)


@given(st.lists(st.sampled_from([*NOTED, 7, 8]), max_size=40), st.integers(2, 30))
def test_every_message_is_accounted_for_in_small_windows(found, window):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(donki_client.matching, "WINDOW", window)
        findings = compare(found)
    assert findings.matched + findings.missing_count == 20
    assert findings.matched + findings.twice + findings.unknown == len(found)
    if found == NOTED:
        assert findings.agrees
