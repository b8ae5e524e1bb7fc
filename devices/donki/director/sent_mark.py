"""The last trigger that was sent, kept where it outlives the process that sent it."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_RUN_AND_TRIGGER = struct.Struct("<qq")


class SentMark:
    """A mark in a file that is mapped into memory: moved in less than 1 µs, and there after a kill -9.

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
        path.touch()
        with path.open("r+b") as file:
            if path.stat().st_size != _RUN_AND_TRIGGER.size:
                file.truncate(0)
                # Written, not left as a hole: its block must be there when the disk is full.
                file.write(bytes(_RUN_AND_TRIGGER.size))
                file.flush()
            self._map = mmap.mmap(file.fileno(), _RUN_AND_TRIGGER.size)

    def begin(self, run: int, trigger: int) -> None:
        """Begin to mark a run by its key; in a run that is taken up the mark never goes back."""
        _RUN_AND_TRIGGER.pack_into(self._map, 0, run, max(trigger, self.last(run)))

    def move(self, run: int, trigger: int) -> None:
        """Mark that a trigger of the run is sent now."""
        _RUN_AND_TRIGGER.pack_into(self._map, 0, run, trigger)

    def last(self, run: int) -> int:
        """Return the last trigger that was sent in a run; 0 if none, or if another run was marked since."""
        marked, trigger = _RUN_AND_TRIGGER.unpack_from(self._map)
        return trigger if marked == run else 0
