"""A sequence played on a virtual clock, by the Director's own rules: how long it takes, and what is late."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from donki.director.rules.effects import Ask, Attempt, Cancel, Effect, Outcome, PlayerState, Task, TriggerDone
from donki.director.rules.pace import OVERRUN, SECOND, check_period
from donki.director.rules.sequence import Sequence as Rules
from donki.director.rules.sequence_state import ENDLESS
from donki.director.rules.states import Phase
from donki.limits import OnError
from donki_client.scenario.model import Scenario, ScenarioPlayer, ScenarioSection

#: The most triggers that are played; of more, the rest is taken to go on like that.
MOST_TRIGGERS = 10_000

#: How many triggers of a section are played alone; it is taken to go on like that.
SECTION_TRIGGERS = 1_000


@dataclass
class Simulation:
    """The result of a simulation; times are ns.

    Attributes
    ----------
    triggers
        how many were played
    length
        of the whole scenario, from the first trigger to the end of the last; None where it is endless
    late, worst
        triggers that began late by more than 10 % of the period, and the most that one was late
    timeouts
        by Player: how many actions took longer than its Timeout, or were missed for that
    failure
        what ended the sequence, else empty
    spans
        how long each trigger took
    """

    triggers: int = 0
    length: int | None = None
    late: int = 0
    worst: int = 0
    timeouts: Counter[str] = field(default_factory=Counter)
    failure: str = ""
    spans: list[int] = field(default_factory=list)


def rehearse(scenario: Scenario, durations: Mapping[str, Sequence[int]]) -> Simulation:
    """Play the sequence of a scenario on a virtual clock.

    Set-up takes no time here. Nothing but time is played: no script fails, a Player that takes longer than
    its Timeout is treated by its policy.

    Parameters
    ----------
    scenario
        what is played
    durations
        by Player, those of sections too: of its actions, ns; the first for the first trigger, the others one
        after the other and over again; empty: none at all
    """
    parts: dict[str, ScenarioPlayer | ScenarioSection] = {**scenario.players, **scenario.sections}
    members = [
        PlayerState(name, part.priority, round(part.timeout * SECOND), OnError[part.on_error], part.retries)
        for name, part in parts.items()
    ]
    for name in scenario.sections:
        few = {"triggers": SECTION_TRIGGERS, "rate": None, "period": None}
        durations = {
            **durations,
            name: rehearse(scenario.played_by(name).model_copy(update=few), durations).spans,
        }
    triggers = MOST_TRIGGERS if scenario.is_endless else min(scenario.triggers, MOST_TRIGGERS)
    stage = _Stage(members, triggers, check_period(scenario.trigger_period), durations)
    rehearsal = stage.play()
    if scenario.triggers != ENDLESS:
        left = scenario.triggers - rehearsal.triggers
        played = stage.end - stage.begin
        pace = max(stage.period, played / max(1, rehearsal.triggers))
        rehearsal.length = played + (0 if rehearsal.failure else round(left * pace))
    return rehearsal


class _Stage:
    """The virtual clock, and Players that do nothing but take their time."""

    def __init__(
        self,
        members: Iterable[PlayerState],
        triggers: int,
        period: int,
        durations: Mapping[str, Sequence[int]],
    ) -> None:
        self.period = period
        self.begin = 0
        self.end = 0
        self._rules = Rules(members, triggers, period, epoch=0)
        self._durations = durations
        self._now = 0
        self._answers: list[tuple[int, int, str, int]] = []
        self._order = count()
        self._rehearsal = Simulation()

    def play(self) -> Simulation:
        self._perform(self._rules.begin(self._now))
        while self._rules.phase is not Phase.ENDED:
            deadline = self._rules.deadline
            if self._answers and (deadline is None or self._answers[0][0] < deadline):
                self._now, _, player, ticket = heapq.heappop(self._answers)
                self._perform(self._rules.replied(player, ticket, self._now))
            else:
                self._now = max(self._now, deadline or 0)
                self._perform(self._rules.tick(self._now))
        self._rehearsal.triggers = self._rules.completed
        self._rehearsal.failure = str(self._rules.failure or "")
        return self._rehearsal

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Ask():
                    for player in effect.players:
                        self._ask(effect, player)
                case TriggerDone():
                    self._done(effect)
                case Cancel():
                    for player in effect.players:
                        self._perform(self._rules.found(player, self._now))
                case Attempt():
                    self._rehearsal.timeouts[effect.player] += effect.outcome is not Outcome.DONE

    def _ask(self, ask: Ask, player: str) -> None:
        takes = self._takes(player, ask.trigger) if ask.task is Task.TRIGGER else 0
        heapq.heappush(self._answers, (self._now + takes, next(self._order), player, ask.ticket))

    def _takes(self, player: str, trigger: int) -> int:
        first, *others = self._durations.get(player) or (0,)
        # The first action is often slower: it is for the first trigger alone.
        return others[(trigger - 2) % len(others)] if others and trigger > 1 else first

    def _done(self, done: TriggerDone) -> None:
        if done.trigger == 1:
            self.begin = done.sent
        self.end = done.done
        self._rehearsal.spans.append(done.done - done.sent)
        lateness = done.sent - done.due
        self._rehearsal.worst = max(self._rehearsal.worst, lateness)
        self._rehearsal.late += bool(self.period) and lateness > self.period * OVERRUN
