"""The Players of a run are kept for it before it begins, so that of several Directors one gets them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from donki.director.players.entry import RosterEntry
from donki.director.players.roster import Roster
from donki.errors import DonkiError
from donki.limits import DISABLED
from donki.run import Run


@contextmanager
def reserved(roster: Roster, entries: Iterable[RosterEntry], run: Run) -> Iterator[None]:
    """Keep the enabled Players for a run, and begin it in this block; where that fails they are free again.

    Every Director asks them one after another, in the order of their names, which are the same to all. So one
    gets all it asks for: a Director is refused for another that has come further in this order, and the one
    that has come furthest is not refused.

    Raises
    ------
    DonkiError
        where a Player plays for another Director, or is about to, which it names
    """
    kept: list[RosterEntry] = []
    try:
        for entry in sorted(entries, key=lambda entry: entry.name.lower()):
            if entry.priority != DISABLED:
                # It may keep itself for the run and not come to say so.
                kept.append(entry)
                roster.tell(entry, "Reserve", run.to_json())
        yield
    except BaseException:
        for entry in kept:
            # One that does not answer is free again after a while.
            with suppress(DonkiError):
                roster.tell(entry, "Release", run.id)
        raise
