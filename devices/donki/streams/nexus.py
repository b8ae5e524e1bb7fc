"""The NeXus files of one Player in one run, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.errors import FileError, InputError
from donki.run import Run
from donki.streams.column import Column
from donki.streams.compression import compress
from donki.streams.event_group import EventGroup
from donki.streams.file_names import FileNames
from donki.streams.nexus_entry import describe_run, now
from donki.streams.row_group import Layout, RowGroup
from donki.streams.shared_file import SharedFile
from donki.streams.value_series import ValueSeries, dataset_names
from donki.streams.values import Value


class NexusFile:
    """Keeps the events, the other streams and the values of one Player.

    ``/entry`` holds the run's identity, ``/entry/instrument/SOURCE/SOURCE_events`` the events of a source,
    ``/entry/instrument/SOURCE`` any other stream, and ``/PLAYER/NAME`` the values that actions return, by
    trigger.

    Data become part of the file at `commit`; `discard` takes back what came after it. The file may be opened
    and read at any time. Who follows it (``h5py.File(path, swmr=True)``, then ``refresh`` of its data sets)
    sees each commit when it is made; a stream or a value that began after the first commit is seen by who
    opens the file anew. After a ``kill -9`` the file holds what was committed, for HDF5 keeps in memory what
    it knows of newer data. (A power failure is another matter: the operating system decides when it writes
    to the disk.) After a write that failed, as on a full disk, it is closed with what was committed, and what
    comes then goes to the next file, where there are names of more.

    Parameters
    ----------
    path
        of the file, which is made at once; or the names of files, of which one is made at `begin` or when
        there is something to write. One that exists is never overwritten
    run
        whose identity goes into the file
    player
        the Player's name
    compression
        of a file that is finished, as `check_compression` takes it; empty for none

    Raises
    ------
    FileError
        when the file exists or cannot be made
    """

    def __init__(self, path: Path | FileNames, run: Run, player: str, *, compression: str = "") -> None:
        self._names = None if isinstance(path, Path) else path
        self._run = run
        self._player = player
        self._compression = compression
        self._detectors: dict[str, NDArray[np.int32] | None] = {}
        self._layouts: dict[str, tuple[str, Layout]] = {}
        self._groups: dict[str, EventGroup] = {}
        self._rows: dict[str, RowGroup] = {}
        self._series: dict[str, ValueSeries] = {}
        self._file: SharedFile | None = None
        if isinstance(path, Path):
            self._begin(path)

    def begin(self) -> None:
        """Make the next file, unless one is open.

        Raises
        ------
        FileError
            when the file exists or cannot be made
        """
        if self._file is None:
            if self._names is None:
                raise FileError(f"the NeXus file of Player {self._player} is closed")
            path = self._names.next()
            self._begin(path)
            self._names.add(path)

    def open_events(self, source: str, detector_number: NDArray[np.int32] | None = None) -> None:
        """Make the event group of a source.

        Parameters
        ----------
        source
            the name of the detector or monitor
        detector_number
            of its pixels, any shape; without it they follow from the pixel ids

        Raises
        ------
        InputError
            when the source's name cannot name a group
        FileError
            when the file cannot be written
        """
        _check_name(source, "source")
        if self._file is not None:
            with self._named():
                self._make_events(self._to_reshape(), source, detector_number)
        self._detectors[source] = detector_number

    def append_events(
        self,
        source: str,
        reference_time: int,
        time_of_flight: NDArray[np.int32],
        pixel_id: NDArray[np.int32],
    ) -> None:
        """Append one pulse of a source.

        Parameters
        ----------
        source
            whose group was opened
        reference_time
            of the pulse, ns since 1970 UTC
        time_of_flight
            ns, shape (n,)
        pixel_id
            shape (n,)

        Raises
        ------
        FileError
            when the file cannot be written
        """
        self.begin()
        with self._named():
            self._groups[source].append(reference_time, time_of_flight, pixel_id)

    def open_rows(self, key: str, source: str, layout: Layout) -> None:
        """Make the group of a stream whose messages are rows.

        Parameters
        ----------
        key
            what to call the stream in `append_rows`
        source
            the name of the group
        layout
            what stands in it

        Raises
        ------
        InputError
            when the source's name cannot name a group
        FileError
            when the file cannot be written
        """
        _check_name(source, "source")
        if self._file is not None:
            with self._named():
                self._make_rows(self._to_reshape(), key, source, layout)
        self._layouts[key] = source, layout

    def append_rows(self, key: str, rows: Mapping[str, NDArray[np.generic]]) -> None:
        """Append rows to a stream's group, shape (n, ...) in each column.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        self.begin()
        with self._named():
            group = self._rows[key]
            if not group.columns:
                group.open_columns(self._to_reshape()["entry/instrument"], rows)
            group.append(rows)

    def append_values(self, trigger: int, values: Mapping[str, Value]) -> None:
        """Append what a trigger returned.

        Raises
        ------
        InputError
            when a name cannot name a data set, or a value changed its type or shape; nothing is appended then
        FileError
            when the file cannot be written
        """
        self.begin()
        new = values.keys() - self._series.keys()
        for name in values.keys() - new:
            self._series[name].check(values[name])
        with self._named():
            if new:
                group = self._to_reshape().require_group(self._player)
                self._check_new(new, group)
                for name in sorted(new):
                    self._series[name] = ValueSeries(group, name, values[name])
            for name, value in values.items():
                self._series[name].append(trigger, value)

    def commit(self) -> None:
        """Write everything; it stays.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        if self._file is None:
            return
        with self._named():
            if any(group.needs_reshape for group in self._groups.values()):
                self._to_reshape()
            grown = [column for column in self._columns() if column.has_grown]
            for part in self._parts:
                part.commit()
            numberings = [number for group in self._groups.values() for number in group.numbering]
            self._file.publish([*numberings, *(column.dataset for column in grown)])

    def discard(self) -> None:
        """Take back what came since the last commit.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        with self._named():
            for part in self._parts:
                part.rollback()
            for name, series in list(self._series.items()):
                if not series.rows:
                    self._series.pop(name).remove()

    def close(self) -> None:
        """Take back what was not committed, note the time and close the file.

        What comes then goes to the next file, where there are names of more.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        if self._file is None:
            return
        path = self._file.path
        with self._named():
            self.discard()
            self._to_reshape()["entry/end_time"] = now()
            self._file.close()
            self._forget()
        if self._compression:
            try:
                compress(path, self._compression)
            except (OSError, RuntimeError) as error:
                raise FileError(f"{path} is whole, but cannot be compressed: {error}") from error

    def _begin(self, path: Path) -> None:
        with self._named(path):
            self._file = file = SharedFile(path)
        try:
            with self._named():
                describe_run(file.root, path, self._run)
                for source, detector_number in self._detectors.items():
                    self._make_events(file.root, source, detector_number)
                for key, (source, layout) in self._layouts.items():
                    self._make_rows(file.root, key, source, layout)
                file.publish([])
        except FileError:
            path.unlink()
            raise

    def _forget(self) -> None:
        self._file = None
        self._groups, self._rows, self._series = {}, {}, {}

    def _make_events(self, root: h5py.File, source: str, detector_number: NDArray[np.int32] | None) -> None:
        self._groups[source] = EventGroup(root["entry/instrument"], source, detector_number)

    def _make_rows(self, root: h5py.File, key: str, source: str, layout: Layout) -> None:
        self._rows[key] = RowGroup(root["entry/instrument"], source, layout)

    @property
    def _parts(self) -> tuple[EventGroup | RowGroup | ValueSeries, ...]:
        return *self._groups.values(), *self._rows.values(), *self._series.values()

    def _columns(self) -> Iterator[Column]:
        for part in self._parts:
            yield from part.columns

    def _to_reshape(self) -> h5py.File:
        """Return the file such that groups and data sets may be made or removed."""
        if self._file is None:
            raise FileError(f"the NeXus file of Player {self._player} is closed")
        if self._file.is_growing:
            self._file.reshape()
            for column in self._columns():
                column.find_in(self._file.root)
        return self._file.root

    def _check_new(self, names: Iterable[str], group: h5py.Group) -> None:
        taken = set(group)
        for name in names:
            _check_name(name, "value")
            if not taken.isdisjoint(dataset_names(name)):
                raise InputError(
                    f"the value {self._player}/{name} needs the names {' and '.join(dataset_names(name))}"
                    " in the NeXus file, where one of them is taken; call it otherwise"
                )
            taken.update(dataset_names(name))

    @contextmanager
    def _named(self, path: Path | None = None) -> Iterator[None]:
        """Say which file it was that failed; it stays as it was committed last."""
        path = path or (self._file.path if self._file else None)
        try:
            yield
        except FileExistsError:
            raise FileError(f"{path} exists and is never overwritten; move it, or start a new run") from None
        except (OSError, RuntimeError) as error:
            if self._file is not None:
                self._file.lose()
                self._forget()
            raise FileError(f"{path} cannot be written: {error}") from error


def _check_name(name: str, what: str) -> None:
    if not name or "/" in name or name in {".", ".."}:
        raise InputError(f"a {what} cannot be called {name!r} in a NeXus file: empty, a dot or with a slash")
