"""What a run amounts to: how late its triggers were, what each Player did and how long that took."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import ATTEMPT, OUTCOMES, TRIGGER, RecordedPlayer, RecordedRun
from donki.director.rules.effects import Outcome
from donki.director.rules.pace import OVERRUN

_NUMBERS = {outcome: number for number, outcome in OUTCOMES.items()}


@dataclass(frozen=True)
class Spread:
    """The median, the 99 % quantile and the largest of some times, in s; NaN where there are none."""

    median: float
    p99: float
    largest: float

    @classmethod
    def of(cls, seconds: NDArray[np.float64]) -> Self:
        """Return the spread of times in s, shape (n,); NaN is left out."""
        known = seconds[~np.isnan(seconds)]
        if not known.size:
            return cls(np.nan, np.nan, np.nan)
        median, p99 = np.quantile(known, (0.5, 0.99))
        return cls(float(median), float(p99), float(known.max()))


class Lateness:
    """How late triggers were sent; as a text, with the largest in % of the period.

    Parameters
    ----------
    triggers
        an array of `donki.director.journal.reading.rows.TRIGGER`, shape (n,)
    period
        from trigger to trigger, in ns; where it is 0, none was due at a time

    Attributes
    ----------
    seconds
        how long after it was due each trigger was sent, shape (n,)
    spread
        of these
    overruns
        triggers that were late by more than 10 % of the period
    """

    def __init__(self, triggers: NDArray[np.void], period: int) -> None:
        self.seconds = (triggers["sent"] - triggers["due"]) / 1e9
        self.spread = Spread.of(self.seconds)
        self.overruns = int(np.count_nonzero(self.seconds > OVERRUN * period / 1e9)) if period else 0
        self._period = period

    def __str__(self) -> str:
        spread = self.spread
        if not self._period or math.isnan(spread.median):
            return "no trigger was due at a time"
        share = 100e9 * spread.largest / self._period
        return (
            f"median {milliseconds(spread.median)} ms, 99 % {milliseconds(spread.p99)} ms, largest"
            f" {milliseconds(spread.largest)} ms ({share:,.0f} % of the period);"
            f" {self.overruns:,} overrun{'' if self.overruns == 1 else 's'}"
        )


def milliseconds(seconds: float) -> str:
    """Return ms with three digits or more."""
    if math.isnan(seconds):
        return "-"
    found = 1e3 * seconds
    return f"{found:.{0 if found >= 100 else 1 if found >= 10 else 2}f}"


class PlayerPart:
    """What one Player did in a run.

    Parameters
    ----------
    player
        the Player
    steps
        its turns, an array of `donki.director.journal.reading.rows.ATTEMPT`, shape (n,)

    Attributes
    ----------
    player, steps
        as given
    done, failed, skipped
        turns by their outcome; those that were aborted and the one that disabled the Player count as failed
    repeated
        triggers that it got more than once
    seen
        how long its turns took as the Director saw them, from sent to done
    acted
        how long they took at the Player
    events, bytes
        that it sent
    """

    def __init__(self, player: RecordedPlayer, steps: NDArray[np.void]) -> None:
        self.player = player
        self.steps = steps
        well = steps[steps["outcome"] == _NUMBERS[Outcome.DONE]]
        self.done = len(well)
        self.skipped = int(np.count_nonzero(steps["outcome"] == _NUMBERS[Outcome.SKIPPED]))
        self.failed = len(steps) - self.done - self.skipped
        self.is_partial = bool(self.skipped or np.any(steps["outcome"] == _NUMBERS[Outcome.DISABLED]))
        self.repeated = len(np.unique(steps["trigger"][steps["attempt"] > 1]))
        self.seen = Spread.of((well["done"] - well["sent"]) / 1e9)
        self.acted = Spread.of(well["duration"])
        self.events = int(well["events"].sum())
        self.bytes = int(well["bytes"].sum())


class RunStatistics:
    """What a run amounts to.

    Parameters
    ----------
    run
        the run
    triggers
        its complete triggers, an array of `donki.director.journal.reading.rows.TRIGGER`, shape (n,)
    parts
        what each Player did

    Attributes
    ----------
    run, triggers, parts
        as given
    lateness
        how late the triggers were sent
    mean_period, median_period
        from trigger to trigger, in s; NaN where there are fewer than two. A pause counts
    span
        from the first trigger until the last was done, in s
    """

    def __init__(self, run: RecordedRun, triggers: NDArray[np.void], parts: list[PlayerPart]) -> None:
        self.run = run
        self.triggers = triggers
        self.parts = parts
        self.lateness = Lateness(triggers, run.period)
        periods = np.diff(triggers["sent"]) / 1e9
        self.mean_period, self.median_period = (
            (float(periods.mean()), float(np.median(periods))) if periods.size else (np.nan, np.nan)
        )
        self.span = float(triggers["done"][-1] - triggers["sent"][0]) / 1e9 if triggers.size else 0.0

    @classmethod
    def read(cls, reader: JournalReader, run: RecordedRun) -> Self:
        """Read a run from the journal.

        Raises
        ------
        FileError
            when it cannot be read
        """
        triggers = triggers_of(reader, run)
        players = reader.players(run)
        blocks: dict[int, list[NDArray[np.void]]] = {player.key: [np.empty(0, ATTEMPT)] for player in players}
        for block in reader.attempts(run):
            for key in np.unique(block["player"]):
                blocks[key].append(block[block["player"] == key])
        parts = [PlayerPart(player, np.concatenate(blocks[player.key])) for player in players]
        return cls(run, triggers, parts)


def triggers_of(reader: JournalReader, run: RecordedRun) -> NDArray[np.void]:
    """Return the complete triggers of a run, an array of `donki.director.journal.reading.rows.TRIGGER`.

    Raises
    ------
    FileError
        when the journal cannot be read
    """
    return np.concatenate([np.empty(0, TRIGGER), *reader.triggers(run)])
