"""A file that HDF5 writes, of which nothing is changed until it is published."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from donki.streams.nexus.superblock import SUPERBLOCK_SIZE, unmarked

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_PAGE = 4096
_HEADERS = b"OHDR", b"OCHK"


class StagedFile(io.RawIOBase):
    """Takes what HDF5 writes, and gives it to the disk such that no failure does harm.

    HDF5 writes piece by piece, goes on where a piece could not be written, and is in no state to go on, nor
    to end its process, after that. So no write, as HDF5 sees it, ever fails here: what lies beyond the
    published end goes to the disk at once, where nobody looks for it; what would change published bytes is
    kept in memory. `publish` puts it in their place all at once, or not at all, and raises what failed until
    then.

    Parameters
    ----------
    path
        of the file, which must not exist

    Attributes
    ----------
    error
        why it cannot be written any more; None while it can
    descriptor
        of the file, open for reading and writing

    Raises
    ------
    OSError
        when the file exists, or cannot be made
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.error: OSError | None = None
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._path = path
        self._process = os.getpid()
        self._published = 0
        self._end = 0
        self._position = 0
        self._is_detached = False
        self._changes: list[tuple[int, bytes]] = []

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position from the start, or from the end."""
        self._position = offset + (self._end if whence == os.SEEK_END else 0)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read as HDF5 has written it; zeros where nothing was."""
        view = memoryview(buffer).cast("B")
        start = self._position
        try:
            view[:] = os.pread(self.descriptor, len(view), start).ljust(len(view), b"\0")
        except OSError as error:
            self.error = error
        for place, block in self._changes:
            first, last = max(start, place), min(start + len(view), place + len(block))
            if first < last:
                view[first - start : last - start] = block[first - place : last - place]
        return len(view)

    def write(self, block: ReadableBuffer, /) -> int:
        """Take a block; one that cannot be written is noted in `error`."""
        view = memoryview(block)
        start, size = self._position, len(view)
        self._end = max(self._end, start + size)
        if size == SUPERBLOCK_SIZE:
            # HDF5 marks a file that is open for writing.
            view = memoryview(unmarked(bytes(view)))
        # A process that a script has forked writes, at its end, what it has of the file.
        is_cut_off = self._is_detached or self.error or os.getpid() != self._process
        kept = size if is_cut_off else min(size, max(0, self._published - start))
        if kept:
            self._changes.append((start, bytes(view[:kept])))
        if kept < size:
            try:
                _write(self.descriptor, start + kept, view[kept:])
            except OSError as error:
                self.error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Set the end, on the disk when it is published."""
        self._end = self._position if size is None else size
        return self._end

    def check(self) -> None:
        """Raise OSError if what was written so far cannot be published."""
        if self.error:
            raise self.error

    def publish(self, last: Mapping[int, int]) -> None:
        """Put what was written in its place.

        Parameters
        ----------
        last
            the addresses of the objects that readers follow, and when each is changed; after all others

        Raises
        ------
        OSError
            when that was not possible, or something before; the file is as it was published before
        """
        self.check()
        try:
            self._publish(last)
        except OSError as error:
            self.error = error
            raise

    def put(self, start: int, block: bytes | memoryview) -> None:
        """Write at once where no reader looks, or where a change by itself does no harm.

        Raises
        ------
        OSError
            when that was not possible
        """
        self.check()
        try:
            _write(self.descriptor, start, block)
        except OSError as error:
            self.error = error
            raise

    def detach(self) -> None:
        """Leave the disk as it is from now on."""
        self._is_detached = True

    def release(self) -> None:
        """Close the file; what was not published is not in it."""
        self._is_detached = True
        self._changes.clear()
        # Where that fails: bytes beyond the end that HDF5 knows are nothing to a reader.
        with suppress(OSError):
            if os.fstat(self.descriptor).st_size > self._published:
                os.ftruncate(self.descriptor, self._published)
        os.close(self.descriptor)
        self.descriptor = -1

    def unlink(self) -> bool:
        """Delete the file, unless another has its name by now; return whether it is no longer there."""
        try:
            if os.getpid() == self._process and os.path.samestat(
                os.stat(self._path), os.fstat(self.descriptor)
            ):
                os.unlink(self._path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _publish(self, last: Mapping[int, int]) -> None:
        size = self._check_file()
        if size < self._end:
            os.ftruncate(self.descriptor, self._end)
        # What a header refers to is there before the header; those that readers follow change in their order.
        changes = sorted(
            _merged(self._changes), key=lambda each: last.get(each[0], each[1].startswith(_HEADERS) - 2)
        )
        done: list[tuple[int, bytes]] = []
        try:
            for start, block in changes:
                old = os.pread(self.descriptor, len(block), start)
                if old != block:
                    done.append((start, old))
                    _write(self.descriptor, start, block)
        except OSError:
            for start, block in reversed(done):
                with suppress(OSError):
                    _write(self.descriptor, start, block)
            raise
        self._changes.clear()
        self._published = self._end

    def _check_file(self) -> int:
        """Return its size; raise OSError if it is not as it was published."""
        state = os.fstat(self.descriptor)
        if not state.st_nlink:
            raise OSError("it was deleted")
        if state.st_size < self._published:
            raise OSError("it was cut short by another program")
        return state.st_size


def _write(descriptor: int, start: int, block: bytes | memoryview) -> None:
    written = os.pwrite(descriptor, block, start)
    while written < len(block):
        written += os.pwrite(descriptor, block[written:], start + written)


def _merged(changes: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Return the changes as blocks that do not overlap; of two, the later holds."""
    ordered = sorted(changes, key=itemgetter(0))
    if all(start + len(block) <= other for (start, block), (other, _) in pairwise(ordered)):
        return ordered
    groups: list[list[int]] = []
    past = 0
    for number in sorted(range(len(changes)), key=lambda number: changes[number][0]):
        start, block = changes[number]
        if not groups or start >= past:
            groups.append([])
        groups[-1].append(number)
        past = max(past, start + len(block))
    return [_joined([changes[number] for number in sorted(group)]) for group in groups]


def _joined(changes: list[tuple[int, bytes]]) -> tuple[int, bytes]:
    first = min(start for start, _ in changes)
    whole = bytearray(max(start + len(block) for start, block in changes) - first)
    for start, block in changes:
        whole[start - first : start - first + len(block)] = block
    return first, bytes(whole)
