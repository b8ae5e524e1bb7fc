"""Names of Tango servers as names of hosts and objects, which have fewer letters."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_LONGEST = 63  # letters of a label of a host name, RFC 1123
_MARK = 8  # hexadecimal digits that tell names apart which look alike


def label(name: str) -> str:
    """Return a name as a label of RFC 1123: lower case letters, digits and hyphens, 63 at most.

    Tango ignores case, so a name that differs in nothing else becomes no other's. Any other one that has to
    change ends in a mark made from the whole name: ``A.b`` and ``a-b`` stay two.
    """
    lower = name.lower()
    plain = re.sub(r"[^a-z0-9-]", "-", lower).strip("-")
    if plain == lower and len(plain) <= _LONGEST:
        return plain
    mark = hashlib.sha256(lower.encode()).hexdigest()[:_MARK]
    return f"{plain[: _LONGEST - _MARK - 1].rstrip('-')}-{mark}".lstrip("-")


def for_database(name: str, database: str) -> str:
    """Return the name of what is about a Tango database, ``HOST:PORT``; empty: that of the orchestra."""
    return f"{name}-{database.replace(':', '-')}" if database else name


def keys(paths: Iterable[str]) -> dict[str, str]:
    """Return relative paths as keys of a ConfigMap, which have no slash; those of a folder get a mark."""
    return {path: path if "/" not in path else _marked(path) for path in paths}


def _marked(path: str) -> str:
    mark = hashlib.sha256(path.encode()).hexdigest()[:_MARK]
    return f"{mark}-{re.sub(r'[^A-Za-z0-9_.-]', '-', path)}"
