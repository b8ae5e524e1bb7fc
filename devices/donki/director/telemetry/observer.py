"""Who is told what is done in a run, beside its record and the log."""

from __future__ import annotations

from typing import Protocol

from donki.director.rules.effects import Effect


class RunObserver(Protocol):
    """Follows one run."""

    def note(self, effect: Effect) -> None:
        """Take an effect before it is carried out, in the conducting thread; returns at once."""

    def ended(self) -> None:
        """Take that the run has ended, in the conducting thread."""
