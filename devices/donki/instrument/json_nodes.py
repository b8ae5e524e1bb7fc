"""Descriptions in JSON: the ``nexus_structure`` that a file writer is given.

Its layout follows from the file writer's ``documentation/commands.md`` and ``HDFOperations.cpp``
(https://github.com/ess-dmsc/kafka-to-nexus): a group has ``name``, ``attributes`` and ``children``; a child
with ``module`` is a data set, a link or a stream, whose settings are its ``config``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from donki.errors import SourceError
from donki.hdf5 import plain_value
from donki.instrument.nodes import Dataset, Group, StreamModule, links_to_nowhere

#: The file writer's names of types that numpy has by another name, or with another width.
_TYPES = {"double": "float64", "float": "float32", "int": "int32", "string": "str"}
_NUMBERS = "iufb"


class JsonDataset(Dataset):
    """A data set of a structure.

    Parameters
    ----------
    file, path
        the file, for messages, and the path in it
    config
        name, values and dtype
    attributes
        as the structure has them
    """

    def __init__(self, file: Path, path: str, config: Mapping[str, Any], attributes: object) -> None:
        super().__init__(path)
        self._file, self._attributes = file, attributes
        self._values: Any = config.get("values", config.get("value"))
        self._type = str(config.get("dtype", config.get("type", "")))

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """See `Dataset`."""
        return _attributes(self._attributes)

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Dataset`; that of the first values, as far as they are not read."""
        sizes, values = [], self._values
        while isinstance(values, list):
            sizes.append(len(values))
            values = values[0] if values else None
        return tuple(sizes)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """See `Dataset`; numbers without a type are float64 to the file writer."""
        if not self._type:
            return np.dtype(str) if isinstance(self._first, str) else np.dtype(np.float64)
        try:
            found = np.dtype(_TYPES.get(self._type, self._type))
        except TypeError:
            found = np.dtype(object)
        if found.kind not in f"{_NUMBERS}U":
            raise SourceError(
                f"{self._file}, {self.path}: the dtype {self._type!r:.80} is none of the file writer's; they"
                " are string, float, double, int8 to int64 and uint8 to uint64"
            )
        return found

    def read(self) -> Any:
        """See `Dataset`."""
        try:
            values = np.array(self._values, self.dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise SourceError(
                f"{self._file}, {self.path}: its values are no array of {self.dtype}: {error!s:.200}"
            ) from None
        return plain_value(values) if self.dtype.kind == "U" or not self.shape else values

    @property
    def _first(self) -> Any:
        value = self._values
        while isinstance(value, list):
            value = value[0] if value else None
        return value


class JsonGroup(Group):
    """A group of a structure.

    Parameters
    ----------
    file, path
        the file, for messages, and the path in it
    node
        what the structure says of it
    root
        the root of the structure; None for the root itself
    """

    def __init__(self, file: Path, path: str, node: Mapping[str, Any], root: Group | None = None) -> None:
        super().__init__(path, root)
        self._file, self._node = file, node
        self._unreadable: list[str] = []
        self._streams: list[StreamModule] = []
        self._named: dict[str, Group | Dataset | str] = {}
        children = node.get("children", [])
        for child in children if isinstance(children, list) else [children]:
            self._add(child)

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """See `Group`."""
        return _attributes(self._node.get("attributes"))

    @property
    def child_names(self) -> Sequence[str]:
        """See `Group`."""
        return tuple(self._named)

    def child(self, name: str) -> Group | Dataset | str | None:
        """See `Group`."""
        return self._named.get(name)

    @property
    def identity(self) -> Hashable:
        """See `Group`."""
        return id(self._node)

    @property
    def streams(self) -> Sequence[StreamModule]:
        """See `Group`."""
        return self._streams

    @cached_property
    def unreadable(self) -> Sequence[str]:
        """See `Group`."""
        return [*self._unreadable, *links_to_nowhere(self)]

    def _add(self, child: object) -> None:
        """Take up what the structure has in the group; what cannot be used is noted."""
        if not isinstance(child, dict):
            self._unreadable.append(f"{child!r:.80} is no JSON object")
            return
        module, config = child.get("module"), child.get("config")
        if module is None and child.get("type") == "group":
            self._name(child.get("name"), "group", lambda path: JsonGroup(self._file, path, child, self.root))
        elif not isinstance(module, str) or not isinstance(config, dict):
            said = {key: value for key, value in child.items() if key in ("type", "module", "name")}
            self._unreadable.append(f"{said!r:.80} is neither a group nor a module with a config")
        elif module == "dataset":
            attributes = child.get("attributes")
            self._name(
                config.get("name"), "data set", lambda path: JsonDataset(self._file, path, config, attributes)
            )
        elif module == "link":
            self._name(config.get("name"), "link", lambda _: str(config.get("source", "")))
        else:
            topic, source = (str(config.get(key) or "") for key in ("topic", "source"))
            self._streams.append(StreamModule(module, topic, source, config))

    def _name(self, name: object, what: str, make: Any) -> None:
        if not isinstance(name, str) or not name or "/" in name:
            self._unreadable.append(f"a {what} has the name {name!r:.80}")
        elif name in self._named:
            self._unreadable.append(f"the {what} {name:.80} is there already")
        else:
            self._named[name] = make(posixpath.join(self.path, name))


def _attributes(said: object) -> Mapping[str, Any]:
    """Return attributes: an object of them, or a list of objects, each with name and value or of several."""
    found: dict[str, Any] = {}
    for part in said if isinstance(said, list) else [said]:
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("name"), str) and ("values" in part or "value" in part):
            found[part["name"]] = _plain(part.get("values", part.get("value")))
        else:
            found.update({name: _plain(value) for name, value in part.items()})
    return found


def _plain(value: Any) -> Any:
    try:
        return plain_value(value)
    except ValueError:  # lists of different lengths
        return str(value)
