"""How file writers are told of a run, and what follows where they do not write it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from donki.limits import USUAL_SILENCE, FileWriterPolicy


@dataclass(frozen=True)
class FileWriterSettings:
    """The properties of a Director that concern file writers.

    Attributes
    ----------
    topic
        on which they are controlled, and answer
    pool
        of the jobs, from which one of several writers takes each; empty: the topic
    policy
        what follows where none writes the run
    patience
        how long they may be silent, in s
    structure
        file of an `OwnStructure` that they are to write; None: what the Players stream
    instrument
        whose template they are to fill; empty: none
    """

    topic: str
    pool: str = ""
    policy: FileWriterPolicy = FileWriterPolicy.IGNORE
    patience: int = USUAL_SILENCE
    structure: Path | None = None
    instrument: str = ""
