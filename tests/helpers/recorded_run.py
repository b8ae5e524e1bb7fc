"""Runs in a journal, written by the Director's own journal without a Director."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from donki.director.journal.writer import Journal
from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Attempt, Outcome, PlayerState, TriggerDone
from donki.director.rules.sequence import Sequence
from donki.run import Run

EPOCH = 1_795_000_000_000_000_000
PERIOD = 71_428_571
MS = 1_000_000


def turn(
    trigger: int,
    player: str,
    took: float = 10.0,
    attempt: int = 1,
    outcome: Outcome = Outcome.DONE,
    error: str = "",
    late: float = 0.0,
    **report: float,
) -> Attempt:
    """Return a Player's turn that took so many ms, sent so many ms after it was due."""
    sent = trigger * PERIOD + round(late * MS)
    told = {"duration": took / 1000, "events": 0, "messages": 0, "bytes": 0} | report
    said = told if outcome is Outcome.DONE else None
    return Attempt(trigger, player, attempt, outcome, sent, sent + round(took * MS), error, said)


def complete(trigger: int, took: float = 12.0, late: float = 0.0) -> TriggerDone:
    due = trigger * PERIOD
    sent = due + round(late * MS)
    return TriggerDone(trigger, EPOCH + due, due, sent, sent + round(took * MS))


def record(
    folder: Path,
    effects: Iterable[Attempt | TriggerDone],
    run: Run | None = None,
    players: Iterable[str] = ("p0", "p1"),
    *,
    taken_up: bool = False,
    triggers: int = 100,
    period: int = PERIOD,
    outcome: str | None = "done",
    error: str = "",
    remarks: Iterable[str] = (),
    files: Iterable[tuple[str, Path]] = (),
) -> Run:
    """Write a run to the journal in a folder; None as its outcome: its Director died."""
    run = run or Run("20261122T101500Z-3f9a", "Silicon", {"sample": "Si"}, 7)
    entries = [
        RosterEntry(name, f"donki/player/{name}", priority=number, script="act.py", script_hash="ab" * 32)
        for number, name in enumerate(players)
    ]
    members = [PlayerState(entry.name, entry.priority, 10**10) for entry in entries]
    journal = Journal(folder, "donki/director/1")
    try:
        journal.begin(run, Sequence(members, triggers, period, EPOCH), entries, taken_up=taken_up)
        for effect in effects:
            journal.note(effect)
        for text in remarks:
            journal.remark(run.id, text)
        for player, path in files:
            journal.file(run.id, player, str(path))
        if outcome:
            journal.end(outcome, error)
        assert journal.flush(60)
    finally:
        journal.close()
    return run
