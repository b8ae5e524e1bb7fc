"""The rules of a sequence, over generated orchestras, answers, failures and commands."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from donki.director.sequence import (
    ALLOWED,
    ENDLESS,
    GRACE,
    SECOND,
    Ask,
    Command,
    GiveUp,
    Member,
    Phase,
    Sequence,
    State,
    Task,
    check_allowed,
    check_period,
    check_triggers,
)
from donki.errors import InputError, NotAllowedError
from donki.priority import DISABLED, check_priority

EPOCH = 1_700_000_000 * SECOND


class Orchestra:
    """Plays a sequence on a clock of its own: Players answer after a while, or fail, or stay silent."""

    def __init__(self, sequence, rng=None, fails=(), silent=(), duration=(1, 1_000)):
        self.sequence = sequence
        self.rng = rng or random.Random(1)
        self.fails = dict(fails)
        self.silent = set(silent)
        self.duration = duration
        self.now = 0
        self.answers = []
        self.history = []  # (time, "sent" or "done", player, task, trigger)
        self.given_up = []
        self.perform(sequence.begin(self.now))

    def perform(self, effects):
        for effect in effects:
            if isinstance(effect, GiveUp):
                self.given_up += effect.players
                continue
            assert isinstance(effect, Ask)
            for player in effect.players:
                self.history.append((self.now, "sent", player, effect.task, effect.trigger))
                if (player, effect.trigger) in self.silent:
                    continue
                error = self.fails.get((player, effect.trigger)) if effect.task is Task.TRIGGER else None
                due = self.now + self.rng.randint(*self.duration)
                self.answers.append((due, player, effect.ticket, error, effect))

    def step(self):
        """Let the next thing happen; False when nothing can."""
        deadline = self.sequence.deadline
        self.answers.sort(key=lambda answer: answer[0])
        if self.answers and (deadline is None or self.answers[0][0] <= deadline):
            self.now, player, ticket, error, effect = self.answers.pop(0)
            self.history.append((self.now, "done", player, effect.task, effect.trigger))
            self.perform(self.sequence.replied(player, ticket, error, self.now))
            return True
        if deadline is None:
            return False
        self.now = max(self.now, deadline)
        self.perform(self.sequence.tick(self.now))
        return True

    def play(self, limit=100_000):
        while self.sequence.phase is not Phase.ENDED:
            limit -= 1
            assert limit, f"the sequence hangs in {self.sequence.phase}"
            if not self.step():
                return self
        return self

    def triggers(self, kind):
        return [entry for entry in self.history if entry[1] == kind and entry[3] is Task.TRIGGER]


def members(*priorities, timeout=10 * SECOND):
    return [Member(f"p{i}", priority, timeout) for i, priority in enumerate(priorities)]


def sequence(*priorities, triggers=3, period=0, timeout=10 * SECOND):
    return Sequence(members(*priorities, timeout=timeout), triggers, period, EPOCH)


priorities = st.lists(st.integers(-1, 4), min_size=1, max_size=8).filter(lambda p: max(p) >= 0)


@given(
    priorities=priorities, triggers=st.integers(1, 6), period=st.integers(0, 5_000), seed=st.integers(0, 99)
)
def test_each_enabled_player_acts_once_a_trigger_and_no_level_before_the_one_under_it(
    priorities, triggers, period, seed
):
    orchestra = Orchestra(sequence(*priorities, triggers=triggers, period=period), random.Random(seed)).play()

    assert orchestra.sequence.state is State.ON
    assert orchestra.sequence.completed == triggers
    priority = {f"p{i}": p for i, p in enumerate(priorities)}
    enabled = {name for name, p in priority.items() if p != DISABLED}
    sent = orchestra.triggers("sent")
    for trigger in range(1, triggers + 1):
        assert sorted(entry[2] for entry in sent if entry[4] == trigger) == sorted(enabled)
    done = {(entry[2], entry[4]): entry[0] for entry in orchestra.triggers("done")}
    for time, _, player, _, trigger in sent:
        for other in enabled:
            if priority[other] < priority[player]:
                assert done[other, trigger] <= time
            if trigger > 1:
                assert done[other, trigger - 1] <= time


@given(
    priorities=priorities,
    seed=st.integers(0, 999),
    failing=st.sets(st.tuples(st.integers(0, 7), st.integers(1, 4)), max_size=3),
    silent=st.sets(st.tuples(st.integers(0, 7), st.integers(1, 4)), max_size=2),
)
def test_a_failure_ends_in_fault_in_time_and_every_player_that_was_set_up_is_wound_down(
    priorities, seed, failing, silent
):
    failing = {(f"p{i}", trigger): f"boom {i}" for i, trigger in failing}
    silent = {(f"p{i}", trigger) for i, trigger in silent}
    orchestra = Orchestra(
        sequence(*priorities, triggers=4, timeout=SECOND), random.Random(seed), failing, silent
    ).play()

    rules = orchestra.sequence
    enabled = {f"p{i}" for i, p in enumerate(priorities) if p != DISABLED}
    hit = {fault for fault in {*failing, *silent} if fault[0] in enabled}
    if not hit:
        assert rules.state is State.ON
        return
    assert rules.state is State.FAULT
    assert (rules.failure.player, rules.failure.trigger) in hit
    assert rules.failure.trigger == rules.trigger == min(trigger for _, trigger in hit)
    if (rules.failure.player, rules.failure.trigger) in silent:
        assert "Timeout of 1 s" in rules.failure.message
    else:
        assert rules.failure.message == failing[rules.failure.player, rules.failure.trigger]
    stopped = {entry[2] for entry in orchestra.history if entry[3] is Task.STOP}
    assert stopped | set(orchestra.given_up) == enabled
    assert not [entry for entry in orchestra.triggers("sent") if entry[4] > rules.trigger]


def test_a_silent_player_is_named_and_waited_for_no_longer_than_its_timeout_and_the_grace():
    orchestra = Orchestra(sequence(0, 0, timeout=2 * SECOND), silent={("p1", 2)}).play()
    assert orchestra.sequence.silent == ["p1"]
    assert orchestra.given_up == ["p1"]
    assert orchestra.now <= 2 * SECOND + GRACE + 100_000


@given(st.integers(1, 40), st.integers(1, 10_000), st.integers(0, 99))
def test_the_kth_trigger_is_due_k_periods_after_the_first_whatever_the_actions_take(triggers, period, seed):
    rules = sequence(0, triggers=triggers, period=period)
    orchestra = Orchestra(rules, random.Random(seed), duration=(1, 12_000)).play()
    references = _references(period, triggers, seed)
    starts = [entry[0] for entry in orchestra.triggers("sent")]
    assert len(starts) == triggers
    for k, (start, reference) in enumerate(zip(starts, references, strict=True)):
        assert start >= starts[0] + k * period
        assert reference == references[0] + k * period
    late = sum(start - starts[0] - k * period > period * 0.1 for k, start in enumerate(starts))
    assert rules.overruns == late


def _references(period, triggers, seed):
    rules = sequence(0, triggers=triggers, period=period)
    seen = []

    class Noting(Orchestra):
        def perform(self, effects):
            seen.extend(e.reference_time for e in effects if isinstance(e, Ask) and e.task is Task.TRIGGER)
            super().perform(effects)

    Noting(rules, random.Random(seed), duration=(1, 12_000)).play()
    return seen


def test_without_a_period_reference_times_still_grow_and_are_the_clock():
    seen = _references(0, 5, 3)
    assert seen == sorted(set(seen))
    assert all(EPOCH < time < EPOCH + SECOND for time in seen)


@settings(max_examples=300)
@given(
    priorities=priorities,
    triggers=st.sampled_from([1, 5, ENDLESS]),
    period=st.sampled_from([0, 3_000]),
    commands=st.lists(st.tuples(st.integers(0, 30), st.sampled_from(list(Command))), max_size=12),
    faults=st.sets(st.tuples(st.integers(0, 7), st.integers(1, 4)), max_size=1),
)
def test_any_command_at_any_moment_is_obeyed_or_refused_and_nothing_hangs(
    priorities, triggers, period, commands, faults
):
    orchestra = Orchestra(
        sequence(*priorities, triggers=triggers, period=period, timeout=SECOND),
        fails={(f"p{i}", trigger): "boom" for i, trigger in faults},
    )
    rules = orchestra.sequence
    for steps, command in commands:
        for _ in range(steps):
            orchestra.step()
        state, phase = rules.state, rules.phase
        if phase is Phase.ENDED:
            break
        try:
            orchestra.perform(rules.request(command, orchestra.now))
        except NotAllowedError as error:
            assert state not in ALLOWED[command] or phase is Phase.ENDING
            assert command.value in str(error)  # noqa: PT017 - either outcome is right, each at its time
            assert rules.phase is phase
    if rules.phase is not Phase.ENDED and State.STANDBY is rules.state:
        orchestra.perform(rules.request(Command.STOP, orchestra.now))
    elif rules.phase not in (Phase.ENDED, Phase.ENDING):
        orchestra.perform(rules.request(Command.ABORT, orchestra.now))
    orchestra.play()
    assert rules.phase is Phase.ENDED
    assert rules.state in (State.ON, State.FAULT)


@pytest.mark.parametrize("command", Command)
@pytest.mark.parametrize("state", State)
def test_every_command_in_every_state_is_allowed_or_refused_with_the_reason(command, state):
    if state in ALLOWED[command]:
        check_allowed(command, state)
    else:
        with pytest.raises(NotAllowedError, match=f"{command.value} is not allowed .* {state.name}"):
            check_allowed(command, state)


def _until_trigger(orchestra, trigger):
    while orchestra.sequence.trigger < trigger:
        assert orchestra.step()


def test_stop_ends_after_the_trigger_in_progress():
    orchestra = Orchestra(sequence(0, 1, triggers=ENDLESS))
    _until_trigger(orchestra, 3)
    orchestra.perform(orchestra.sequence.request(Command.STOP, orchestra.now))
    orchestra.play()
    assert orchestra.sequence.completed == 3
    assert [entry[2] for entry in orchestra.triggers("done") if entry[4] == 3] == ["p0", "p1"]
    assert orchestra.sequence.state is State.ON


def test_pause_step_and_resume():
    orchestra = Orchestra(sequence(0, 1, triggers=5, period=10_000))
    rules = orchestra.sequence
    _until_trigger(orchestra, 2)
    rules.request(Command.PAUSE, orchestra.now)
    assert rules.state is State.RUNNING
    orchestra.play()
    assert (rules.state, rules.completed) == (State.STANDBY, 2)
    orchestra.perform(rules.request(Command.STEP, orchestra.now))
    orchestra.play()
    assert (rules.state, rules.completed) == (State.STANDBY, 3)
    orchestra.now += 50 * SECOND
    resumed = orchestra.now
    orchestra.perform(rules.request(Command.RESUME, orchestra.now))
    orchestra.play()
    starts = [entry[0] for entry in orchestra.triggers("sent") if entry[2] == "p0" and entry[4] > 3]
    assert starts == [resumed, resumed + 10_000]
    assert rules.overruns == 0


def test_abort_tells_who_acts_to_give_up_and_stops_the_others_now():
    orchestra = Orchestra(sequence(0, 1, triggers=5), silent={("p1", 2)})
    rules = orchestra.sequence
    _until_trigger(orchestra, 2)
    while rules.acting != {"p1"}:
        orchestra.step()
    orchestra.perform(rules.request(Command.ABORT, orchestra.now))
    began = orchestra.now
    orchestra.play()
    assert orchestra.given_up == ["p1"]
    assert [entry[2] for entry in orchestra.history if entry[1:4:2] == ("sent", Task.STOP)] == ["p0"]
    assert orchestra.now == began + GRACE
    assert (rules.state, rules.silent) == (State.ON, ["p1"])


def test_a_priority_takes_effect_at_the_next_trigger_and_a_newcomer_is_set_up_first():
    orchestra = Orchestra(sequence(0, 0, -1, triggers=3))
    rules = orchestra.sequence
    _until_trigger(orchestra, 2)
    rules.set_priority("p0", -1)
    rules.set_priority("p2", 3)
    orchestra.play()
    acted = {t: [e[2] for e in orchestra.triggers("sent") if e[4] == t] for t in (1, 2, 3)}
    assert acted == {1: ["p0", "p1"], 2: ["p0", "p1"], 3: ["p1", "p2"]}
    set_up = [(entry[2], entry[1]) for entry in orchestra.history if entry[3] is Task.START]
    assert set_up[-2:] == [("p2", "sent"), ("p2", "done")]
    assert {entry[2] for entry in orchestra.history if entry[3] is Task.STOP} == {"p0", "p1", "p2"}


def test_an_answer_that_comes_after_the_player_was_given_up_changes_nothing():
    orchestra = Orchestra(sequence(0, 0, timeout=SECOND), silent={("p1", 1)}).play()
    rules = orchestra.sequence
    before = (rules.phase, rules.state, rules.failure, rules.completed)
    assert rules.replied("p1", 2, None, orchestra.now) == []
    assert rules.replied("p1", 2, "late error", orchestra.now) == []
    assert (rules.phase, rules.state, rules.failure, rules.completed) == before


def test_without_an_enabled_player_a_sequence_does_not_begin():
    with pytest.raises(InputError, match="no Player is enabled"):
        sequence(-1, -1).begin(0)


@pytest.mark.parametrize("triggers", [0, -2, -100])
def test_wrong_numbers_of_triggers_are_refused(triggers):
    with pytest.raises(InputError, match=f"got {triggers}"):
        check_triggers(triggers)


@pytest.mark.parametrize("period", [-1.0, float("nan"), float("inf"), 1e9])
def test_wrong_periods_are_refused(period):
    with pytest.raises(InputError, match="Period"):
        check_period(period)


def test_the_period_of_14_hz_is_exact():
    assert check_period(71_428_571e-9) == 71_428_571
    assert check_period(1 / 14) == 71_428_571


@pytest.mark.parametrize("priority", [-2, 2**31])
def test_wrong_priorities_are_refused(priority):
    with pytest.raises(InputError, match=str(priority)):
        check_priority(priority)
