"""What a Director's last run left in the journal: how far it came, and how long its Players took."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from donki.clock import Anchor
from donki.director.journal.sent_mark import SentMark
from donki.director.rules.effects import Outcome
from donki.run import Run


@dataclass(frozen=True)
class Interrupted:
    """A run that can be taken up.

    Attributes
    ----------
    run, triggers, period
        as it was started, or as was wanted last; the period in ns
    completed
        its last complete trigger; 0 if none
    attempts
        by Player: the attempts of the trigger after it that are noted as failed
    first
        by Player and trigger: the attempt at which it began, or would have, where that is not 1
    sent
        by Player: the highest attempt that it may have been sent so far
    unsure
        how many triggers after the last complete one may have been done without a note
    last_time
        the last time that was noted in it, ns since 1970 UTC, or went out as a reference time
    anchor
        where its time is fixed; None where that is not known
    failed
        whether it ended, in failure if it was no section's: then everything is noted
    """

    run: Run
    triggers: int
    period: int
    completed: int
    attempts: Mapping[str, int]
    first: Mapping[str, Mapping[int, int]]
    sent: Mapping[str, int]
    unsure: int
    last_time: int
    anchor: Anchor | None
    failed: bool = False

    def next_attempt(self, player: str) -> int:
        """Return the attempt that a Player was never sent."""
        return self.sent.get(player, 1) + 1

    def first_attempts(self, player: str, *, survived: bool) -> dict[int, int]:
        """Return by trigger at which attempt a Player begins, where that is not 1.

        A Player that survived knows what it has done and is sent the same attempt again. One that died may
        have done any of the triggers that are not noted, and one that was told to give up has failed at one:
        those are marked by an attempt that it was never sent.
        """
        first = self.completed + 1
        if not survived:
            return dict.fromkeys(range(first, first + self.unsure), self.next_attempt(player))
        # It may have survived only since the run was taken up before.
        attempts = dict(self.first.get(player, {}))
        if player in self.attempts:
            attempts[first] = max(attempts.get(first, 1), self.attempts[player] + 1)
        return attempts


def read_interrupted(
    connection: sqlite3.Connection, director: str, mark: SentMark, wanted: str | None = None
) -> Interrupted | None:
    """Return a Director's last run if it was interrupted or failed, else None.

    With the id of a wanted run: that one, however it ended, as a section's is taken up.
    """
    row = connection.execute(
        "SELECT key, id, title, metadata, seed, triggers, period, MAX(began, COALESCE(ended, 0)), outcome"
        " FROM run WHERE director = ? AND id = COALESCE(?, id)"
        " ORDER BY key DESC LIMIT 1",
        (director, wanted),
    ).fetchone()
    if row is None or (wanted is None and row[-1] not in (None, "failed")):
        return None
    key, run_id, title, metadata, seed, triggers, period, last_time, outcome = row
    completed, last = connection.execute(
        "SELECT COALESCE(MAX(number), 0), COALESCE(MAX(done), 0) FROM trigger WHERE run = ?", (key,)
    ).fetchone()
    (noted,) = connection.execute(
        "SELECT MAX(time) FROM"
        " (SELECT MAX(done) AS time FROM attempt WHERE run = :run AND trigger > :completed"
        " UNION ALL SELECT MAX(reference_time) FROM trigger WHERE run = :run"
        " UNION ALL SELECT MAX(time) FROM remark WHERE run = :run"
        " UNION ALL SELECT MAX(stopped) FROM job WHERE run = :run)",
        {"run": key, "completed": completed},
    ).fetchone()
    (recent,) = connection.execute(
        "SELECT COUNT(*) FROM trigger WHERE run = ? AND done > ?", (key, last - 1_000_000_000)
    ).fetchone()
    attempts = connection.execute(
        "SELECT name, MAX(attempt) FROM attempt JOIN player ON attempt.player = player.key"
        " WHERE attempt.run = ? AND trigger = ? AND outcome != ? GROUP BY name",
        (key, completed + 1, Outcome.DONE.value),
    )
    sent = connection.execute(
        "SELECT name, attempt FROM sent JOIN player ON sent.player = player.key WHERE run = ?", (key,)
    )
    begun = connection.execute(
        "SELECT name, trigger, attempt FROM first JOIN player ON first.player = player.key"
        " WHERE run = ? AND trigger > ?",
        (key, completed),
    )
    first: dict[str, dict[int, int]] = {}
    for name, trigger, attempt in begun:
        first.setdefault(name, {})[trigger] = attempt
    # A power cut may have taken the last seconds of the mark; of the journal, no more than one commit.
    unsure = max(mark.last(key) - completed, recent + 1)
    run = Run(run_id, title, json.loads(metadata), seed, director)
    failed = outcome is not None
    return Interrupted(
        run,
        triggers,
        period,
        completed,
        dict(attempts),
        first,
        dict(sent),
        unsure,
        max(last_time, last, noted or 0, mark.last_reference(key)),
        mark.anchor(key),
        failed,
    )


def read_durations(connection: sqlite3.Connection, director: str) -> dict[str, float]:
    """Return by Player what 99 % of its triggers took at most in a Director's last run, in s."""
    rows = connection.execute(
        "SELECT name, done - sent FROM attempt JOIN player ON attempt.player = player.key"
        " WHERE attempt.run = (SELECT MAX(key) FROM run WHERE director = ?) AND outcome = 'done'"
        " AND trigger > (SELECT MAX(number) - 1000 FROM trigger WHERE run = attempt.run)",
        (director,),
    )
    taken: dict[str, list[int]] = {}
    for name, duration in rows:
        taken.setdefault(name, []).append(duration)
    return {name: sorted(times)[int(0.99 * (len(times) - 1))] / 1e9 for name, times in taken.items()}
