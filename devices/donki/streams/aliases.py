"""Other names for the values that an action returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from donki.errors import InputError

V = TypeVar("V")


def read_aliases(lines: Iterable[str]) -> dict[str, str]:
    """Read ``name=alias``, one a line: what a value is called by the script and outside of it.

    Raises
    ------
    InputError
        when a line is something else, a name has two aliases, or an alias two names
    """
    aliases: dict[str, str] = {}
    for line in lines:
        name, equals, alias = (part.strip() for part in line.partition("="))
        if not (name and equals and alias) or "/" in alias or alias in {".", ".."}:
            raise InputError(
                "an alias is written name=alias, as T=sample_temperature, the alias without a slash;"
                f" got {line!r}"
            )
        if name in aliases or alias in aliases.values():
            raise InputError(f"alias {line!r}: {name} has another alias, or {alias} is that of another value")
        aliases[name] = alias
    return aliases


def renamed(values: Mapping[str, V], aliases: Mapping[str, str], player: str) -> dict[str, V]:
    """Return values by what they are called outside of the script.

    Raises
    ------
    InputError
        when two values come to the same name
    """
    named: dict[str, V] = {}
    for name, value in values.items():
        alias = aliases.get(name, name)
        if alias in named:
            raise InputError(
                f"two values of Player {player} are called {alias}, one by an alias; change the alias, or the"
                " name that the script returns"
            )
        named[alias] = value
    return named
