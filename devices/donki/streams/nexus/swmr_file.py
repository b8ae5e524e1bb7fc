"""An HDF5 file that anybody may open and read while it is written."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py

from donki.streams.nexus.staged_file import StagedFile


class SharedFile:
    """Writes an HDF5 file such that it can be read at any time, and that a write that fails does no harm.

    What was written becomes part of the file at `publish`, all of it or nothing. Readers find what was
    published, by SWMR and in any other way; so do they after a full disk, or when the writer was killed.

    HDF5 would refuse the file to other programs while it is written, and for good when the writer was killed.
    Here a lock stands in for that, which dies with its process: others may read the file, but not write it.

    Parameters
    ----------
    path
        of the file, which must not exist
    user_block
        bytes before those of HDF5, which are zeros: 512 or a higher power of two; 0 for none

    Attributes
    ----------
    path
        as above
    root
        the HDF5 file

    Raises
    ------
    OSError
        when the file exists, or cannot be made
    """

    def __init__(self, path: Path, *, user_block: int = 0) -> None:
        self.path = path
        self._staged = StagedFile(path)
        # Some network file systems have no locks.
        with contextlib.suppress(OSError):
            fcntl.flock(self._staged.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        # Without a chunk cache, what is written is what is new, not the whole chunks that it lies in. Readers
        # follow the format of HDF5 1.10, which all versions since then read.
        self.root = h5py.File(
            self._staged, "w", rdcc_nbytes=0, libver=("v110", "v110"), userblock_size=user_block
        )
        # HDF5 writes what it knows of newer data when it is told to, not when its cache is full.
        config = self.root.id.get_mdc_config()
        config.evictions_enabled = False
        config.incr_mode = config.decr_mode = config.flash_incr_mode = 0
        self.root.id.set_mdc_config(config)

    def check(self) -> None:
        """Raise OSError if what was written so far cannot be published, or the file is no longer there."""
        self._staged.check()

    def publish(self, addresses: Iterable[int] = ()) -> None:
        """Let readers see what was written.

        Parameters
        ----------
        addresses
            of the data sets that grew, in the order in which readers are to see them grow; see `address_of`

        Raises
        ------
        OSError
            when it cannot be written; the file is as it was published before, and cannot be published again
        """
        h5py.h5f.flush(self.root.id)
        self._staged.publish({address: number for number, address in enumerate(addresses)})

    def put(self, place: int, block: bytes | memoryview) -> None:
        """Write at once, past HDF5, what no reader looks for, or what may change by itself.

        Parameters
        ----------
        place
            in the file, in room of a data set that has been published
        block
            what stands there

        Raises
        ------
        OSError
            when it cannot be written
        """
        self._staged.put(place, block)

    def stage(self, place: int, block: bytes | memoryview) -> None:
        """Write past HDF5, but as it does, to the room of a data set that has not been published.

        Parameters
        ----------
        place
            in the file
        block
            what stands there when it is published
        """
        self._staged.seek(place)
        self._staged.write(block)

    def close(self) -> None:
        """Close the file; what was not published is not in it. That needs no room on the disk."""
        self._staged.detach()
        self.root.close()
        self._staged.release()

    def remove(self) -> bool:
        """Close the file and delete it; return whether it is no longer there."""
        is_gone = self._staged.unlink()
        self.close()
        return is_gone

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def address_of(dataset: h5py.Dataset) -> int:
    """Return where a data set's header is in its file; it stays there."""
    return int(h5py.h5o.get_info(dataset.id).addr)
