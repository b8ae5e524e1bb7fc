"""What can be added to by others: message schemas, kinds of faults, Kafka clients, each by its name.

A module of another package adds to a registry when it is imported: an action script may import it, or its
package names it as an entry point, which reaches every process::

    [project.entry-points."donki.plugins"]
    my_schema = "my_package.my_schema"

Entry points are looked for once, when a name is asked for that is not known yet, or all names are.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

GROUP = "donki.plugins"
"""The group of entry points."""

_log = logging.getLogger(__name__)
_loading = threading.RLock()
_done = threading.Event()
_begun = False


class Registry(Generic[T]):
    """What there is of one sort, by name, in the order in which it was registered.

    Parameters
    ----------
    sort
        what one of them is called in an error
    """

    def __init__(self, sort: str) -> None:
        self._sort = sort
        self._known: dict[str, T] = {}
        self._homes: dict[str, str] = {}

    def add(self, name: str, thing: T) -> None:
        """Make a thing known; again, as when its module is loaded again, it takes the place of the former.

        Raises
        ------
        ValueError
            when another module has one of that name
        """
        home = _home(thing)
        if (former := self._homes.setdefault(name, home)) != home:
            raise ValueError(f"the {self._sort} {name} of {home} is that of {former} already; rename it")
        self._known[name] = thing

    def find(self, name: str) -> T | None:
        """Return the thing of that name; None where there is none."""
        if name not in self._known:
            load_plugins()
        return self._known.get(name)

    def __iter__(self) -> Iterator[str]:
        """Yield all names."""
        load_plugins()
        return iter(tuple(self._known))

    def values(self) -> tuple[T, ...]:
        """Return all things."""
        load_plugins()
        return tuple(self._known.values())


def load_plugins() -> None:
    """Import the modules that installed packages name as plugins, once; log those that fail."""
    if _done.is_set():
        return
    # Another thread waits; a plugin that asks for a name while it is imported gets what is known by then.
    with _loading:
        global _begun  # noqa: PLW0603 - of the process
        if _begun:
            return
        _begun = True
        from importlib.metadata import entry_points  # noqa: PLC0415 - it takes long to import

        for plugin in entry_points(group=GROUP):
            try:
                plugin.load()
            except (Exception, SystemExit):  # noqa: BLE001 - of a package of others
                _log.exception("the plugin %s (%s) cannot be loaded", plugin.name, plugin.value)
        _done.set()


def _home(thing: object) -> str:
    """Return where a thing is written: a module beside a script is called otherwise at each load."""
    if not isinstance(thing, type):
        return repr(thing)
    file = getattr(sys.modules.get(thing.__module__), "__file__", None)
    return f"{file or thing.__module__}, {thing.__qualname__}"
