"""A list of simulated neutrons."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError, SourceError


@dataclass(frozen=True)
class EventList:
    """Neutrons as rays: one row each.

    Attributes
    ----------
    name : str
        where it comes from, for messages: the path of its file
    title : str
    columns : tuple of str
        what each column holds, by McStas' names: p (weight), x y z (m), vx vy vz (m/s), t (s), sx sy sz, id,
        U1, …
    rows : ndarray of float64, shape (n, columns)
        as they are in the file, also what is not finite: an `EventListSource` looks at what it uses

    Raises
    ------
    InputError
        when the rows have another shape
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: NDArray[np.float64]

    def __post_init__(self) -> None:
        if np.ndim(self.rows) != 2 or np.shape(self.rows)[1] != len(self.columns):
            raise InputError(
                f"{self.name}: {len(self.columns)} columns, but rows of the shape {np.shape(self.rows)}"
            )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> NDArray[np.float64]:
        """Return a column by its name, shape (n,).

        Raises
        ------
        SourceError
            when there is no such column
        """
        if column not in self.columns:
            raise SourceError(f"{self.name} has no column {column!r}, it has {' '.join(self.columns)}")
        return self.rows[:, self.columns.index(column)]

    def from_logarithms(self, *columns: str) -> EventList:
        """Return the list with columns that are decimal logarithms in the file as they are meant.

        Monitor_nD's option *log* makes them so for a list, and its file does not say which: what is to be a
        time is below 0 then.

        Raises
        ------
        SourceError
            when there is no such column
        """
        rows = np.array(self.rows, np.float64)
        for column in columns:
            with np.errstate(over="ignore"):
                rows[:, self.columns.index(column)] = 10 ** self[column]
        return replace(self, rows=rows)
