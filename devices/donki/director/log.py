"""What the Director says in its log of runs and Players."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from donki.director.players.entry import RosterEntry
from donki.director.rules.effects import Attempt, Effect, Outcome
from donki.director.rules.sequence import Sequence
from donki.director.rules.sequence_state import ENDLESS
from donki.run import Run

_WORDS = {
    Outcome.FAILED: "failed",
    Outcome.SKIPPED: "failed and is skipped",
    Outcome.DISABLED: "failed and is left out for the rest of the run",
}


class RunLog:
    """Says what happens: INFO what is as it should be, WARNING what goes on all the same, ERROR the rest.

    Parameters
    ----------
    log
        takes the lines; a call must return at once, for triggers wait meanwhile
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._states: dict[str, str] = {}
        self._problem = ""

    def begun(self, run: Run, sequence: Sequence, entries: Iterable[RosterEntry], remark: str) -> None:
        """Say that a run begins, or is taken up, which the remark tells."""
        many = "triggers until Stop" if sequence.triggers == ENDLESS else f"{sequence.triggers} triggers"
        names = ", ".join(entry.name for entry in entries if sequence.members[entry.name].enabled)
        how = remark or "begins"
        self._log.info("run %s %s: %s, Players %s", run.id, how, many, names)

    def ended(self, run: Run, sequence: Sequence, error: str) -> None:
        """Say that a run has ended, and how."""
        if sequence.failure:
            self._log.error("run %s failed: %s", run.id, error)
            return
        late = f", {sequence.pace.overruns} late" if sequence.pace.overruns else ""
        self._log.info("run %s %s after trigger %s%s", run.id, sequence.outcome, sequence.completed, late)

    def unwritten(self, run: Run, trouble: str) -> None:
        """Say that a run is not written as it should be."""
        self._log.warning("run %s, file writer: %s", run.id, trouble)

    def refused(self, command: str, error: str) -> None:
        """Say that a run could not be begun."""
        self._log.error("%s: %s", command, error)

    def note(self, effect: Effect) -> None:
        """Say what went wrong at a Player's turn."""
        if isinstance(effect, Attempt) and effect.outcome in _WORDS:
            self._log.warning(
                "Player %s, trigger %s, attempt %s %s: %s",
                effect.player,
                effect.trigger,
                effect.attempt,
                _WORDS[effect.outcome],
                effect.error,
            )

    def seen(self, entries: Iterable[RosterEntry], problem: str = "") -> None:
        """Say which Players were lost and found since the last call, and why none could be looked for."""
        if problem != self._problem:
            if problem:
                self._log.warning("%s", problem)
            else:
                self._log.info("the Tango database answers again")
            self._problem = problem
        states = {entry.device: entry.state for entry in entries}
        for entry in entries:
            before = self._states.get(entry.device)
            if entry.state == "UNKNOWN" and before != "UNKNOWN":
                what = "is lost" if before else "is not there"
                self._log.warning("Player %s %s: %s", entry.name, what, entry.status)
            elif entry.state != "UNKNOWN" and before in (None, "UNKNOWN"):
                self._log.info("Player %s is found: %s", entry.name, entry.device)
        for device in self._states.keys() - states.keys():
            self._log.info("Player %s has left", device)
        self._states = states
