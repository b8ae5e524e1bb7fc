"""The rules of a sequence, over generated orchestras, answers, failures and commands."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from donki.director.rules.effects import Ask, Attempt, Cancel, Outcome, PlayerState, Task, TriggerDone
from donki.director.rules.ending import GRACE, SETTLING
from donki.director.rules.pace import SECOND, check_period
from donki.director.rules.sequence import Sequence
from donki.director.rules.sequence_state import ENDLESS, check_triggers
from donki.director.rules.states import (
    ALLOWED,
    OBEYED_MEANWHILE,
    Command,
    Heading,
    Phase,
    State,
    check_allowed,
)
from donki.errors import InputError, NotAllowedError
from donki.limits import DISABLED, OnError, check_priority, check_retries

EPOCH = 1_700_000_000 * SECOND


class Orchestra:
    """Plays a sequence on a clock of its own: Players answer after a while, fail, stay silent, or die.

    Parameters
    ----------
    fails
        by (player, trigger): what the script says, at each attempt up to ``fails_for``
    silent
        (player, trigger) that are never answered
    dies
        by (player, trigger): after how long the Player that died there is found again; None is never
    """

    def __init__(
        self, sequence, rng=None, fails=(), silent=(), dies=(), duration=(1, 1_000), fails_for=1_000
    ):
        self.sequence = sequence
        self.rng = rng or random.Random(1)
        self.fails = dict(fails)
        self.fails_for = fails_for
        self.silent = set(silent)
        self.dies = dict(dies)
        self.duration = duration
        self.now = 0
        self.answers = []
        self.history = []  # (time, "sent" or "done", player, task, trigger)
        self.given_up = []
        self.steps = []
        self.complete = []
        self.perform(sequence.begin(self.now))

    def perform(self, effects):
        for effect in effects:
            match effect:
                case Cancel():
                    self.given_up += effect.players
                case Attempt():
                    self.steps.append(effect)
                case TriggerDone():
                    self.complete.append(effect.trigger)
                case Ask():
                    for player in effect.players:
                        self.ask(player, effect)

    def ask(self, player, effect):
        self.history.append((self.now, "sent", player, effect.task, effect.trigger))
        if effect.task is Task.TRIGGER and (player, effect.trigger) in self.silent:
            return
        error, unreachable = None, False
        if effect.task is Task.TRIGGER:
            if effect.attempt <= self.fails_for:
                error = self.fails.get((player, effect.trigger))
            if (player, effect.trigger) in self.dies:
                error, unreachable = "gone", True
                back = self.dies.pop((player, effect.trigger))
                if back is not None:
                    self.answers.append((self.now + back, player, None, None, False, None))
        due = self.now + self.rng.randint(*self.duration)
        self.answers.append((due, player, effect.ticket, error, unreachable, effect))

    def step(self):
        """Let the next thing happen; False when nothing can."""
        deadline = self.sequence.deadline
        self.answers.sort(key=lambda answer: answer[0])
        if self.answers and (deadline is None or self.answers[0][0] <= deadline):
            time, player, ticket, error, unreachable, effect = self.answers.pop(0)
            self.now = max(self.now, time)
            if effect is None:
                self.perform(self.sequence.found(player, self.now))
                return True
            self.history.append((self.now, "done", player, effect.task, effect.trigger))
            self.perform(self.sequence.replied(player, ticket, self.now, error, unreachable=unreachable))
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


def sequence(*priorities, triggers=3, period=0, timeout=10 * SECOND, policies=(), retries=0, completed=0):
    members = [
        PlayerState(f"p{i}", priority, timeout, retries=retries) for i, priority in enumerate(priorities)
    ]
    for member, policy in zip(members, policies, strict=False):
        member.on_error = policy
    return Sequence(members, triggers, period, EPOCH, completed)


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


def test_the_period_of_a_trigger_is_the_one_it_began_with_also_when_it_is_sent_again():
    rules = sequence(0, triggers=2, period=50, policies=[OnError.RETRY], retries=2)
    asked = []

    class Noting(Orchestra):
        def ask(self, player, effect):
            if effect.task is Task.TRIGGER:
                asked.append((effect.trigger, effect.attempt, effect.period))
                rules.pace.change(70)
            super().ask(player, effect)

    Noting(rules, fails={("p0", 1): "boom"}, fails_for=1).play()
    assert asked == [(1, 1, 50), (1, 2, 50), (2, 1, 70)]


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
    assert rules.pace.overruns == late


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
        state, phase, heading = rules.state, rules.phase, rules.heading
        if phase is Phase.ENDED:
            break
        try:
            orchestra.perform(rules.request(command, orchestra.now))
        except NotAllowedError as error:
            never = (Command.RESET, Command.START, Command.CHECK, Command.RECOVER)
            ending = heading and command not in OBEYED_MEANWHILE[heading]
            assert state not in ALLOWED[command] or ending or command in never
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
    assert rules.pace.overruns == 0


@given(step=st.integers(1, 5), steps=st.integers(1, 4), period=st.sampled_from([0, 10_000]))
def test_a_held_sequence_sends_as_many_triggers_a_step_as_it_was_told(step, steps, period):
    members = [PlayerState(f"p{i}", i, 10 * SECOND) for i in range(2)]
    rules = Sequence(members, ENDLESS, period, EPOCH, step=step, held=True)
    orchestra = Orchestra(rules).play()
    assert (rules.state, rules.completed, orchestra.triggers("sent")) == (State.STANDBY, 0, [])
    for number in range(1, steps + 1):
        orchestra.now += 50 * SECOND
        began = orchestra.now
        orchestra.perform(rules.request(Command.STEP, orchestra.now))
        orchestra.play()
        assert (rules.state, rules.completed) == (State.STANDBY, number * step)
        if period:
            starts = [entry[0] for entry in orchestra.triggers("sent") if entry[2] == "p0"]
            assert starts[-step:] == [began + i * period for i in range(step)]
    orchestra.perform(rules.request(Command.STOP, orchestra.now))
    orchestra.play()
    assert (rules.state, rules.outcome, rules.pace.overruns) == (State.ON, "stopped", 0)


def test_a_step_is_broken_off_by_a_pause():
    rules = Sequence([PlayerState("p", 0, SECOND)], ENDLESS, 0, EPOCH, step=9, held=True)
    orchestra = Orchestra(rules).play()
    orchestra.perform(rules.request(Command.STEP, orchestra.now))
    _until_trigger(orchestra, 4)
    rules.request(Command.PAUSE, orchestra.now)
    orchestra.play()
    assert (rules.state, rules.completed) == (State.STANDBY, 4)


@settings(max_examples=300)
@given(
    moment=st.integers(0, 12),
    held=st.booleans(),
    period=st.sampled_from([0, 3_000]),
    step=st.integers(1, 3),
    commands=st.lists(
        st.sampled_from([Command.PAUSE, Command.RESUME, Command.STEP, Command.STOP]), min_size=2, max_size=8
    ),
)
def test_requests_that_follow_before_the_last_took_effect_come_to_the_same_as_later(
    moment, held, period, step, commands
):
    members = [PlayerState(f"p{i}", i, SECOND) for i in range(2)]
    rules = Sequence(members, ENDLESS, period, EPOCH, step=step, held=held)
    orchestra = Orchestra(rules)
    for _ in range(moment):
        orchestra.step()
    # Elsewhere a request takes effect at once.
    assume(rules.phase in (Phase.ACTING, Phase.SETTING_UP))
    here = rules.trigger if rules.phase is Phase.ACTING else rules.completed
    paused_at, ends = (0 if held else None), False
    for command in commands:
        obeyed = command is Command.STOP or (not ends and (command is Command.PAUSE or paused_at is not None))
        try:
            orchestra.perform(rules.request(command, orchestra.now))
        except NotAllowedError:
            assert not obeyed
            continue
        assert obeyed
        match command:
            case Command.PAUSE:
                paused_at = here
            case Command.RESUME:
                paused_at = None
            case Command.STEP:
                paused_at = max(paused_at, here) + step
            case _:
                ends = True
    starts_before = len(orchestra.complete)
    for _ in range(400):
        if rules.phase in (Phase.PAUSED, Phase.ENDED):
            break
        orchestra.step()
    if ends:
        assert (rules.phase, rules.completed, rules.outcome) == (Phase.ENDED, here, "stopped")
    elif paused_at is not None:
        assert (rules.phase, rules.completed) == (Phase.PAUSED, paused_at)
    else:
        assert rules.completed > starts_before + 20
    # None of them has moved the grid.
    starts = [entry[0] for entry in orchestra.triggers("sent") if entry[2] == "p0"]
    assert all(start >= starts[0] + k * period for k, start in enumerate(starts))


@pytest.mark.parametrize("heading", Heading)
@pytest.mark.parametrize("state", [State.RUNNING, State.ALARM])
@pytest.mark.parametrize("command", Command)
def test_every_command_is_allowed_or_refused_before_a_request_has_taken_effect(command, state, heading):
    if command in OBEYED_MEANWHILE[heading]:
        check_allowed(command, state, heading)
    else:
        with pytest.raises(NotAllowedError, match=f"{command.value} is not allowed"):
            check_allowed(command, state, heading)


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


def test_a_set_up_and_a_stop_may_take_longer_than_the_timeout_of_an_action():
    rules = sequence(0, triggers=1, timeout=SECOND // 10)
    rules.begin(0)
    assert rules.deadline == SETTLING
    (ask,) = rules.replied("p0", 1, SETTLING - 1)
    assert (ask.task, rules.deadline) == (Task.TRIGGER, SETTLING - 1 + SECOND // 10)
    rules.replied("p0", ask.ticket, SETTLING)
    assert rules.deadline == 2 * SETTLING
    rules.replied("p0", ask.ticket + 1, 2 * SETTLING - 1)
    assert (rules.outcome, rules.silent, rules.phase) == ("done", [], Phase.ENDED)


def test_a_player_that_is_silent_when_it_is_set_up_is_named():
    rules = sequence(0, timeout=SECOND // 10)
    rules.begin(0)
    rules.tick(SETTLING)
    assert str(rules.failure) == "Player p0, set-up: no answer within 5 s"


def test_another_abort_does_not_prolong_the_wait_for_the_players():
    orchestra = Orchestra(sequence(0, triggers=5), silent={("p0", 1)})
    rules = orchestra.sequence
    _until_trigger(orchestra, 1)
    began = orchestra.now
    for moment in range(5):
        orchestra.now = began + moment * GRACE // 10
        orchestra.perform(rules.request(Command.ABORT, orchestra.now))
    orchestra.play()
    assert orchestra.now == began + GRACE


def test_an_abort_while_the_players_take_their_time_to_stop_ends_within_the_grace():
    orchestra = Orchestra(sequence(0, triggers=5, period=SECOND))
    rules = orchestra.sequence
    _until_trigger(orchestra, 1)
    while rules.phase is not Phase.WAITING:
        orchestra.step()
    rules.request(Command.STOP, orchestra.now)  # its answer never comes
    orchestra.perform(rules.request(Command.ABORT, orchestra.now))
    began = orchestra.now
    orchestra.play()
    assert orchestra.now == began + GRACE
    assert (rules.silent, rules.outcome) == (["p0"], "aborted")


@pytest.mark.parametrize("triggers", [1, 2])
def test_a_sequence_that_has_had_its_triggers_when_fewer_are_wanted_ends_at_once(triggers):
    orchestra = Orchestra(sequence(0, triggers=5, period=3_600 * SECOND))
    rules = orchestra.sequence
    while rules.completed < 2 or rules.phase is not Phase.WAITING:
        orchestra.step()
    began = orchestra.now
    rules.triggers = triggers
    orchestra.play()
    assert orchestra.now < began + SECOND
    assert (rules.completed, rules.outcome, rules.state) == (2, "done", State.ON)


def test_a_turn_that_was_done_when_the_player_was_told_to_give_up_is_noted_as_done():
    orchestra = Orchestra(sequence(0, 0), fails={("p0", 1): "boom"})
    rules = orchestra.sequence
    _until_trigger(orchestra, 1)
    ask = next(iter(rules._pending.values())).ticket
    orchestra.answers.clear()
    orchestra.perform(rules.replied("p0", ask, orchestra.now, "boom"))
    orchestra.perform(rules.replied("p1", ask, orchestra.now + 1, report={}))
    told = [(step.player, step.attempt, step.outcome) for step in orchestra.steps]
    assert told == [("p0", 1, Outcome.FAILED), ("p1", 1, Outcome.ABORTED), ("p1", 1, Outcome.DONE)]
    orchestra.play()
    assert (rules.phase, rules.completed, rules.silent) == (Phase.ENDED, 0, [])


def test_a_player_whose_set_up_ends_after_an_abort_is_stopped():
    orchestra = Orchestra(sequence(0, 0))
    rules = orchestra.sequence
    orchestra.perform(rules.request(Command.ABORT, orchestra.now))
    assert set(orchestra.given_up) == {"p0", "p1"}
    orchestra.play()
    stopped = [entry[2] for entry in orchestra.history if entry[1:4:2] == ("done", Task.STOP)]
    assert sorted(stopped) == ["p0", "p1"]
    assert (rules.state, rules.silent, rules.outcome) == (State.ON, [], "aborted")


def test_a_player_that_is_not_there_misses_the_attempt_that_was_its_turn():
    rules = sequence(0, 0, triggers=2, policies=[OnError.SKIP, OnError.SKIP])
    rules.members["p0"].attempts = {2: 3}
    orchestra = Orchestra(rules, dies={("p0", 1): None}).play()
    steps = [(s.trigger, s.attempt, s.outcome) for s in orchestra.steps if s.player == "p0"]
    assert steps == [(1, 1, Outcome.SKIPPED), (2, 3, Outcome.SKIPPED)]


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
    assert rules.replied("p1", 2, orchestra.now) == []
    assert rules.replied("p1", 2, orchestra.now, "late error") == []
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


@pytest.mark.parametrize("retries", [-1, 1_000_001])
def test_wrong_retries_are_refused(retries):
    with pytest.raises(InputError, match=str(retries)):
        check_retries(retries)


def outcomes(orchestra, player):
    return [(step.trigger, step.attempt, step.outcome) for step in orchestra.steps if step.player == player]


def test_skip_lets_the_player_miss_the_trigger_and_the_run_goes_on_in_alarm():
    orchestra = Orchestra(sequence(0, 1, policies=[OnError.SKIP]), fails={("p0", 2): "boom"})
    _until_trigger(orchestra, 3)
    assert orchestra.sequence.state is State.ALARM
    orchestra.play()
    assert orchestra.sequence.state is State.ON
    assert orchestra.complete == [1, 2, 3]
    assert outcomes(orchestra, "p0") == [(1, 1, Outcome.DONE), (2, 1, Outcome.SKIPPED), (3, 1, Outcome.DONE)]
    assert [step.error for step in orchestra.steps if step.outcome is Outcome.SKIPPED] == ["boom"]
    assert orchestra.sequence.members["p0"].skipped == 1


def test_disable_leaves_the_player_out_until_its_priority_is_set_again():
    orchestra = Orchestra(sequence(0, 0, triggers=5, policies=[OnError.DISABLE]), fails={("p0", 2): "boom"})
    _until_trigger(orchestra, 4)
    orchestra.sequence.set_priority("p0", 0)
    orchestra.play()
    assert orchestra.complete == [1, 2, 3, 4, 5]
    expected = [(1, 1, Outcome.DONE), (2, 1, Outcome.DISABLED), (5, 1, Outcome.DONE)]
    assert outcomes(orchestra, "p0") == expected


def test_retry_sends_the_trigger_again_with_the_next_attempt():
    orchestra = Orchestra(
        sequence(0, 1, policies=[OnError.RETRY], retries=3), fails={("p0", 2): "boom"}, fails_for=2
    ).play()
    assert orchestra.sequence.state is State.ON
    assert outcomes(orchestra, "p0")[1:4] == [
        (2, 1, Outcome.FAILED),
        (2, 2, Outcome.FAILED),
        (2, 3, Outcome.DONE),
    ]


@pytest.mark.parametrize("unreachable", [False, True])
def test_a_player_that_cannot_stop_as_it_should_fails_a_sequence_that_is_done(unreachable):
    rules = sequence(0, triggers=1)
    start = rules.begin(0)[0]
    act = rules.replied("p0", start.ticket, 1)[0]
    stop = rules.replied("p0", act.ticket, 2)[-1]
    rules.replied("p0", stop.ticket, 3, "run.nxs cannot be written", unreachable=unreachable)
    assert rules.phase is Phase.ENDED
    if unreachable:
        assert (rules.outcome, rules.state) == ("done", State.ON)
    else:
        assert (rules.outcome, rules.state) == ("failed", State.FAULT)
        assert str(rules.failure) == "Player p0, Stop after trigger 1: run.nxs cannot be written"


def test_retry_ends_the_sequence_when_the_retries_are_used_up():
    rules = sequence(0, 1, policies=[OnError.RETRY], retries=2)
    orchestra = Orchestra(rules, fails={("p0", 2): "boom"}).play()
    assert rules.state is State.FAULT
    assert str(rules.failure) == "Player p0, trigger 2: boom"
    assert [step for step in outcomes(orchestra, "p0") if step[0] == 2] == [
        (2, attempt, Outcome.FAILED) for attempt in (1, 2, 3)
    ]


def test_retry_waits_for_a_player_that_died_sets_it_up_again_and_sends_the_next_attempt():
    rules = sequence(0, 1, policies=[OnError.RETRY], retries=1)
    orchestra = Orchestra(rules, dies={("p0", 2): 3 * SECOND}).play()
    assert rules.state is State.ON
    assert orchestra.complete == [1, 2, 3]
    assert outcomes(orchestra, "p0")[1:3] == [(2, 1, Outcome.FAILED), (2, 2, Outcome.DONE)]
    set_up = [entry for entry in orchestra.history if entry[1:4] == ("sent", "p0", Task.START)]
    assert len(set_up) == 2


def test_retry_gives_up_a_player_that_does_not_come_back_within_its_timeout():
    rules = sequence(0, policies=[OnError.RETRY], retries=0, timeout=2 * SECOND)
    Orchestra(rules, dies={("p0", 2): None}).play()
    assert str(rules.failure) == "Player p0, trigger 2: gone"
    rules = sequence(0, policies=[OnError.RETRY], retries=1, timeout=2 * SECOND)
    orchestra = Orchestra(rules, dies={("p0", 2): None}).play()
    assert str(rules.failure) == "Player p0, trigger 2: did not come back within its Timeout of 2 s"
    assert orchestra.now < 3 * SECOND


def test_skip_passes_a_dead_player_over_at_once_until_it_is_found():
    rules = sequence(0, 1, triggers=50, period=SECOND // 10, policies=[OnError.SKIP])
    orchestra = Orchestra(rules, dies={("p0", 2): SECOND}).play()
    assert rules.state is State.ON
    assert orchestra.complete == list(range(1, 51))
    missed = [trigger for trigger, _, outcome in outcomes(orchestra, "p0") if outcome is Outcome.SKIPPED]
    assert missed == list(range(2, 12))
    assert rules.members["p0"].skipped == len(missed)
    assert rules.pace.overruns == 0


def test_without_anybody_there_no_trigger_is_sent_until_somebody_is_found():
    rules = sequence(0, -1, triggers=4, period=SECOND // 10, policies=[OnError.SKIP])
    orchestra = Orchestra(rules, dies={("p0", 2): 5 * SECOND}).play()
    assert outcomes(orchestra, "p0") == [
        (1, 1, Outcome.DONE),
        (2, 1, Outcome.SKIPPED),
        (3, 1, Outcome.DONE),
        (4, 1, Outcome.DONE),
    ]
    assert rules.pace.overruns == 0
    rules = sequence(0, -1, triggers=4, policies=[OnError.SKIP], timeout=2 * SECOND)
    Orchestra(rules, dies={("p0", 2): None}).play()
    assert "no Player is there any more" in str(rules.failure)


def test_a_silent_player_that_may_be_skipped_is_told_to_give_up_and_the_run_goes_on():
    rules = sequence(0, 0, triggers=3, policies=[OnError.SKIP], timeout=2 * SECOND)
    orchestra = Orchestra(rules, silent={("p0", 2)}).play()
    assert rules.state is State.ON
    assert orchestra.given_up == ["p0"]
    assert orchestra.complete == [1, 2, 3]
    assert [o for t, _, o in outcomes(orchestra, "p0")] == [Outcome.DONE, Outcome.SKIPPED, Outcome.SKIPPED]
    assert orchestra.now < 2 * SECOND + 100_000


def test_an_interrupted_run_is_taken_up_after_its_last_complete_trigger():
    orchestra = Orchestra(sequence(0, 1, triggers=7, completed=4)).play()
    assert orchestra.complete == [5, 6, 7]
    assert {entry[4] for entry in orchestra.triggers("sent")} == {5, 6, 7}


@settings(max_examples=300)
@given(
    priorities=priorities,
    policies=st.lists(st.sampled_from(list(OnError)), min_size=8, max_size=8),
    retries=st.integers(0, 3),
    period=st.sampled_from([0, 3_000]),
    fails=st.sets(st.tuples(st.integers(0, 7), st.integers(1, 6)), max_size=6),
    silent=st.sets(st.tuples(st.integers(0, 7), st.integers(1, 6)), max_size=3),
    dies=st.dictionaries(
        st.tuples(st.integers(0, 7), st.integers(1, 6)),
        st.one_of(st.none(), st.integers(1, 3 * SECOND)),
        max_size=4,
    ),
    seed=st.integers(0, 99),
)
def test_whatever_fails_no_trigger_is_lost_and_none_is_done_twice(
    priorities, policies, retries, period, fails, silent, dies, seed
):
    rules = sequence(
        *priorities, triggers=6, period=period, policies=policies, retries=retries, timeout=SECOND
    )
    orchestra = Orchestra(
        rules,
        random.Random(seed),
        fails={(f"p{i}", trigger): "boom" for i, trigger in fails},
        silent={(f"p{i}", trigger) for i, trigger in silent},
        dies={(f"p{i}", trigger): back for (i, trigger), back in dies.items()},
        fails_for=2,
    ).play()
    assert rules.phase is Phase.ENDED
    assert orchestra.complete == list(range(1, rules.completed + 1))
    assert (rules.state is State.ON) == (rules.completed == 6)
    enabled = {f"p{i}" for i, p in enumerate(priorities) if p != DISABLED}
    final = (Outcome.DONE, Outcome.SKIPPED, Outcome.DISABLED)
    dropped_at = {s.player: s.trigger for s in orchestra.steps if s.outcome is Outcome.DISABLED}
    for trigger in orchestra.complete:
        turns = [step for step in orchestra.steps if step.trigger == trigger and step.outcome in final]
        there = {name for name in enabled if dropped_at.get(name, 99) >= trigger}
        assert sorted(step.player for step in turns) == sorted(there)
    for step in orchestra.steps:
        turn = (step.player, step.trigger)
        outcomes = {s.attempt: s.outcome for s in orchestra.steps if (s.player, s.trigger) == turn}
        assert list(outcomes) == list(range(1, len(outcomes) + 1))
        assert list(outcomes.values()).count(Outcome.DONE) <= 1
    if rules.failure and rules.failure.player in enabled:
        assert policies[int(rules.failure.player[1:])] in (OnError.ABORT, OnError.RETRY)


@given(
    st.lists(
        st.sampled_from(
            ["step", "took", "failed", Command.STOP, Command.PAUSE, Command.RESUME, Command.ABORT]
        ),
        max_size=12,
    ),
    st.integers(0, 99),
)
def test_no_trigger_is_sent_before_a_file_writer_has_the_run_and_its_failure_ends_it(events, seed):
    rules = sequence(0, 0, triggers=2)
    rules.awaits_writer = True
    orchestra = Orchestra(rules, random.Random(seed))
    taken = failed = False
    for event in events:
        ending = rules.phase in (Phase.ENDING, Phase.ENDED)
        if event == "step":
            orchestra.step()
        elif event == "took":
            orchestra.perform(rules.writer_took(orchestra.now))
            taken = True
        elif event == "failed":
            orchestra.perform(rules.writer_failed("no answer", orchestra.now))
            failed = failed or not ending
        else:
            with suppress(NotAllowedError):
                orchestra.perform(rules.request(event, orchestra.now))
        assert taken or not orchestra.triggers("sent")
    assert (rules.failure is not None) == failed
    if failed:
        assert str(rules.failure).endswith(": no answer")
        assert str(rules.failure).startswith("File writer, ")
        assert rules.failure.as_dict()["player"] is None
    orchestra.perform(rules.writer_took(orchestra.now))
    orchestra.play()
    if rules.phase is Phase.PAUSED:
        orchestra.perform(rules.request(Command.RESUME, orchestra.now))
        orchestra.play()
    assert rules.phase is Phase.ENDED


def test_a_stop_leaves_the_wait_for_a_file_writer():
    rules = sequence(0, triggers=2)
    rules.awaits_writer = True
    orchestra = Orchestra(rules).play()
    assert (rules.phase, rules.state, rules.trigger) == (Phase.AWAITING_WRITER, State.RUNNING, 0)
    orchestra.perform(rules.request(Command.STOP, orchestra.now))
    orchestra.play()
    assert (rules.outcome, rules.completed, rules.phase) == ("stopped", 0, Phase.ENDED)
