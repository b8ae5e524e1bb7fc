"""YAML with the place of every value, so that what is wrong with one can be pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from donki.errors import InputError

#: Where a value is in a document: keys and indices from its root.
Route = tuple[str | int, ...]

#: The most values of a document, aliases resolved; a few lines of nested aliases can stand for billions.
MOST_VALUES = 100_000

_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")}
_TEXT = {f"tag:yaml.org,2002:{name}" for name in ("str", "timestamp")}


@dataclass(frozen=True)
class Place:
    """A place in a file, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """Something to mend in a file, and where."""

    place: Place
    text: str


@dataclass
class Document:
    """A YAML document.

    Attributes
    ----------
    content
        mappings as dict with text keys, sequences as list, numbers, bools, None and text
    keys, values
        where each key and each value is, by its route
    problems
        what no JSON value can be made of, or is there twice
    """

    content: Any = None
    keys: dict[Route, Place] = field(default_factory=dict)
    values: dict[Route, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_document(path: Path) -> Document:
    """Read a YAML 1.2 file.

    Only what JSON knows is made of it, whatever tags it has; nothing of the file is ever executed.

    Raises
    ------
    InputError
        when the file cannot be read or is no YAML; names the line and the column
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no UTF-8 text ({error.reason} at byte {error.start})") from None
    except MarkedYAMLError as error:
        place = _place(error.problem_mark or error.context_mark)
        raise InputError(f"{path}:{place.line}:{place.column}: is no YAML: {_said(error)}") from None
    except (YAMLError, RecursionError) as error:
        raise InputError(f"{path}: is no YAML: {str(error).splitlines()[0]}") from None
    document = Document()
    if root is not None:
        try:
            document.content = _Reader(yaml, document).read(root, ())
        except RecursionError:
            raise InputError(
                f"{path}: holds more than {MOST_VALUES} values, is nested too deeply, or contains itself"
            ) from None
    return document


class _Reader:
    def __init__(self, yaml: YAML, document: Document) -> None:
        self._yaml = yaml
        self._document = document
        self._left = MOST_VALUES

    def read(self, node: Node, route: Route) -> Any:
        self._left -= 1
        if self._left < 0:
            raise RecursionError
        self._document.values[route] = _place(node.start_mark)
        if isinstance(node, MappingNode):
            return dict(self._entries(node, route))
        if isinstance(node, SequenceNode):
            return [self.read(item, (*route, number)) for number, item in enumerate(node.value)]
        return self._scalar(node)

    def _entries(self, node: MappingNode, route: Route) -> Iterator[tuple[str, Any]]:
        seen: dict[str, Place] = {}
        for key, value in node.value:
            place = _place(key.start_mark)
            if not isinstance(key, ScalarNode):
                self._report(place, "a key is a text; this one is a list or a mapping")
                continue
            name = str(key.value)
            if name in seen:
                self._report(
                    place, f"{name!r} is there already, in line {seen[name].line}; remove or rename one"
                )
                continue
            seen[name] = self._document.keys[*route, name] = place
            yield name, self.read(value, (*route, name))

    def _scalar(self, node: Node) -> Any:
        tag = str(node.tag)
        if tag in _TEXT:
            return str(node.value)
        if tag not in _PLAIN:
            self._report(_place(node.start_mark), f"the tag {tag} is not accepted; write plain YAML")
            return None
        try:
            value = self._yaml.constructor.construct_object(node)
        except ValueError:
            return str(node.value)
        if isinstance(value, float) and not abs(value) < float("inf"):
            self._report(_place(node.start_mark), f"{node.value} is no finite number")
            return None
        return value

    def _report(self, place: Place, text: str) -> None:
        self._document.problems.append(Problem(place, text))


def _place(mark: StringMark | None) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _said(error: MarkedYAMLError) -> str:
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return f"{said}; indent with spaces" if "'\\t'" in said else said
