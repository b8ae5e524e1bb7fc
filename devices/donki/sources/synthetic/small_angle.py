"""Small-angle scattering: events by the form factor of what is in a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.sources.synthetic.beam import Beam
from donki.sources.synthetic.elastic import ElasticSource
from donki.sources.synthetic.pixels import Pixels


class FormFactor(Protocol):
    """How the scattering goes down with the momentum transfer."""

    def intensity(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the intensity at momentum transfers in 1/Å, shape as they are; 1 at none."""
        ...


@dataclass(frozen=True)
class Sphere:
    """Spheres of one size: P(Q) = [3 (sin QR - QR cos QR) / (QR)³]², Rayleigh's form factor.

    Parameters
    ----------
    radius : float
        in Å

    Raises
    ------
    InputError
        when it is not a radius
    """

    radius: float

    def __post_init__(self) -> None:
        _check("a sphere's radius, in Å,", self.radius)

    def intensity(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `FormFactor`."""
        x = np.maximum(q * self.radius, 1e-3)  # below, it is 1 to the last digits that are left
        amplitude: NDArray[np.float64] = 3 * (np.sin(x) - x * np.cos(x)) / x**3
        return amplitude**2


@dataclass(frozen=True)
class Guinier:
    """Anything small, by its radius of gyration: P(Q) = exp(-Q² R² / 3), Guinier's law.

    Parameters
    ----------
    radius : float
        of gyration, in Å

    Raises
    ------
    InputError
        when it is not a radius
    """

    radius: float

    def __post_init__(self) -> None:
        _check("a radius of gyration, in Å,", self.radius)

    def intensity(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `FormFactor`."""
        with np.errstate(under="ignore"):
            return np.exp(-((q * self.radius) ** 2) / 3)


@dataclass(frozen=True)
class PowerLaw:
    """A power law that levels off: P(Q) = [1 + (Q / Q₀)²]^(-n/2).

    With n = 4 it is that of Debye and Bueche (sharp interfaces), with n = 2 that of Ornstein and Zernike.

    Parameters
    ----------
    exponent : float
        n, by which the intensity goes down far above Q₀
    crossover : float
        Q₀ in 1/Å

    Raises
    ------
    InputError
        when one of them is out of range
    """

    exponent: float = 4.0
    crossover: float = 5e-3

    def __post_init__(self) -> None:
        _check("a power law's crossover, in 1/Å,", self.crossover)
        if not 0 < self.exponent <= 12:
            raise InputError(f"a power law's exponent is above 0, 12 at most; got {self.exponent!r:.80}")

    def intensity(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `FormFactor`."""
        power: NDArray[np.float64] = (1 + (q / self.crossover) ** 2) ** (-self.exponent / 2)
        return power


class SmallAngleSource(ElasticSource):
    """Pulses that pixels see of a sample that scatters at small angles.

    The intensity is that of the form factor at Q = (4π / λ) sin θ, and a background, the same at all Q.

    Parameters
    ----------
    pixels : Pixels
    beam : Beam
    form : FormFactor
        `Sphere`, `Guinier`, `PowerLaw`, or anything that has a method ``intensity`` of Q
    background : float
        the intensity at all Q, as a share of that of the form factor at Q = 0

    Raises
    ------
    InputError
        when `background` is out of range
    SourceError
        as `ElasticSource`
    """

    def __init__(self, pixels: Pixels, beam: Beam, form: FormFactor, *, background: float = 0.0) -> None:
        if not 0 <= background <= 1e6:
            raise InputError(
                f"background={background!r:.80} is a share of the intensity at Q = 0, from 0 to 1e6"
            )

        def intensity(two_theta: NDArray[np.float64], wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
            return form.intensity(4 * np.pi / wavelength * np.sin(two_theta / 2)) + background

        super().__init__(pixels, beam, intensity, name="small-angle scattering")


def _check(name: str, value: float) -> None:
    if not 1e-9 <= value <= 1e9:
        raise InputError(f"{name} is above 0, from 1e-9 to 1e9; got {value!r:.80}")
