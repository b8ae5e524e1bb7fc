"""What is seen of the runs of a Director: the one in progress, or the last one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from donki.director.conducting.conductor import Conductor
from donki.director.conducting.event_counts import LastCounts
from donki.director.conducting.roster_watch import RosterWatch
from donki.director.log import RunLog
from donki.director.output.recorder import Recorder
from donki.director.players.player_table import PlayerRow, player_rows
from donki.director.players.roster import Roster
from donki.director.rules.sequence import Sequence
from donki.director.rules.states import IN_PROGRESS, State
from donki.director.runs.interrupted import InterruptedRun
from donki.director.runs.starting import Starting
from donki.director.runs.status import Standing, standing_of
from donki.director.settings import Settings
from donki.director.telemetry.observer import RunObserver
from donki.run import Run
from donki.threads import Threads


class RunsState:
    """The run in progress, or the last one; `donki.director.runs.runs` goes on to the next.

    Every method may be called from any thread; none waits for a Player longer than its docstring says.

    Parameters
    ----------
    director
        the name of the Director, which no other in any Tango database has
    roster
        the Players
    recorder
        keeps what the runs did
    settings
        of the next run
    log
        says what happens
    threads
        where what goes wrong in threads is said
    changed
        is called when the Players or the run in progress have changed
    observers
        gives who is told what is done in a run with that sequence

    Attributes
    ----------
    roster, recorder
        as given
    watch
        asks the Players again and again, and sets their priorities
    """

    def __init__(
        self,
        director: str,
        roster: Roster,
        recorder: Recorder,
        settings: Settings,
        log: RunLog,
        threads: Threads,
        changed: Callable[[], None],
        observers: Callable[[Run, Sequence], Iterable[RunObserver]],
    ) -> None:
        self._director = director
        self.roster = roster
        self.recorder = recorder
        self._settings = settings
        self._log = log
        self._threads = threads
        self._changed = changed
        self._observers = observers
        self._conductor: Conductor | None = None
        self._refusal = ""
        self._starting = Starting()
        self._interrupted = InterruptedRun(recorder, threads, changed, self._remedy)
        self.watch = RosterWatch(roster, lambda: self._conductor, log, threads, changed)

    def _remedy(self, _run_id: str) -> str:
        """Say what can be done about a run that was interrupted."""
        return "Recover takes it up, Start begins a new one"

    @property
    def state(self) -> State:
        """What the Director is doing."""
        sequence = self.sequence
        return sequence.state if sequence else State.ON

    @property
    def sequence(self) -> Sequence | None:
        """The rules of the run in progress, or of the last one; None before the first."""
        conductor = self._conductor
        return conductor.sequence if conductor else None

    def player_rows(self) -> list[PlayerRow]:
        """Return the Players with their parts in the run in progress, or in the last one."""
        conductor = self._conductor
        if conductor is None:
            return player_rows(self.roster.entries, {}, lambda _player: (math.nan, math.nan))
        return player_rows(self.roster.entries, conductor.sequence.members, conductor.times)

    def last_counts(self) -> LastCounts:
        """Return the events of the last triggers of the run in progress, or of the last one."""
        conductor = self._conductor
        return conductor.events.last() if conductor else LastCounts()

    @property
    def disabled(self) -> list[str]:
        """The Players that their policy left out for the rest of the run in progress, or of the last one."""
        sequence = self.sequence
        members = sequence.members.values() if sequence else ()
        return [member.name for member in members if member.disabled]

    @property
    def run_id(self) -> str:
        """The id of the run in progress, or of the last one; empty before the first."""
        conductor = self._conductor
        return conductor.run.id if conductor else ""

    @property
    def standing(self) -> Standing:
        """State, LastError and Status of one moment."""
        entries = self.roster.entries
        found = len(entries)
        ready = f"ready; {found} Player{'' if found == 1 else 's'} found"
        lines = (ready, self.watch.problem, "" if self._conductor else self._interrupted.line)
        lacking = [f"Player {entry.name}: {entry.lacking}" for entry in entries if entry.lacking]
        problems = [*lacking, *self.recorder.problems, *self._threads.problems]
        return standing_of(self.sequence, self._refusal, lines, problems)

    @property
    def triggers(self) -> int:
        """How many triggers the sequence in progress has, or the next one; `ENDLESS`: until Stop."""
        sequence = self.sequence
        in_progress = sequence is not None and sequence.state in IN_PROGRESS
        return sequence.triggers if sequence and in_progress else self._settings.triggers
