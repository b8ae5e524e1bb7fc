"""The journal of a run compared with its master file, line by line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.director.journal.lines import FORMER_NAMES, LINES, line_checksum
from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import RecordedRun
from donki.director.output.master_file import is_as_written, master_file_path
from donki.hdf5 import DAMAGED, open_to_read, reason
from donki_client.verify.damaged_files import refuse_if_endless

#: How long the master file of a run that has just ended is waited for, and what is written to it next, in s.
PATIENCE = 5.0

#: How many lines of a table are named.
MOST_NAMED = 3

#: How many lines of a table are compared one by one, beyond those that agree at its beginning and end.
_MOST_COMPARED = 2000

#: How much of a line is shown.
_SHOWN = 200


def check_journal(reader: JournalReader, run: RecordedRun) -> list[str]:
    """Return what is not as it was when the run ended: lines of the journal, and the master file.

    A run that goes on, one of an earlier version, and one whose Director died before its master file was
    finished have nothing to compare with. The next Director finishes the latter.
    """
    path = master_file_path(reader.path.parent, run.id)
    is_sealed = run.ended is not None and reader.is_sealed(run)
    finished = _wait_for(reader, run, path) if is_sealed else run.ended
    if run.ended is None or finished == 0:
        return []
    if finished is None:
        return ["journal, table finished: the line of the run is gone"]
    if not path.is_file():
        return [f"the master file {path} is not there"] if is_sealed else []
    problems = []
    try:
        if not is_as_written(path):
            problems.append(f"the master file {path} was changed")
            refuse_if_endless(path)
        with open_to_read(path) as file:
            sums = file["entry"].get("journal")
            if sums is None and not is_sealed:
                return []
            if is_sealed and finished != sums.attrs["ended"]:
                problems.append("journal, table finished: the line of the run is altered")
            for table in LINES:
                problems += _compare(reader, run, table, sums)
    except DAMAGED as error:
        return [f"the master file {path} was changed, and cannot be read: {reason(error)}"]
    return problems


def _wait_for(reader: JournalReader, run: RecordedRun, path: Path) -> int | None:
    """Wait for a master file that is being written, or is about to be; return what is noted of it."""
    while (finished := reader.finished(run)) == 0:
        latest = max((run.ended or 0) / 1e9, _modified(path.with_name(f"{path.name}.part")))
        if time.time() - latest > PATIENCE:
            break
        time.sleep(0.05)
    return finished


def _modified(path: Path) -> float:
    """Return when a file was written last, s since 1970; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _compare(reader: JournalReader, run: RecordedRun, table: str, sums: h5py.Group) -> list[str]:
    """Return the lines of a table that were altered, added, or are gone."""
    kept = sums[table if table in sums else FORMER_NAMES.get(table, table)]
    noted: NDArray[np.uint32] = kept[:]
    columns = [str(name) for name in kept.attrs["columns"]]
    if not set(columns) <= set(reader.columns(table)):
        return [f"journal, table {table}: it is not there, or not whole"] if len(noted) else []
    if not columns:
        return []
    found = np.fromiter((line_checksum(line) for line in reader.lines(run, table, columns)), np.uint32)
    if np.array_equal(found, noted):
        return []
    lines = list(reader.lines(run, table, columns))
    if table == "remark" and np.array_equal(found[: len(noted)], noted):
        # Something may be remarked after the end too.
        times = [line[columns.index("time")] for line in lines[len(noted) :]]
        if all(isinstance(at, int) and at > (run.ended or 0) for at in times):
            return []
    return _differences(table, columns, lines, found.tolist(), noted.tolist())


def _differences(
    table: str, columns: Sequence[str], lines: Sequence[tuple[Any, ...]], found: list[int], noted: list[int]
) -> list[str]:
    problems: list[str] = []
    for kind, first, last, begin, end in _opcodes(noted, found):
        if kind == "equal":
            continue
        shown = "; ".join(_shown(columns, line) for line in lines[begin:end][:MOST_NAMED])
        gone, more = last - first, end - begin
        if kind == "delete":
            place = f"after {_shown(columns, lines[begin - 1])}" if begin else "at its beginning"
            problems.append(f"journal, table {table}: {_count(gone)} gone {place}")
        elif kind == "insert":
            problems.append(f"journal, table {table}: {_count(more)} there that nobody wrote: {shown}")
        else:
            counts = "" if gone == more else f", in place of {gone:,}"
            problems.append(f"journal, table {table}: {_count(more)} altered{counts}: {shown}")
    return problems


def _opcodes(noted: list[int], found: list[int]) -> list[tuple[str, int, int, int, int]]:
    """Return as `SequenceMatcher` does what was done to some checksums; quick where little was."""
    least = min(len(noted), len(found))
    head = next((index for index in range(least) if noted[index] != found[index]), least)
    tail = next((back for back in range(least - head) if noted[-1 - back] != found[-1 - back]), least - head)
    middle = noted[head : len(noted) - tail], found[head : len(found) - tail]
    if max(map(len, middle)) > _MOST_COMPARED:
        return [("replace", head, len(noted) - tail, head, len(found) - tail)]
    codes = SequenceMatcher(None, *middle, autojunk=False).get_opcodes()
    return [(kind, a + head, b + head, c + head, d + head) for kind, a, b, c, d in codes]


def _shown(columns: Sequence[str], line: tuple[Any, ...]) -> str:
    told = (
        f"{name} {value.hex() if isinstance(value, bytes) else value}"
        for name, value in zip(columns, line, strict=True)
    )
    said = ", ".join(told)
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}..."


def _count(lines: int) -> str:
    return "1 line is" if lines == 1 else f"{lines:,} lines are"
