"""All that is kept and told of one run: journal, master file, and what goes to Kafka of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from donki.director.journal.writer import Journal
from donki.director.output.file_writers import LIMIT, FileWriterJob
from donki.director.output.master_file import make_master_file
from donki.director.output.timing_stream import TimingStream
from donki.director.players.answers import Output
from donki.director.rules.effects import Attempt, TriggerDone
from donki.errors import BrokerError, DonkiError
from donki.run import Run
from donki.streams.listing import Stream
from donki.threads import Threads

#: How often it is taken up what was delivered, in s.
GROUP = 0.1


def finish_run(journal: Journal, run_id: str) -> None:
    """Write the master file of a run, and note that it is there.

    Raises
    ------
    FileError
        when the journal cannot be read or the file cannot be written
    """
    if ended := make_master_file(journal.path.parent, run_id):
        journal.finished(run_id, ended)
        journal.flush()


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
    job
        tells the file writers of it; None: nobody is told
    timing
        sends the times of its triggers to Kafka; None: nowhere
    threads
        where what goes wrong in its thread is said

    Attributes
    ----------
    note
        takes an attempt or a complete trigger, in the conducting thread; returns at once
    sending
        takes the number of a trigger that is sent now, in the conducting thread; returns at once
    """

    def __init__(
        self,
        run: Run,
        journal: Journal,
        job: FileWriterJob | None,
        timing: TimingStream | None,
        threads: Threads,
    ) -> None:
        self.note: Callable[[Attempt | TriggerDone], None] = self._note_all if timing or job else journal.note
        self.sending = journal.sending
        self._run = run
        self._journal = journal
        self._job = job
        self._timing = timing
        self._player_keys = journal.player_keys
        self._remainders: list[tuple[int, Mapping[str, Any]]] = []
        self._streams: dict[str, list[Stream]] = {}
        self._problems: list[str] = []
        self._manifests: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        self._is_armed = False
        self._is_told = False
        self._begun = threading.Event()
        self._ended = threading.Event()
        self._ending = threading.Lock()
        self._writing = threading.Lock()
        self._end_time = 0
        self._threads = threads
        self._thread = threads.start(f"record of {run.id}", self._keep, self.remark)

    @property
    def problems(self) -> list[str]:
        """What could not be done, or cannot be at present."""
        problems = (self._timing.problem if self._timing else "", self._job.trouble if self._job else "")
        return [*self._problems, *filter(None, problems)]

    @property
    def run_id(self) -> str:
        """Of the run."""
        return self._run.id

    @property
    def streams(self) -> list[Stream]:
        """What goes to Kafka of the run, as far as the Players told when they were set up."""
        return [stream for _, told in sorted(self._streams.copy().items()) for stream in told]

    @property
    def requires_writer(self) -> bool:
        """Whether no trigger may be sent before a file writer has the run."""
        return self._job is not None and self._job.required

    @property
    def writer_jobs(self) -> list[str]:
        """Where the jobs of the file writers stand, a line each."""
        return [str(job) for job in self._job.jobs] if self._job else []

    def watch_writer(self, taken: Callable[[], object], troubled: Callable[[str], object]) -> None:
        """Say who is told of the file writers, as `FileWriterJob.watch`."""
        if self._job:
            self._job.watch(taken, troubled)

    @property
    def is_complete(self) -> bool:
        """Whether the run has ended and all that is to be kept of it is."""
        return not self._thread.is_alive()

    def introduce(self, player: str, output: Output) -> None:
        """Take what a Player tells when it is set up: files, streams, and what its setup delivered."""
        self._note_files(player, output)
        self._note_latest(output)
        host, manifest = output.get("host", ""), output.get("manifest", {})
        self._journal.introduced(self._player_keys[player], host, manifest)
        self._streams[player] = [Stream(**said) for said in output["streams"]]

    def leave(self, player: str, output: Output) -> None:
        """Take what a Player tells when it has left the run: its files, and what it delivered last."""
        self._note_files(player, output)
        self._note_latest(output)
        with self._ending:
            # What it did at a trigger may be noted after this.
            self._remainders.append((self._player_keys[player], output.get("manifest", {})))
            if has_ended := bool(self._end_time):
                self._journal.reopen(self._run.id)
                self._note_remainders()
        if has_ended:
            # It was given up, and the master file may be written without it.
            self._thread.join()
            self._attempt(self._write_master_file)

    def armed(self) -> None:
        """Take that all Players are set up; returns at once."""
        self._is_armed = True
        self._begun.set()

    def end(self, outcome: str, error: str) -> None:
        """Take that the run has ended, and how; returns at once. What is said first holds."""
        with self._ending:
            if self._end_time:
                return
            self._note_remainders()
            self._end_time = self._journal.end(outcome, error)
        try:
            if self._timing:
                self._timing.end()
        finally:
            self._ended.set()
            self._begun.set()

    def _note_files(self, player: str, output: Output) -> None:
        for path in output["files"]:
            self._journal.file(self._run.id, player, path)

    def _note_remainders(self) -> None:
        remainders, self._remainders = self._remainders, []
        for player_key, remainder in remainders:
            self._journal.remainder(player_key, remainder)

    def wait(self) -> None:
        """Wait until the record of an ended run is complete."""
        self._thread.join()

    def _keep(self) -> None:
        job = self._job
        self._begun.wait()
        if job and self._is_armed:
            self._attempt(lambda: job.start(self.streams))
        while not self._ended.wait(GROUP):
            self._take_manifests()
        self._take_manifests()
        # Once before the master file, which must not wait for a broker.
        self._attempt(self._tell_of_the_end)
        self._attempt(self._write_master_file)
        if job and not self._is_told:
            self._attempt(lambda: job.stop(self._end_time, LIMIT))
        if self._timing:
            self._timing.wait()

    def _tell_of_the_end(self) -> None:
        with suppress(BrokerError):
            if self._job:
                self._job.stop(self._end_time, 0)
            self._is_told = True

    def _write_master_file(self) -> None:
        with self._writing:
            self._journal.flush()
            finish_run(self._journal, self._run.id)

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            act()
        except DonkiError as error:
            self.remark(str(error))
        except BaseException as error:  # noqa: BLE001 - the rest is to be done all the same
            self.remark(self._threads.caught(f"record of {self._run.id}", error))

    def remark(self, problem: str) -> None:
        """Take what is not kept of the run as it should be, to show it and to note it in the journal."""
        self._problems.append(problem)
        self._journal.remark(self._run.id, problem)

    def _note_all(self, effect: Attempt | TriggerDone) -> None:
        self._journal.note(effect)
        if self._timing:
            self._timing.note(effect)
        if isinstance(effect, Attempt) and effect.report:
            self._note_latest(effect.report)

    def _note_latest(self, said: Mapping[str, Any]) -> None:
        # Reading the time stamps takes too long for the conducting thread.
        if self._job:
            self._manifests.put(said.get("manifest", {}))

    def _take_manifests(self) -> None:
        with suppress(queue.Empty):
            while self._job:
                self._job.take(self._manifests.get_nowait())
