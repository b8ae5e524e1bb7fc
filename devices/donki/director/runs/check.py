"""What prevents a sequence, found before the first trigger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from donki.busy import remedy
from donki.director.players.entry import RosterEntry
from donki.director.players.roster import Roster
from donki.director.rules.pace import SECOND
from donki.limits import DISABLED
from donki.run import name_for
from donki.section_place import SectionPlace, circle


def findings(entries: Sequence[RosterEntry], director: str, survivors: Container[str] = ()) -> list[str]:
    """Return one line for each thing that must be mended before Start, with its remedy; empty is ready.

    What a Player knows of itself, as why it is in FAULT, its own Check says.

    Parameters
    ----------
    entries
        the Players
    director
        who is to conduct them, as in `donki.run.Run`
    survivors
        names of the Players that survived an interrupted run: they may still act at its trigger
    """
    enabled = [entry for entry in entries if entry.priority != DISABLED]
    if not entries:
        return [
            "no Player found: start one (donki player NAME HOST:PORT SCRIPT, or DonkiPlayer INSTANCE), "
            "or mend the property PlayerDevices"
        ]
    if not enabled:
        return ["every Player is disabled: give one a priority of 0 or more (priority[NAME]=0)"]
    lines = []
    for name, count in Counter(entry.name for entry in enabled).items():
        if count > 1:
            devices = ", ".join(entry.device for entry in enabled if entry.name == name)
            lines.append(f"Player {name}: {count} Players have this name ({devices}); rename or disable one")
    for entry in enabled:
        section = SectionPlace.read(entry.parameters)
        if section and director in (section.director, *section.below):
            lines.append(f"Player {entry.name}: {circle(director, section.director)}")
        elif entry.state == "UNKNOWN":
            lines.append(
                f"Player {entry.name}: {entry.status}; "
                f"start its server again, or leave it out (priority[{entry.name}]=-1)"
            )
        elif entry.state in ("STANDBY", "RUNNING") and entry.director not in ("", director):
            lines.append(
                f"Player {entry.name}: plays run {entry.run_id} of "
                f"{name_for(entry.director, director)}; Stop it there, "
                "or Stop this Player where that Director is gone"
            )
        elif entry.state == "RUNNING" and entry.name not in survivors:
            lines.append(f"Player {entry.name}: busy, {entry.status} - {remedy(entry.status)}")
    return lines


def all_findings(
    roster: Roster, entries: Sequence[RosterEntry], director: str, survivors: Container[str] = ()
) -> list[str]:
    """Return what prevents a sequence: first what the Director sees, then what the Players themselves say.

    Parameters and lines are those of `findings`; the roster asks the Players.
    """
    enabled = [entry for entry in entries if entry.priority != DISABLED]
    faulty = {entry.name for entry in enabled if entry.state == "FAULT"}
    found = [*findings(entries, director, survivors), *roster.check(faulty)]
    return found or roster.check({entry.name for entry in enabled if entry.name not in survivors})


def too_short(period: int, entries: Sequence[RosterEntry], durations: Mapping[str, float]) -> list[str]:
    """Warn of a period in which the Players cannot do what they did in the last run.

    Parameters
    ----------
    period
        ns; 0 is as fast as the Players answer
    entries
        the Players
    durations
        by Player: what 99 % of its triggers took at most in the last run, in s
    """
    levels: dict[int, float] = {}
    for entry in entries:
        if entry.priority != DISABLED:
            taken = max(levels.get(entry.priority, 0.0), durations.get(entry.name, 0.0))
            levels[entry.priority] = taken
    needed = sum(levels.values())
    if not period or needed * SECOND <= period:
        return []
    return [
        f"warning: a Period of {period / SECOND:g} s is shorter than the {needed:.3g} s that the Players "
        "took for a trigger in the last run (99 %); triggers will start late, lengthen it"
    ]


def of_one_name(entries: list[RosterEntry]) -> list[RosterEntry]:
    """Leave out the disabled Players that share their name with an enabled one."""
    enabled = {entry.name for entry in entries if entry.priority != DISABLED}
    return [entry for entry in entries if entry.priority != DISABLED or entry.name not in enabled]
