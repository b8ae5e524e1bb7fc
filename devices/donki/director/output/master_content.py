"""What stands in the master file of a run, group by group."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.director.journal.lines import LINES, line_checksum
from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import ATTEMPT, OUTCOMES, TRIGGER, RecordedPlayer, RecordedRun
from donki.streams.nexus.column import Column

_ROWS_PER_CHUNK = 4096

_SINCE_1970 = {"units": "ns", "start": "1970-01-01T00:00:00Z"}
_ATTRIBUTES = {
    **dict.fromkeys(("reference_time", "due", "sent", "done"), _SINCE_1970),
    "lateness": {"units": "ns"},
    "duration": {"units": "s"},
    "bytes": {"units": "B"},
}
_OUTCOME = h5py.enum_dtype({outcome.value: number for number, outcome in OUTCOMES.items()}, np.int8)


def write_entry(root: h5py.Group, reader: JournalReader, run: RecordedRun, folder: Path) -> None:
    """Write the group ``entry`` of a run; links to the Players' files lead from the folder."""
    entry = _group(root, "entry", "NXentry")
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
        timing[player.key] = _AttemptTable(_group(group, "timing", "NXdata"), chunk)
    for block in reader.attempts(run):
        for key in np.unique(block["player"]):
            timing[key].append(block[block["player"] == key])
    for table in timing.values():
        table.commit()
    _write_checksums(_group(entry, "journal", "NXcollection"), reader, run)


def _write_checksums(group: h5py.Group, reader: JournalReader, run: RecordedRun) -> None:
    group.attrs["ended"] = run.ended or 0
    for table in LINES:
        columns = reader.columns(table)
        column = Column(group, table, np.dtype(np.uint32), chunk=_ROWS_PER_CHUNK)
        column.dataset.attrs["columns"] = columns
        for line in reader.lines(run, table, columns):
            column.append_one(line_checksum(line))
        column.commit()


def _write_metadata(group: h5py.Group, metadata: Mapping[str, object]) -> None:
    """Write what can be a field of its own: a number or a text, with a name that HDF5 takes."""
    for name, value in metadata.items():
        is_text = isinstance(value, str) and _is_storable(value)
        is_number = isinstance(value, float) or (isinstance(value, int) and -(2**63) <= value < 2**63)
        if (is_text or is_number) and _is_storable(name) and "/" not in name and name not in ("", ".", ".."):
            group[name] = value
            if is_number and not isinstance(value, bool):
                group[name].attrs["units"] = ""


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
    for name in (
        "device",
        "priority",
        "on_error",
        "retries",
        "script",
        "script_hash",
        "parameters",
        "faults",
    ):
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


class _AttemptTable:
    """What a Player did, a row for each trigger and attempt."""

    def __init__(self, group: h5py.Group, chunk: int) -> None:
        group.attrs.update(signal="duration", axes=["trigger"])
        dtypes = {name: ATTEMPT[name] for name in ATTEMPT.names or () if name != "player"} | {
            "outcome": _OUTCOME
        }
        self._columns = {name: _column(group, name, dtype, chunk) for name, dtype in dtypes.items()}

    def append(self, attempts: NDArray[np.void]) -> None:
        for name, column in self._columns.items():
            column.append(attempts[name])

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
