"""How a run that was interrupted, or that failed, continues: with which sequence."""

from __future__ import annotations

from collections.abc import Container, Iterable

from donki.clock import resumed
from donki.director.conducting.conductor import member_of
from donki.director.journal.last_run import Interrupted
from donki.director.players.entry import RosterEntry
from donki.director.rules.sequence import Sequence


def taken_up(
    interrupted: Interrupted, entries: Iterable[RosterEntry], survivors: Container[str], step: int
) -> tuple[Sequence, str]:
    """Return the sequence that goes on after the last complete trigger, and a remark on it.

    Parameters
    ----------
    interrupted
        the run
    entries
        the Players
    survivors
        the names of those that survived it, and know what they have done
    step
        the triggers of a step
    """
    entries = list(entries)
    # One that has left a run that never ended was told to give up, and no note of that may be left.
    left = set() if interrupted.failed else {entry.name for entry in entries if entry.state == "ON"}
    members = []
    for entry in entries:
        knows = entry.name in survivors and entry.name not in left
        members.append(member_of(entry, interrupted.first_attempts(entry.name, survived=knows)))
    completed = interrupted.completed
    present = resumed(interrupted.anchor, interrupted.last_time)
    sequence = Sequence(members, interrupted.triggers, interrupted.period, present, completed, step)
    died = sorted({entry.name for entry in entries if entry.name not in survivors})
    remark = f"taken up after trigger {completed}"
    return sequence, f"{remark}; died meanwhile: {', '.join(died)}" if died else remark
