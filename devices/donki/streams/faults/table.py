"""The faults of a trigger, for the manifest and the Player's file."""

from __future__ import annotations

import numpy as np

from donki.streams.faults.fault import Fault
from donki.streams.nexus.file import NexusFile
from donki.streams.nexus.row_group import Layout

NAME = "faults"
"""The group in the file's instrument."""

_NUMBERS = ("trigger", "message")
_TEXTS = ("kind", "topic", "source", "detail")


class FaultTable:
    """Takes faults; in the file they are rows that are committed or discarded with the data.

    Parameters
    ----------
    file
        the Player's file, if there is one

    Raises
    ------
    FileError
        when the file cannot be written
    """

    def __init__(self, file: NexusFile | None) -> None:
        self._file = file
        self._faults: list[Fault] = []
        if file is not None:
            file.open_rows(NAME, NAME, Layout("NXcollection", {name: {} for name in _NUMBERS + _TEXTS}))

    def note(self, fault: Fault) -> None:
        """Take a fault.

        Raises
        ------
        FileError
            when the file cannot be written
        """
        self._faults.append(fault)
        if self._file is not None:
            texts = {name: np.array([getattr(fault, name)], object) for name in _TEXTS}
            self._file.append_rows(
                NAME, texts | {name: np.array([getattr(fault, name)]) for name in _NUMBERS}
            )

    def take(self) -> tuple[Fault, ...]:
        """Return the faults since the last time."""
        faults, self._faults = tuple(self._faults), []
        return faults
