"""What a round will be: the sequence, the Players' settings and the faults; all of it follows from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from donki.limits import OnError
from helpers.chaos.layout import APART, DIRECTOR, NAMES, SECTION, Layout

#: How long the action of a Player lasts that takes too long, over its Timeout, in s.
OVERLONG = 0.4


class Kind(StrEnum):
    """The faults, by the name that the table gives them."""

    NONE = "none"
    PLAYER_KILLED = "Player killed"
    PLAYER_STOPPED = "Player silent (SIGSTOP)"
    SCRIPT_RAISES = "script raises"
    SCRIPT_SLOW = "script overlong, heeds Abort"
    SCRIPT_DEAF = "script overlong, deaf"
    SCRIPT_DIES = "script ends its process"
    SCRIPT_CANCELLED = "script raises what is no Exception"
    SCRIPT_GIVES_BAD = "script gives what cannot be kept"
    SCRIPT_LOGS_ODD = "script logs what Tango cannot carry"
    SCRIPT_THREAD = "script sends from a thread of its own"
    REPORT_MALFORMED = "Player answers what is no report"
    DISK_FULL = "disk full for a Player"
    DIRECTOR_KILLED = "Director killed, run recovered"
    DIRECTOR_STOPPED = "Director silent (SIGSTOP)"
    BROKER_KILLED = "broker killed"
    BROKER_PAUSED = "broker silent (SIGSTOP)"
    DATABASE_KILLED = "Tango database killed"
    PAUSE = "Pause, Resume"
    STEP = "Pause, Step, Resume"
    STOP = "Stop"
    ABORT = "Abort"
    PRIORITY = "SetPriority"
    START_AGAIN = "Start while it runs or ends"
    INIT = "Init of the Director, three at once"
    CLOCK_SET = "clock set, forwards or back"
    JOURNAL_DELETED = "journal deleted"
    CABLE_CUT = "cable of a host cut"
    HOST_KILLED = "host killed"


#: What only an operator does: no Player may fail of it.
HARMLESS = frozenset(
    {Kind.NONE, Kind.PAUSE, Kind.STEP, Kind.STOP, Kind.ABORT, Kind.PRIORITY, Kind.START_AGAIN}
    | {
        Kind.DATABASE_KILLED,
        Kind.SCRIPT_LOGS_ODD,
        Kind.SCRIPT_THREAD,
        Kind.INIT,
        Kind.CLOCK_SET,
        Kind.JOURNAL_DELETED,
    }
)

#: What can happen to hosts alone.
OF_HOSTS = frozenset({Kind.CABLE_CUT, Kind.HOST_KILLED})

#: How much longer the Timeout of a section is than that of its Players, who have two levels and may be tried again.
LEVELS = 4

#: What is written into the Parameters before the run.
MISHAPS = {
    Kind.SCRIPT_RAISES: ("raise",),
    Kind.SCRIPT_SLOW: ("slow",),
    Kind.SCRIPT_DEAF: ("deaf",),
    Kind.SCRIPT_DIES: ("die", "die sent"),
    Kind.SCRIPT_CANCELLED: ("cancelled", "interrupted", "exit", "group", "mute"),
    Kind.SCRIPT_GIVES_BAD: ("text", "surrogate", "masked", "object", "alarm", "unit"),
    Kind.SCRIPT_LOGS_ODD: ("odd log",),
    Kind.SCRIPT_THREAD: ("thread",),
    Kind.REPORT_MALFORMED: ("malformed",),
}


class Mishap(NamedTuple):
    """Part of a Player's Parameters: see ``scripts/witness.py``."""

    trigger: int
    kind: str
    attempts: int
    seconds: float


class Fault(NamedTuple):
    """A fault that is inflicted from outside.

    ``at`` and ``length`` in s, from the Start; ``target`` is the name of a Player or the section, or empty; ``value`` a priority, the
    number of steps, of bytes that are left, or of seconds that the clock is set by.
    """

    kind: Kind
    at: float
    length: float = 0.0
    target: str = ""
    value: int = 0


@dataclass(frozen=True)
class Part:
    """The settings of one Player, or of the section as one."""

    priority: int
    timeout: float
    on_error: OnError
    retries: int
    sleep: float
    mishaps: tuple[Mishap, ...]


