"""Which faults are injected, as a tester writes them.

A list of rules, each a JSON object::

    [{"kind": "drop", "rate": 0.01},
     {"kind": "silence", "source": "panel_0", "triggers": [40], "length": 5},
     {"kind": "clock_offset", "topic": "loki_motion", "offset": 0.003}]
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from donki.errors import InputError
from donki.streams.faults.kind import MOST_TRIGGERS, is_number
from donki.streams.faults.kinds import KINDS

MOST_RULES = 100
"""Most rules of one Player."""

COMMON = ("kind", "rate", "triggers", "topic", "source")
"""What every rule may say."""

_SPAN = re.compile(r"(\d{1,18})\s*-\s*(\d{1,18})")


@dataclass(frozen=True)
class Rule:
    """When and where faults of one kind are injected.

    Attributes
    ----------
    kind
        the name of one in `KINDS`
    number
        which of the rules of its kind, from 0
    rate
        the probability by message; by trigger and stream of a kind that lasts or adds up, by trigger of one
        that is of a pulse
    spans
        the triggers at which it may happen, first and last of each span; empty: at all
    topic, source
        the streams that it concerns; empty: all
    settings
        by name, as its kind accepts them
    """

    kind: str
    number: int = 0
    rate: float = 1.0
    spans: tuple[tuple[int, int], ...] = ()
    topic: str = ""
    source: str = ""
    settings: Mapping[str, float] = field(default_factory=dict, hash=False)

    def concerns(self, topic: str, source: str) -> bool:
        """Whether a stream is meant."""
        return self.topic in ("", topic) and self.source in ("", source)

    def allows(self, trigger: int) -> bool:
        """Whether a trigger is meant; there is none before 1."""
        return trigger > 0 and (not self.spans or any(first <= trigger <= last for first, last in self.spans))


def read_rules(said: object) -> tuple[Rule, ...]:
    """Return the rules of a Player.

    Parameters
    ----------
    said
        what its attribute Faults says: a list of objects; None for no faults

    Raises
    ------
    InputError
        naming the key, its value and what is accepted
    """
    if said is None:
        return ()
    if not isinstance(said, list) or len(said) > MOST_RULES:
        raise InputError(
            f'faults: a list of at most {MOST_RULES} rules, as [{{"kind": "drop", "rate": 0.01}}];'
            f" got {said!r:.80}"
        )
    rules: list[Rule] = []
    for index, one in enumerate(said):
        rule = _read_rule(f"faults[{index}]", one)
        number = sum(other.kind == rule.kind for other in rules)
        rules.append(Rule(**{**vars(rule), "number": number}))
    return tuple(rules)


def _read_rule(where: str, said: object) -> Rule:
    if not isinstance(said, Mapping):
        raise InputError(f'{where}: an object, as {{"kind": "drop", "rate": 0.01}}; got {said!r:.80}')
    kind = said.get("kind")
    its = KINDS.find(kind) if isinstance(kind, str) else None
    if its is None:
        got = f"got {kind!r:.80}" if "kind" in said else "it is missing"
        raise InputError(f"{where}.kind: one of {', '.join(KINDS)}; {got}{_meant(kind, KINDS)}")
    accepted = (*COMMON, *its.accepted)
    for key in said:
        if key not in accepted:
            raise InputError(
                f"{where}.{key!s:.80}: unknown; a fault of kind {kind} has the keys {', '.join(accepted)}"
                f"{_meant(key, accepted)}"
            )
    if "rate" not in said and "triggers" not in said and not its.may_be_constant:
        raise InputError(
            f"{where}: says neither rate nor triggers; give the probability, as rate: 0.01,"
            " or the triggers, as triggers: [40]"
        )
    rate = said.get("rate", 1)
    if not (is_number(rate) and 0 < rate <= 1):
        raise InputError(f"{where}.rate: a probability above 0 and at most 1; got {rate!r:.80}")
    for key in ("topic", "source"):
        if key in said and not (isinstance(said[key], str) and said[key]):
            raise InputError(f"{where}.{key}: the name of a {key}; got {said[key]!r:.80}")
    settings = {}
    for name, setting in its.accepted.items():
        value = said.get(name, setting.default)
        if not setting.accepts(value):
            got = f"got {value!r:.80}" if name in said else "it is missing"
            raise InputError(f"{where}.{name}: {setting.expected}; {got}")
        settings[name] = value
    return Rule(
        its.name,
        rate=float(rate),
        spans=_read_triggers(f"{where}.triggers", said["triggers"]) if "triggers" in said else (),
        topic=said.get("topic", ""),
        source=said.get("source", ""),
        settings=settings,
    )


def _read_triggers(where: str, said: object) -> tuple[tuple[int, int], ...]:
    expected = f'{where}: a list of numbers from 1 and spans, as [40, "100-120"]'
    if not isinstance(said, list) or not 0 < len(said) <= MOST_TRIGGERS:
        raise InputError(f"{expected}; got {said!r:.80}")
    spans = []
    for one in said:
        match = _SPAN.fullmatch(one.strip()) if isinstance(one, str) else None
        first, last = map(int, match.groups()) if match else (one, one)
        if type(first) is not int or type(last) is not int or not 0 < first <= last < 2**63:
            raise InputError(f"{expected}; got {one!r:.80}")
        spans.append((first, last))
    return tuple(spans)


def _meant(given: object, known: object) -> str:
    close = difflib.get_close_matches(str(given), list(known), n=1)  # type: ignore[call-overload]
    return f"; did you mean {close[0]}?" if close else ""
