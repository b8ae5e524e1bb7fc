"""The data sets of the Players' NeXus files, as bluesky's documents name them for tiled."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
from bluesky.protocols import StreamAsset
from event_model import ComposeStreamResource, ComposeStreamResourceBundle, DataKey, StreamRange

from donki.errors import SourceError
from donki.hdf5 import open_to_read, reading
from donki_client.api.errors import UnreachableError
from donki_client.api.proxy import Proxy
from donki_client.bluesky.trigger_counts import data_key

logger = logging.getLogger(__name__)

#: How often a file is tried, and the pause between, in s: it may be looked at just as a group is added to it.
TRIES, PAUSE = 5, 0.02


@dataclass
class DataSet:
    """A data set of a Player, in each of its files of the run that has it.

    Attributes
    ----------
    path
        in the file
    dtype, shape, chunk
        of a value, a row and a chunk
    files
        that have it, in order
    documents
        what makes the documents that name it, for the files that are told
    """

    path: str
    dtype: str
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    files: list[str] = field(default_factory=list)
    documents: list[ComposeStreamResourceBundle] = field(default_factory=list)

    def is_same(self, other: DataSet) -> bool:
        """Whether both can be read as one."""
        return (self.path, self.dtype, self.shape) == (other.path, other.dtype, other.shape)


class DataSets:
    """All data sets that grow with the triggers, but for texts, in the files of a run's Players.

    A file that cannot be read on this machine is logged and left out.

    Parameters
    ----------
    name
        what the data keys begin with
    players
        the device names of those that take part, by name
    """

    def __init__(self, name: str = "", players: Mapping[str, str] | None = None) -> None:
        self._name = name
        self._players = dict(players or {})
        self._found: dict[str, dict[str, DataSet]] = {player: {} for player in self._players}
        self._proxies: dict[str, Proxy] = {}
        self._unreadable: set[str] = set()
        self._index = 0

    def describe(self) -> dict[str, DataKey]:
        """Return the data keys of the data sets that there are now; `documents` begins with them."""
        self._index = 0
        described = {}
        for player, found in self._found.items():
            found.clear()
            self._find(player, may_be_new=True)
            for key, data_set in found.items():
                described[key] = DataKey(
                    source=f"{self._players[player]}/Files",
                    dtype="array",
                    dtype_numpy=data_set.dtype,
                    shape=[1, *data_set.shape],
                    external="STREAM:",
                )
        return described

    def documents(self, count: int) -> Iterator[StreamAsset]:
        """Yield the documents that name the data of the next points, or triggers: so many."""
        indices = StreamRange(start=self._index, stop=self._index + count)
        self._index += count
        for player, found in self._found.items():
            self._find(player)
            for key, data_set in found.items():
                told = len(data_set.documents)
                for file in data_set.files[told:]:
                    resource = _resource(key, data_set, file)
                    data_set.documents.append(resource)
                    yield "stream_resource", resource.stream_resource_doc
                # What began in one file may have ended in the next.
                for resource in data_set.documents[told:] or data_set.documents[-1:]:
                    yield "stream_datum", resource.compose_stream_datum(indices)

    def _find(self, player: str, may_be_new: bool = False) -> None:
        """Note which files have the data sets of a Player, and those that are new where they may be."""
        found = self._found[player]
        if not (found or may_be_new):
            return
        for path in self._files(player):
            if not may_be_new and all(path in data_set.files for data_set in found.values()):
                continue
            for key, data_set in self._data_sets(player, path):
                known = found.setdefault(key, data_set) if may_be_new else found.get(key)
                if known and known.is_same(data_set) and path not in known.files:
                    known.files.append(path)

    def _files(self, player: str) -> list[str]:
        device = self._players[player]
        try:
            proxy = self._proxies.get(player) or self._proxies.setdefault(player, Proxy(device))
            return list(proxy.read("Files")[0] or ())
        except UnreachableError:
            # What it began meanwhile is found when it answers again.
            self._proxies.pop(player, None)
            return []

    def _data_sets(self, player: str, path: str) -> list[tuple[str, DataSet]]:
        found: list[tuple[str, DataSet]] = []

        def look(name: str, item: Any) -> None:
            is_growing = isinstance(item, h5py.Dataset) and item.maxshape and item.maxshape[0] is None
            # Cues only help who reads the file itself.
            if is_growing and not item.dtype.hasobject and "/cue_" not in name:
                key = data_key(self._name, player, *_short(name))
                found.append((key, DataSet(name, item.dtype.str, item.shape[1:], item.chunks)))

        tries_left = 0 if path in self._unreadable else TRIES
        while tries_left:
            try:
                with reading(path), open_to_read(path) as file:
                    file.visititems(look)
                break
            except SourceError as error:
                found.clear()
                tries_left -= 1
                if tries_left:
                    time.sleep(PAUSE)
                    continue
                self._unreadable.add(path)
                logger.warning("Player %s: %s is left out of the documents: %s", player, path, error)
        return found


def _short(path: str) -> list[str]:
    """Return the parts of a data set's path that tell it from others in the file."""
    parts = path.split("/")
    parts = parts[2:] if path.startswith(("entry/instrument/", "entry/values/")) else parts
    # SOURCE/SOURCE_events
    return [part for part, after in zip(parts, [*parts[1:], ""], strict=True) if after != f"{part}_events"]


def _resource(key: str, data_set: DataSet, file: str) -> ComposeStreamResourceBundle:
    # Tiled takes the path as it stands. How many rows a trigger adds is not known before: its writer looks in
    # the files at the end.
    return ComposeStreamResource()(
        mimetype="application/x-hdf5",
        uri=f"file://localhost{file}",
        data_key=key,
        parameters={
            "dataset": data_set.path,
            "chunk_shape": data_set.chunk,
            "swmr": True,
            "_validate": True,
        },
    )
