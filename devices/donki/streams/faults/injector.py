"""The layer between the streams of a Player and Kafka that puts faults in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from crc32c import crc32c

from donki.streams.faults import damage
from donki.streams.faults.fault import Fault
from donki.streams.faults.rule import KINDS, LOSS, Rule
from donki.streams.flatbuffer import schema
from donki.streams.sink import Sink

_NS = 1_000_000_000
_OF_EVENTS = frozenset({"pixel_ids", "times_of_flight"})
_LASTING = frozenset({"silence", "burst"})


@dataclass(frozen=True)
class _Message:
    """A message on its way.

    Attributes
    ----------
    topic, key, payload, timestamp, events
        as a sink takes them
    number
        of the message in its stream at this trigger, from 1
    copies
        how many times it is sent
    due
        the trigger before which it is held back; 0: it is not; None: until the next of its stream has passed
    """

    topic: str
    key: str
    payload: bytearray
    timestamp: int
    events: int
    number: int
    copies: int = 1
    due: int | None = 0


@dataclass(frozen=True)
class _Threat:
    """A rule for one stream at one trigger.

    Attributes
    ----------
    rule
        the rule
    last
        of silence and burst: the last trigger of the one that goes on now; 0 if none does
    shift
        of the clock, ns
    """

    rule: Rule
    last: int = 0
    shift: int = 0


@dataclass
class _Turn:
    """One stream at one trigger: what threatens it, and how many messages it has sent."""

    threats: tuple[_Threat, ...]
    messages: int = 0


class FaultInjector:
    """Passes messages on as its rules say: some not at all, twice, late or damaged.

    Every choice follows from the run's seed, the Player's name, the rule, the source, the trigger and the
    number of the message at that trigger: it does not depend on time, and is the same when a trigger is done
    again. The random numbers that a script gets are others.

    Faults are put in while a trigger is acted at; what a script sends in its setup and stop passes untouched.
    A message that is held back beyond its trigger is sent with a later one, and at the latest at `release`.

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
        self._rules = sorted(rules, key=lambda rule: list(KINDS).index(rule.kind))
        self._seed = seed
        self._player = player
        self._note = note
        self._trigger = 0
        self._turns: dict[tuple[str, str], _Turn] = {}
        self._held: list[_Message] = []
        self._held_at_commit: list[_Message] = []
        self._jumps: dict[tuple[Rule, str, str], tuple[int, int]] = {}

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
            turn = self._turns[topic, key] = _Turn(tuple(self._threats(topic, key)))
        turn.messages += 1
        if turn.threats:
            whole = _Message(topic, key, bytearray(message), timestamp, events, turn.messages)
            self._expose(turn.threats, whole)
        else:
            self._sink.send(topic, key, message, timestamp, events)
            self._let_follow(topic, key)

    def commit(self) -> None:
        """Take that the trigger is done."""
        self._held_at_commit = list(self._held)
        self._trigger = 0
        self._turns.clear()

    def rollback(self) -> None:
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

    def _threats(self, topic: str, key: str) -> Iterable[_Threat]:
        if not self._trigger:
            return
        for rule in self._rules:
            if not rule.concerns(topic, key):
                continue
            if rule.kind in _LASTING:
                if last := self._last_trigger(rule, key):
                    yield _Threat(rule, last=last)
            elif rule.kind == "clock_jump":
                if jumps := self._count_jumps(rule, topic, key):
                    yield _Threat(rule, shift=round(jumps * rule.settings["offset"] * _NS))
            elif rule.allows(self._trigger):
                yield _Threat(rule, shift=round(rule.settings.get("offset", 0) * _NS))

    def _expose(self, threats: Iterable[_Threat], message: _Message) -> None:
        struck = [threat for threat in threats if self._strikes(threat.rule, message)]
        if struck and struck[0].rule.kind in LOSS:
            self._record(struck[0].rule, message, "not sent")
            return
        told = []
        for threat in struck:
            message, detail = self._apply(threat, message)
            if detail:
                told.append((threat.rule, detail))
        for rule, detail in told:
            self._record(rule, message, detail)
        if message.due == 0:
            self._emit(message)
            self._let_follow(message.topic, message.key)
        else:
            self._held.append(message)

    def _strikes(self, rule: Rule, message: _Message) -> bool:
        if rule.kind in _OF_EVENTS and not (message.events and schema(message.payload) == "ev44"):
            return False
        # Of what lasts, only the beginning was left to chance.
        return (
            rule.kind in _LASTING
            or rule.kind == "clock_jump"
            or self._happens(rule, message.key, self._trigger, message.number)
        )

    def _apply(self, threat: _Threat, message: _Message) -> tuple[_Message, str]:
        """Return what a rule makes of a message, and what that was; empty where it was nothing."""
        payload, events, settings = message.payload, message.events, threat.rule.settings
        digest = self._digest(threat.rule, message.key, self._trigger, message.number)
        rng = np.random.default_rng(int.from_bytes(digest))
        match threat.rule.kind:
            case "pixel_ids":
                payload, detail = damage.wrong_pixel_ids(payload, events, settings["share"], rng)
            case "times_of_flight":
                payload, detail = damage.wrong_times_of_flight(payload, events, settings["share"], rng)
            case "clock_offset" | "clock_jump":
                payload, detail = damage.shift_clock(payload, threat.shift)
                message = replace(message, timestamp=max(message.timestamp + threat.shift, 0))
            case "corrupt":
                payload, detail = damage.corrupt(payload, int(settings["bytes"]), rng)
                events = 0
            case "truncate":
                payload, detail = damage.truncate(payload, rng)
                events = 0
            case "burst":
                return self._hold(message, threat.last)
            case "delay":
                return self._hold(message, self._trigger + int(settings["length"]))
            case "reorder":
                return self._let_pass(message)
            case _:
                message = replace(message, copies=message.copies + int(settings["copies"]))
                detail = f"sent {message.copies} times"
        return replace(message, payload=payload, events=events), detail

    def _hold(self, message: _Message, due: int) -> tuple[_Message, str]:
        """Hold a message back until a later trigger."""
        if due <= max(self._trigger, message.due or 0):
            return message, ""
        return replace(message, due=due), f"held back until trigger {due}"

    def _let_pass(self, message: _Message) -> tuple[_Message, str]:
        """Hold a message back until the next of its stream has passed, unless it is that next one itself."""
        stream = message.topic, message.key
        passes = any(held.due is None and (held.topic, held.key) == stream for held in self._held)
        if passes or message.due != 0:
            return message, ""
        return replace(message, due=None), "sent after the next one"

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

    def _count_jumps(self, rule: Rule, topic: str, key: str) -> int:
        """Return how many times the clock of a stream has jumped, up to this trigger."""
        last, jumps = self._jumps.get((rule, topic, key), (0, 0))
        if last > self._trigger:
            last, jumps = 0, 0
        for trigger in range(last + 1, self._trigger + 1):
            jumps += self._happens(rule, key, trigger)
        self._jumps[rule, topic, key] = self._trigger, jumps
        return jumps

    def _happens(self, rule: Rule, key: str, trigger: int, message: int = 0) -> bool:
        """Draw whether a fault befalls a message, or the stream where it is 0."""
        if not rule.allows(trigger):
            return False
        digest = self._digest(rule, key, trigger, message)
        return rule.rate == 1 or int.from_bytes(digest[:8]) < rule.rate * 2**64

    def _digest(self, rule: Rule, *what: object) -> bytes:
        told = "\0".join(map(str, (self._seed, self._player, rule.kind, rule.number, *what)))
        return blake2b(told.encode(), digest_size=16).digest()

    def _record(self, rule: Rule, message: _Message, detail: str) -> None:
        checksum = int(crc32c(message.payload))
        self._note(
            Fault(self._trigger, rule.kind, message.topic, message.key, message.number, detail, checksum)
        )

    def _release(self, is_due: Callable[[_Message], bool]) -> None:
        if not self._held:
            return
        due = [held for held in self._held if is_due(held)]
        self._held = [held for held in self._held if not is_due(held)]
        for message in due:
            self._emit(message)

    def _emit(self, message: _Message) -> None:
        payload = bytes(message.payload)
        for _ in range(message.copies):
            self._sink.send(message.topic, message.key, payload, message.timestamp, message.events)
