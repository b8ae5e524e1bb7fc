"""The Players are asked again and again who they are, and the run in progress follows what they say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import tango

from donki.director.conducting.conductor import Conductor
from donki.director.log import RunLog
from donki.director.players.entry import RosterEntry
from donki.director.players.roster import Roster
from donki.director.rules.sequence import Sequence
from donki.director.rules.states import IN_PROGRESS
from donki.errors import DonkiError, InputError, NotAllowedError
from donki.threads import Threads

#: How often the Director asks who is there, in s.
INTERVAL = 1.0

#: How many times as long as it computed for that it waits at least: a thousand Players are asked less often.
REST = 100


class RosterWatch:
    """Watches the roster in a thread of its own.

    Parameters
    ----------
    roster
        the Players
    conductor
        gives the conductor of the run in progress, or of the last one; None before the first
    log
        says who comes and goes
    threads
        where what goes wrong in its thread is said
    changed
        is called when the roster has been looked at

    Attributes
    ----------
    problem
        why the Players could not be looked for; empty if they could
    """

    def __init__(
        self,
        roster: Roster,
        conductor: Callable[[], Conductor | None],
        log: RunLog,
        threads: Threads,
        changed: Callable[[], None],
    ) -> None:
        self.problem = ""
        self._roster = roster
        self._conductor = conductor
        self._log = log
        self._threads = threads
        self._changed = changed
        self._prioritizing = threading.Lock()
        self._closed = threading.Event()
        self._look_again = threading.Event()
        threads.start("roster", self._run)

    def look_again(self) -> None:
        """Look at once, not only when it is time."""
        self._look_again.set()

    def close(self) -> None:
        """Watch no more."""
        self._closed.set()
        self._look_again.set()

    def set_priorities(self, priorities: Mapping[str, int]) -> None:
        """Set the priorities of Players, from the next trigger on; none where a name is unknown."""
        try:
            for name in priorities:
                self._roster.find(name)
        except InputError:
            # It may have come since the Players were last asked.
            self._roster.refresh()
            for name in priorities:
                self._roster.find(name)
        for name, priority in priorities.items():
            with self._prioritizing:
                entry = self._roster.set_priority(name, priority)
                conductor = self._conductor()
                if conductor and conductor.conducts(entry):
                    _take_priority(conductor, entry.name, entry.priority)

    def follow(self, entries: list[RosterEntry]) -> None:
        """Tell the sequence what the Players say of themselves: new priorities, and who is there again."""
        conductor = self._conductor()
        if conductor is None or conductor.sequence.state not in IN_PROGRESS:
            return
        for entry in entries:
            if not conductor.conducts(entry) or entry.state in ("UNKNOWN", "RUNNING", "FAULT"):
                continue
            member = conductor.sequence.members[entry.name]
            if member.unreachable:
                with suppress(NotAllowedError):
                    conductor.found(entry.name)
            with self._prioritizing:
                # As it is now: a priority may have been set since the Players were asked.
                priority = self._roster.latest(entry).priority
                if member.priority != priority:
                    _take_priority(conductor, entry.name, priority)

    def _run(self) -> None:
        with tango.EnsureOmniThread():
            while not self._closed.is_set():
                began = time.thread_time()
                with self._threads.guard("roster"):
                    self._look_around()
                self._look_again.wait(max(INTERVAL, REST * (time.thread_time() - began)))
                self._look_again.clear()

    def _look_around(self) -> None:
        try:
            self.follow(self._roster.refresh())
            self.problem = ""
        except DonkiError as error:
            self.problem = str(error)
        self._log.seen(self._roster.entries, self.problem)
        self._changed()


def _take_priority(conductor: Conductor, name: str, priority: int) -> None:
    def change(sequence: Sequence) -> None:
        if name in sequence.members:
            sequence.set_priority(name, priority)

    conductor.change_if_in_progress(change)
