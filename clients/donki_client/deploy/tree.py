"""The files that are written for an operator: compared with what is there, and put in its place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from donki.errors import FileError, InputError
from donki_client.deploy.scripts import read

#: Lists the files that were written, so that no others are overwritten or removed.
LIST = ".donki-deploy.json"


class Tree:
    """A folder, and the files that are wanted in it.

    Parameters
    ----------
    folder
        may be missing
    what
        target and scenario: nothing else is written to the folder
    files
        content by path relative to the folder
    notes
        what whoever deploys them should know

    Raises
    ------
    InputError
        when the folder holds something else: files of another target or scenario, or of somebody
    FileError
        when it cannot be read
    """

    def __init__(
        self, folder: Path, what: Mapping[str, str], files: Mapping[str, bytes], notes: Sequence[str] = ()
    ) -> None:
        self.notes = notes
        self._folder = folder
        noted = json.dumps({**what, "files": sorted(files)}, indent=1) + "\n"
        self._wanted = {**files, LIST: noted.encode()}
        self._listed = self._read_list(what)
        self._present = {
            name: read(folder / name) for name in (*self._wanted, *self._listed) if (folder / name).is_file()
        }
        self._check()

    def _read_list(self, what: Mapping[str, str]) -> set[str]:
        file = self._folder / LIST
        if not file.is_file():
            return set()
        try:
            said = json.loads(read(file))
            listed = set(map(str, said.pop("files")))
        except (ValueError, KeyError, AttributeError, TypeError):
            raise InputError(f"{file}: is no list of donki deploy; choose another folder") from None
        if said != dict(what):
            of = " of ".join(map(str, said.values()))
            raise InputError(f"{self._folder}: holds {of}; choose another folder")
        if outside := [name for name in listed if not _is_inside(name)]:
            raise InputError(f"{file}: {outside[0]!r} leads outside the folder; remove the line")
        return listed

    def _check(self) -> None:
        others = [
            name
            for name, content in self._present.items()
            if name not in self._listed and name != LIST and content != self._wanted[name]
        ]
        if others:
            raise InputError(
                f"{self._folder / others[0]}: was not written by donki deploy; move it, or name another one"
            )

    @property
    def diff(self) -> str:
        """What would change, as a unified diff; empty if nothing."""
        changes = []
        for name in sorted({*self._present, *self._wanted}):
            old, new = self._present.get(name), self._wanted.get(name)
            if old != new:
                changes.append(_unified(name, old, new))
        return "".join(changes)

    @property
    def summary(self) -> str:
        """Which files were written and removed, a line each."""
        names = sorted({*self._present, *self._wanted} - {LIST})
        changed = [name for name in names if self._present.get(name) != self._wanted.get(name)]
        return "".join(
            f"{'written' if name in self._wanted else 'removed'}  {self._folder / name}\n" for name in changed
        )

    def apply(self) -> None:
        """Write what differs, and remove what was written before and is wanted no more.

        Raises
        ------
        FileError
            when it cannot be written
        """
        try:
            # First the list: what is written from now on is known to be ours, even if that is interrupted.
            for name in sorted(self._wanted, key=lambda name: (name != LIST, name)):
                file = self._folder / name
                if self._present.get(name) != self._wanted[name]:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(self._wanted[name])
            for name in sorted(self._listed - set(self._wanted)):
                (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise FileError(
                f"{error.filename or self._folder}: cannot be written ({error.strerror}); name another folder"
            ) from None


def _is_inside(name: str) -> bool:
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


def _unified(name: str, old: bytes | None, new: bytes | None) -> str:
    before, after = (_lines(content) for content in (old, new))
    return "".join(
        difflib.unified_diff(
            before,
            after,
            "/dev/null" if old is None else f"a/{name}",
            "/dev/null" if new is None else f"b/{name}",
        )
    )


def _lines(content: bytes | None) -> list[str]:
    """Return the lines of a file, each with its end."""
    lines = (content or b"").decode(errors="backslashreplace").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n\\ No newline at end of file\n"
    return lines
