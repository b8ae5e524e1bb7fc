"""A Player of the scenario that is to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from donki.instrument.nodes import Group
from donki_client.instrument.declared import Declared, Pool


@dataclass(frozen=True)
class Planned:
    """A Player, and the streams that it plays.

    Attributes
    ----------
    name
        of the Player
    script
        a bundled one
    about
        what it plays and what to change in it, for the people who read the scenario; lines
    parameters
        of the script
    streams
        what it plays
    reads_file
        whether the script reads the description
    assumed
        what its parameters say though the description does not, a line each
    """

    name: str
    script: str
    about: Sequence[str]
    parameters: Mapping[str, Any]
    streams: Sequence[Declared]
    reads_file: bool = False
    assumed: Sequence[str] = ()


@dataclass(frozen=True)
class Instrument:
    """What all sections look at.

    Attributes
    ----------
    root
        of the description
    file
        the name of its file, beside the scenario
    pool
        the streams that are left
    """

    root: Group
    file: str
    pool: Pool

    @cached_property
    def name(self) -> str:
        """What the instrument is called; empty where its description does not say."""
        for group in self.root.walk():
            if group.nx_class == "NXinstrument":
                said = group.datasets.get("name")
                text = said.read() if said is not None and said.dtype.kind == "U" else ""
                return text.strip() if isinstance(text, str) else ""
        return ""
