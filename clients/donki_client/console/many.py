"""Many things on few lines."""

from __future__ import annotations

from collections.abc import Sequence

#: So many rows, or lines, are read at a glance; of more there is a summary.
AT_A_GLANCE = 20


def counted(number: int, what: str) -> str:
    """Return a number of things: ``1 Player``, ``1,000 Players``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def named(names: Sequence[str], most: int = 4) -> str:
    """Return names with commas; of many the first ones, the last, and how many there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 2])} ... {names[-1]} ({len(names):,})"


def first_lines(lines: Sequence[str], most: int = AT_A_GLANCE) -> list[str]:
    """Return the lines; of many the first ones, and one that says how many there are besides."""
    if len(lines) <= most:
        return list(lines)
    return [*lines[:most], f"... and {len(lines) - most:,} more like these"]
