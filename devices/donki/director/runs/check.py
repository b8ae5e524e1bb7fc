"""What stands in the way of a sequence, found before the first trigger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from donki.director.pace import SECOND
from donki.director.roster import Entry
from donki.priority import DISABLED


def findings(entries: Sequence[Entry], director: str, lived: Container[str] = ()) -> list[str]:
    """Return one line for each thing that must be mended before Start, with its remedy; empty is ready.

    Parameters
    ----------
    entries
        the Players
    director
        who is to conduct them
    lived
        names of the Players that lived through an interrupted run: they may still act at its trigger
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
        if entry.state == "UNKNOWN":
            lines.append(
                f"Player {entry.name}: {entry.status}; "
                f"start its server again, or leave it out (priority[{entry.name}]=-1)"
            )
        elif entry.state == "FAULT":
            lines.append(f"Player {entry.name}: {entry.status} - mend the script and Reload")
        elif entry.state in ("STANDBY", "RUNNING") and entry.director not in ("", director):
            lines.append(
                f"Player {entry.name}: plays run {entry.run_id} of {entry.director}; Stop it there, "
                "or Stop this Player where that Director is gone"
            )
        elif entry.state == "RUNNING" and entry.name not in lived:
            lines.append(f"Player {entry.name}: busy, {entry.status} - wait, or Abort it")
    return lines


def too_short(period: int, entries: Sequence[Entry], durations: Mapping[str, float]) -> list[str]:
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
