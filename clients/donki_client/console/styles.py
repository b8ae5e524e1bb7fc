"""The colours of states on a terminal, after Tango's own."""

from __future__ import annotations

from rich.text import Text

#: Rich's style of each state; any other has none.
STYLES = {
    "ON": "green",
    "RUNNING": "bold cyan",
    "STANDBY": "yellow",
    "ALARM": "bold dark_orange",
    "FAULT": "bold red",
    "INIT": "yellow",
    "UNKNOWN": "dim",
}

#: The same for prompt_toolkit.
TOOLBAR_STYLES = {
    "ON": "fg:ansigreen",
    "RUNNING": "fg:ansicyan bold",
    "STANDBY": "fg:ansiyellow",
    "ALARM": "fg:#ff8700 bold",
    "FAULT": "fg:ansired bold",
    "INIT": "fg:ansiyellow",
}


def styled(state: str) -> Text:
    """Return the name of a state in its colour."""
    return Text(state, STYLES.get(state, ""))
