"""What is printed: the terminal obeys nothing that comes from outside."""

from __future__ import annotations

from typing import Any

import rich.console
from rich.markup import escape
from rich.text import Text

from donki.texts import visible


def printable(text: object) -> str:
    """Return a text from outside, in one line, to be put into rich's markup."""
    return escape(visible(str(text)))


class Console(rich.console.Console):
    """A console that prints no control characters but its own."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Return a text to print, in which all is visible."""
        return super().render_str(visible(text, lines=True), **settings)
