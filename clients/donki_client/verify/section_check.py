"""What a section told the Director above of each trigger, compared with the section's own journal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import ATTEMPT, OUTCOMES, RecordedRun
from donki.director.rules.effects import Outcome
from donki_client.recorded_sections import RecordedSection

_DONE = next(number for number, outcome in OUTCOMES.items() if outcome is Outcome.DONE)
_COUNTS = ("events", "messages", "bytes")


def check_section(section: RecordedSection) -> list[str]:
    """Return where the counts of a section differ; nothing where its journal cannot be read."""
    if section.reader is None or section.run is None:
        return []
    told = _done(section.above, section.run_above)
    told = told[told["player"] == section.player.key]
    noted = _done(section.reader, section.run)
    triggers = np.unique(told["trigger"])
    ours, theirs = _sums(told, triggers), _sums(noted, triggers)
    differ = triggers[(ours != theirs).any(axis=1)]
    if not len(differ):
        return []
    many = "1 trigger" if len(differ) == 1 else f"{len(differ):,} triggers"
    return [
        f"section {section.name}: at {many} its journal has other counts than the Director above was told, "
        f"the first at trigger {differ[0]}"
    ]


def _done(reader: JournalReader, run: RecordedRun) -> NDArray[np.void]:
    """Return what was done, of each Player and trigger the last attempt."""
    attempts = np.concatenate([np.empty(0, ATTEMPT), *reader.attempts(run)])
    done: NDArray[np.void] = attempts[attempts["outcome"] == _DONE]
    if not len(done):
        return done
    follows = (done["trigger"][1:] == done["trigger"][:-1]) & (done["player"][1:] == done["player"][:-1])
    last: NDArray[np.void] = done[np.append(~follows, True)]
    return last


def _sums(done: NDArray[np.void], triggers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return events, messages and bytes by trigger, shape (n, 3)."""
    done = done[np.isin(done["trigger"], triggers)]
    sums = np.zeros((len(triggers), len(_COUNTS)), np.int64)
    at = np.searchsorted(triggers, done["trigger"])
    for column, count in enumerate(_COUNTS):
        np.add.at(sums[:, column], at, done[count])
    return sums
