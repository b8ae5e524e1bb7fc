"""The data sets of an NXevent_data, and what is wrong with one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from donki.errors import InputError, SourceError
from donki.hdf5 import attribute_text, check_size, reading
from donki.sources.recorded.nexus_time import nanoseconds


class EventGroup:
    """An NXevent_data.

    Parameters
    ----------
    path : Path
        of its file
    group : h5py.Group
    units : dict of str to str
        of fields that have no attribute ``units``

    Attributes
    ----------
    name : str
        path and group, for messages
    """

    def __init__(self, path: Path, group: h5py.Group, units: Mapping[str, str]) -> None:
        self.name = f"{path}, {group.name}"
        self._path, self._group, self._units = path, group, units
        self._fields: dict[str, h5py.Dataset] = {}

    def __contains__(self, field: str) -> bool:
        return field in self._group

    def field(self, name: str) -> h5py.Dataset:
        """Return a data set of numbers, one-dimensional.

        Raises
        ------
        SourceError
            when there is none of that name, or its compression is not there
        """
        if name not in self._fields:
            with reading(self._path, f"{self._group.name}/{name}"):
                field = self._group.get(name)
                if (
                    not isinstance(field, h5py.Dataset)
                    or len(field.shape or ()) != 1
                    or field.dtype.kind not in "iuf"
                ):
                    raise self.error(name, "a data set of numbers, one-dimensional", repr(field))
                check_size(field, self._path)
            self._fields[name] = field
        return self._fields[name]

    def size(self, name: str) -> int:
        """Return how many values a field has."""
        return len(self.field(name))

    def read(self, name: str, part: slice = slice(None)) -> NDArray[Any]:
        """Return values of a field, in the type that they have in the file.

        Raises
        ------
        SourceError
            when they cannot be read
        """
        after = f" from value {part.start + 1} on" if part.start else ""
        with reading(self._path, f"{self._group.name}/{name}{after}"):
            values: NDArray[Any] = self.field(name)[part]
        return values

    def nanoseconds(self, name: str) -> float:
        """Return how many ns the unit of a field is.

        Raises
        ------
        SourceError
            when it is none of a time, or there is none
        InputError
            when another unit was stated
        """
        with reading(self._path, f"{self._group.name}/{name}"):
            found = attribute_text(self.field(name), "units")
        stated = self._units.get(name, "")
        factor = nanoseconds(found or stated)
        if factor is None:
            expected = "the attribute units: s, ms, us or ns"
            if found:
                raise self.error(name, expected, repr(found))
            remedy = f"state it: units={{{name!r}: 's'}} (for files of ISIS: units='ISIS')"
            raise self.error(name, expected, "none", remedy)
        if found and stated and nanoseconds(stated) != factor:
            raise InputError(
                f"{self.name}/{name}: units={{{name!r}: {stated!r}}} was stated, but the file has {found!r};"
                " leave it out"
            )
        return factor

    def start(self, name: str) -> str:
        """Return the date that the times of a field count from; empty where there is none."""
        with reading(self._path, f"{self._group.name}/{name}"):
            field = self.field(name)
            return attribute_text(field, "start") or attribute_text(field, "offset")

    def chunk(self, name: str) -> int:
        """Return how many values of a field are stored together."""
        field = self.field(name)
        return int(field.chunks[0]) if field.chunks else max(len(field), 1)

    def error(self, field: str, expected: str, found: str, remedy: str = "") -> SourceError:
        """Say what is wrong with a field, and what to do."""
        remedy = remedy or "the file is damaged, or holds no events as NeXus has them"
        return SourceError(f"{self.name}/{field}: expected {expected}, found {found}; {remedy}")
