"""Groups, data sets and streams of a description of an instrument, whatever file they come from."""

from __future__ import annotations

import math
import posixpath
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

#: How many links are followed one after the other before they are taken for a circle.
MOST_LINKS = 16


@dataclass(frozen=True)
class StreamModule:
    """A stream that is declared in a group, as a file writer is told of it.

    Attributes
    ----------
    module
        which of the file writer's modules writes it: the four letters of its schema, as ``ev44``
    topic, source
        where its messages come from in Kafka; empty where the description does not say
    config
        all that the module is configured with
    """

    module: str
    topic: str
    source: str
    config: Mapping[str, Any] = field(default_factory=dict)


class Dataset(ABC):
    """A data set.

    Attributes
    ----------
    name, path : str
        its name in its group, and its path in the description
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = posixpath.basename(path)

    @property
    @abstractmethod
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes: texts, numbers, lists of texts, arrays of numbers."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Its shape; empty for one value alone."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers; of kind ``U`` where it holds texts."""

    @abstractmethod
    def read(self) -> Any:
        """Return what it holds.

        Returns
        -------
        str, list of str, number or ndarray
            a text also where it is an array of one; a number where the shape is empty

        Raises
        ------
        SourceError
            when it cannot be read; names file and data set
        """

    @property
    def size(self) -> int:
        """How many values it has."""
        return math.prod(self.shape)

    @property
    def units(self) -> str | None:
        """The attribute ``units``; None where there is none, or it is empty."""
        return _text(self.attributes.get("units")) or None


class Group(ABC):
    """A group.

    Attributes
    ----------
    name, path : str
        its name, and its path in the description; those of the root are empty and ``/``
    root : Group
        the one that all paths begin at
    """

    def __init__(self, path: str, root: Group | None) -> None:
        self.path = path
        self.name = posixpath.basename(path)
        self.root = root or self

    @property
    @abstractmethod
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes: texts, numbers, lists of texts, arrays of numbers."""

    @property
    @abstractmethod
    def streams(self) -> Sequence[StreamModule]:
        """The streams that are declared in it."""

    @property
    @abstractmethod
    def unreadable(self) -> Sequence[str]:
        """What stands in it and cannot be used, a line each: what it is, and why."""

    @property
    @abstractmethod
    def identity(self) -> Hashable:
        """Tells it from all other groups, however it was reached."""

    @property
    @abstractmethod
    def child_names(self) -> Sequence[str]:
        """The names of what is in it, links too, in the order of the file."""

    @abstractmethod
    def child(self, name: str) -> Group | Dataset | str | None:
        """Return what has a name in it: the target of a link, relative to the group; None where none has."""

    @cached_property
    def groups(self) -> Mapping[str, Group]:
        """The groups in it by name, those that links lead to as well."""
        return {name: child for name, child in self._children if isinstance(child, Group)}

    @cached_property
    def datasets(self) -> Mapping[str, Dataset]:
        """The data sets in it by name, those that links lead to as well."""
        return {name: child for name, child in self._children if isinstance(child, Dataset)}

    @property
    def nx_class(self) -> str:
        """Its class in NeXus; empty where it has none."""
        return _text(self.attributes.get("NX_class"))

    def above(self) -> Iterator[Group]:
        """Yield the groups that this one is in by its path, the nearest first, the root last."""
        path = self.path
        while path != "/":
            path = posixpath.dirname(path)
            if isinstance(group := self.root.find(path), Group):
                yield group

    def find(self, path: str) -> Group | Dataset | None:
        """Return what a path leads to; None where there is nothing, or links lead round in a circle.

        Parameters
        ----------
        path
            from the root where it begins with ``/``, else from this group; ``.`` is the group itself
        """
        return self._follow(path, MOST_LINKS)

    def walk(self) -> Iterator[Group]:
        """Yield this group and all below it, each once, however many links lead there."""
        seen: set[Hashable] = set()
        waiting: list[Group] = [self]
        while waiting:
            group = waiting.pop()
            if group.identity not in seen:
                seen.add(group.identity)
                yield group
                owned = [child for name in group.child_names if isinstance(child := group.child(name), Group)]
                waiting.extend(reversed(owned))

    @property
    def _children(self) -> Iterator[tuple[str, Group | Dataset | None]]:
        for name in self.child_names:
            child = self.child(name)
            yield name, self.find(child) if isinstance(child, str) else child

    def _follow(self, path: str, links: int) -> Group | Dataset | None:
        here: Group | Dataset | None = self.root if links else None
        whole = posixpath.normpath(posixpath.join(self.path, path))
        for part in filter(None, whole.split("/")):
            if not isinstance(here, Group):
                return None
            child = here.child(part)
            here = here._follow(child, links - 1) if isinstance(child, str) else child  # noqa: SLF001
        return here


def links_to_nowhere(group: Group) -> list[str]:
    """Return a line for each link of a group that leads to nothing."""
    return [
        f"the link {name} leads to {target}, where nothing is"
        for name in group.child_names
        if isinstance(target := group.child(name), str) and group.find(target) is None
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
