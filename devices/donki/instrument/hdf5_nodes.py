"""Descriptions in HDF5, as file writers leave them: a stream is known by attributes of its group."""

from __future__ import annotations

import posixpath
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from donki.hdf5 import check_size, plain_value, reading
from donki.instrument.nodes import Dataset, Group, StreamModule, links_to_nowhere
from donki.texts import decoded

#: What a file writer puts beside the values of a PV that has alarms, or a state of its connection; it makes
#: the data sets of all, so that only those with values tell of a stream.
_BESIDE = {"al00": "alarm_severity", "ep01": "connection_status"}


class Hdf5Dataset(Dataset):
    """A data set of a file.

    Parameters
    ----------
    file
        its path, for messages
    path, item
        its path in the file, and what h5py has of it
    """

    def __init__(self, file: Path, path: str, item: h5py.Dataset) -> None:
        super().__init__(path)
        self._file, self._item = file, item

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """See `Dataset`."""
        return _attributes(self._file, self._item)

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Dataset`."""
        return tuple(self._item.shape or ())

    @property
    def dtype(self) -> np.dtype[Any]:
        """See `Dataset`."""
        found: np.dtype[Any] = self._item.dtype
        return np.dtype(str) if h5py.check_string_dtype(found) else found

    def read(self) -> Any:
        """See `Dataset`."""
        with reading(self._file, self.path):
            check_size(self._item, self._file)
            value = self._item[()]
            # Numbers keep their shape; one text is a text in whichever way it was written.
            return plain_value(value) if self.dtype.kind == "U" or not self.shape else value


class Hdf5Group(Group):
    """A group of a file.

    Parameters
    ----------
    file
        its path, for messages
    path, item
        its path in the file, and what h5py has of it
    root
        the root of the file; None for the root itself
    """

    def __init__(self, file: Path, path: str, item: h5py.Group, root: Group | None = None) -> None:
        super().__init__(path, root)
        self._file, self._item = file, item
        self._opened: dict[str, Group | Dataset | str | None] = {}

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """See `Group`."""
        return _attributes(self._file, self._item)

    @cached_property
    def child_names(self) -> Sequence[str]:
        """See `Group`."""
        with reading(self._file, self.path):
            # h5py has names that are no UTF-8 as bytes.
            return tuple(
                name.decode(errors="surrogateescape") if isinstance(name, bytes) else name
                for name in self._item
            )

    def child(self, name: str) -> Group | Dataset | str | None:
        """See `Group`."""
        if name not in self._opened:
            self._opened[name] = self._open(name)
        return self._opened[name]

    def _open(self, name: str) -> Group | Dataset | str | None:
        path = posixpath.join(self.path, name)
        links, raw = self._item.id.links, name.encode(errors="surrogateescape")
        with reading(self._file, path):
            kind = links.get_info(raw).type if links.exists(raw) else None
            if kind == h5py.h5l.TYPE_SOFT:
                return decoded(links.get_val(raw))
            if kind != h5py.h5l.TYPE_HARD:  # what is in other files is not read
                return None
            item = self._item[raw]
            if isinstance(item, h5py.Group):
                return Hdf5Group(self._file, path, item, self.root)
            return Hdf5Dataset(self._file, path, item) if isinstance(item, h5py.Dataset) else None

    @property
    def identity(self) -> Hashable:
        """See `Group`."""
        with reading(self._file, self.path):
            info = h5py.h5o.get_info(self._item.id)
            return info.fileno, info.addr

    @cached_property
    def unreadable(self) -> Sequence[str]:
        """See `Group`."""
        elsewhere = [name for name in self.child_names if self.child(name) is None]
        return [
            *links_to_nowhere(self),
            *(
                f"{name} is in another file, or neither group nor data set: it is not read"
                for name in elsewhere
            ),
        ]

    @cached_property
    def streams(self) -> Sequence[StreamModule]:
        """See `Group`; alarms and connection states are known by what was written of them."""
        return tuple(self._streams())

    def _streams(self) -> Iterator[StreamModule]:
        said = {key: _shown(self.attributes.get(key)) for key in ("writer_module", "topic", "source")}
        if not (said["topic"] and said["source"]):
            return
        module = said["writer_module"] or self._guessed()
        yield StreamModule(module, said["topic"], said["source"], {**said, **self._value()})
        for beside, field in _BESIDE.items():
            found = self.datasets.get(field)
            if beside != module and found is not None and 0 not in found.shape:
                yield StreamModule(beside, said["topic"], said["source"], {**said, "writer_module": beside})

    def _guessed(self) -> str:
        return {"NXevent_data": "ev44", "NXlog": "f144", "NXdata": "da00"}.get(self.nx_class, "")

    def _value(self) -> Mapping[str, Any]:
        """Return what the module was configured with, as far as it shows in what it wrote."""
        value = self.datasets.get("value")
        if value is None:
            return {}
        config = {"dtype": str(value.dtype), "array_size": list(value.shape[1:])}
        return {**config, "value_units": value.units} if value.units else config


def _attributes(file: Path, item: h5py.HLObject) -> Mapping[str, Any]:
    with reading(file, f"the attributes of {item.name}"):
        return {name: plain_value(value) for name, value in item.attrs.items()}


def _shown(value: object) -> str:
    return "" if value is None else str(value)
