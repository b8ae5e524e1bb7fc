"""How a run that was interrupted, or that failed, continues: with which sequence."""

from __future__ import annotations

from collections.abc import Container, Iterable

from donki.clock import resumed
from donki.director.conducting.conductor import member_of
from donki.director.journal.last_run import Interrupted
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import PlayerState
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
    members, _, remark = members_taken_up(interrupted, entries, survivors)
    present = resumed(interrupted.anchor, interrupted.last_time)
    completed = interrupted.completed
    return Sequence(members, interrupted.triggers, interrupted.period, present, completed, step), remark


def members_taken_up(
    interrupted: Interrupted, entries: Iterable[RosterEntry], survivors: Container[str]
) -> tuple[list[PlayerState], dict[str, int], str]:
    """Return the Players as the sequence that goes on sees them, and a remark on it; as of `taken_up`.

    Between these, by name: the attempt at which those act who do not know what they have done.
    """
    entries = list(entries)
    # One that has left a run that never ended was told to give up, and no note of that may be left.
    left = set() if interrupted.failed else {entry.name for entry in entries if entry.state == "ON"}
    unsure = {
        entry.name: interrupted.next_attempt(entry.name)
        for entry in entries
        if entry.name not in survivors or entry.name in left
    }
    members = [
        member_of(entry, interrupted.first_attempts(entry.name, survived=entry.name not in unsure))
        for entry in entries
    ]
    died = sorted({entry.name for entry in entries if entry.name not in survivors})
    remark = f"taken up after trigger {interrupted.completed}"
    return members, unsure, f"{remark}; died meanwhile: {', '.join(died)}" if died else remark
