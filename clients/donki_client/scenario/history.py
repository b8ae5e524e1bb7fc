"""What the journal of earlier runs tells of scripts: how long their actions took, what they sent."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from donki.director.journal.place import FILE_NAME


@dataclass(frozen=True)
class MeasuredScript:
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


class History:
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
        self._folder = folder

    def experience(self, script_hash: str, parameters: Mapping[str, Any]) -> MeasuredScript | None:
        """Return what the last run of a script, with these parameters, tells; None if there was none."""
        if not (self._folder / FILE_NAME).is_file():
            return None
        from donki.director.journal.reading.reader import JournalReader  # noqa: PLC0415 - it takes long to import

        with JournalReader(self._folder) as reader:
            for past in reader.past_actions(script_hash):
                if json.loads(past.parameters) == dict(parameters):
                    durations, *sent = zip(*past.actions, strict=True)
                    means = (sum(column) / len(past.actions) for column in sent)
                    return MeasuredScript(past.run_id, tuple(durations), *means)
        return None
