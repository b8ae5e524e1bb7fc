"""How a journal is written: what is put on a queue is committed in groups, by a thread of its own."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from donki import clock
from donki.director.journal.file import JournalFile
from donki.director.journal.notes import Note, write_notes
from donki.director.journal.place import FILE_NAME
from donki.director.journal.sent_mark import SentMark
from donki.director.journal.tables import ADD_REMARK_OF, CHANGE_WANTED
from donki.errors import FileError
from donki.threads import Threads

if TYPE_CHECKING:
    from donki.director.rules.sequence import Sequence

#: How often notes are committed, in s.
GROUP = 0.1


class GroupWriter:
    """Writes what it finds on its queue, whatever becomes of the file meanwhile.

    Parameters
    ----------
    directory
        where the file ``journal.sqlite`` is kept; made where it is missing
    director
        the Director's device name
    threads
        where what goes wrong in its thread is said

    Attributes
    ----------
    path
        of the file
    director
        as given

    Raises
    ------
    FileError
        if the journal cannot be opened or written, or is of a later version
    """

    def __init__(self, directory: Path, director: str, threads: Threads | None = None) -> None:
        self.path = directory / FILE_NAME
        self._why = ""
        self._astray = ""
        self._has_ended = True
        self.director = director
        self._notes: queue.SimpleQueue[Note] = queue.SimpleQueue()
        self._unwritten: list[Note] = []
        self._run_key = 0
        self._player_keys: dict[str, int] = {}
        self._sequence: Sequence | None = None
        self._wanted = (0, 0)
        self._epoch = clock.epoch()
        self._epochs: dict[str, int] = {}
        self._closing = threading.Event()
        self._writing = threading.Lock()
        try:
            self._file = JournalFile(self.path)
            # Several Directors may share a journal.
            self._mark = SentMark(directory / f"{director.replace('/', '-')}.sent")
        except (OSError, sqlite3.Error) as error:
            raise self._unwritable(error) from None
        self._threads = threads or Threads()
        self._thread = self._threads.start("journal", self._write_groups)

    @property
    def problem(self) -> str:
        """Why it cannot be written at present, or where it is not found any more; empty if all is well."""
        why = self._why or self._astray
        return f"the journal {self.path} cannot be written: {why}" if why else ""

    def flush(self, limit: float = 2.0) -> bool:
        """Commit what is noted; return False where that was not possible within the limit, in s."""
        if not self._writing.acquire(timeout=limit):
            return False
        try:
            return self._commit()
        finally:
            self._writing.release()

    def write_all(self) -> None:
        """Commit what is noted, as long as that takes."""
        while not self.flush():
            time.sleep(GROUP)

    def close(self) -> None:
        """Commit what is noted and close the file."""
        self._closing.set()
        self._thread.join(5)
        with self._writing:
            self._file.close()
            self._mark.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with self._writing:
                self._file.check_version()
                yield
        except sqlite3.Error as error:
            raise FileError(f"the journal {self.path} cannot be read ({error}); mend or move it") from None

    def _unwritable(self, error: Exception | str) -> FileError:
        return FileError(
            f"the journal {self.path} cannot be written ({error}); mend the property RunDirectory"
        )

    def _write_groups(self) -> None:
        while not self._closing.wait(GROUP):
            self.flush()
        with self._threads.guard("journal"):
            self.flush()

    def _note_what_is_wanted(self) -> None:
        """Note the number of triggers and the period, where they were changed since the run began."""
        if self._sequence is None:
            return
        wanted = (self._sequence.triggers, self._sequence.pace.period)
        if wanted != self._wanted:
            self._wanted = wanted
            self._notes.put((CHANGE_WANTED, (*wanted, self._run_key)))

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._file.connection

    def _follow(self) -> bool:
        """Make the files again that are not where they were; return whether there is another journal now."""
        again, gone = False, ""
        try:
            if not self._file.is_in_place:
                gone = "it is not there any more, and cannot be made again: "
                goes_on = not self._has_ended or bool(self._unwritten) or not self._notes.empty()
                what, self._run_key = self._file.open_again(self._run_key, in_progress=goes_on)
                again, gone = True, ""
                if self._run_key:
                    self._notes.put((ADD_REMARK_OF, (self._run_key, clock.at(self._epoch), what)))
            self._file.check_access()
            if self._has_ended:
                self._file.check_version()
            self._mark.follow()
            self._astray = ""
        except (OSError, sqlite3.Error, FileError) as error:
            self._astray = f"{gone}{error}"
        return again

    def _commit(self) -> bool:
        written = self._write()
        again = self._follow()
        return self._write() if written or again else False

    def _write(self) -> bool:
        self._note_what_is_wanted()
        try:
            while True:
                self._unwritten.append(self._notes.get_nowait())
        except queue.Empty:
            pass
        if not self._unwritten:
            return True
        try:
            write_notes(
                self._connection, self._unwritten, self._run_key, clock.at(self._epoch), self._threads
            )
        except sqlite3.Error as error:
            # The disk may be full for a while: nothing is thrown away, and the Director's Status says so.
            self._why = str(error)
            return False
        self._why = ""
        self._unwritten.clear()
        return True
