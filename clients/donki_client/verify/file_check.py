"""The files of a run, compared with its journal: each file, and each row in it."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from donki.director.journal.reading.reader import JournalReader
from donki.director.journal.reading.rows import Delivery, RecordedPlayer, RecordedRun
from donki.streams.faults.fault import Fault
from donki.streams.faults.table import NAME as FAULTS
from donki_client.verify.matching import Matcher
from donki_client.verify.run_data import StreamData
from donki_client.verify.stored_data import Expected, StoredData, StoredSource, fault_checksum
from donki_client.verify.stream_check import StreamCheck

#: How the names of NeXus files end.
SUFFIXES = (".nxs", ".h5", ".hdf5", ".hdf")


class FileFindings(NamedTuple):
    """What the files of a run hold.

    ``in_files`` are the streams that are in files alone, ``problems`` what is wrong with files, a line each,
    ``unread`` the Players whose files are on other hosts and cannot be read here.
    """

    in_files: list[StreamData]
    problems: list[str]
    unread: list[str]


def check_files(
    reader: JournalReader,
    run: RecordedRun,
    checks: Sequence[StreamCheck],
    repeated: Mapping[int, Sequence[int]],
    parted: Collection[int],
) -> FileFindings:
    """Read the files of all Players of a run; what is found of a stream goes to its data.

    Parameters
    ----------
    reader
        of the journal
    run
        which run
    checks
        of the streams in Kafka
    repeated
        by a Player's key: the triggers of which data may be there without a note
    parted
        the keys of the Players that told what they delivered last
    """
    problems: list[str] = []
    in_files: list[StreamData] = []
    unread: list[str] = []
    players, here = reader.players(run), socket.gethostname()
    unnoted = _unnoted_files(run, players)
    for player in players:
        if not player.files:
            continue
        if player.host not in ("", here) and not any(Path(file).exists() for file in player.files):
            unread.append(player.name)
            continue
        unsure = repeated.get(player.key, [])
        broken_off = player.key not in parted
        is_unsure = bool(unsure) or broken_off
        if not broken_off:
            # It told all its files.
            problems += [
                f"Player {player.name}: the file {path} is of this run by its name, and not in the journal"
                for path in unnoted.get(player.name, ())
            ]
        own = [check for check in checks if check.stream.player == player.key]
        rows = {
            stream.source: Expected([Matcher(reader.deliveries(stream, measured=True), unsure)], 0)
            for stream in reader.streams(run)
            if stream.player == player.key and not stream.topic
        }
        if faults := list(reader.faults_of(player)):
            rows[FAULTS] = Expected([Matcher(_fault_rows(faults), unsure)], 0)
        of_source: dict[str, list[StreamCheck]] = {}
        for check in own:
            of_source.setdefault(check.stream.source, []).append(check)
        expected = {
            source: Expected(
                [check.matcher_of_files() for check in its],
                max(check.data.measured.largest for check in its),
            )
            for source, its in of_source.items()
        }
        stored = StoredData(player.name, expected, rows)
        stored.read([*map(Path, player.files), *unnoted.get(player.name, ())], player.written)
        problems += stored.problems
        for source, its in of_source.items():
            for check, matcher in zip(its, expected[source].matchers, strict=True):
                check.data.stored = stored.sources.get(source, StoredSource())
                if not source.startswith(f"{player.name}/"):
                    check.data.stored_findings = matcher.end(broken_off=broken_off)
        for source, its_rows in rows.items():
            data = next((check.data for check in of_source.get(source, ())), None)
            if data is None:
                data = StreamData(player.name, "", source, has_repeats=is_unsure)
                in_files.append(data)
            data.stored = stored.sources.get(source, StoredSource())
            data.stored_findings = its_rows.matchers[0].end(broken_off=broken_off)
    return FileFindings(in_files, problems, unread)


def _fault_rows(faults: Iterable[Fault]) -> Iterator[Delivery]:
    for trigger, its in groupby(faults, lambda fault: fault.trigger):
        checksums = b"".join(fault_checksum(fault).to_bytes(4, "little") for fault in its)
        yield Delivery(trigger, 0, 0, 0, checksums)


def _unnoted_files(run: RecordedRun, players: Iterable[RecordedPlayer]) -> dict[str, list[Path]]:
    """Return by Player the files that are of it and of the run by their names, and not in the journal."""
    noted = {Path(file) for player in players for file in player.files}
    folders = {path.parent for path in noted}
    names = sorted((player.name for player in players), key=len)
    found: dict[str, list[Path]] = {}
    for path in sorted(path for folder in folders if folder.is_dir() for path in folder.iterdir()):
        rest = path.stem.replace(run.id, "")
        if path in noted or path.suffix not in SUFFIXES or run.id not in path.stem:
            continue
        # The name of one Player may be a part of another's.
        if its := [name for name in names if name in rest]:
            found.setdefault(its[-1], []).append(path)
    return found
