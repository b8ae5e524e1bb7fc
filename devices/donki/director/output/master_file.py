"""The master file of a run: a NeXus file of what the run was, when each trigger was, and where the data are.

It is made from the journal when the run has ended, so that nothing is spent on it while triggers go out.

    python -m donki.director.output.master_file DIRECTORY RUN

makes it of a run in the journal under that directory, in a process that lets others go first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import RecordedRun
from donki.director.output.master_content import write_entry
from donki.errors import DonkiError, FileError
from donki.streams.file_checksums import checksum_of
from donki.streams.nexus.swmr_file import SharedFile

#: How many attempts are written within the Director; with more its other threads would wait.
FEW_ATTEMPTS = 20_000

#: How long another process may take for a file, in s.
PATIENCE = 600.0

# A Director that takes the place of another in one process may find a run of which the file is being written.
_MAKING = threading.Lock()

#: The length of the file's user block.
HEADER = 512

# What h5py makes of the errors of HDF5, each by its kind.
_HDF5_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError)


def master_file_path(directory: Path, run_id: str) -> Path:
    """Return where the master file of a run is, beside the journal."""
    return directory / f"{run_id}.nxs"


def make_master_file(directory: Path, run_id: str) -> int:
    """Write the master file of a run, within this process or, where that takes longer, in one of its own.

    Parameters
    ----------
    directory
        where the journal is and the file goes
    run_id
        of the run

    Returns
    -------
    int
        the end of the run that is in it, ns since 1970 UTC; 0 where it has not ended

    Raises
    ------
    FileError
        when the journal cannot be read or the file cannot be written
    """
    with _MAKING:
        return _make_master_file(directory, run_id)


def _make_master_file(directory: Path, run_id: str) -> int:
    with JournalReader(directory) as reader:
        run = reader.run(run_id)
        _, attempts = reader.counts(run)
        if attempts <= FEW_ATTEMPTS:
            write_master_file(master_file_path(directory, run_id), reader, run)
            return run.ended or 0
    command = [sys.executable, "-m", "donki.director.output.master_file", str(directory), run_id]
    try:
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FileError(f"the master file of run {run_id} was not written: {error}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise FileError(said[-1] if said else f"the master file of run {run_id} was not written")
    return run.ended or 0


def write_master_file(path: Path, reader: JournalReader, run: RecordedRun) -> None:
    """Write the master file of a run, in place of the one from before the run was taken up.

    ``/entry`` (NXentry) holds the run's identity, ``metadata`` and ``versions``, how it ended, and

    - ``timing`` (NXdata), by complete trigger: its number, ``reference_time``, and when it was ``due``,
      ``sent`` and ``done``, in ns since 1970 UTC; ``lateness`` is sent - due;
    - ``journal``, by table of the journal: the checksums of the run's lines, as `line_checksum` makes them;
    - ``players/NAME``, what the Player was set to; ``timing`` (NXdata) by trigger and attempt: ``outcome``,
      when it was ``sent`` and ``done``, how long it took at the Player, and what was sent; ``file`` (then
      ``file_2`` and so on), an external link to each of the Player's files, in order. A file that cannot be
      seen from here is named in ``file_name`` alone, since many readers fail at a link that leads nowhere.

    Memory does not grow with the length of the run. The file appears when it is whole. It begins with a
    user block that has the checksum of what follows; see `is_as_written`.

    Parameters
    ----------
    path
        of the file
    reader
        of the journal
    run
        which run

    Raises
    ------
    FileError
        when the journal cannot be read or the file cannot be written

    References
    ----------
    https://manual.nexusformat.org/classes/base_classes/NXentry.html and NXdata
    """
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        try:
            with SharedFile(part, user_block=HEADER) as file:
                root = file.root
                root.attrs.update(NX_class="NXroot", default="entry", file_name=path.name)
                root.attrs["file_time"] = datetime.now(UTC).isoformat(timespec="milliseconds")
                write_entry(root, reader, run, path.parent)
                file.publish()
            _sign(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except _HDF5_ERRORS as error:
        raise FileError(f"the master file {path} cannot be written: {error}") from error


def _sign(path: Path) -> None:
    """Write into the user block the size and checksum of what follows."""
    with path.open("r+b") as file:
        file.write(_header(path))


def is_as_written(path: Path) -> bool:
    """Return whether a master file has the bytes that it was written with.

    Raises
    ------
    OSError
        when it cannot be read
    """
    with path.open("rb") as file:
        return file.read(HEADER) == _header(path)


def _header(path: Path) -> bytes:
    _, size, checksum = checksum_of(path, skip=HEADER)
    return f"DonkiOrchestra master file: {size} bytes follow, CRC-32C {checksum:08x}\n".encode().ljust(
        HEADER, b"\0"
    )


def main() -> None:
    """Write the master file of a run: DIRECTORY RUN."""
    os.nice(10)
    directory, run_id = Path(sys.argv[1]), sys.argv[2]
    try:
        with JournalReader(directory) as reader:
            write_master_file(master_file_path(directory, run_id), reader, reader.run(run_id))
    except DonkiError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
