"""Which faults are put into the data, as a tester writes them.

A list of rules, each a JSON object::

    [{"kind": "drop", "rate": 0.01},
     {"kind": "silence", "source": "panel_0", "triggers": [40], "length": 5},
     {"kind": "clock_offset", "topic": "loki_motion", "offset": 0.003}]
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from donki.errors import InputError

MOST_RULES = 100
"""Most rules of one Player."""

MOST_TRIGGERS = 1000
"""Most triggers that a fault lasts."""


@dataclass(frozen=True)
class Setting:
    """What a rule of some kind says besides when and where.

    Attributes
    ----------
    expected
        what is accepted, in words
    accepts
        whether a value is
    default
        the value where none is given; None: it has to be given
    """

    expected: str
    accepts: Callable[[object], bool]
    default: float | None


def _whole(low: int, high: int, default: int) -> Setting:
    def accepts(value: object) -> bool:
        return type(value) is int and low <= value <= high

    return Setting(f"a whole number from {low} to {high}", accepts, default)


def _is_number(value: object) -> bool:
    return type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]


_SHARE = Setting(
    "a number above 0 and at most 1",
    lambda value: _is_number(value) and 0 < value <= 1,  # type: ignore[operator]
    0.01,
)
_OFFSET = Setting(
    "a number of s from -86400 to 86400, not 0",
    lambda value: _is_number(value) and 0 < abs(value) <= 86_400,  # type: ignore[arg-type]
    None,
)

KINDS: Mapping[str, Mapping[str, Setting]] = {
    "drop": {},
    "silence": {"length": _whole(1, MOST_TRIGGERS, 1)},
    "pixel_ids": {"share": _SHARE},
    "times_of_flight": {"share": _SHARE},
    "clock_offset": {"offset": _OFFSET},
    "clock_jump": {"offset": _OFFSET},
    "corrupt": {"bytes": _whole(1, 1000, 1)},
    "truncate": {},
    "burst": {"length": _whole(2, MOST_TRIGGERS, 2)},
    "delay": {"length": _whole(1, MOST_TRIGGERS, 1)},
    "reorder": {},
    "duplicate": {"copies": _whole(1, 100, 1)},
}
"""The kinds of faults in the order in which they befall a message, and the settings of each."""

LOSS = frozenset({"drop", "silence"})
"""The kinds that keep a message from Kafka."""

HELD_BACK = frozenset({"delay", "burst", "reorder"})
"""The kinds that send a message later."""

UNREADABLE = frozenset({"corrupt", "truncate"})
"""The kinds that leave a message which no schema reads."""

COMMON = ("kind", "rate", "triggers", "topic", "source")
"""What every rule may say."""

_SPAN = re.compile(r"(\d{1,18})\s*-\s*(\d{1,18})")


@dataclass(frozen=True)
class Rule:
    """When and where faults of one kind are put in.

    Attributes
    ----------
    kind
        of `KINDS`
    number
        which of the rules of its kind, from 0
    rate
        the probability by message; by trigger and stream for silence, burst and clock_jump
    spans
        the triggers at which it may happen, first and last of each span; empty: at all
    topic, source
        the streams that it concerns; empty: all
    settings
        by name, as `KINDS` has them
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
        what stands under the key ``faults`` of its Parameters: a list of objects; None for no faults

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
    if not isinstance(kind, str) or kind not in KINDS:
        got = f"got {kind!r:.80}" if "kind" in said else "it is missing"
        raise InputError(f"{where}.kind: one of {', '.join(KINDS)}; {got}{_meant(kind, KINDS)}")
    accepted = (*COMMON, *KINDS[kind])
    for key in said:
        if key not in accepted:
            raise InputError(
                f"{where}.{key!s:.80}: unknown; a fault of kind {kind} has the keys {', '.join(accepted)}"
                f"{_meant(key, accepted)}"
            )
    if "rate" not in said and "triggers" not in said and kind != "clock_offset":
        raise InputError(
            f"{where}: says neither rate nor triggers; give the probability, as rate: 0.01,"
            " or the triggers, as triggers: [40]"
        )
    rate = said.get("rate", 1)
    if not (_is_number(rate) and 0 < rate <= 1):
        raise InputError(f"{where}.rate: a probability above 0 and at most 1; got {rate!r:.80}")
    for key in ("topic", "source"):
        if key in said and not (isinstance(said[key], str) and said[key]):
            raise InputError(f"{where}.{key}: the name of a {key}; got {said[key]!r:.80}")
    settings = {}
    for name, setting in KINDS[kind].items():
        value = said.get(name, setting.default)
        if not setting.accepts(value):
            got = f"got {value!r:.80}" if name in said else "it is missing"
            raise InputError(f"{where}.{name}: {setting.expected}; {got}")
        settings[name] = value
    return Rule(
        kind,
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
