"""All that is kept and told of one run: journal, master file, and what goes to Kafka of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable

from donki.director.announcement import LIMIT, Announcement
from donki.director.effects import Step, TriggerDone
from donki.director.journal import Journal
from donki.director.master_file import make_master_file
from donki.director.timing_stream import TimingStream
from donki.errors import BrokerError, DonkiError
from donki.run import Run
from donki.streams.outlet import Stream


class RunRecord:
    """Keeps one run, from its beginning in the journal on.

    What takes time is done in a thread of its own: no trigger waits for it, nor does the end of the run. What
    cannot be done is remarked in the journal and shown as a problem; it never ends a run.

    Parameters
    ----------
    run
        which run
    journal
        where it has begun
    announcement
        tells the file writers of it; None: nobody is told
    timing
        sends the times of its triggers to Kafka; None: nowhere

    Attributes
    ----------
    note
        takes a step or a complete trigger, in the conducting thread; returns at once
    sending
        takes the number of a trigger that is sent now, in the conducting thread; returns at once
    """

    def __init__(
        self, run: Run, journal: Journal, announcement: Announcement | None, timing: TimingStream | None
    ) -> None:
        self.note: Callable[[Step | TriggerDone], None] = self._note_both if timing else journal.note
        self.sending = journal.sending
        self._run = run
        self._journal = journal
        self._announcement = announcement
        self._timing = timing
        self._streams: dict[str, list[Stream]] = {}
        self._problems: list[str] = []
        self._is_armed = False
        self._begun = threading.Event()
        self._ended = threading.Event()
        self._end_time = 0
        self._thread = threading.Thread(target=self._keep, name=f"record of {run.id}", daemon=True)
        self._thread.start()

    @property
    def problems(self) -> list[str]:
        """What could not be done, or cannot be at present."""
        problem = self._timing.problem if self._timing else ""
        return [*self._problems, problem] if problem else self._problems

    @property
    def is_complete(self) -> bool:
        """Whether the run has ended and all that is to be kept of it is."""
        return not self._thread.is_alive()

    def introduce(self, player: str, files: Iterable[str], streams: str) -> None:
        """Take what a Player tells when it is set up: its files, and its streams in JSON."""
        for path in files:
            self._journal.file(self._run.id, player, path)
        self._streams[player] = [Stream(**stream) for stream in json.loads(streams)]

    def leave(self, player: str, files: Iterable[str], remainder: str) -> None:
        """Take what a Player tells when it has stopped: its files, and what it delivered last, in JSON."""
        for path in files:
            self._journal.file(self._run.id, player, path)
        self._journal.remainder(player, remainder)

    def armed(self) -> None:
        """Take that all Players are set up; returns at once."""
        self._is_armed = True
        self._begun.set()

    def end(self, outcome: str, error: str) -> None:
        """Take that the run has ended, and how; returns at once."""
        self._end_time = time.time_ns()
        self._journal.end(outcome, error)
        if self._timing:
            self._timing.end()
        self._ended.set()
        self._begun.set()

    def wait(self, seconds: float) -> bool:
        """Wait until the record of an ended run is complete; return False where that takes longer."""
        self._thread.join(seconds)
        return self.is_complete

    def _keep(self) -> None:
        announcement = self._announcement
        self._begun.wait()
        if announcement and self._is_armed:
            streams = [stream for _, told in sorted(self._streams.copy().items()) for stream in told]
            self._attempt(lambda: announcement.start(streams))
        self._ended.wait()
        told = announcement is None or self._tell_of_the_end(announcement)
        self._attempt(self._write_master_file)
        if announcement and not told:
            self._attempt(lambda: announcement.stop(self._end_time, LIMIT))
        if self._timing:
            self._timing.wait()

    def _tell_of_the_end(self, announcement: Announcement) -> bool:
        """Try once, for the master file shall not wait for a broker."""
        try:
            announcement.stop(self._end_time, 0)
        except BrokerError:
            return False
        return True

    def _write_master_file(self) -> None:
        self._journal.flush()
        make_master_file(self._journal.path.parent, self._run.id)

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            act()
        except DonkiError as error:
            self._problems.append(str(error))
            self._journal.remark(self._run.id, str(error))

    def _note_both(self, effect: Step | TriggerDone) -> None:
        self._journal.note(effect)
        if self._timing:
            self._timing.note(effect)
