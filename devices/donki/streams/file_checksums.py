"""Checksums of files that are finished, made while the run goes on."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from crc32c import crc32c

from donki.streams.manifest import WrittenFile

#: How long the end of a run waits for the checksums of large files, in s.
PATIENCE = 2.0

_BLOCK = 1 << 22


def checksum_of(path: Path, *, skip: int = 0) -> WrittenFile:
    """Return the size and the CRC-32C of a file, without so many bytes at its beginning.

    Raises
    ------
    OSError
        when it cannot be read
    """
    size = checksum = 0
    with path.open("rb") as file:
        file.seek(skip)
        while block := file.read(_BLOCK):
            size += len(block)
            checksum = crc32c(block, checksum)
    return WrittenFile(str(path), size, checksum)


class FileChecksums:
    """Tells which files of a Player were begun and finished, the finished ones with their checksum.

    A thread of its own reads them, so that no trigger waits.

    Parameters
    ----------
    files
        that are there from before the Player died or the run was taken up
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._told: tuple[Path, ...] = ()
        self._known: set[Path] = set()
        self._reading: list[Future[WrittenFile | None]] = []
        self._reader = ThreadPoolExecutor(1, "file checksums")
        self._read(_read_unless_written, files)

    def finished(self, files: Iterable[Path]) -> None:
        """Take that all these files are finished."""
        self._read(_read, files)

    def take(self, files: tuple[Path, ...]) -> tuple[WrittenFile, ...]:
        """Return those of a Player's files that were begun or finished since the last time."""
        begun: tuple[WrittenFile, ...] = ()
        if files is not self._told:
            told = set(self._told)
            begun = tuple(WrittenFile(str(path)) for path in files if path not in told)
            self._told = files
        if not self._reading:
            return begun
        read = {future for future in self._reading if future.done()}
        self._reading = [future for future in self._reading if future not in read]
        results = (future.result() for future in read)
        return begun + tuple(sorted(file for file in results if file is not None))

    def close(self) -> None:
        """Wait for what is being read, but not for long."""
        wait(self._reading, PATIENCE)
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _read(self, read: Callable[[Path], WrittenFile | None], files: Iterable[Path]) -> None:
        for path in files:
            if path not in self._known:
                self._known.add(path)
                self._reading.append(self._reader.submit(read, path))


def _read(path: Path) -> WrittenFile | None:
    """Return a file's checksum; None where it cannot be read."""
    try:
        return checksum_of(path)
    except OSError:
        return None


def _read_unless_written(path: Path) -> WrittenFile | None:
    """Return a file's checksum; None where a Player that seemed dead writes it still."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        except OSError:
            # Some network file systems have no locks.
            return _read(path)
        fcntl.flock(file, fcntl.LOCK_UN)
    return _read(path)
