"""Sphinx directives of what is registered: ``schemas``, ``streams``, ``fault-kinds`` and ``front-ends``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from donki.streams.faults.kind import Setting
from donki.streams.faults.kinds import KINDS
from donki.streams.readouts.front_ends import FRONT_ENDS
from donki.streams.schemas import SCHEMAS


class Schemas(SphinxDirective):
    """Lists the methods of a player, the schemas, and what ``send`` takes or how a file keeps it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        what = self.arguments[0]
        head = {"takes": "``send(trigger, …)`` takes", "kept": "in the file"}[what]
        rows = [
            (f"``player.{each.method}``", f"``{each.schema}``", getattr(each, what))
            for each in SCHEMAS.values()
        ]
        return self.parse_text_to_nodes(_table("26 12 62", ("stream", "Kafka", head), *rows))


class Streams(SphinxDirective):
    """Documents the class of each stream."""

    def run(self) -> list[nodes.Node]:
        """Return the classes, with what they take and how they send."""
        names = [f"{each.__module__}.{each.__qualname__}" for each in SCHEMAS.values()]
        return self.parse_text_to_nodes(
            "\n".join(f".. autoclass:: {name}\n   :members: send\n" for name in names)
        )


class FaultKinds(SphinxDirective):
    """Lists the kinds of faults, their settings, and what becomes of a message."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = [
            (f"``{kind.name}``", ", ".join(starmap(_setting, kind.accepted.items())), kind.does)
            for kind in KINDS.values()
        ]
        return self.parse_text_to_nodes(
            _table("20 32 48", ("kind", "settings (default)", "what becomes of a message"), *rows)
        )


class FrontEnds(SphinxDirective):
    """Lists the kinds of front ends, the pixels that each reads out, and what the unit must be set to."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = [
            (
                f"``{each.name}``",
                each.does,
                "{:,} to {:,}".format(*each.pixels),
                f"0x{each.detector_type:02x}",
                each.unit_files,
            )
            for each in FRONT_ENDS.values()
        ]
        head = "readout", "front ends", "pixel ids", "type", "files of the unit"
        return self.parse_text_to_nodes(_table("12 36 18 8 26", head, *rows))


def _setting(name: str, setting: Setting) -> str:
    default = "" if setting.default is None else f" ({setting.default})"
    return f"``{name}``{default} {setting.meaning}".rstrip()


def _table(widths: str, *rows: Sequence[str]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in rows:
        lines += [f"   {'  -' if column else '* -'} {text}".rstrip() for column, text in enumerate(row)]
    return "\n".join(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx know the directives."""
    app.add_directive("schemas", Schemas)
    app.add_directive("streams", Streams)
    app.add_directive("fault-kinds", FaultKinds)
    app.add_directive("front-ends", FrontEnds)
    return {"parallel_read_safe": True}
