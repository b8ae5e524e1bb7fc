"""How the files of a Player are called, and which of a run are there."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from string import Formatter

from donki.errors import FileError, InputError
from donki.streams.nexus.superblock import SIGNATURE

#: The names that files have where nothing else is said.
FILE_NAME = "{run}_{player}.nxs"

#: The most files of a Player in a run.
MOST_FILES = 4096

_SUFFIXES = (".nxs", ".h5", ".hdf5", ".hdf")
_FIELDS = ("run", "player", "first")


def check_file_name(pattern: str) -> None:
    """Refuse a pattern by which files cannot be named, or not told apart.

    Raises
    ------
    InputError
        saying what a pattern is
    """
    expected = (
        f"a pattern of file names as {FILE_NAME!r} or '{{run}}_{{player}}_{{first:06d}}.nxs': with the run's"
        " id, the Player's name and, where it is wanted, the number of the file's first trigger; without a"
        f" folder or a plus, ending with {', '.join(_SUFFIXES)}"
    )
    try:
        parts = list(Formatter().parse(pattern))
        fields = [field for _, field, _, _ in parts if field is not None]
        name = pattern.format(run="run", player="player", first=1)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise InputError(f"{expected}; got {pattern!r} ({error})") from None
    plain = all(
        conversion is None and (not spec or (field == "first" and re.fullmatch(r"0?\d{0,2}d?", spec)))
        for _, field, spec, conversion in parts
    )
    named = set(fields) <= set(_FIELDS) and {"run", "player"} <= set(fields)
    if not (plain and named and name.endswith(_SUFFIXES)) or "/" in name or "\0" in name or "+" in pattern:
        raise InputError(f"{expected}; got {pattern!r}")


def check_file_triggers(triggers: int) -> None:
    """Refuse a number of triggers that a file cannot have.

    Raises
    ------
    InputError
        saying which numbers are accepted
    """
    if not 0 <= triggers < 2**63:
        raise InputError(f"triggers in a file: 1 or more, or 0 for all of a run; got {triggers}")


class FileNames:
    """The paths of one Player's files in one run.

    A name that is taken is given a number: ``RUN_PLAYER+2.nxs``.

    Parameters
    ----------
    folder
        where the files go
    pattern
        of their names
    run
        the run's id
    player
        the Player's name

    Attributes
    ----------
    paths
        of the files that are there, in order
    trigger
        with which a file would begin now

    Raises
    ------
    InputError
        when the pattern is not one
    """

    def __init__(self, folder: Path, pattern: str, run: str, player: str) -> None:
        check_file_name(pattern)
        self._folder = folder.absolute()
        self._pattern = pattern
        self._known = {"run": run, "player": player}
        found = tuple(path for _, path in sorted(self._found()))
        self.paths: tuple[Path, ...] = tuple(path for path in found if not _remove_stump(path))
        self.trigger = 1
        self._known_to_others = found

    @property
    def need_trigger(self) -> bool:
        """Whether a file's first trigger is part of its name."""
        return any(field == "first" for _, field, _, _ in Formatter().parse(self._pattern))

    def begin(self, trigger: int) -> None:
        """Take that a trigger begins."""
        self.trigger = trigger
        if self._known_to_others is not self.paths:
            self._known_to_others = tuple(dict.fromkeys((*self._known_to_others, *self.paths)))

    def check_folder(self) -> None:
        """Refuse a folder that files cannot go to.

        Raises
        ------
        FileError
            naming it
        """
        if not (self._folder.is_dir() and os.access(self._folder, os.W_OK | os.X_OK)):
            raise FileError(f"{self._folder}: there is no such folder, or it cannot be written; make it so")

    def next(self) -> Path:
        """Name the file that begins now.

        Raises
        ------
        FileError
            when there are too many
        """
        if len(self.paths) >= MOST_FILES:
            raise FileError(
                f"{self._folder} has {MOST_FILES} files of Player {self._known['player']} in run"
                f" {self._known['run']} already; put more triggers into one"
            )
        plain = self._folder / self._pattern.format(first=self.trigger, **self._known)
        # A plus, since a Player's name may end with any letter, digit, dot, hyphen or underscore.
        numbered = (plain.with_name(f"{plain.stem}+{number}{plain.suffix}") for number in count(2))
        # A file that was deleted meanwhile keeps its name.
        return next(path for path in chain([plain], numbered) if path not in self.paths and not path.exists())

    def add(self, path: Path) -> None:
        """Take that a file is there."""
        self.paths = (*self.paths, path)

    def remove(self, path: Path) -> None:
        """Take that a file is no longer there; its name is free."""
        self.paths = tuple(each for each in self.paths if each != path)

    def take_gone(self) -> tuple[Path, ...]:
        """Return, once, the files that are gone and were there when a trigger began or this was called."""
        gone = tuple(path for path in self._known_to_others if path not in self.paths)
        self._known_to_others = self.paths
        return gone

    def _found(self) -> list[tuple[tuple[int, int], Path]]:
        """Return the files of this run that are there, each with its first trigger and its number."""
        stem, dot, suffix = self._pattern.rpartition(".")
        regex = ""
        for text, field, _, _ in Formatter().parse(stem):
            regex += re.escape(text)
            if field == "first":
                regex += r"(?P<first>\d+)" if "?P<first>" not in regex else r"\d+"
            elif field is not None:
                regex += re.escape(self._known[field])
        regex += rf"(?:\+(?P<number>\d+))?{re.escape(dot + suffix)}"
        found = []
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if match := re.fullmatch(regex, path.name):
                groups = match.groupdict()
                found.append(((int(groups.get("first") or 0), int(groups["number"] or 1)), path))
        return found


def _remove_stump(path: Path) -> bool:
    """Remove a file that a Player had begun when it died: without its first bytes it holds nothing."""
    with suppress(OSError):
        with path.open("rb") as file:
            is_stump = file.read(len(SIGNATURE)) != SIGNATURE
        if is_stump:
            path.unlink()
            return True
    return False