@dataclass(frozen=True)
class Plan:
    """One round.

    ``mend`` tells whether a run that failed is recovered when everything works again.
    """

    seed: int
    number: int
    triggers: int
    period: float
    parts: dict[str, Part]
    faults: tuple[Fault, ...]
    kinds: tuple[Kind, ...]
    mend: bool

    @property
    def harmless(self) -> bool:
        """Whether no Player has a reason to fail."""
        return HARMLESS.issuperset(self.kinds)

    def __str__(self) -> str:
        lines = [
            f"round {self.number} of seed {self.seed}: {self.triggers} triggers, period {self.period:.3f} s"
            + (", recovered if it fails" if self.mend else "")
        ]
        for name, part in self.parts.items():
            policy = f"{part.on_error.name} {part.retries}" if part.retries else part.on_error.name
            lines.append(
                f"  {name}: priority {part.priority}, Timeout {part.timeout:g} s, {policy}, "
                f"sleeps {part.sleep:.3f} s {[tuple(mishap) for mishap in part.mishaps] or ''}"
            )
        for fault in self.faults:
            what = (
                f"of {fault.target}" if fault.target else "",
                f"value {fault.value}" if fault.value else "",
            )
            length = f"for {fault.length:.3f} s" if fault.length else ""
            lines.append("  " + " ".join(filter(None, (f"{fault.at:.3f} s: {fault.kind}", *what, length))))
        return "\n".join(lines)


def draw(seed: int, number: int, kinds: Sequence[Kind], layout: Layout = APART) -> Plan:
    """Return the round of that number; `kinds` are the faults to choose from, where there can be such ones."""
    rng = random.Random(f"{seed}/{number}")
    kinds = [kind for kind in kinds if layout.on_hosts or kind not in OF_HOSTS]
    chosen = _possible(tuple(rng.choice(kinds) for _ in range(rng.choice((1, 1, 2, 2, 3)))))
    harmless = HARMLESS.issuperset(chosen)
    triggers = rng.randint(8, 30)
    period = rng.choice((0.0, 0.0, rng.uniform(0.005, 0.03)))
    sleeps = {name: rng.choice((0.0, rng.uniform(0.001, 0.02))) for name in layout.names}
    timeout = 10.0 if harmless else rng.uniform(0.5, 1.2)
    duration = 0.1 + triggers * max(period, 0.003 + sum(sleeps.values()))
    mishaps: dict[str, list[Mishap]] = {name: [] for name in layout.names}
    faults = []
    for kind in chosen:
        if kind in MISHAPS:
            mishap = Mishap(
                rng.randint(1, triggers),
                rng.choice(MISHAPS[kind]),
                rng.choice((1, 1, 2, 99)),
                timeout + OVERLONG,
            )
            mishaps[rng.choice(NAMES)].append(mishap)
        elif kind is not Kind.NONE:
            faults.append(_fault(rng, kind, duration, layout))
    parts = {
        name: Part(
            priority=rng.randint(0, 2),
            timeout=LEVELS * timeout if name == SECTION else timeout,
            on_error=(policy := rng.choice(list(OnError))),
            retries=rng.randint(1, 3) if policy is OnError.RETRY else 0,
            sleep=sleeps[name],
            mishaps=tuple(mishaps[name]),
        )
        for name in layout.names
    }
    return Plan(
        seed,
        number,
        triggers,
        period,
        parts,
        tuple(sorted(faults, key=lambda fault: fault.at)),
        chosen,
        mend=rng.random() < 0.5,
    )


def _possible(chosen: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Leave the journal where its Director is killed: nobody else could make it again."""
    if Kind.DIRECTOR_KILLED not in chosen:
        return chosen
    return tuple(kind for kind in chosen if kind is not Kind.JOURNAL_DELETED)


def _fault(rng: random.Random, kind: Kind, duration: float, layout: Layout) -> Fault:
    at = rng.uniform(0.0, duration)
    target = rng.choice(layout.names)
    match kind:
        case Kind.PLAYER_KILLED | Kind.HOST_KILLED:
            return Fault(kind, at, rng.choice((0.0, rng.uniform(0, 1.0))), target)
        case Kind.PLAYER_STOPPED | Kind.CABLE_CUT:
            return Fault(kind, at, rng.uniform(0.1, 2.0), target)
        case Kind.PRIORITY:
            return Fault(kind, at, 0.0, rng.choice(layout.players_of(DIRECTOR)), rng.randint(-1, 3))
        case Kind.STEP:
            return Fault(kind, at, rng.uniform(0.05, 0.3), "", rng.randint(1, 3))
        case Kind.DISK_FULL:
            return Fault(kind, at, rng.uniform(0.05, 1.0), rng.choice(NAMES), rng.randint(0, 65_536))
        case Kind.CLOCK_SET:
            return Fault(kind, at, value=rng.choice((-1, 1)) * rng.choice((1, 60, 86_400)))
        case Kind.INIT | Kind.JOURNAL_DELETED:
            return Fault(kind, at)
        case Kind.STOP | Kind.ABORT | Kind.START_AGAIN:
            return Fault(kind, rng.uniform(0.0, 1.3 * duration))
        case Kind.PAUSE:
            return Fault(kind, at, rng.uniform(0.0, 0.4))
        case _:
            return Fault(kind, at, rng.uniform(0.1, 1.5))
