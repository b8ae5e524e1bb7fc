"""The journal: every run recorded as it goes, in SQLite under the RunDirectory.

What the conducting thread notes is put on a queue; a thread of the journal's own commits it in groups, ten
times a second. A commit is durable (write-ahead log, synced), so that a Director that dies loses at most the
last tenth of a second of notes, and `Director.Recover` asks the Players for what they hold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from donki import clock
from donki.director.journal import deliveries
from donki.director.journal import lines as journal_lines
from donki.director.journal.group_writer import GroupWriter
from donki.director.journal.last_run import Interrupted, read_durations, read_interrupted
from donki.director.journal.notes import transaction
from donki.director.journal.tables import (
    ADD_ATTEMPT,
    ADD_FILE,
    ADD_FIRST,
    ADD_JOB,
    ADD_PLAYER,
    ADD_REMARK,
    ADD_RUN,
    ADD_TRIGGER,
    ANSWER_JOB,
    END_RUN,
    RAISE_SENT,
    SET_HOST,
    STOP_JOB,
    TAKE_UP_RUN,
    run_row,
)
from donki.director.rules.effects import Attempt, TriggerDone
from donki.errors import FileError
from donki.run import Run

if TYPE_CHECKING:
    from donki.director.players.entry import RosterEntry
    from donki.director.rules.sequence import Sequence
    from donki.director.rules.writer_jobs import WriterJob


class Journal(GroupWriter):
    """Notes what the runs of one Director do; parameters, attributes and errors as of `GroupWriter`."""

    def begin(
        self, run: Run, sequence: Sequence, entries: Iterable[RosterEntry], *, taken_up: bool = False
    ) -> None:
        """Note that a run begins, or is taken up; committed when this returns.

        Raises
        ------
        FileError
            if the journal cannot be written, has a run of that id already, or not the one that is taken up
        """
        if not self.flush() or self._astray:
            raise self._unwritable(self._why or self._astray or "it is busy")
        self._epoch = sequence.pace.epoch
        # Of a run that has ended before, there may be something to remark.
        self._epochs = {**dict([*self._epochs.items()][-10:]), run.id: self._epoch}
        try:
            self._begin(run, sequence, entries, taken_up)
        except (sqlite3.Error, OSError) as error:
            raise self._unwritable(error) from None

    def sending(self, trigger: int, reference_time: int = 0) -> None:
        """Mark that a trigger is sent now; that outlives this process before any note is committed."""
        try:
            self._mark.move(self._run_key, trigger, reference_time)
        except OSError as error:
            self._why = f"the last trigger that was sent: {error}"

    def note(self, effect: Attempt | TriggerDone) -> None:
        """Take an attempt or a complete trigger; returns at once."""
        if isinstance(effect, TriggerDone):
            self._notes.put((ADD_TRIGGER, (self._run_key, *self._dated(effect))))
            return
        self._notes.put((ADD_ATTEMPT, (effect, self._run_key, self._player_keys[effect.player], self._epoch)))

    def remark(self, run_id: str, text: str) -> None:
        """Note something that happened to a run."""
        self._notes.put((ADD_REMARK, (clock.at(self._epochs.get(run_id, self._epoch)), text, run_id)))

    def file(self, run_id: str, player: str, path: str) -> None:
        """Note a file that a Player writes in a run."""
        self._notes.put((ADD_FILE, (path, run_id, player)))

    @property
    def player_keys(self) -> dict[str, int]:
        """The numbers of the Players of the run that began last, by name."""
        return dict(self._player_keys)

    def introduced(self, player_key: int, host: str, manifest: Mapping[str, Any]) -> None:
        """Note that a Player is set up, where, and what its setup delivered; the rest comes when it stops."""
        self._notes.put((SET_HOST, (host, player_key)))
        self._deliver(player_key, manifest)
        self._notes.put((deliveries.INTRODUCED, (player_key,)))

    def remainder(self, player_key: int, manifest: Mapping[str, Any]) -> None:
        """Note what a Player delivered after the last trigger."""
        self._deliver(player_key, manifest)
        self._notes.put((deliveries.PARTED, (player_key,)))

    def job(self, run_id: str, job: WriterJob, topic: str) -> None:
        """Note a job that file writers are told of; they are controlled on a topic."""
        self._notes.put((ADD_JOB, (job.id, topic, job.state.value, job.file, run_id)))

    def job_answered(self, job: WriterJob) -> None:
        """Note where a job of file writers stands."""
        self._notes.put((ANSWER_JOB, (job.state.value, job.writer, job.file, job.said, job.id)))

    def job_stopped(self, job_id: str, stopped: int) -> None:
        """Note when the file writers were told to stop a job, ns since 1970 UTC."""
        self._notes.put((STOP_JOB, (stopped, job_id)))

    def finished(self, run_id: str, ended: int) -> None:
        """Note that the master file of a run is written, which ended then: from now on it must be there."""
        self._notes.put((journal_lines.FINISH, (ended, run_id, ended)))

    def reopen(self, run_id: str) -> None:
        """Note that the master file of a run is to be written again, for there is more to come."""
        self._notes.put((journal_lines.REOPEN, (run_id,)))

    def unfinished(self) -> list[str]:
        """Return the ids of this Director's runs that have ended without a finished master file.

        Raises
        ------
        FileError
            if the journal cannot be read
        """
        with self._reading():
            return [name for (name,) in self._connection.execute(journal_lines.UNFINISHED, (self.director,))]

    def end(self, outcome: str, error: str) -> int:
        """Note that the run has ended; return when, ns since 1970 UTC."""
        ended = clock.at(self._epoch)
        self._notes.put((END_RUN, (ended, outcome, error, self._run_key)))
        self._has_ended = True
        return ended

    def raise_sent(self) -> None:
        """Note that the Players may be sent the triggers of the run in progress as often once more.

        Raises
        ------
        FileError
            if the journal cannot be written
        """
        try:
            with self._writing, transaction(self._connection):
                rounds = self._sequence.rounds if self._sequence else 1
                self._connection.execute(RAISE_SENT, (rounds, self._run_key))
        except (sqlite3.Error, OSError) as error:
            raise self._unwritable(error) from None

    def interrupted(self, run_id: str | None = None) -> Interrupted | None:
        """Return this Director's last run if it was interrupted or failed, or a wanted one, else None.

        Parameters
        ----------
        run_id
            of the one that is wanted, however it ended

        Raises
        ------
        FileError
            if the journal cannot be read
        """
        self.flush()
        with self._reading():
            return read_interrupted(self._connection, self.director, self._mark, run_id)

    def last_durations(self) -> dict[str, float]:
        """Return by Player what 99 % of its triggers took at most in this Director's last run, in s.

        Raises
        ------
        FileError
            if the journal cannot be read
        """
        self.flush()
        with self._reading():
            return read_durations(self._connection, self.director)

    def _deliver(self, player_key: int, manifest: Mapping[str, Any]) -> None:
        """Note what was delivered outside of triggers, once."""
        taken = manifest.get("taken", clock.at(self._epoch))
        for note in deliveries.rows(player_key, 0, taken, manifest):
            self._notes.put(note)

    def _begin(self, run: Run, sequence: Sequence, entries: Iterable[RosterEntry], taken_up: bool) -> None:
        with self._writing, transaction(self._connection):
            self._file.check_version()
            noted = self._connection.execute("SELECT key FROM run WHERE id = ?", (run.id,)).fetchone()
            if (noted is not None) != taken_up:
                there = "is in the journal already; begin another" if noted else "is not in the journal"
                raise FileError(f"run {run.id} {there} ({self.path})")
            if noted:
                self._connection.execute(TAKE_UP_RUN, (run.id, self.director))
                (self._run_key,) = noted
            else:
                row = run_row(
                    run, self.director, sequence.triggers, sequence.pace.period, clock.at(self._epoch)
                )
                self._run_key = self._connection.execute(ADD_RUN, row).lastrowid or 0
            players = [
                {**vars(entry), "run": self._run_key, "on_error": entry.on_error.name} for entry in entries
            ]
            self._connection.executemany(ADD_PLAYER, players)
            self._connection.execute(RAISE_SENT, (sequence.rounds, self._run_key))
            self._connection.execute(journal_lines.ADD_SEALED, (self._run_key,))
            self._connection.execute(journal_lines.ADD_FINISHED, (self._run_key,))
            self._sequence = sequence
            self._wanted = (sequence.triggers, sequence.pace.period)
            self._player_keys = dict(
                self._connection.execute("SELECT name, key FROM player WHERE run = ?", (self._run_key,))
            )
            first = [
                (self._player_keys[member.name], trigger, attempt)
                for member in sequence.members.values()
                for trigger, attempt in member.attempts.items()
            ]
            self._connection.executemany(ADD_FIRST, first)
            self._has_ended = False
            self._mark.begin(self._run_key, sequence.completed, clock.anchor(self._epoch))

    def _dated(self, effect: TriggerDone) -> tuple[int, ...]:
        number, reference_time, due, sent, done = effect
        return (number, reference_time, due + self._epoch, sent + self._epoch, done + self._epoch)
