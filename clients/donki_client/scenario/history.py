"""What is known of a scenario's actions: from the journal of earlier runs, else as the scenario says."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from donki.director.journal.place import FILE_NAME
from donki.director.rules.pace import SECOND
from donki_client.scenario.model import Scenario, players_in

if TYPE_CHECKING:
    from donki.director.journal.reading.reader import JournalReader
    from donki.director.journal.reading.rows import PastAction, PastPlayer

#: Of each Player by name; None where nothing is known.
Known = Mapping[str, "MeasuredScript | None"]


@dataclass(frozen=True)
class MeasuredScript:
    """What was seen of one script with the same parameters.

    Attributes
    ----------
    source
        where that was: an earlier run's id
    durations
        of its actions, ns, in order; from the trigger to the Player's answer
    acting
        what an action takes the Player itself, ns, in the median: without the wait for its turn and the way
        there and back
    events, bytes
        what an action sent, in the mean; NaN where it is not known
    """

    source: str
    durations: tuple[int, ...]
    acting: float
    events: float = math.nan
    bytes: float = math.nan

    @property
    def is_measured(self) -> bool:
        """Whether what was sent is known too."""
        return not math.isnan(self.events)

    @classmethod
    def of(cls, run_id: str, actions: Iterable[PastAction]) -> MeasuredScript:
        """Return what the actions of a run tell; at least one."""
        durations, acting, events, sizes = zip(*actions, strict=True)
        return cls(
            run_id,
            durations,
            statistics.median(acting),
            statistics.fmean(events),
            statistics.fmean(sizes),
        )


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

    def known(self, scenario: Scenario) -> dict[str, MeasuredScript | None]:
        """Return what is known of each Player's actions, those of sections too.

        From the journal, else as the scenario says.
        """
        script_hash = cache(lambda script: hashlib.sha256(script.read_bytes()).hexdigest())
        players = players_in(scenario)
        asked = [(script_hash(player.script), player.parameters) for player in players.values()]
        known: dict[str, MeasuredScript | None] = {}
        for (name, player), experience in zip(players.items(), self.experiences(asked), strict=True):
            if experience is None and player.duration is not None:
                duration = round(player.duration * SECOND)
                experience = MeasuredScript("the file", (duration,), duration)  # noqa: PLW2901
            known[name] = experience
        return known

    def experience(self, script_hash: str, parameters: Mapping[str, Any]) -> MeasuredScript | None:
        """Return what the last run of a script, with these parameters, tells; None if there was none."""
        return self.experiences([(script_hash, parameters)])[0]

    def experiences(self, asked: Iterable[tuple[str, Mapping[str, Any]]]) -> list[MeasuredScript | None]:
        """Return the same of several scripts, each by its hash and its parameters."""
        if not (self._folder / FILE_NAME).is_file():
            return [None for _ in asked]
        from donki.director.journal.reading.reader import JournalReader  # noqa: PLC0415 - it takes long to import

        with JournalReader(self._folder) as reader:
            past = _Past(reader)
            return [past.experience(script_hash, parameters) for script_hash, parameters in asked]


class _Past:
    """Looks up many scripts in a journal, and reads it once for all of a script and all of a run."""

    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader
        self._players = cache(self._by_parameters)
        self._actions = cache(reader.past_actions)

    def experience(self, script_hash: str, parameters: Mapping[str, Any]) -> MeasuredScript | None:
        for player in self._players(script_hash).get(_canonical(dict(parameters)), ()):
            if actions := self._actions(player.run_key).get(player.key):
                return MeasuredScript.of(player.run_id, actions)
        return None

    def _by_parameters(self, script_hash: str) -> dict[str, list[PastPlayer]]:
        players: dict[str, list[PastPlayer]] = {}
        for player in self._reader.past_players(script_hash):
            players.setdefault(_canonical(json.loads(player.parameters)), []).append(player)
        return players


def _canonical(parameters: object) -> str:
    return json.dumps(parameters, sort_keys=True)
