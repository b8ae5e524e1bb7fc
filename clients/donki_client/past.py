"""What the journal of earlier runs tells of scripts: how long their actions took, what they sent."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from donki.director.journal import FILE_NAME
from donki.errors import FileError

#: How many of a script's last actions are looked at.
MOST_STEPS = 10_000


@dataclass(frozen=True)
class Experience:
    """What was seen of one script with the same parameters.

    Attributes
    ----------
    source
        where that was: an earlier run's id
    durations
        of its actions, ns, in order; from the trigger to the Player's answer
    events, bytes
        what an action sent, in the mean; NaN where it is not known
    """

    source: str
    durations: tuple[int, ...]
    events: float = math.nan
    bytes: float = math.nan

    @property
    def is_measured(self) -> bool:
        """Whether what was sent is known too."""
        return not math.isnan(self.events)


class Past:
    """The journal of earlier runs; there may be none.

    Parameters
    ----------
    folder
        where the journal is

    Raises
    ------
    FileError
        from every method, when the journal cannot be read
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def experience(self, script_hash: str, parameters: Mapping[str, Any]) -> Experience | None:
        """Return what the last run of a script, with these parameters, tells; None if there was none."""
        with self._reading() as journal:
            if journal is None:
                return None
            players = journal.execute(
                "SELECT player.key, parameters, run.id FROM player JOIN run ON run.key = player.run"
                " WHERE script_hash = ? ORDER BY player.key DESC",
                (script_hash,),
            )
            for key, text, run in players:
                if json.loads(text) != dict(parameters):
                    continue
                steps = journal.execute(
                    "SELECT done - sent, events, bytes FROM step"
                    " WHERE player = ? AND outcome = 'done' ORDER BY trigger DESC LIMIT ?",
                    (key, MOST_STEPS),
                ).fetchall()
                if steps:
                    durations, *sent = zip(*reversed(steps), strict=True)
                    means = (sum(column) / len(steps) for column in sent)
                    return Experience(run, tuple(durations), *means)
        return None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        if not self._path.is_file():
            yield None
            return
        try:
            with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as journal:
                journal.execute("PRAGMA busy_timeout=2000")
                yield journal
        except sqlite3.Error as error:
            raise FileError(f"the journal {self._path} cannot be read: {error}") from None
