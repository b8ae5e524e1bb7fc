"""The Sphinx directive ``.. scenario-keys:: MODEL``, which lists the keys of a part of a scenario."""

from __future__ import annotations

import json

from docutils import nodes
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.rst import escape

from donki_client.scenario import model


class ScenarioKeys(SphinxDirective):
    """Lists the keys of a pydantic model of `donki_client.scenario` in a table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        named = getattr(model, self.arguments[0])
        fields: dict[str, FieldInfo] = named.model_fields
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 16 52 32", ""]
        for row in (("key", "meaning", "default, or example"), *map(_row, fields, fields.values())):
            lines += [f"   {'  -' if column else '* -'} {text}" for column, text in enumerate(row)]
        return self.parse_text_to_nodes("\n".join(lines))


def _row(name: str, field: FieldInfo) -> tuple[str, str, str]:
    default = field.get_default(call_default_factory=True)
    if field.is_required():
        note = "**required**"
    elif default in (None, "", {}):
        note = "none"
    else:
        note = f"``{default:g}``" if isinstance(default, float) else f"``{default}``"
    for example in field.examples or ():
        shown = example if isinstance(example, str) else json.dumps(example)
        note += f"; ``{name}: {shown}``"
    return f"``{name}``", escape(" ".join((field.description or "").split())), note


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx know the directive."""
    app.add_directive("scenario-keys", ScenarioKeys)
    return {"parallel_read_safe": True}
