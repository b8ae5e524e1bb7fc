"""What was found compared with what was noted: every difference is found, named, explained if possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import donki_client.verify.matching
from donki.director.journal.reading.rows import Delivery
from donki.streams.manifest import pack_stamps
from donki_client.verify.matching import Matcher
from donki_client.verify.noted_messages import Message

#: Two messages at each of ten triggers; a message is called by its checksum, 10 * trigger + number.
NOTED = [10 * trigger + number for trigger in range(1, 11) for number in (1, 2)]

OFFSET = np.array([4], "<i8").tobytes()


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


def test_attempts_that_sent_the_same_bytes_are_told_apart_by_their_time_stamps():
    """An attempt that was given up tells what it sent after the next one, or nobody saw it arrive."""
    checksum, early, late = np.array([11], "<u4").tobytes(), pack_stamps([5]), pack_stamps([9])
    left = Delivery(1, 0, 0, 0, checksum, 1, True, 0, OFFSET, early)
    unsure = Delivery(1, 0, 0, 0, checksum, 1, True, -1, b"", early)
    done = Delivery(1, 0, 0, 0, checksum, 2, False, 0, OFFSET, late)
    # The journal keeps no time stamps of what it knows no place of.
    unknown = unsure._replace(stamps=b"")
    for noted, found, left_over in (
        ([unknown, done], [9, 9], 1),
        ([unknown, done], [5, 9], 1),
        ([left, done], [5, 9], 1),
        ([done, left], [5, 9], 1),
        ([unsure, done], [9], 0),
        ([unsure, done], [5, 9], 1),
    ):
        matcher = Matcher(iter(noted), [1])
        assert all(matcher.find(11, stamp=stamp).stamp in (-1, stamp) for stamp in found)
        findings = matcher.end()
        assert findings.agrees
        assert (findings.matched, findings.left_over) == (1, left_over)


def test_what_a_failed_attempt_left_is_explained_by_its_trigger_alone():
    left = after(22, 31, 99)
    assert compare(left, repeated=[3]).agrees
    assert compare(left, repeated=[3]).left_over == 2
    assert compare(left, repeated=[1]).unknown == 1
    assert compare(left, repeated=[7]).unknown == 1
    assert compare([*NOTED, 99], repeated=[11]).agrees


def test_what_a_failed_attempt_left_may_be_noted_long_after_it():
    told_late = Delivery(
        3, 1, 0, 0, np.array([99], "<u4").tobytes(), is_left=True, partition=0, offsets=OFFSET
    )
    matcher = Matcher(iter([*deliveries(), told_late]))
    for checksum in after(22, 99):
        matcher.find(checksum)
    findings = matcher.end()
    assert findings.agrees
    assert findings.left_over == 1


def test_what_a_failed_attempt_left_may_stand_for_what_came_of_the_next():
    left = after(22, 32)
    assert compare(left, repeated=[3]).agrees
    assert compare(left, repeated=[3]).left_over == 1
    assert compare(left).late == [Message(3, 1, 31)]


def outside(*checksums, taken=9):
    """Return what a set-up delivered, or a stop, at a time."""
    return Delivery(0, taken, 0, 0, np.array(checksums, "<u4").tobytes())


def compare_with_set_ups(noted, found, repeated=()):
    matcher = Matcher(iter(noted), repeated)
    for checksum in found:
        matcher.find(checksum)
    return matcher.end()


@pytest.mark.parametrize("died_at", [1, 5, 10])
def test_a_player_that_died_is_set_up_again_after_the_same_data(died_at):
    """What it had sent when it died may be the same bytes as what it sends then, and stands for that."""
    noted = deliveries()
    noted.insert(died_at - 1, outside(7))
    at = 2 * (died_at - 1)
    for many in (1, 2):
        sent = NOTED[at : at + many]
        found = [*NOTED[:at], *sent, 7, *NOTED[at:]]
        findings = compare_with_set_ups(noted, found, [died_at])
        assert findings.agrees, findings
        assert findings.left_over == many
        for elsewhere in ([], *([other] for other in range(1, 11) if other != died_at)):
            assert not compare_with_set_ups(noted, found, elsewhere).agrees


@given(st.integers(1, 10), st.integers(1, 10), st.data())
def test_what_a_set_up_sent_is_excused_where_its_player_died_alone(set_up, died_at, data):
    noted = deliveries()
    noted.insert(set_up - 1, outside(7))
    at = 2 * data.draw(st.integers(set_up, 10))
    findings = compare_with_set_ups(noted, [*NOTED[:at], 7, *NOTED[at:]], [died_at])
    assert [message.checksum for message in findings.late] == ([] if died_at == set_up else [7])
    assert findings.agrees == (died_at == set_up)


def test_what_a_set_up_sent_keeps_its_place_among_triggers_that_were_missed():
    noted = [delivery for delivery in deliveries() if delivery.trigger not in (4, 5, 6)]
    noted.insert(3, outside(7))
    found = [checksum for checksum in NOTED if checksum // 10 not in (4, 5, 6)]
    late = [*found[:8], 7, *found[8:]]
    for died_at in range(1, 11):
        assert compare_with_set_ups(noted, late, [died_at]).agrees == (died_at in (4, 5, 6, 7))


def test_what_stop_sent_is_late_though_a_player_had_died():
    noted = [*deliveries(), outside(7, 8)]
    found = [*NOTED, 8, 7]
    assert compare_with_set_ups(noted, found, [10]).late == [Message(0, 1, 7)]
    assert compare_with_set_ups(noted, found, [11]).agrees


def test_what_was_left_and_told_late_does_not_tell_where_a_set_up_was():
    left = Delivery(3, 1, 0, 0, np.array([99], "<u4").tobytes(), is_left=True, partition=0, offsets=OFFSET)
    noted = deliveries()
    noted[4:4] = [outside(7), left]
    found = [*NOTED[:6], 99, *NOTED[6:9], 7, *NOTED[8:]]
    assert compare_with_set_ups(noted, found, [5]).agrees
    assert not compare_with_set_ups(noted, found, [3]).agrees


@given(st.integers(1, 10), st.integers(0, 2), st.data())
def test_each_kind_has_an_order_of_its_own(died_at, kept, data):
    """A Player died when it had written a trigger's messages, or the first of them, and wrote them again."""
    noted = deliveries()
    noted.insert(died_at - 1, outside(7))
    of_kind = {kind: [checksum for checksum in NOTED if checksum % 10 == kind] for kind in (1, 2)}
    for kind in (1, 2):
        again = of_kind[kind][died_at - 1 : died_at] if kind <= kept else []
        of_kind[kind][died_at - 1 : died_at - 1] = [*again, *([7] if kind == 1 else [])]
    order = data.draw(st.permutations([kind for kind, its in of_kind.items() for _ in its]))
    queues = {kind: iter(its) for kind, its in of_kind.items()}
    found = [(next(queues[kind]), str(kind)) for kind in order]

    def judged(found, repeated):
        matcher = Matcher(iter(noted), repeated)
        for checksum, kind in found:
            matcher.find(checksum, kind=kind)
        return matcher.end()

    assert judged(found, [died_at]).agrees
    assert judged(found, [died_at]).left_over == kept
    assert judged(found, []).agrees == (kept == 0)
    place = data.draw(st.integers(0, len(found)))
    checksum, kind = data.draw(st.sampled_from(found))
    if checksum // 10 not in (0, died_at):
        kinds_place = sum(its == kind for _, its in found[:place])
        near = {c // 10 for c in of_kind[int(kind)][max(0, kinds_place - 1) : kinds_place + 1]}
        if not near & {0, died_at - 1, died_at, died_at + 1}:
            more = [*found[:place], (checksum, kind), *found[place:]]
            assert not judged(more, [died_at]).agrees


def test_what_a_director_that_died_did_not_note_is_explained_at_the_end_alone():
    assert compare([*NOTED, 111, 112], broken_off=True).agrees
    assert not compare([*NOTED, 111, 112]).agrees
    assert not compare([7, *NOTED], broken_off=True).agrees


def test_the_first_place_is_named():
    findings = compare([*after(31, 7)[:-2], 8])
    assert (findings.unknown, findings.after) == (2, 3)


def test_what_lies_too_far_apart_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(donki_client.verify.matching, "WINDOW", 4)
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
        patch.setattr(donki_client.verify.matching, "WINDOW", window)
        findings = compare(found)
    assert findings.matched + findings.missing_count == 20
    assert findings.matched + findings.twice + findings.unknown == len(found)
    if found == NOTED:
        assert findings.agrees


@given(st.integers(0, 20), st.integers(0, 20), st.booleans())
def test_what_the_broker_deleted_is_neither_missing_nor_extra(begin, count, known_before):
    """Of 20 messages, `count` from `begin` on, which may be more than are looked at ahead."""
    deleted = set()
    gone = NOTED[begin : begin + count]
    if known_before:
        deleted.update(gone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(donki_client.verify.matching, "WINDOW", 4)
        matcher = Matcher(iter(deliveries()), is_deleted=lambda message: message.checksum in deleted)
        for checksum in NOTED[:begin]:
            matcher.find(checksum)
        if not known_before:
            deleted.update(gone)
            matcher.skip_deleted()
        for checksum in NOTED[begin + count :]:
            matcher.find(checksum)
        matcher.skip_deleted()
        findings = matcher.end()
    assert (findings.noted, findings.deleted, findings.matched) == (20, len(gone), 20 - len(gone))
    assert (findings.missing_count, findings.unknown, findings.late_count) == (0, 0, 0)
    assert findings.agrees == (not gone)
    if gone:
        assert (findings.deleted_from.checksum, findings.deleted_to.checksum) == (gone[0], gone[-1])
