"""The file of the journal: what is open is what is found at its path, or it is made again there."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from donki.director.journal import lines as journal_lines
from donki.director.journal.migrations import find_version, migrate
from donki.director.journal.notes import transaction
from donki.errors import FileError

Identity = tuple[int, int]


def identity(path: Path) -> Identity | None:
    """Return what tells a file from every other; None where there is none at the path."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


class JournalFile:
    """A journal that is open.

    Parameters
    ----------
    path
        of the file; made where it is missing, as its folder is

    Attributes
    ----------
    connection
        to the database

    Raises
    ------
    OSError, sqlite3.Error
        if it cannot be opened or made; every method raises this too
    FileError
        if it is of a later version
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.connection, self._is = self._open()
        self._beside = self._found_beside()

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def check_version(self) -> None:
        """Raise a FileError where a Director of a later version has migrated the journal since."""
        find_version(self.connection, self._path)

    @property
    def is_in_place(self) -> bool:
        """Whether what is found at the path, and beside it, is what is open."""
        return identity(self._path) == self._is and self._found_beside() == self._beside

    def check_access(self) -> None:
        """Raise a PermissionError where it could not be opened again."""
        for path, mode in ((self._path, os.R_OK | os.W_OK), (self._path.parent, os.W_OK | os.X_OK)):
            if not os.access(path, mode):
                raise PermissionError(f"{path} is not to be read and written any more")

    def open_again(self, run: int, *, in_progress: bool) -> tuple[str, int]:
        """Open what is found at the path, or make it, and bring there what was noted.

        A file that was deleted is made again with all runs. Where it was moved away, or another one is in its
        place, the run goes on there.

        Parameters
        ----------
        run
            the key of the last run; 0 for none
        in_progress
            whether its notes go on: then it must have the same key there

        Returns
        -------
        What was done, and the key of the run.

        Raises
        ------
        FileError
            where the run cannot go on in the journal that is there now
        """
        if identity(self._path) == self._is:
            self._make_beside_again()
            return f"files beside the journal {self._path} were deleted; it is whole again", run
        moved_to = self._found_elsewhere()
        # A file that was moved is whole then.
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._remove_beside()
        if identity(self._path) is None:
            what = f"was moved to {moved_to}" if moved_to else "was deleted"
            if not moved_to:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._restore()
        else:
            what = "was replaced by another file"
        connection, found = self._open()
        try:
            key = _Bringing(self.connection, connection, run, same_keys=in_progress).bring() if run else 0
        except BaseException:
            connection.close()
            raise
        old, self.connection = self.connection, connection
        self._is = found
        self._beside = self._found_beside()
        old.close()
        return f"the journal {self._path} {what}; what was noted of this run is there again", key

    def _open(self) -> tuple[sqlite3.Connection, Identity]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        try:
            connection.execute("PRAGMA busy_timeout=500")
            # A journal of a later version is left as it is.
            find_version(connection, self._path)
            connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
            migrate(connection, self._path)
        except (sqlite3.Error, FileError):
            connection.close()
            raise
        found = identity(self._path)
        if found is None or not _open_files(found):
            connection.close()
            raise FileNotFoundError(f"{self._path} has just been replaced")
        return connection, found

    def _found_beside(self) -> dict[Path, Identity | None]:
        """Return the log and the index, without which readers do not find what is written."""
        paths = [self._path.with_name(f"{self._path.name}-{suffix}") for suffix in ("wal", "shm")]
        return {path: identity(path) for path in paths}

    def _make_beside_again(self) -> None:
        # Whoever else has the deleted ones open must not go on with them: SQLite refuses this until then.
        self.connection.executescript("PRAGMA journal_mode=DELETE; PRAGMA journal_mode=WAL")
        # The first query makes them.
        find_version(self.connection, self._path)
        self._beside = self._found_beside()

    def _remove_beside(self) -> None:
        """Remove the log and the index of the file that is gone: SQLite would take them for the new one's."""
        for path, was in self._beside.items():
            if was and identity(path) == was:
                path.unlink()

    def _restore(self) -> None:
        """Make the file again with all that it held, unless somebody else has made one."""
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            with closing(sqlite3.connect(new)) as copy:
                self.connection.backup(copy)
            with suppress(FileExistsError):
                self._path.hardlink_to(new)
        finally:
            new.unlink(missing_ok=True)

    def _found_elsewhere(self) -> str:
        """Return where the open file was moved to; empty where it was deleted."""
        names = [str(link.readlink()) for link in _open_files(self._is) if link.stat().st_nlink]
        return names[0] if names else ""


def _open_files(found: Identity) -> list[Path]:
    """Return where the system lists that a file is open in this process."""
    links = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            status = link.stat()
            if (status.st_dev, status.st_ino) == found:
                links.append(link)
    return links


class _Bringing:
    """Brings a run from one journal to another, where some of it may be already.

    Parameters
    ----------
    old, new
        the journals
    run
        the run's key in the old one
    same_keys
        whether the run and its Players must have the same keys there
    """

    def __init__(
        self, old: sqlite3.Connection, new: sqlite3.Connection, run: int, *, same_keys: bool
    ) -> None:
        self._old = old
        self._new = new
        self._run = run
        self._same_keys = same_keys
        # By table, the key of each line in the new journal.
        self._keys: dict[str, dict[int, int]] = {"run": {}, "player": {}, "stream": {}}
        self._there: dict[str, set[int]] = {}

    def bring(self) -> int:
        """Bring it; return its key there."""
        lines = {table: self._lines(self._old, table, self._run) for table in journal_lines.LINES}
        with transaction(self._new):
            ((name, key),) = self._old.execute("SELECT id, key FROM run WHERE key = ?", (self._run,))
            noted = self._new.execute("SELECT key FROM run WHERE id = ?", (name,)).fetchone()
            if noted and noted[0] != key:
                return self._taken(int(noted[0]))
            if noted:
                self._there = {table: self._keys_there(table) for table in journal_lines.LINES}
                self._new.execute("DELETE FROM remark WHERE run = ?", (key,))
            for table, rows in lines.items():
                for row in rows:
                    self._insert(table, row)
        return self._keys["run"][self._run]

    def _lines(self, journal: sqlite3.Connection, table: str, run: int) -> list[dict[str, object]]:
        rows = journal.execute(f"SELECT {table}.* {journal_lines.LINES[table]}", (run,))
        columns = [column for column, *_ in rows.description]
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def _keys_there(self, table: str) -> set[int]:
        return {line["key"] for line in self._lines(self._new, table, self._run) if "key" in line}  # type: ignore[misc]

    def _insert(self, table: str, line: dict[str, object]) -> None:
        values = {
            name: self._keys[name][value] if name in self._keys else value  # type: ignore[index]
            for name, value in line.items()
        }
        key = values.get("key")
        if isinstance(key, int) and key not in self._there.get(table, ()):
            others = self._new.execute(f"SELECT 1 FROM {table} WHERE key = ?", (key,)).fetchone()  # noqa: S608
            if others:
                del values["key"]
                if table in ("run", "player"):
                    self._taken(key)
        names = ", ".join(f'"{name}"' for name in values)
        written = self._new.execute(
            f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608
            tuple(values.values()),
        )
        if table in self._keys and isinstance(key, int):
            self._keys[table][key] = int(written.lastrowid or 0)

    def _taken(self, key: int) -> int:
        if self._same_keys:
            raise FileError("another journal is there, in which this run can be noted only when it has ended")
        return key
