"""The streams that a description of an instrument declares, each once, and those that nobody can send."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from donki.errors import InputError
from donki.instrument.nodes import Group, StreamModule
from donki.streams.kafka.topics.name import check_topic


@dataclass(frozen=True)
class Declared:
    """A stream that is declared.

    Attributes
    ----------
    stream
        module, topic, source and configuration
    group
        where; the first one, if several declare the same
    again
        the paths of the other groups that declare it
    """

    stream: StreamModule
    group: Group
    again: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path of the group."""
        return self.group.path

    @property
    def source(self) -> str:
        """Who sends it."""
        return self.stream.source

    @property
    def topic(self) -> str:
        """Where it is sent to."""
        return self.stream.topic

    @property
    def config(self) -> Mapping[str, Any]:
        """What its module is configured with."""
        return self.stream.config

    def within(self, classes: Collection[str]) -> Group | None:
        """Return the group of one of several classes of NeXus that it is in, the nearest; None for none."""
        around = (self.group, *self.group.above())
        return next((group for group in around if group.nx_class in classes), None)

    @property
    def parent(self) -> Group:
        """The group that its own group is in."""
        return next(self.group.above(), self.group)


@dataclass(frozen=True)
class Unmapped:
    """What no Player plays.

    Attributes
    ----------
    path
        of the group that it is in
    what
        the module, or nothing where it is none
    reason
        why not
    """

    path: str
    what: str
    reason: str


class Pool:
    """The streams that no Player has yet; what is left in the end is told, each with a reason.

    Parameters
    ----------
    root
        of the description
    """

    def __init__(self, root: Group) -> None:
        self.unmapped: list[Unmapped] = []
        self._left: dict[tuple[str, str, str], Declared] = {}
        for group in root.walk():
            self.unmapped += [Unmapped(group.path, "", problem) for problem in group.unreadable]
            for stream in group.streams:
                self._add(Declared(stream, group))

    def find(self, *modules: str) -> list[Declared]:
        """Return the streams of some modules that are left, in the order of the file."""
        return [declared for declared in self._left.values() if declared.stream.module in modules]

    def take(self, *taken: Declared) -> None:
        """Have streams played: they are not left any more."""
        for declared in taken:
            del self._left[_key(declared.stream)]

    def refuse(self, declared: Declared, reason: str) -> None:
        """Note that a stream is not played, and why."""
        self.take(declared)
        self._note(declared, reason)

    def refuse_rest(self, reason: Callable[[Declared], str]) -> None:
        """Note why none of those that are left is played."""
        for declared in tuple(self._left.values()):
            self.refuse(declared, reason(declared))

    def beside(self, declared: Declared, module: str) -> Declared | None:
        """Return the stream of another module from the same source and topic, if it is left."""
        return self._left.get((module, declared.topic, declared.source))

    def __iter__(self) -> Iterator[Declared]:
        return iter(tuple(self._left.values()))

    def _add(self, declared: Declared) -> None:
        stream = declared.stream
        if problem := _problem(declared):
            self._note(declared, problem)
        elif (first := self._left.setdefault(_key(stream), declared)) is not declared:
            first.again.append(declared.path)

    def _note(self, declared: Declared, reason: str) -> None:
        for path in (declared.path, *declared.again):
            self.unmapped.append(Unmapped(path, declared.stream.module, reason))


def _key(stream: StreamModule) -> tuple[str, str, str]:
    return stream.module, stream.topic, stream.source


def _problem(declared: Declared) -> str:
    """Return why nobody can send a stream, whatever it is; empty where one can."""
    stream = declared.stream
    if stream.module == "mdat":
        return "the file writer itself writes it: nothing is sent"
    if not stream.module:
        return "which module writes it is not said"
    if not stream.topic or not stream.source:
        return f"it has no {'topic' if not stream.topic else 'source'}"
    for what, text in (("source", stream.source), ("path", declared.path)):
        if not text.isprintable():
            return f"its {what} {text!r:.80} has characters that cannot be shown"
    try:
        check_topic(stream.topic)
    except InputError as error:
        return str(error)
    return ""
