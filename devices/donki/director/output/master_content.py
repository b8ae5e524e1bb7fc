"""The master file of a run: a NeXus file of what the run was, when each trigger was, and where the data are.

It is made from the journal when the run has ended, so that nothing is spent on it while triggers go out.

    python -m donki.director.master_file DIRECTORY RUN

makes it of a run in the journal under that directory, in a process that lets others go first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.director.journal_reader import JournalReader
from donki.director.recorded import OUTCOMES, STEP, TRIGGER, RecordedPlayer, RecordedRun
from donki.errors import DonkiError, FileError
from donki.streams.column import Column

#: How many steps are written within the Director; with more its other threads would wait.
FEW_STEPS = 20_000

#: How long another process may take for a file, in s.
PATIENCE = 600.0

_ROWS_PER_CHUNK = 4096

# What h5py makes of the errors of HDF5, each by its kind.
_HDF5_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError)

_SINCE_1970 = {"units": "ns", "start": "1970-01-01T00:00:00Z"}
_ATTRIBUTES = {
    **dict.fromkeys(("reference_time", "due", "sent", "done"), _SINCE_1970),
    "lateness": {"units": "ns"},
    "duration": {"units": "s"},
    "bytes": {"units": "B"},
}
_OUTCOME = h5py.enum_dtype({outcome.value: number for number, outcome in OUTCOMES.items()}, np.int8)


def master_file_path(directory: Path, run_id: str) -> Path:
    """Return where the master file of a run is, beside the journal."""
    return directory / f"{run_id}.nxs"


def make_master_file(directory: Path, run_id: str) -> None:
    """Write the master file of a run, within this process or, where that takes longer, in one of its own.

    Parameters
    ----------
    directory
        where the journal is and the file goes
    run_id
        of the run

    Raises
    ------
    FileError
        when the journal cannot be read or the file cannot be written
    """
    with JournalReader(directory) as reader:
        run = reader.run(run_id)
        _, steps = reader.counts(run)
        if steps <= FEW_STEPS:
            write_master_file(master_file_path(directory, run_id), reader, run)
            return
    command = [sys.executable, "-m", "donki.director.master_file", str(directory), run_id]
    try:
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FileError(f"the master file of run {run_id} was not written: {error}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise FileError(said[-1] if said else f"the master file of run {run_id} was not written")


def write_master_file(path: Path, reader: JournalReader, run: RecordedRun) -> None:
    """Write the master file of a run, in place of the one from before the run was taken up.

    ``/entry`` (NXentry) holds the run's identity, ``metadata`` and ``versions``, how it ended, and

    - ``timing`` (NXdata), by complete trigger: its number, ``reference_time``, and when it was ``due``,
      ``sent`` and ``done``, in ns since 1970 UTC; ``lateness`` is sent - due;
    - ``players/NAME``, what the Player was set to; ``timing`` (NXdata) by trigger and attempt: ``outcome``,
      when it was ``sent`` and ``done``, how long it took at the Player, and what was sent; ``file`` (then
      ``file_2`` and so on), an external link to each of the Player's files, in order. A file that cannot be
      seen from here is named in ``file_name`` alone, since many readers fail at a link that leads nowhere.

    Memory does not grow with the length of the run. The file appears when it is whole.

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
        try:
            with h5py.File(part, "w", rdcc_nbytes=0) as file:
                file.attrs.update(NX_class="NXroot", default="entry", file_name=path.name)
                file.attrs["file_time"] = datetime.now(UTC).isoformat(timespec="milliseconds")
                _write_entry(_group(file, "entry", "NXentry"), reader, run, path.parent)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except _HDF5_ERRORS as error:
        raise FileError(f"the master file {path} cannot be written: {error}") from error


