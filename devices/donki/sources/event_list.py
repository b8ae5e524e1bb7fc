"""A list of simulated neutrons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from donki.errors import SourceError


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
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: NDArray[np.float64]

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
