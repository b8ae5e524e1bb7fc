"""The NeXus file of one Player in one run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from donki.errors import FileError, InputError
from donki.run import Run
from donki.streams.column import Column
from donki.streams.event_group import EventGroup
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
    to the disk.)

    Parameters
    ----------
    path
        of the file; one that exists is never overwritten
    run
        whose identity goes into the file
    player
        the Player's name

    Raises
    ------
    FileError
        when the file exists or cannot be made
    """

    def __init__(self, path: Path, run: Run, player: str) -> None:
        self._path = path
        self._player = player
        self._groups: dict[str, EventGroup] = {}
        self._rows: dict[str, RowGroup] = {}
        self._series: dict[str, ValueSeries] = {}
        with self._named():
            self._file = SharedFile(path)
            self._describe(run)
            self._file.publish([])

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
        with self._named():
            self._reshape()
            self._groups[source] = EventGroup(self._instrument, source, detector_number)

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
        with self._named():
            self._reshape()
            self._rows[key] = RowGroup(self._instrument, source, layout)

    def append_rows(self, key: str, rows: Mapping[str, NDArray[np.generic]]) -> None:
        """Append rows to a stream's group, shape (n, ...) in each column.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        with self._named():
            group = self._rows[key]
            if not group.columns:
                self._reshape()
                group.open_columns(self._instrument, rows)
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
        new = values.keys() - self._series.keys()
        for name in values.keys() - new:
            self._series[name].check(values[name])
        with self._named():
            if new:
                self._reshape()
                group = self._file.root.require_group(self._player)
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
        with self._named():
            if any(group.needs_reshape for group in self._groups.values()):
                self._reshape()
            for part in self._parts:
                part.commit()
            datasets = [column.dataset for column in self._columns()]
            numberings = [number for group in self._groups.values() for number in group.numbering]
            self._file.publish([*numberings, *datasets])

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

        Raises
        ------
        FileError
            when the file cannot be written
        """
        with self._named():
            try:
                self.discard()
                self._reshape()
                self._file.root["entry/end_time"] = _now()
            finally:
                self._file.close()

    @property
    def _instrument(self) -> h5py.Group:
        return self._file.root["entry/instrument"]

    @property
    def _parts(self) -> tuple[EventGroup | RowGroup | ValueSeries, ...]:
        return *self._groups.values(), *self._rows.values(), *self._series.values()

    def _columns(self) -> Iterator[Column]:
        for part in self._parts:
            yield from part.columns

    def _reshape(self) -> None:
        """Allow that groups and data sets are made or removed."""
        if self._file.is_growing:
            self._file.reshape()
            for column in self._columns():
                column.find_in(self._file.root)

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

    def _describe(self, run: Run) -> None:
        root = self._file.root
        root.attrs.update(NX_class="NXroot", default="entry", file_name=self._path.name, file_time=_now())
        entry = root.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["entry_identifier"] = run.id
        entry["title"] = run.title
        entry["start_time"] = _now()
        entry["program_name"] = "DonkiOrchestra"
        entry["program_name"].attrs["version"] = version("donkiorchestra")
        entry["run_metadata"] = json.dumps(dict(run.metadata))
        entry["run_seed"] = run.seed
        entry.create_group("instrument").attrs["NX_class"] = "NXinstrument"

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say which file it was that failed."""
        try:
            yield
        except FileExistsError:
            raise FileError(
                f"{self._path} exists and is never overwritten; move it, or start a new run"
            ) from None
        except (OSError, RuntimeError) as error:
            raise FileError(f"{self._path} cannot be written: {error}") from error


def _check_name(name: str, what: str) -> None:
    if not name or "/" in name or name in {".", ".."}:
        raise InputError(f"a {what} cannot be called {name!r} in a NeXus file: empty, a dot or with a slash")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
