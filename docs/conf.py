"""How Sphinx builds these pages: ``sphinx-build -W docs build/docs``."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "DonkiOrchestra"
author = "The DonkiOrchestra developers"
version = release = version_of("donkiorchestra")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
    "scenario_reference",
    "metrics_reference",
    "registry_reference",
    "script_reference",
    "tango_reference",
]
default_role = "py:obj"
html_theme = "furo"
html_title = "DonkiOrchestra"
html_show_copyright = False

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
copybutton_prompt_text = r"donki> |\$ "
copybutton_prompt_is_regexp = True
smartquotes = False


def _keep_backslashes(_app: Sphinx, _context: object, lines: list[str]) -> None:
    lines[:] = [line.replace("\\", "\\\\") for line in lines]


def setup(app: Sphinx) -> None:
    """Show the commands' help as a terminal does."""
    app.connect("sphinx-click-process-description", _keep_backslashes)
