"""A description of an instrument: a NeXus file as file writers leave it, or the structure they are given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from donki.errors import InputError, SourceError
from donki.hdf5 import open_to_read, reading
from donki.instrument.hdf5_nodes import Hdf5Group
from donki.instrument.json_nodes import JsonGroup
from donki.instrument.nodes import Dataset, Group, StreamModule
from donki.json_text import parse_json

__all__ = ["Dataset", "Group", "StreamModule", "open_description"]

#: The most bytes and the deepest nesting of a structure in JSON, which is read whole: it takes about five
#: times as much memory, in each Player that reads it.
MOST_BYTES, MOST_DEPTH = 100_000_000, 200


@contextmanager
def open_description(path: Path) -> Iterator[Group]:
    """Open a description of an instrument and yield its root; what the file is is told by its content.

    Parameters
    ----------
    path
        an HDF5 file (NeXus), or JSON: a file writer's ``nexus_structure``, alone or in the message that
        starts a file

    Raises
    ------
    InputError
        when the file is neither
    SourceError
        when it cannot be read, is damaged or larger than can be read
    """
    if _is_hdf5(path):
        with reading(path):
            file = open_to_read(path)
        with file:
            yield Hdf5Group(path, "/", file["/"])
    else:
        yield JsonGroup(path, "/", _structure(path))


def _is_hdf5(path: Path) -> bool:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give a NeXus file or a nexus_structure in JSON")
    return bool(h5py.is_hdf5(path))


def _structure(path: Path) -> dict[str, Any]:
    """Return the root of the structure in a JSON file."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise SourceError(
                f"{path}: a structure in JSON has at most {MOST_BYTES:,} bytes, this one {size:,}; give a"
                " NeXus file that was written with it, of which only what is needed is read"
            )
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is neither HDF5 (NeXus) nor JSON in UTF-8") from None
    try:
        found = parse_json(text, most_bytes=MOST_BYTES, most_depth=MOST_DEPTH)
        if isinstance(found, dict) and "nexus_structure" in found:
            found = found["nexus_structure"]
            if isinstance(found, str):  # as in the message that starts a file
                found = parse_json(found, most_bytes=MOST_BYTES, most_depth=MOST_DEPTH)
    except ValueError as error:
        raise InputError(f"{path}: is neither HDF5 (NeXus) nor JSON: {error!s:.200}") from None
    if not isinstance(found, dict) or not isinstance(found.get("children"), list):
        raise InputError(f'{path}: holds no nexus_structure; expected {{"children": [...]}} with its groups')
    return found
