"""The rules of a section: by themselves, and as those of a flat orchestra that could play the same."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donki.director.rules.conducted import ConductedSequence, GivenTrigger, Reports
from donki.director.rules.effects import (
    FILE_WRITER,
    Ask,
    Attempt,
    Cancel,
    Failure,
    PlayerState,
    Task,
    TriggerDone,
)
from donki.director.rules.pace import SECOND
from donki.director.rules.sequence import Sequence
from donki.director.rules.states import Command, Phase, State
from donki.errors import NotAllowedError
from donki.limits import OnError

REPORT = {"events": 1, "messages": 1, "bytes": 10}


@dataclass
class Actor:
    """A Player that remembers what it has done: ``fails`` says at which triggers it fails, and how often."""

    name: str
    priority: int = 0
    on_error: OnError = OnError.ABORT
    retries: int = 0
    fails: dict[int, int] = field(default_factory=dict)
    acted: list[tuple[int, int]] = field(default_factory=list)
    done: set[int] = field(default_factory=set)

    def member(self) -> PlayerState:
        return PlayerState(self.name, self.priority, 60 * SECOND, self.on_error, self.retries)

    def act(self, ask: Ask) -> str | None:
        if ask.trigger in self.done:
            return None
        tried = [attempt for trigger, attempt in self.acted if trigger == ask.trigger]
        if ask.attempt > max(tried, default=0):
            self.acted.append((ask.trigger, ask.attempt))
            tried.append(ask.attempt)
        if len(tried) <= self.fails.get(ask.trigger, 0):
            return "it burns"
        self.done.add(ask.trigger)
        return None


class Section:
    """A section of Actors and Sections, which answers as an Actor does."""

    def __init__(self, name, parts, on_error=OnError.ABORT, retries=0, priority=0):
        self.name, self.on_error, self.retries, self.priority = name, on_error, retries, priority
        self.parts = {part.name: part for part in parts}
        members = [part.member() for part in parts]
        self.sequence = ConductedSequence(members, 0, "above", on_error, retries)
        self.effects = []
        self.reports, self.failures = set(), {}
        perform(self, self.sequence.begin(0))

    def member(self) -> PlayerState:
        return PlayerState(self.name, self.priority, 60 * SECOND, self.on_error, self.retries)

    def act(self, ask: Ask) -> str | None:
        if ask.trigger in self.reports:
            return None
        attempt, said = self.failures.get(ask.trigger, (0, ""))
        if ask.attempt <= attempt:
            return said
        assert self.sequence.phase is Phase.PAUSED
        self.sequence.give(GivenTrigger(ask.trigger, ask.reference_time, ask.period))
        assert self.sequence.deadline == 0
        perform(self, self.sequence.tick(0))
        result = self.sequence.result
        if isinstance(result, Failure):
            self.failures[ask.trigger] = ask.attempt, f"its Player {result.player}: {result.message}"
            return self.failures[ask.trigger][1]
        assert isinstance(result, Reports)
        self.reports.add(ask.trigger)
        return None


class Flat:
    """A Director with Actors and Sections, which plays so many triggers."""

    def __init__(self, parts, triggers):
        self.parts = {part.name: part for part in parts}
        self.sequence = Sequence([part.member() for part in parts], triggers, 0, 0)
        self.effects = []
        perform(self, self.sequence.begin(0))


def perform(orchestra, effects):
    """Carry effects out, and let everybody answer at once."""
    waiting = list(effects)
    while waiting:
        effect = waiting.pop(0)
        orchestra.effects.append(effect)
        assert not isinstance(effect, Cancel), "nobody is busy"
        if not isinstance(effect, Ask):
            continue
        for name in effect.players:
            error = orchestra.parts[name].act(effect) if effect.task is Task.TRIGGER else None
            report = REPORT if effect.task is Task.TRIGGER and error is None else None
            more = orchestra.sequence.replied(name, effect.ticket, 0, error, report=report)
            waiting += more


def attempts(orchestra):
    return [
        (effect.trigger, effect.player, effect.attempt, effect.outcome)
        for effect in orchestra.effects
        if isinstance(effect, Attempt)
    ]


def complete(orchestra):
    return [effect.trigger for effect in orchestra.effects if isinstance(effect, TriggerDone)]


@st.composite
def actors(draw, policies=tuple(OnError)):
    many = draw(st.integers(1, 4))
    found = []
    for number in range(many):
        on_error = draw(st.sampled_from(policies))
        found.append(
            Actor(
                f"p{number}",
                draw(st.integers(0, 2)),
                on_error,
                draw(st.integers(1, 2)) if on_error is OnError.RETRY else 0,
                draw(st.dictionaries(st.integers(1, 5), st.integers(1, 4), max_size=2)),
            )
        )
    return found


def again(parts):
    return [Actor(part.name, part.priority, part.on_error, part.retries, part.fails) for part in parts]


@given(parts=actors(), depth=st.integers(1, 3))
def test_a_section_plays_as_if_its_players_were_there_directly(parts, depth):
    flat = Flat(again(parts), 5)
    section = bottom = Section("s0", parts)
    for level in range(1, depth):
        section = Section(f"s{level}", [section])
    tree = Flat([section], 5)
    assert attempts(bottom) == attempts(flat)
    assert complete(bottom) == complete(flat) == complete(tree)
    for part, other in zip(parts, flat.parts.values(), strict=True):
        assert part.acted == other.acted
    assert tree.sequence.outcome == flat.sequence.outcome
    if flat.sequence.failure:
        inner, outer = flat.sequence.failure, tree.sequence.failure
        assert outer.trigger == inner.trigger
        assert outer.message.endswith(f"its Player {inner.player}: {inner.message}")


@given(parts=actors((OnError.ABORT,)), retries=st.integers(1, 4), depth=st.integers(1, 3))
def test_a_section_that_is_asked_again_retries_only_who_failed(parts, retries, depth):
    section = bottom = Section("s0", parts, *(() if depth > 1 else (OnError.RETRY, retries)))
    if depth > 1:
        section = bottom = Section("s0", parts, OnError.RETRY, retries)
    for level in range(1, depth):
        section = Section(f"s{level}", [section])
    tree = Flat([section], 5)
    for part in parts:
        # Never twice as the same attempt, and never after it was done.
        assert len(set(part.acted)) == len(part.acted)
        for trigger in part.done:
            many = len([number for number, _ in part.acted if number == trigger])
            assert many == part.fails.get(trigger, 0) + 1
    if tree.sequence.failure is None:
        assert all(part.done == {1, 2, 3, 4, 5} for part in parts)
        assert complete(bottom) == [1, 2, 3, 4, 5]
    levels = {part.priority: 0 for part in parts}
    for part in parts:
        levels[part.priority] = max(levels[part.priority], *part.fails.values(), 0)
    if sum(levels.values()) <= retries:
        assert tree.sequence.failure is None


@given(parts=actors(), on_error=st.sampled_from((OnError.SKIP, OnError.DISABLE)))
def test_a_section_that_may_be_missed_never_ends_the_run(parts, on_error):
    other = Actor("other")
    section = Section("s", parts, on_error)
    tree = Flat([section, other], 5)
    assert tree.sequence.failure is None
    assert other.done == {1, 2, 3, 4, 5}
    assert section.sequence.phase is Phase.PAUSED
    missed = tree.sequence.members["s"].skipped
    assert tree.sequence.members["s"].disabled or len(section.reports) == 5 - missed


def test_the_pace_is_not_a_sections_own():
    section = Section("s", [Actor("a")])
    for command in (Command.PAUSE, Command.RESUME, Command.STEP):
        with pytest.raises(NotAllowedError, match=f"come from above; {command.value} there"):
            section.sequence.request(command, 0)
    assert section.sequence.state is State.STANDBY
    assert section.sequence.deadline is None


def test_who_died_acts_as_an_attempt_that_it_was_never_sent():
    members = [Actor("a").member(), Actor("b").member()]
    sequence = ConductedSequence(members, 0, "above", completed=3, again={"b": 7})
    [start] = sequence.begin(0)
    for name in start.players:
        sequence.replied(name, start.ticket, 0)
    sequence.give(GivenTrigger(2, 1_000, 5))
    asks = {name: ask for ask in sequence.tick(0) for name in ask.players}
    assert (asks["a"].attempt, asks["b"].attempt) == (1, 7)
    assert {(ask.trigger, ask.reference_time, ask.period) for ask in asks.values()} == {(2, 1_000, 5)}


def test_who_is_not_there_fails_the_trigger_until_it_is_found():
    sequence = ConductedSequence([Actor("a").member()], 0, "above", OnError.SKIP)
    [start] = sequence.begin(0)
    sequence.replied("a", start.ticket, 0)
    sequence.give(GivenTrigger(1, 1))
    [ask] = sequence.tick(0)
    sequence.replied("a", ask.ticket, 0, "it died", unreachable=True)
    assert sequence.result == Failure("a", 1, "it died", attempt=1)
    sequence.give(GivenTrigger(2, 2))
    [attempt] = sequence.tick(0)
    assert sequence.result == Failure("a", 2, "it is not there", attempt=1)
    assert attempt.error == "it is not there"
    sequence.found("a", 0)
    sequence.give(GivenTrigger(3, 3))
    [ask] = sequence.tick(0)
    assert ask.task is Task.START
    [ask] = sequence.replied("a", ask.ticket, 0)
    assert (ask.task, ask.trigger) == (Task.TRIGGER, 3)
    sequence.replied("a", ask.ticket, 0, report=REPORT)
    assert sequence.result == Reports(3, {"a": REPORT})


def test_a_file_writer_that_is_required_ends_a_section():
    section = Section("s", [Actor("a")], OnError.RETRY, 3)
    section.sequence.writer_failed("it is silent", 0)
    assert section.sequence.failure.player == FILE_WRITER
    assert section.sequence.state is State.FAULT


def test_a_stop_ends_it_after_the_trigger():
    section = Section("s", [Actor("a")])
    section.sequence.give(GivenTrigger(1, 1))
    [ask] = section.sequence.tick(0)
    section.sequence.request(Command.STOP, 0)
    effects = section.sequence.replied("a", ask.ticket, 0, report=REPORT)
    assert section.sequence.result == Reports(1, {"a": REPORT})
    assert section.sequence.phase is Phase.ENDING
    assert effects[-1].task is Task.STOP
