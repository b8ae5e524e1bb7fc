"""The Sphinx directive ``.. tango-device:: CLASS [BASE]``, which describes a Tango device class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.rst import escape
from tango import AttrDataFormat, AttrWriteType, DispLevel


class TangoDevice(SphinxDirective):
    """Lists the attributes, commands and properties of a device class, each in a table.

    With a class that it is made of, those alone that it has besides.
    """

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the tables."""
        described, *bases = map(_described, self.arguments)
        for base in bases:
            described = SimpleNamespace(
                attr_list={k: v for k, v in described.attr_list.items() if k not in base.attr_list},
                cmd_list={k: v for k, v in described.cmd_list.items() if k not in base.cmd_list},
                device_property_list={},
            )
        lines = [
            *_table("Attributes", ("attribute", "type", "meaning"), _attributes(described)),
            *_table("Commands", ("command", "argument, answer", "meaning"), _commands(described)),
        ]
        if described.device_property_list:
            heads = "property", "type, default", "meaning"
            lines += _table("Properties", heads, _properties(described))
        return self.parse_text_to_nodes("\n".join(lines))


def _described(device_class: str) -> Any:
    module, _, name = device_class.rpartition(".")
    return getattr(import_module(module), name).TangoClassClass


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield from ("", f".. rubric:: {title}", "")
    yield from (".. list-table::", "   :header-rows: 1", "   :widths: 22 26 52", "")
    for row in (heads, *rows):
        for column, text in enumerate(row):
            yield f"   {'* -' if column == 0 else '  -'} {text}"


def _attributes(described: Any) -> Iterator[tuple[str, str, str]]:
    for name, attribute in described.attr_list.items():
        given = attribute._kwargs  # noqa: SLF001 - where PyTango keeps what a class says of its attributes
        kind = str(attribute.attr_type).removeprefix("Dev").lower()
        kind += {AttrDataFormat.SPECTRUM: "[]", AttrDataFormat.IMAGE: "[][]"}.get(attribute.attr_format, "")
        if "unit" in given:
            kind += f" in {given['unit']}"
        words = [kind, "read, write" if attribute.attr_write == AttrWriteType.READ_WRITE else "read"]
        if attribute.memorized:
            words.append("memorized")
        if attribute.archive_event_implemented:
            words.append("archived")
        if attribute.display_level == DispLevel.EXPERT:
            words.append("expert")
        yield f"``{name}``", ", ".join(map(escape, words)), escape(given.get("doc", ""))


def _commands(described: Any) -> Iterator[tuple[str, str, str]]:
    for name, (argument, answer, more) in described.cmd_list.items():
        if name in ("Init", "State", "Status"):
            continue
        takes, gives = (str(kind).removeprefix("Dev") for kind in (argument[0], answer[0]))
        signature = f"{'–' if takes == 'Void' else takes} → {'–' if gives == 'Void' else gives}"
        if more.get("Display level") == DispLevel.EXPERT:
            signature += ", expert"
        words = argument[1].rstrip(".") + (f". Returns {answer[1]}" if gives != "Void" else "")
        yield f"``{name}``", escape(signature), escape(words) + "."


def _properties(described: Any) -> Iterator[tuple[str, str, str]]:
    for name, (kind, words, default, _) in described.device_property_list.items():
        given = ", ".join(default) if isinstance(default, list) else str(default)
        shown = f", ``{given}``" if given else ", empty"
        yield f"``{name}``", f"{_plain(kind)}{shown}", escape(words)


def _plain(kind: object) -> str:
    name = str(kind).removeprefix("Dev")
    return f"{name[3:-5].lower()}[]" if name.startswith("Var") else name.lower()


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx know the directive."""
    app.add_directive("tango-device", TangoDevice)
    return {"parallel_read_safe": True}
