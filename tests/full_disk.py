"""A NeXus file that is written while the disk fills up, and what must be in it then.

    python tests/full_disk.py FOLDER LIMIT MOMENT,... FIRST PAST STEP

plays moments for each number of bytes left, each in a process of its own, under a real limit: ``rlimit``, or
``tmpfs`` where FOLDER is a small file system. Files of a moment followed by ``:gzip`` are compressed. It ends
with an error that names the first that went wrong.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np

from donki.errors import FileError
from donki.run import Run
from donki.streams.nexus.file import NexusFile
from donki.streams.nexus.file_names import FILE_NAME, FileNames
from donki.streams.nexus.row_group import Layout
from donki.streams.values import as_value

LAYOUT = Layout("NXlog", {"value": {"units": "K"}, "time": {}})
COMMITTED = 3
PULSE = 300


def pulse(trigger: int, events: int) -> np.ndarray:
    """Return the pixel ids of a trigger, by which it is recognised."""
    return np.arange(events, dtype=np.int32) % 50 + 100 * trigger


class Play:
    """Writes triggers, and knows which are to be found in which file.

    Attributes
    ----------
    names
        of the files
    kept
        the triggers in each file
    errors
        what was said of writes that failed
    """

    def __init__(self, folder: Path, *, compression: str = "") -> None:
        self.names = FileNames(folder, FILE_NAME, "run", "p0")
        self.file = NexusFile(self.names, Run("run"), "p0", compression=compression)
        self.kept: dict[Path, list[int]] = {}
        self.errors: list[str] = []
        self.trigger = 0
        self._sizes: dict[int, int] = {}
        self._pending: list[int] = []
        self.attempt(self.file.begin)
        self.attempt(lambda: self.file.open_events("panel"))
        self.attempt(lambda: self.file.open_rows("T", "T", LAYOUT))

    def attempt(self, act: Callable[[], None]) -> bool:
        """Do something; note the error where it fails."""
        try:
            act()
        except FileError as error:
            self.errors.append(str(error))
            self._pending.clear()
            return False
        finally:
            for path in self.kept.keys() - self.names.paths:
                assert not self.kept.pop(path), "a file with data was removed"
            for path in self.names.paths:
                self.kept.setdefault(path, [])
        return True

    def send(self, events: int = PULSE, *, value: str = "v", source: str = "panel") -> None:
        """Send what a trigger sends."""
        self.trigger += 1
        self._sizes[self.trigger] = events
        self._pending.append(self.trigger)
        column = pulse(self.trigger, events)
        self.file.append_events(source, self.trigger, column, column)
        rows = np.array([float(self.trigger)])
        self.file.append_rows("T", {"value": rows, "time": np.array([self.trigger])})
        self.file.append_values(
            self.trigger, {value: as_value(rows, value), "text": as_value("x" * 20, "text")}
        )

    def commit(self) -> None:
        """Commit what was sent."""
        self.file.commit()
        if self._pending:
            self.kept.setdefault(self.names.paths[-1], []).extend(self._pending)
        self._pending.clear()

    def discard(self) -> None:
        """Take back what was sent."""
        self._pending.clear()
        self.file.discard()

    def close(self) -> None:
        """Close the file."""
        self._pending.clear()
        self.file.close()

    def late(self) -> None:
        """Open another stream, and send to it."""
        self.file.open_events("late")
        self.send(source="late")

    def check(self) -> None:
        """Compare each file with what must be in it."""
        for path, triggers in self.kept.items():
            with h5py.File(path) as file:
                found: dict[int, list[int]] = {}
                for source in file["entry/instrument"].keys() & {"panel", "late"}:
                    events = file[f"entry/instrument/{source}/{source}_events"]
                    ids, starts = events["event_id"][:], events["event_index"][:]
                    np.testing.assert_array_equal(events["event_time_offset"], ids)
                    for trigger, part in zip(
                        events["event_time_zero"], np.split(ids, starts)[1:], strict=True
                    ):
                        found[int(trigger)] = list(part)
                        assert list(part) == list(pulse(int(trigger), self._sizes[int(trigger)]))
                assert sorted(found) == triggers, (path, sorted(found), triggers)
                log = file["entry/instrument/T"]
                for name in ("value", "time"):
                    assert list(log[name]) == triggers if triggers else name not in log or not len(log[name])
                values = file.get("p0", {})
                numbers = sorted(
                    int(n)
                    for name in values
                    if name.startswith("v") and name.endswith("_trigger")
                    for n in values[name]
                )
                assert numbers == triggers
                if triggers:
                    assert list(values["text"].asstr()) == ["x" * 20] * len(triggers)
                assert set(file["entry"]) >= {"end_time", "instrument"}
        for error in self.errors:
            assert "\n" not in error
            assert "run_p0" in error


def write(play: Play) -> None:
    play.send(200_000)


def new_stream(play: Play) -> None:
    play.late()


def new_value(play: Play) -> None:
    play.send(value="v2")


def commit(play: Play) -> None:
    play.send()
    play.commit()


def commit_what_is_new(play: Play) -> None:
    play.file.open_events("late")
    play.send(source="late", value="v2")
    play.commit()


def discard(play: Play) -> None:
    play.file.open_events("late")
    play.send(200_000, source="late", value="v2")


def nothing(_play: Play) -> None:
    pass


def next_file(play: Play) -> None:
    play.close()
    play.send()
    play.commit()


MOMENTS: dict[str, Callable[[Play], None]] = {
    each.__name__: each
    for each in (write, new_stream, new_value, commit, commit_what_is_new, discard, nothing, next_file)
}
"""What is done when the disk fills up; then the file is closed, and compressed where that is asked for."""


def play_moment(
    folder: Path, moment: str, fill: Callable[[Path], None], *, compression: str = "", is_full: bool = True
) -> None:
    """Play a moment on a disk that is filled before it, or damaged; the files must be whole at the end."""
    play = Play(folder, compression=compression)
    for _ in range(COMMITTED):
        play.send()
        play.commit()
    assert not play.errors
    fill(play.names.paths[-1])
    is_done = play.attempt(lambda: MOMENTS[moment](play))
    is_discarded = play.attempt(play.discard)
    is_closed = play.attempt(play.close)
    if is_full:
        assert is_discarded, "discarding needs room"
        assert is_closed or compression, "closing needs room"
    assert len(play.errors) == (not is_done) + (not is_discarded) + (not is_closed)
    play.check()
    if is_done and is_closed:
        with h5py.File(play.names.paths[-1]) as file:
            assert file["entry/end_time"].asstr()[()].endswith("Z")
    assert sorted(path for path in folder.iterdir() if path.suffix != ".fill") == sorted(play.kept)


def fill_by_rlimit(left: int) -> Callable[[Path], None]:
    """Limit the size of files to so many bytes more than one has."""

    def fill(path: Path) -> None:
        size = path.stat().st_size + left
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return fill


def fill_disk(left: int) -> Callable[[Path], None]:
    """Leave so many bytes of the disk, in whole blocks."""

    def fill(path: Path) -> None:
        with (path.parent / "ballast.fill").open("ab", buffering=0) as file, suppress(OSError):
            while True:
                state = os.statvfs(path.parent)
                room = state.f_bavail * state.f_frsize - left
                if room < state.f_frsize:
                    return
                file.write(bytes(min(room, 1 << 20)))

    return fill


LIMITS = {"rlimit": fill_by_rlimit, "tmpfs": fill_disk}


def main() -> None:
    folder, limit, moments, *numbers = sys.argv[1:]
    for moment, left in product(moments.split(","), range(*map(int, numbers))):
        place = Path(folder) / f"{moment}-{left}"
        place.mkdir()
        if child := os.fork():
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            shutil.rmtree(place)
            if status:
                sys.exit(f"{moment} with {left} bytes left under {limit}: exit status {status}")
            continue
        signal.alarm(60)
        name, _, compression = moment.partition(":")
        with patch.multiple("donki.streams.nexus.event_group", _EVENTS_PER_CHUNK=1000, _PULSES_PER_CHUNK=50):
            play_moment(place, name, LIMITS[limit](left), compression=compression)
        return


if __name__ == "__main__":
    main()
