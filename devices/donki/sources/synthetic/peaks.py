"""The Bragg peaks of a powder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError

_ALLOWED = {
    "P": "primitive",
    "I": "body-centred",
    "F": "face-centred",
    "D": "diamond",
}


_NARROWEST, _WIDEST = 1e-3, 1e4  # Å
_STRONGEST = 1e100
_MOST_ORDER = 64  # of a reflection: more than any pattern shows


@dataclass(frozen=True)
class Peaks:
    """Where the peaks of a powder are, how strong they are, and how they move.

    Attributes
    ----------
    d : ndarray of float64, shape (n,)
        spacing of the lattice planes at `temperature`, in Å
    strength : ndarray of float64, shape (n,)
        multiplicity times the square of the structure factor, in any scale
    expansion : float
        linear thermal expansion in 1/K: d grows by this share for each K
    temperature : float
        in K

    Raises
    ------
    InputError
        when the two differ in length, are empty, a spacing is not positive or a strength negative
    """

    d: NDArray[np.float64]
    strength: NDArray[np.float64]
    expansion: float = 0.0
    temperature: float = 300.0

    def __post_init__(self) -> None:
        if len(self.d) != len(self.strength) or not len(self.d):
            raise InputError(
                f"peaks need as many d as strength, one at least: {len(self.d)}, {len(self.strength)}"
            )
        strength = np.asarray(self.strength)
        is_strength = np.all((strength >= 0) & (strength <= _STRONGEST)) and strength.any()
        if not (np.all((self.d >= _NARROWEST) & (self.d <= _WIDEST)) and is_strength):
            raise InputError(
                f"peaks need every d, in Å, above 0, from {_NARROWEST:g} to {_WIDEST:g}, no strength below 0"
                f" and one above it, to {_STRONGEST:g}"
            )

    @classmethod
    def cubic(
        cls, a: float, lattice: str, shortest: float, *, expansion: float = 0.0, temperature: float = 300.0
    ) -> Peaks:
        """Return the peaks of a cubic lattice of one kind of atoms.

        The strength is the multiplicity, for diamond half of it where h, k, l are odd: there ``|F|²`` is
        32 f², elsewhere 64 f².

        Parameters
        ----------
        a : float
            lattice constant in Å
        lattice : str
            P (primitive), I (body-centred: α-iron), F (face-centred: nickel, aluminium), D (diamond: silicon)
        shortest : float
            the smallest spacing, in Å
        expansion : float
            in 1/K; for example 2.3e-5 for aluminium
        temperature : float
            for which `a` holds, in K

        Raises
        ------
        InputError
            when the lattice is another one, or no peak is as wide as `shortest`
        """
        if lattice not in _ALLOWED or not 0 < shortest <= a <= min(_WIDEST, _MOST_ORDER * shortest):
            known = ", ".join(f"{letter} ({name})" for letter, name in _ALLOWED.items())
            raise InputError(
                f"lattice {lattice!r} with a={a:g} Å, shortest={shortest:g} Å: the lattice is one of {known},"
                f" and 0 < shortest <= a, a at most {_WIDEST:g} Å and {_MOST_ORDER} times shortest"
            )
        most = int(a / shortest)
        h, k, m = (axis.ravel() for axis in np.meshgrid(*[np.arange(-most, most + 1)] * 3))
        square = h * h + k * k + m * m
        all_odd = (h % 2 == 1) & (k % 2 == 1) & (m % 2 == 1)
        all_even = (h % 2 == 0) & (k % 2 == 0) & (m % 2 == 0)
        allowed = {
            "P": np.ones_like(square, bool),
            "I": (h + k + m) % 2 == 0,
            "F": all_odd | all_even,
            "D": all_odd | (all_even & ((h + k + m) % 4 == 0)),
        }[lattice]
        weight = np.where(all_odd, 0.5, 1.0) if lattice == "D" else np.ones(len(square))
        used = allowed & (square > 0) & (square * shortest**2 <= a**2)
        if not used.any():
            raise InputError(f"lattice {lattice!r} with a={a:g} Å has no peak from {shortest:g} Å on")
        found, place = np.unique(square[used], return_inverse=True)
        return cls(
            a / np.sqrt(found), np.bincount(place, weight[used]).astype(np.float64), expansion, temperature
        )

    def scale(self, temperature: float | None) -> float:
        """Return by how much every d is larger at a temperature in K; None is that of the peaks.

        Raises
        ------
        InputError
            when it would be less than half or more than twice as large
        """
        factor = 1.0 if temperature is None else 1.0 + self.expansion * (temperature - self.temperature)
        if not 0.5 <= factor <= 2:
            raise InputError(
                f"temperature={temperature}: with expansion={self.expansion} every d would be {factor} times"
                f" that at {self.temperature} K; 0.5 to 2 times is what makes sense"
            )
        return factor
