"""A section of an orchestra as the Director above it, the journal and reports know it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from donki.errors import InputError
from donki.run import MAX_ID, Run

#: The key of the Parameters of a section.
KEY = "section"


@dataclass(frozen=True)
class SectionPlace:
    """Where a section is: the Parameters of its device, which the journal of the Director above keeps.

    Attributes
    ----------
    director
        the full name of its device
    host
        where that runs
    journal
        the path of its journal there; empty where it has none
    below
        the full names of the sections that play in it, directly or not
    """

    director: str
    host: str = ""
    journal: str = ""
    below: Sequence[str] = ()

    def to_json(self) -> str:
        """Return it as the Parameters of a Player have it."""
        return json.dumps({KEY: {**vars(self), "below": list(self.below)}})

    @classmethod
    def read(cls, parameters: str) -> Self | None:
        """Return what the Parameters of a Player tell; None where it is no section."""
        if KEY not in parameters:
            return None
        try:
            said: Any = json.loads(parameters)[KEY]
            place = cls(**said)
        except (ValueError, TypeError, KeyError):
            # The Parameters of a Player may have such a word too.
            return None
        texts = [place.director, place.host, place.journal, *place.below]
        return place if all(isinstance(text, str) for text in texts) else None


def run_below(run: Run, section: str) -> Run:
    """Return a run as a section plays it: the same but for its id, which is the run's and the section's name.

    Raises
    ------
    InputError
        where the id becomes too long
    """
    run_id = run.id + _suffix(section)
    if len(run_id) > MAX_ID:
        raise InputError(
            f"section {section}: its run would be {run_id:.200}, of more than {MAX_ID} characters; "
            "give the sections shorter names"
        )
    return replace(run, id=run_id)


def is_below(run_id: str, other: str) -> bool:
    """Return whether a run is one of a section that plays in another run, directly or not."""
    return run_id.startswith(f"{other}-")


def is_run_of(run_id: str, section: str) -> bool:
    """Return whether a section played a run for the Director above it."""
    return run_id.endswith(_suffix(section)) and run_id.count("-") > 1


def _suffix(section: str) -> str:
    return "-" + re.sub(r"[^A-Za-z0-9_]", "_", section)


def circle(director: str, section: str) -> str:
    """Return what is wrong where a Director plays below its own section, and what is to be done."""
    if director == section:
        return f"{director} is its own section, a circle; take it out of its PlayerDevices"
    return (
        f"a circle: {section} is its section, and {director} plays below that; "
        "take one out of the PlayerDevices of the other"
    )


def sections_of(parameters: Sequence[str]) -> Iterator[SectionPlace]:
    """Yield the sections among Players, by their Parameters."""
    for text in parameters:
        if place := SectionPlace.read(text):
            yield place
