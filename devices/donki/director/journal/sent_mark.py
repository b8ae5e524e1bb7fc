"""The last trigger that was sent, kept where it outlives the process that sent it."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from donki.clock import Anchor
from donki.director.journal.file import identity

#: The run, its last trigger, the reference time of that, and the run's `Anchor`.
_MARK = struct.Struct("<qqqq16s")
_SENT = struct.Struct("<qqq")


class SentMark:
    """A mark in a file: moved in some µs, and there after a kill -9.

    It is written in its place, which needs no room on the disk. A mapped file would be faster, but end the
    process where somebody cuts it short.

    The journal is some triggers behind; what lies between it and the mark may have been done. A power cut may
    lose the mark's last seconds.

    Parameters
    ----------
    path
        of the file; made where it is missing

    Raises
    ------
    OSError
        if the file cannot be made or written
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = self._open()
        self._is = identity(path)
        found = os.pread(self._descriptor, _MARK.size + 1, 0)
        self._mark = bytearray(found if len(found) <= _MARK.size else b"").ljust(_MARK.size, b"\0")
        try:
            # Written, not left as a hole: its block must be there when the disk is full.
            self._write()
        except OSError:
            self.close()
            raise

    def follow(self) -> None:
        """Look whether the file is where it was, and make it again there if not.

        Raises
        ------
        OSError
            if it cannot be made or written
        """
        if identity(self._path) == self._is:
            return
        new = self._open()
        # It may be moved meanwhile.
        os.dup2(new, self._descriptor, inheritable=False)
        os.close(new)
        self._is = identity(self._path)
        if os.fstat(self._descriptor).st_size > _MARK.size:
            # What is longer is no mark to whoever opens it.
            os.ftruncate(self._descriptor, _MARK.size)
        self._write()

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
        self._descriptor = -1

    def begin(self, run: int, trigger: int, anchor: Anchor = Anchor(b"", 0)) -> None:  # noqa: B008 - a constant
        """Begin to mark a run by its key; in a run that is taken up the mark never goes back.

        Raises
        ------
        OSError
            if it cannot be written
        """
        reference = self.last_reference(run)
        _MARK.pack_into(
            self._mark, 0, run, max(trigger, self.last(run)), reference, anchor.epoch, anchor.boot
        )
        self._write()

    def move(self, run: int, trigger: int, reference_time: int = 0) -> None:
        """Mark that a trigger of the run is sent now.

        Raises
        ------
        OSError
            if it cannot be written
        """
        _SENT.pack_into(self._mark, 0, run, trigger, reference_time)
        self._write()

    def last(self, run: int) -> int:
        """Return the last trigger that was sent in a run; 0 if none, or if another run was marked since."""
        marked, trigger, _ = _SENT.unpack_from(self._mark)
        return trigger if marked == run else 0

    def last_reference(self, run: int) -> int:
        """Return the reference time of the last trigger that was sent in a run; 0 as for `last`."""
        marked, _, reference = _SENT.unpack_from(self._mark)
        return reference if marked == run else 0

    def anchor(self, run: int) -> Anchor | None:
        """Return where the time of a run is fixed; None where that is not known."""
        marked, _, _, epoch, boot = _MARK.unpack_from(self._mark)
        return Anchor(boot, epoch) if marked == run and boot.strip(b"\0") else None

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def _write(self) -> None:
        os.pwrite(self._descriptor, self._mark, 0)
