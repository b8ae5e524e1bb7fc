"""Files that an action script reads because its Parameters name them: under the property DataPath alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from donki.errors import InputError


def find_data(folders: Sequence[Path], name: object) -> Path:
    """Return a file under one of several folders, whatever asked for it.

    Parameters
    ----------
    folders
        where data may be read from; the first in which there is such a file has it
    name
        relative to a folder, or an absolute name inside one

    Returns
    -------
    Path
        absolute, without links

    Raises
    ------
    InputError
        when the name leads outside all folders (by ``..``, as an absolute name or through a link), or there
        is no such file
    """
    if not isinstance(name, str) or not name:
        raise InputError(f"{name!r:.200}: is no name of a data file; give one under the property DataPath")
    allowed = [folder.resolve() for folder in folders]
    listed = ", ".join(map(str, allowed)) or "none"
    try:
        asked = [(folder / name).resolve() for folder in allowed]
        inside = [file for file in asked if any(folder in file.parents for folder in allowed)]
        there = next((file for file in inside if file.is_file()), None)
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL in it, links in a circle
        raise InputError(f"{name!r:.200}: cannot be the name of a data file: {error!s:.200}") from None
    if there is not None:
        return there
    if not inside:
        raise InputError(
            f"{name:.200}: leads outside the folders that data are read from, {listed}; move the file into"
            " one, or have its folder added to the property DataPath"
        )
    raise InputError(f"{inside[0]}: no such file; data are read from {listed}, by the property DataPath")
