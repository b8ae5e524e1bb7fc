"""The NeXus files of one Player in one run, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from donki.errors import DonkiError, FileError
from donki.run import Run
from donki.streams.nexus.column import Column, ColumnGroup, check_name
from donki.streams.nexus.compression import compress
from donki.streams.nexus.detector import UNKNOWN, Detector
from donki.streams.nexus.entry import describe_run, lead_to, now
from donki.streams.nexus.event_group import EventGroup
from donki.streams.nexus.file_names import FileNames
from donki.streams.nexus.row_group import Layout, RowGroup
from donki.streams.nexus.swmr_file import SharedFile
from donki.streams.nexus.values import ValueGroup
from donki.streams.values import Value

Group = TypeVar("Group", EventGroup, RowGroup)


class NexusFile:
    """Keeps the events, the other streams and the values of one Player.

    ``/entry`` holds the run's identity, ``/entry/instrument/SOURCE/SOURCE_events`` the events of a source,
    ``/entry/instrument/SOURCE`` any other stream, and ``/entry/values/NAME`` the values that actions return,
    by trigger. Viewers are led to what is there first.

    Data become part of the file at `commit`; `discard` takes back what came after it. The file may be opened
    and read at any time. Whoever follows it (``h5py.File(path, swmr=True)``, then ``refresh`` of its data
    sets) sees each commit when it is made; a stream or a value that began after that is seen by whoever opens
    the file again. After a ``kill -9`` the file holds what was committed, for HDF5 keeps in memory what it
    knows of newer data. (A power failure is another matter: the operating system decides when it writes
    to the disk.) After a write that failed, as on a full disk, it is closed with what was committed, or
    removed where that is nothing, and what comes then goes to the next file, where there are names of more.

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
        self._openings: list[Callable[[SharedFile], None]] = []
        self._events: dict[str, EventGroup] = {}
        self._rows: dict[str, RowGroup] = {}
        self._values: ValueGroup | None = None
        self._file: SharedFile | None = None
        self._has_data = self._has_plot = False
        if isinstance(path, Path):
            self._begin(path)

    def begin(self) -> None:
        """Make the next file, unless one is open.

        Raises
        ------
        FileError
            when the file exists or cannot be made
        """
        self._begun()

    def open_events(
        self, source: str, detector: Detector = UNKNOWN, sent_as: Mapping[str, str | int] = {}
    ) -> None:
        """Make an `EventGroup` of a source, as that takes what is known, in this file and those after it.

        Raises
        ------
        InputError, FileError
            when the source's name cannot name a group, or the file cannot be written
        """
        self._open(self._events, source, source, lambda file: EventGroup(file, source, detector, sent_as))

    def append_events(
        self,
        source: str,
        reference_time: int,
        time_of_flight: NDArray[np.int32],
        pixel_id: NDArray[np.int32],
        pixel_range: tuple[int, int] | None = None,
    ) -> None:
        """Append one pulse of a source whose group was opened, as `EventGroup.append` does.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        self.begin()
        with self._named():
            self._events[source].append(reference_time, time_of_flight, pixel_id, pixel_range)

    def open_rows(self, key: str, source: str, layout: Layout) -> None:
        """Make a `RowGroup` of a source, in this file and those after it.

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
        self._open(self._rows, key, source, lambda file: RowGroup(file, source, layout))

    def append_rows(self, key: str, rows: Mapping[str, NDArray[np.generic]]) -> None:
        """Append rows to a stream's group, shape (n, ...) in each column.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        self.begin()
        with self._named():
            self._rows[key].append(rows)

    def append_values(self, trigger: int, values: Mapping[str, Value]) -> dict[str, int]:
        """Append what a trigger returned; return by name the checksum of its row.

        Values keep the type and shape of the first of their name.

        Raises
        ------
        InputError
            when a name cannot name a data set; nothing is appended then
        FileError
            when the file cannot be written
        """
        file = self._begun()
        with self._named():
            self._values = self._values or ValueGroup(file, self._player)
            return self._values.append(trigger, values)

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
            grown = self._grown
            for part in self._parts:
                part.commit()
                if not self._has_plot and (plot := part.plot):
                    lead_to(self._file.root, plot)
                    self._has_plot = True
            self._file.publish(column.address for column in grown)
            self._has_data = self._has_data or bool(grown)

    def discard(self) -> None:
        """Take back what came since the last commit.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        with self._named():
            for part in self._parts:
                part.discard()

    def close(self) -> None:
        """Note the time and close the file; what was not committed is not in it.

        That needs no room on the disk. What comes then goes to the next file, where there are names of more.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        if self._file is None:
            return
        path = self._file.path
        with self._named():
            self._file.put(self._file.root["entry/end_time"].id.get_offset(), now().encode())
            self._file.close()
            self._forget()
        if self._compression:
            try:
                compress(path, self._compression)
            except (OSError, RuntimeError) as error:
                raise FileError(f"{path} is whole, but cannot be compressed: {error}") from error

    def _begun(self) -> SharedFile:
        """Return the file that is open, else the next."""
        if self._file is not None:
            return self._file
        if self._names is None:
            raise FileError(f"the NeXus file of Player {self._player} is closed")
        path = self._names.next()
        file = self._begin(path)
        self._names.add(path)
        return file

    def _begin(self, path: Path) -> SharedFile:
        with self._named(path):
            self._file = file = SharedFile(path)
        self._has_data = self._has_plot = False
        with self._named():
            describe_run(file.root, path, self._run)
            for make in self._openings:
                make(file)
            file.publish()
        return file

    def _give_up(self, file: SharedFile) -> None:
        """Close a file that cannot be written; one that nothing was committed to is of no use to anybody."""
        if self._has_data:
            file.close()
        elif file.remove() and self._names:
            self._names.remove(file.path)
        self._forget()

    def _forget(self) -> None:
        self._file = None
        self._events.clear()
        self._rows.clear()
        self._values = None

    @property
    def _parts(self) -> tuple[ColumnGroup, ...]:
        return *self._events.values(), *self._rows.values(), *filter(None, [self._values])

    @property
    def _grown(self) -> list[Column]:
        return [column for part in self._parts for column in part.columns if column.has_grown]

    def _open(
        self, groups: dict[str, Group], key: str, source: str, make: Callable[[SharedFile], Group]
    ) -> None:
        check_name(source, "source")

        def open_in(file: SharedFile) -> None:
            groups[key] = make(file)

        if self._file is not None:
            with self._named():
                open_in(self._file)
                # Readers see a new stream at once, unless a trigger in progress has begun to write.
                if not self._grown:
                    self._file.publish()
        self._openings.append(open_in)

    @contextmanager
    def _named(self, path: Path | None = None) -> Iterator[None]:
        """Say which file it was that failed; it stays as it was committed last."""
        path = path or (self._file.path if self._file else None)
        try:
            yield
            if self._file is not None:
                self._file.check()
        except FileExistsError:
            raise FileError(f"{path} exists and is never overwritten; move it, or start a new run") from None
        except DonkiError:
            raise
        except BaseException as error:
            # HDF5 and h5py raise errors of any kind, and what was written by then is not known.
            if self._file is not None:
                self._give_up(self._file)
            if not isinstance(error, Exception):
                raise
            raise FileError(f"{path} cannot be written: {error}") from error
