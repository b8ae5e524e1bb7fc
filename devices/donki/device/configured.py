"""What both devices do with wrong properties and wrong memorized values: start, and say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from donki.device.commands import set_points
from donki.device.errors import as_dev_failed
from donki.device.properties.reading import property_problem, read_properties
from donki.device.set_points import restore, show_set_points
from donki.errors import DonkiError, NotAllowedError


class Configured:
    """Stands before `Device` among the bases of a device; its problems last until they are mended.

    A property is mended in the database and applied by Init, a memorized value by writing the attribute.

    Attributes
    ----------
    rules
        by property, what raises a DonkiError for a value that is not what it should be
    """

    rules: ClassVar[Mapping[str, Callable[[Any], object]]] = {}

    _wrong_properties: dict[str, str]
    _wrong_memorized: dict[str, str]

    @property
    def problems(self) -> list[str]:
        """What is wrong with properties and memorized values, a line each, with its remedy."""
        # What keeps both from being read is said once.
        return list(dict.fromkeys([*self._wrong_properties.values(), *self._wrong_memorized.values()]))

    def get_device_properties(self, _ds_class: object = None) -> None:
        """Apply the properties; Tango's `init_device` calls it."""
        self._wrong_properties = read_properties(self, self.rules)
        self._wrong_memorized = {}

    def restore(self, setters: Mapping[str, Callable[[str], object]]) -> None:
        """Restore what is memorized, as `donki.device.set_points.restore` does."""
        self._wrong_memorized = restore(self, setters)

    def refuse_problems(self) -> None:
        """Raise a NotAllowedError where there are problems."""
        if problems := self.problems:
            raise NotAllowedError("; ".join(problems))

    def refuse_property(self, name: str, error: DonkiError) -> None:
        """Keep what is wrong with a property, as it turns out when it is used."""
        self._wrong_properties[name] = property_problem(name, error)

    @contextmanager
    def setting(self, name: str) -> Iterator[None]:
        """Apply what is written to an attribute, which mends a memorized value that was refused.

        Its set point, also the one that is memorized, is then what it reads: the value as it was rounded.
        """
        with as_dev_failed(name):
            try:
                yield
                self._wrong_memorized.pop(name, None)
            finally:
                show_set_points(self, set_points(self, name))
