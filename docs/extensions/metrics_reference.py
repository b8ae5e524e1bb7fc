"""The Sphinx directive ``.. metrics:: CLASS``, which lists the metrics of a device by their declarations."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from docutils import nodes
from prometheus_client import CollectorRegistry
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.rst import escape


class Metrics(SphinxDirective):
    """Lists the metrics of a subclass of `donki.device.telemetry.families.Families`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        module, _, name = self.arguments[0].rpartition(".")
        registry = CollectorRegistry()
        getattr(import_module(module), name)(registry)
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 36 12 52", ""]
        for row in (("metric", "type", "meaning"), *_rows(registry)):
            for column, text in enumerate(row):
                lines.append(f"   {'* -' if column == 0 else '  -'} {text}")
        return self.parse_text_to_nodes("\n".join(lines))


def _rows(registry: CollectorRegistry) -> Iterator[tuple[str, str, str]]:
    for metric in registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        yield f"``{name}``", metric.type, escape(metric.documentation)


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx know the directive."""
    app.add_directive("metrics", Metrics)
    return {"parallel_read_safe": True}
