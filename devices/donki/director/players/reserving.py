"""The Players of a run are kept for it before it begins, so that of several Directors one gets them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from donki.director.players.asking import by_server
from donki.director.players.entry import RosterEntry
from donki.director.players.roster import Roster
from donki.errors import DonkiError
from donki.limits import DISABLED
from donki.run import Run


@contextmanager
def reserved(roster: Roster, entries: Iterable[RosterEntry], run: Run) -> Iterator[None]:
    """Keep the enabled Players for a run, and begin it in this block; where that fails they are free again.

    Every Director asks them in the same order, that of their servers and then of their names; those of one
    server by one call, into which no other comes. So one gets all it asks for: a Director is refused for
    another that has come further in this order, and the one that has come furthest is not refused.

    Raises
    ------
    DonkiError
        where a Player plays for another Director, or is about to, which it names
    """
    enabled = [entry for entry in entries if entry.priority != DISABLED]
    groups = by_server(sorted(enabled, key=lambda entry: (entry.server, entry.name.lower())))
    kept: list[tuple[RosterEntry, ...]] = []
    try:
        for group in groups:
            # It may keep itself for the run and not come to say so.
            kept.append(group)
            roster.tell(group, "Reserve", run.to_json())
        yield
    except BaseException:
        for group in kept:
            # One that does not answer is free again after a while.
            with suppress(DonkiError):
                roster.tell(group, "Release", run.id)
        raise
