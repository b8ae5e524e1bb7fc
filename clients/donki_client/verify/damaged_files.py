"""Files that may be damaged: with some HDF5 never comes to an end, or it crashes."""

from __future__ import annotations

import contextlib
import resource
import signal
import subprocess
import sys
from pathlib import Path

import h5py

from donki.errors import SourceError
from donki.hdf5 import DAMAGED, check_size, open_to_read

#: CPU time in s to read a file, and for how many bytes of it there is one more.
_LIMIT, _BYTES = 10, 5_000_000

#: How many times that reading may take, where the disk is slow or the machine busy.
_PATIENCE = 10

#: How many bytes are read at once.
_BLOCK = 1 << 24


def refuse_if_endless(path: Path) -> None:
    """Make sure that HDF5 comes to an end of a file, by reading it in a process of its own.

    Raises
    ------
    OSError
        when it does not, or crashes; what else it has to say comes when the file is read
    """
    limit = _LIMIT + path.stat().st_size // _BYTES
    command = [sys.executable, "-m", __name__, str(limit), str(path)]
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=limit * _PATIENCE,
        ).returncode
    except subprocess.TimeoutExpired:
        raise OSError(f"it is not read within {limit * _PATIENCE} s") from None
    if ended == -signal.SIGXCPU:
        raise OSError(f"HDF5 does not come to an end of it in {limit} s")
    if ended < 0:
        raise OSError(f"HDF5 crashes with it: {signal.Signals(-ended).name}")


def _read(item: h5py.Group | h5py.Dataset) -> None:
    with _damaged():
        dict(item.attrs)
    with _damaged():
        if isinstance(item, h5py.Group):
            for name in item:
                with _damaged():
                    _read(item[name])
        elif item.ndim:
            check_size(item, "")
            rows = max(1, _BLOCK * len(item) // max(1, item.nbytes))
            for first in range(0, len(item), rows):
                item[first : first + rows]
        else:
            item[()]


def _damaged() -> contextlib.suppress:
    return contextlib.suppress(*DAMAGED, SourceError)


if __name__ == "__main__":
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with _damaged(), open_to_read(sys.argv[2]) as file:
        _read(file)
