"""The Sphinx directive ``.. script:: PATH``, which shows what the docstring of a bundled script says."""

from __future__ import annotations

import ast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from donki.player.script.path import shipped_scripts


class Script(SphinxDirective):
    """Shows the docstring of a script, a path under ``scripts``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the docstring."""
        file = shipped_scripts() / self.arguments[0]
        self.env.note_dependency(str(file))
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
        return self.parse_text_to_nodes(docstring or "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx know the directive."""
    app.add_directive("script", Script)
    return {"parallel_read_safe": True}
