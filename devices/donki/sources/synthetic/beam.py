"""The neutron beam that comes to a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from donki.errors import InputError
from donki.sources.mcstas.histogram_source import HistogramSource
from donki.sources.mcstas.monitor import Axis, Monitor
from donki.sources.neutron import NEUTRON_MASS, PLANCK
from donki.sources.number_checks import check_length

_BOLTZMANN = 1.380649e-23
"""J/K, exact."""

_MAXWELL = 1e20 * PLANCK**2 / (2 * NEUTRON_MASS * _BOLTZMANN)
"""h² / (2 m_n k_B): 949.3 K Å²."""

_BINS = 256
_SHORTEST, _LONGEST = 1e-3, 1e4  # Å


@dataclass(frozen=True)
class Beam:
    """A pulsed white beam: the Maxwellian spectrum of a moderator, cut to a band by choppers.

    Parameters
    ----------
    flight_path : float
        from the moderator to the sample, in m
    band : (float, float)
        shortest and longest wavelength, in Å
    moderator : float
        temperature of the moderator in K

    Raises
    ------
    InputError
        when one of them is not positive, or the band does not rise
    """

    flight_path: float
    band: tuple[float, float]
    moderator: float = 50.0

    def __post_init__(self) -> None:
        check_length("a beam's flight_path", self.flight_path)
        if not (_SHORTEST <= self.band[0] < self.band[1] <= _LONGEST and 0.1 <= self.moderator <= 1e6):
            raise InputError(
                f"{self}: band in Å, rising, from {_SHORTEST:g} to {_LONGEST:g}, moderator in K, 0.1 to 1e6"
            )

    def flux(self, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the flux per Å, in any scale, at wavelengths in Å; 0 outside the band.

        The Maxwellian 2 a² λ⁻⁵ exp(-a / λ²), a = h² / (2 m_n k_B T): that of McStas' Source_Maxwell_3.
        """
        a = _MAXWELL / self.moderator
        inside = (wavelength >= self.band[0]) & (wavelength <= self.band[1])
        used = np.where(inside, wavelength, 1.0)
        # At short wavelengths there are none, to the last digit.
        with np.errstate(under="ignore"):
            return np.where(inside, 2 * a**2 * used**-5.0 * np.exp(-a / used**2), 0.0)

    def monitor(self, distance: float, *, pixel: int = 1) -> HistogramSource:
        """Return a beam monitor: all its events on one pixel.

        It counts neutrons alike whatever their wavelength, and its geometry tells where it stands.

        Parameters
        ----------
        distance : float
            from the moderator to the monitor, in m
        pixel : int
            the number of its pixel
        """
        check_length("a beam monitor's distance", distance)
        edges = np.linspace(*self.band, _BINS + 1)
        intensity = self.flux((edges[1:] + edges[:-1]) / 2)
        axis = Axis("Wavelength [AA]", edges)
        name = f"beam monitor at {distance:g} m"
        monitor = Monitor(name, name, (axis,), intensity, np.sqrt(intensity), np.ones(_BINS))
        source = HistogramSource(monitor, flight_path=distance, first_pixel=pixel)
        source.geometry["position"] = 0.0, 0.0, distance - self.flight_path
        return source