def _write_entry(entry: h5py.Group, reader: JournalReader, run: RecordedRun, folder: Path) -> None:
    entry.attrs["default"] = "timing"
    entry["entry_identifier"] = run.id
    entry["title"] = run.title
    entry["start_time"] = _iso(run.began)
    if run.ended is not None:
        entry["end_time"] = _iso(run.ended)
        _quantity(entry, "duration", (run.ended - run.began) / 1e9, "s")
        entry["outcome"] = run.outcome
    entry["error"] = run.error
    entry["director"] = run.director
    entry["program_name"] = "DonkiOrchestra"
    entry["program_name"].attrs["version"] = run.versions["donkiorchestra"]
    entry["run_seed"] = run.seed
    entry["run_metadata"] = json.dumps(dict(run.metadata))
    entry["triggers_requested"] = run.triggers
    _quantity(entry, "period", run.period, "ns")
    versions = _group(entry, "versions", "NXcollection")
    for name, version in run.versions.items():
        versions[name] = version
    _write_metadata(_group(entry, "metadata", "NXcollection"), run.metadata)
    chunk = min(_ROWS_PER_CHUNK, max(1, reader.counts(run)[0]))
    _write_triggers(_group(entry, "timing", "NXdata"), reader.triggers(run), chunk)
    players = _group(entry, "players", "NXcollection")
    timing = {}
    for player in reader.players(run):
        group = _group(players, player.name, "NXcollection")
        _write_player(group, player, folder)
        timing[player.key] = _StepTable(_group(group, "timing", "NXdata"), chunk)
    for block in reader.steps(run):
        for key in np.unique(block["player"]):
            timing[key].append(block[block["player"] == key])
    for table in timing.values():
        table.commit()


def _write_metadata(group: h5py.Group, metadata: Mapping[str, object]) -> None:
    """Write what can be a field of its own: a number or a text, with a name that HDF5 takes."""
    for name, value in metadata.items():
        is_text = isinstance(value, str) and _is_storable(value)
        is_number = isinstance(value, float) or (isinstance(value, int) and -(2**63) <= value < 2**63)
        if (is_text or is_number) and _is_storable(name) and "/" not in name and name not in ("", ".", ".."):
            group[name] = value


def _is_storable(text: str) -> bool:
    return "\0" not in text and text.encode(errors="replace").decode() == text


def _write_triggers(group: h5py.Group, blocks: Iterable[NDArray[np.void]], chunk: int) -> None:
    group.attrs.update(signal="lateness", axes=["trigger"])
    columns = {name: _column(group, name, TRIGGER[name], chunk) for name in TRIGGER.names or ()}
    lateness = _column(group, "lateness", np.dtype(np.int64), chunk)
    for block in blocks:
        for name, column in columns.items():
            column.append(block[name])
        lateness.append(block["sent"] - block["due"])
    for column in (*columns.values(), lateness):
        column.commit()


def _write_player(group: h5py.Group, player: RecordedPlayer, folder: Path) -> None:
    for name in ("device", "priority", "on_error", "retries", "script", "script_hash", "parameters"):
        group[name] = getattr(player, name)
    _quantity(group, "timeout", player.timeout, "s")
    if player.files:
        group["file_name"] = list(player.files)
    for number, name in enumerate(player.files, 1):
        path = Path(name)
        if path.is_file():
            link = f"file_{number}" if number > 1 else "file"
            group[link] = h5py.ExternalLink(_as_seen_from(folder, path), "/")


def _as_seen_from(folder: Path, path: Path) -> str:
    """Return a relative path on one file system, where both may be moved together, else the full one."""
    folder, path = folder.resolve(), path.resolve()
    return os.path.relpath(path, folder) if folder.stat().st_dev == path.stat().st_dev else str(path)


class _StepTable:
    """What a Player did, a row for each trigger and attempt."""

    def __init__(self, group: h5py.Group, chunk: int) -> None:
        group.attrs.update(signal="duration", axes=["trigger"])
        dtypes = {name: STEP[name] for name in STEP.names or () if name != "player"} | {"outcome": _OUTCOME}
        self._columns = {name: _column(group, name, dtype, chunk) for name, dtype in dtypes.items()}

    def append(self, steps: NDArray[np.void]) -> None:
        for name, column in self._columns.items():
            column.append(steps[name])

    def commit(self) -> None:
        for column in self._columns.values():
            column.commit()


def _column(group: h5py.Group, name: str, dtype: np.dtype[np.generic], chunk: int) -> Column:
    if name not in ("trigger", group.attrs["signal"]):
        group.attrs[f"{name}_indices"] = 0
    return Column(group, name, dtype, chunk=chunk, attributes=_ATTRIBUTES.get(name))


def _group(parent: h5py.Group, name: str, nexus_class: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nexus_class
    return group


def _quantity(group: h5py.Group, name: str, value: float, units: str) -> None:
    group[name] = value
    group[name].attrs["units"] = units


def _iso(time: int) -> str:
    return datetime.fromtimestamp(time / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
