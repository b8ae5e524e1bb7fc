"""A journal that is open for reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from donki.director.journal.migrations import find_version
from donki.director.journal.place import FILE_NAME
from donki.director.journal.reading.rows import RecordedRun
from donki.errors import FileError

#: How many rows are held at once.
BLOCK = 8192


class ReadOnlyJournal:
    """Opens a journal of this version or an earlier one, and queries it.

    Parameters
    ----------
    directory
        where the file ``journal.sqlite`` is

    Attributes
    ----------
    path
        of the journal

    Raises
    ------
    FileError
        if there is no journal, it is of a later version, or it cannot be read
    """

    def __init__(self, directory: Path) -> None:
        self.path = (directory / FILE_NAME).absolute()
        if not self.path.is_file():
            raise FileError(f"there is no journal {self.path}; no run was recorded there")
        # A journal that nobody writes has no write-ahead log, and SQLite reads it without making one only so:
        # that needs no permission to write.
        unused = "" if self.path.with_name(f"{FILE_NAME}-wal").exists() else "&immutable=1"
        with self._named():
            self._connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode=ro{unused}", uri=True, check_same_thread=False
            )
        try:
            self._query("PRAGMA busy_timeout=2000")
            with self._named():
                find_version(self._connection, self.path)
            # A journal that was written last by an earlier version lacks some.
            self._tables = {name for (name,) in self._query("SELECT name FROM sqlite_master")}
            if "attempt" not in self._tables:
                # Until version 3 it had another name.
                self._query("PRAGMA temp_store=MEMORY")
                self._query("CREATE TEMP VIEW attempt AS SELECT * FROM step")
        except FileError:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the journal."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._named():
            return self._connection.execute(statement, values).fetchall()

    def _query_new(self, table: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Query a table that journals of earlier versions do not have: there, nothing is in it."""
        return self._query(statement, *values) if table in self._tables else []

    def _blocks(
        self, statement: str, run: RecordedRun, dtype: np.dtype[np.void]
    ) -> Iterator[NDArray[np.void]]:
        with self._named():
            cursor = self._connection.execute(statement, (run.key,))
            while rows := cursor.fetchmany(BLOCK):
                yield np.array(rows, dtype)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say which journal it was that failed."""
        try:
            yield
        except sqlite3.Error as error:
            raise FileError(f"the journal {self.path} cannot be read: {error}") from error
