"""Names for what has a path: as short as they can be, and none twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

#: What tells nothing at the end of a path: what it is a part of does.
_LEAVES = {"value", "value_log", "log", "data", "events", "transformations"}
_LONGEST = 60


def short_names(paths: Sequence[str]) -> list[str]:
    """Return a name for each path: its last parts, as many as it takes for all to differ.

    Parameters
    ----------
    paths
        absolute ones; one that is there twice has a number the second time

    Returns
    -------
    list of str
        of letters, digits, ``_``, ``-`` and ``.``, a letter or digit first; no two differ by case alone
    """
    parts = {path: [_plain(part) for part in path.split("/") if part] for path in paths}
    taken = {path: _least(part) for path, part in parts.items()}
    while clashes := _clashes(parts, taken):
        for path in clashes:
            taken[path] += 1
    return numbered(_joined(parts[path], taken[path]) for path in paths)


def shared_names(owners: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Return names by the paths of owners; of those that have several, by the paths of what they own."""
    many = Counter(owners)
    return short_names(
        [owner if many[owner] == 1 else path for owner, path in zip(owners, paths, strict=True)]
    )


def numbered(names: Iterable[str]) -> list[str]:
    """Return names with a number where one is there already, whatever its case."""
    seen: set[str] = set()
    found = []
    for name in names:
        other, number = name, 1
        while other.lower() in seen:
            number += 1
            other = f"{name}_{number}"
        seen.add(other.lower())
        found.append(other)
    return found


def player_name(text: str) -> str:
    """Return a text as the name of a Player can be."""
    return _plain(text).lstrip("_.-")[:_LONGEST] or "player"


def _least(parts: list[str]) -> int:
    count = 1
    while count < len(parts) and parts[-count] in _LEAVES:
        count += 1
    return count


def _clashes(parts: Mapping[str, list[str]], taken: Mapping[str, int]) -> list[str]:
    """Return the paths whose names are not theirs alone, and could be longer."""
    names = {path: _joined(part, taken[path]).lower() for path, part in parts.items()}
    many = Counter(names.values())
    return [path for path, name in names.items() if many[name] > 1 and taken[path] < len(parts[path])]


def _joined(parts: list[str], count: int) -> str:
    kept = parts[-count:]
    while len(kept) > 1 and kept[-1] in _LEAVES:
        kept = kept[:-1]
    return player_name("_".join(kept))


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)
