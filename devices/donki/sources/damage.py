"""What becomes of damaged data: refused by their place, or skipped and counted."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Literal

from donki.errors import InputError, SourceError

OnDamage = Literal["refuse", "skip"]
"""What a source does about damaged data: end with a `SourceError`, or skip and count them."""

_CHOICES: tuple[OnDamage, ...] = ("refuse", "skip")


class Damage:
    """The damage that a source finds.

    Parameters
    ----------
    name : str
        of the source, for messages
    on_damage : str
        ``"refuse"`` or ``"skip"``
    log : logging.Logger, optional
        is told of what was skipped; ``player.log``

    Attributes
    ----------
    skipped : Counter
        how many were skipped, by what they are: ``messages``, ``pulses``, ``events``, …

    Raises
    ------
    InputError
        when `on_damage` is neither
    """

    def __init__(self, name: str, on_damage: OnDamage, log: logging.Logger | None) -> None:
        if on_damage not in _CHOICES:
            raise InputError(f"on_damage={on_damage!r:.100} is none of {', '.join(map(repr, _CHOICES))}")
        self.name = name
        self.skipped: Counter[str] = Counter()
        self.may_skip = on_damage == "skip"
        self._log = log
        self._first: SourceError | None = None

    def found(self, error: SourceError, **counts: int) -> None:
        """Note damage.

        Parameters
        ----------
        error : SourceError
            which is the first, and what is wrong with it
        **counts : int
            how many are damaged, by what they are: ``messages``, ``pulses``, ``events``, …

        Raises
        ------
        SourceError
            this error, unless damage is skipped
        """
        if not self.may_skip:
            raise error
        self.skipped.update(counts)
        self._first = self._first or error

    def tell(self) -> None:
        """Say in the log what was skipped, if anything was."""
        if self._log is not None and self._first is not None:
            self._log.warning("%s: damaged and skipped: %s; the first: %s", self.name, self, self._first)

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.skipped.items() if count)
