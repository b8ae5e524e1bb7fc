"""An HDF5 file that anybody may open and read while it is written."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

import h5py

from donki.streams.superblock import unmark


class SharedFile:
    """Writes an HDF5 file such that it can be read at any time, by SWMR and by any other reader.

    While its data sets only grow it is in HDF5's mode of a single writer and multiple readers (SWMR), where
    what a reader meets on the disk is always whole. New groups and data sets are made outside of that mode:
    after `reshape`, and until the next `publish`.

    HDF5 would refuse the file to other programs while it is written, and for good when the writer was killed.
    Here a lock stands in for that, which dies with its process: others may read the file, but not write it.

    Parameters
    ----------
    path
        of the file, which must not exist

    Attributes
    ----------
    path
        as above
    root
        the HDF5 file; another one after `reshape`

    Raises
    ------
    OSError
        when the file exists, or cannot be made
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.root = self._open("x")
        except FileExistsError:
            raise
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        self._descriptor = os.open(path, os.O_RDWR)
        # Some network file systems have no locks.
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)

    @property
    def is_growing(self) -> bool:
        """Whether data sets may grow, and nothing else may change."""
        return bool(self.root.swmr_mode)

    def reshape(self) -> None:
        """Allow that groups and data sets are made or removed; those that were open are open no more."""
        self.root.close()
        self.root = self._open("r+")
        unmark(self._descriptor)

    def publish(self, datasets: Iterable[h5py.Dataset]) -> None:
        """Let readers see what was written.

        Parameters
        ----------
        datasets
            that grew, in the order in which readers shall see them grow
        """
        if not self.is_growing:
            self.root.flush()
            self.root.swmr_mode = True
        for dataset in datasets:
            dataset.id.flush()
        self.root.flush()
        unmark(self._descriptor)

    def lose(self) -> None:
        """Close the file and leave it as it was published last.

        After a write that failed, as on a full disk, HDF5 would do harm to what is there: it writes all that
        it has, piece by piece, and goes on where one fails.
        """
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            nowhere = os.memfd_create("lost")
            os.dup2(nowhere, self.root.id.get_vfd_handle())
            os.close(nowhere)
            self.root.close()
        with contextlib.suppress(OSError):
            unmark(self._descriptor)
        os.close(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        self.root.close()
        os.close(self._descriptor)

    def _open(self, mode: str) -> h5py.File:
        # Without a chunk cache, what is written is what is new, not the whole chunks that it lies in. SWMR
        # needs the format of HDF5 1.10, which all versions since then read.
        file = h5py.File(self.path, mode, rdcc_nbytes=0, libver=("v110", "v110"), locking=False)
        # HDF5 writes what it knows of newer data when it is told to, not when its cache is full.
        config = file.id.get_mdc_config()
        config.evictions_enabled = False
        config.incr_mode = config.decr_mode = config.flash_incr_mode = 0
        file.id.set_mdc_config(config)
        return file
