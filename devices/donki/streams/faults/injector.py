"""The layer between the streams of a Player and Kafka that injects faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from crc32c import crc32c

from donki.streams.faults.fault import Fault
from donki.streams.faults.kind import FaultKind, Occasion, Stage
from donki.streams.faults.kinds import KINDS
from donki.streams.faults.message import StreamMessage
from donki.streams.faults.rule import Rule
from donki.streams.sink import Sink


@dataclass(frozen=True)
class _ActiveRule:
    """A rule for one stream at one trigger, and its kind; `last` and `total` as an `Occasion` has them."""

    rule: Rule
    kind: FaultKind
    last: int = 0
    total: int = 1


@dataclass
class _Turn:
    """One stream at one trigger: the rules that concern it, and how many messages it has sent."""

    rules: tuple[_ActiveRule, ...]
    messages: int = 0


class FaultInjector:
    """Passes messages on as its rules say: some not at all, twice, late or damaged.

    Every choice follows from the run's seed, the Player's name, the rule, the source, the trigger and the
    number of the message at that trigger: it does not depend on time, and is the same when a trigger is done
    again. The random numbers that a script gets are others.

    Faults are injected while a trigger is acted at; what a script sends in its setup and stop passes as it
    is. A message that is held back beyond its trigger is sent with a later one, or at the latest at
    `release`.

    Parameters
    ----------
    sink
        takes what is left of the messages
    rules
        of the Player
    seed
        of the run
    player
        the Player's name
    note
        takes each fault
    """

    def __init__(
        self, sink: Sink, rules: Iterable[Rule], seed: int, player: str, note: Callable[[Fault], None]
    ) -> None:
        self._sink = sink
        # What is damaged is whole before, and what is held back is damaged already.
        names = list(KINDS)
        kinds = [(rule, kind(rule.settings)) for rule in rules if (kind := KINDS.find(rule.kind))]
        self._rules = sorted(kinds, key=lambda rule: (rule[1].stage, names.index(rule[1].name)))
        self._seed = seed
        self._player = player
        self._note = note
        self._trigger = 0
        self._turns: dict[tuple[str, str], _Turn] = {}
        self._held: list[StreamMessage] = []
        self._held_at_commit: list[StreamMessage] = []
        self._counts: dict[tuple[Rule, str, str], tuple[int, int]] = {}

    def begin(self, trigger: int) -> None:
        """Begin a trigger, or its next attempt; send what was held back until then.

        Raises
        ------
        BrokerError
            when that could not be sent
        """
        self._trigger = int(trigger)
        self._turns.clear()
        self._release(lambda held: held.due is not None and held.due <= self._trigger)

    def send(
        self, topic: str, key: str, message: bytes | memoryview, timestamp: int, events: int = 0
    ) -> None:
        """Take a message, and pass on what is left of it."""
        turn = self._turns.get((topic, key))
        if turn is None:
            turn = self._turns[topic, key] = _Turn(tuple(self._active_rules(topic, key)))
        turn.messages += 1
        if turn.rules:
            whole = StreamMessage(topic, key, bytearray(message), timestamp, events, turn.messages)
            self._inject(turn.rules, whole)
        else:
            self._sink.send(topic, key, message, timestamp, events)
            self._let_follow(topic, key)

    def commit(self) -> None:
        """Take that the trigger is done."""
        self._held_at_commit = list(self._held)
        self._trigger = 0
        self._turns.clear()

    def discard(self) -> None:
        """Take that the trigger failed: what was held back before is held back again."""
        self._held = list(self._held_at_commit)
        self._trigger = 0
        self._turns.clear()

    def release(self) -> None:
        """Send all that is still held back, at the end of the run.

        Raises
        ------
        BrokerError
            when it could not be sent
        """
        self._release(lambda _held: True)

    def _active_rules(self, topic: str, key: str) -> Iterable[_ActiveRule]:
        if not self._trigger:
            return
        for rule, kind in self._rules:
            if not rule.concerns(topic, key):
                continue
            if kind.lasts:
                if last := self._last_trigger(rule, key):
                    yield _ActiveRule(rule, kind, last=last)
            elif kind.adds_up:
                if total := self._count(rule, topic, key):
                    yield _ActiveRule(rule, kind, total=total)
            elif kind.of_pulse:
                if self._happens(rule, "", self._trigger):
                    yield _ActiveRule(rule, kind)
            elif rule.allows(self._trigger):
                yield _ActiveRule(rule, kind)

    def _inject(self, rules: Iterable[_ActiveRule], message: StreamMessage) -> None:
        hits = [active for active in rules if self._hits(active, message)]
        if hits and hits[0].kind.stage is Stage.LOSS:
            self._record(hits[0].rule, message, "not sent")
            return
        injected = []
        for active in hits:
            message, detail = self._apply(active, message)
            if detail:
                injected.append((active.rule, detail))
        for rule, detail in injected:
            self._record(rule, message, detail)
        if message.due == 0:
            self._emit(message)
            self._let_follow(message.topic, message.key)
        else:
            self._held.append(message)

    def _hits(self, active: _ActiveRule, message: StreamMessage) -> bool:
        kind = active.kind
        if kind.of_events and not message.events:
            return False
        # Of what lasts, only the beginning was left to chance; of a pulse, all of it.
        was_drawn = kind.lasts or kind.adds_up or kind.of_pulse
        return was_drawn or self._happens(active.rule, message.key, self._trigger, message.number)

    def _apply(self, active: _ActiveRule, message: StreamMessage) -> tuple[StreamMessage, str]:
        """Return what a rule makes of a message, and what that was; empty where it was nothing."""
        digest = self._digest(active.rule, message.key, self._trigger, message.number)
        occasion = Occasion(
            self._trigger,
            np.random.default_rng(int.from_bytes(digest)),
            active.last,
            active.total,
            self._held,
        )
        message, detail = active.kind.apply(message, occasion)
        return (replace(message, events=0) if active.kind.stage is Stage.DAMAGE else message), detail

    def _let_follow(self, topic: str, key: str) -> None:
        """Send what was held back until a message of its stream had passed."""
        self._release(lambda held: held.due is None and (held.topic, held.key) == (topic, key))

    def _last_trigger(self, rule: Rule, key: str) -> int:
        """Return the last trigger of the fault that lasts and goes on now; 0 where none does."""
        length = int(rule.settings["length"])
        for first in range(self._trigger, max(0, self._trigger - length), -1):
            if self._happens(rule, key, first):
                return first + length - 1
        return 0

    def _count(self, rule: Rule, topic: str, key: str) -> int:
        """Return how often what adds up has happened to a stream, up to this trigger."""
        last, count = self._counts.get((rule, topic, key), (0, 0))
        if last > self._trigger:
            last, count = 0, 0
        for trigger in range(last + 1, self._trigger + 1):
            count += self._happens(rule, key, trigger)
        self._counts[rule, topic, key] = self._trigger, count
        return count

    def _happens(self, rule: Rule, key: str, trigger: int, message: int = 0) -> bool:
        """Draw whether a fault hits a message, or the stream where it is 0."""
        if not rule.allows(trigger):
            return False
        digest = self._digest(rule, key, trigger, message)
        return rule.rate == 1 or int.from_bytes(digest[:8]) < rule.rate * 2**64

    def _digest(self, rule: Rule, key: str, *what: int) -> bytes:
        """Return what is drawn of a stream; without a key, of all streams of all Players."""
        player = self._player if key else ""
        seed = "\0".join(map(str, (self._seed, player, rule.kind, rule.number, key, *what)))
        return blake2b(seed.encode(), digest_size=16).digest()

    def _record(self, rule: Rule, message: StreamMessage, detail: str) -> None:
        checksum = int(crc32c(message.payload))
        self._note(
            Fault(self._trigger, rule.kind, message.topic, message.key, message.number, detail, checksum)
        )

    def _release(self, is_due: Callable[[StreamMessage], bool]) -> None:
        if not self._held:
            return
        due = [held for held in self._held if is_due(held)]
        self._held = [held for held in self._held if not is_due(held)]
        for message in due:
            self._emit(message)

    def _emit(self, message: StreamMessage) -> None:
        payload = bytes(message.payload)
        for _ in range(message.copies):
            self._sink.send(message.topic, message.key, payload, message.timestamp, message.events)
