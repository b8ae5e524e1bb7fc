"""What can be typed at the prompt: one line in, one instruction out."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass

from donki.errors import InputError
from donki_client.prompt.words import SETTINGS, WORDS


@dataclass(frozen=True)
class Word:
    """One of `WORDS`."""

    text: str


@dataclass(frozen=True)
class SetTriggers:
    """Set the number of triggers; -1 is endless."""

    triggers: int


@dataclass(frozen=True)
class SetPeriod:
    """Set the time from trigger to trigger, in s."""

    period: float


@dataclass(frozen=True)
class SetPriority:
    """Set the priority of one Player; -1 is disabled."""

    player: str
    priority: int


Instruction = Word | SetTriggers | SetPeriod | SetPriority

SETTING = re.compile(r"(?P<name>\w+)\s*(?:\[(?P<player>[^\]]*)\])?\s*=(?P<value>.*)", re.DOTALL)


def parse(line: str) -> Instruction | None:
    """Read one line of the prompt; None for an empty one or a comment (``#``).

    Raises
    ------
    InputError
        saying what was expected, or which command is close to an unknown one
    """
    line = line.partition("#")[0].strip()
    if not line:
        return None
    setting = SETTING.fullmatch(line)
    if setting:
        player = setting["player"]
        return _setting(setting["name"].lower(), player, setting["value"].strip())
    word = re.sub(r"\s+\?$", "?", line.lower())
    if word == "players":
        word = "players?"
    if word not in WORDS:
        raise _unknown(line)
    return Word(word)


def _setting(name: str, player: str | None, value: str) -> Instruction:
    if name not in SETTINGS:
        raise _unknown(name)
    form, _ = SETTINGS[name]
    if (player is not None) != (name == "priority"):
        raise InputError(f"{name}: written {form}")
    match name:
        case "triggers":
            return SetTriggers(_triggers(value))
        case "period":
            return SetPeriod(_period(value))
        case _:
            return _priority((player or "").strip().strip("'\""), value)


def _integer(value: str) -> int | None:
    return int(value) if re.fullmatch(r"[+-]?[0-9]{1,18}", value) else None


def _triggers(value: str) -> int:
    triggers = _integer(value)
    if triggers is None or not (triggers >= 1 or triggers == -1):
        raise InputError(f"triggers: a whole number >= 1, or -1 for endless; got {value!r:.80}")
    return triggers


def _period(value: str) -> float:
    try:
        period = float(value)
    except ValueError:
        period = math.nan
    if not (math.isfinite(period) and period >= 0):
        raise InputError(f"period: a number of seconds >= 0; got {value!r:.80}")
    return abs(period)  # -0 is 0


def _priority(player: str, value: str) -> SetPriority:
    if not player:
        raise InputError("priority: the name of a Player goes between the brackets, priority[NAME]=N")
    priority = _integer(value)
    if priority is None or priority < -1:
        raise InputError(f"priority[{player:.80}]: a whole number >= 0, or -1 to disable; got {value!r:.80}")
    return SetPriority(player, priority)


def _unknown(text: str) -> InputError:
    known = [*WORDS, *SETTINGS]
    close = difflib.get_close_matches(text[:80].lower(), known, n=2)
    shown = [SETTINGS[name][0] if name in SETTINGS else name for name in close]
    remedy = f"did you mean {' or '.join(shown)}?" if shown else "type help for the list"
    return InputError(f"unknown command {text!r:.80}; {remedy}")
